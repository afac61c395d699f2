"""Recipe files → typed parts → a run."""

from __future__ import annotations

from upres.recipes.recipe import Recipe, parse_recipe, read_recipe, shipped_recipes
from upres.recipes.resuming import recipe_of_run
from upres.recipes.run import components, new_network, open_validation, run_recipe

__all__ = [
    "Recipe",
    "components",
    "new_network",
    "open_validation",
    "parse_recipe",
    "read_recipe",
    "recipe_of_run",
    "run_recipe",
    "shipped_recipes",
]
