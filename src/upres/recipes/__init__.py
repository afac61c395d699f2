"""Recipe files → typed parts → a run."""

from __future__ import annotations

from upres.recipes.conversion import Converted, convert_options
from upres.recipes.headers import header_of
from upres.recipes.recipe import Recipe, parse_recipe, read_recipe, shipped_recipe, shipped_recipes
from upres.recipes.resuming import recipe_of_run
from upres.recipes.run import components, new_network, open_validation, run_recipe
from upres.recipes.schema import recipe_schema

__all__ = [
    "Converted",
    "Recipe",
    "components",
    "convert_options",
    "header_of",
    "new_network",
    "open_validation",
    "parse_recipe",
    "read_recipe",
    "recipe_of_run",
    "recipe_schema",
    "run_recipe",
    "shipped_recipe",
    "shipped_recipes",
]
