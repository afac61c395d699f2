"""Recipe files → typed parts → a run."""

from __future__ import annotations

from upres.recipes.recipe import Recipe, parse_recipe, read_recipe, shipped_recipes
from upres.recipes.run import run_recipe

__all__ = ["Recipe", "parse_recipe", "read_recipe", "run_recipe", "shipped_recipes"]
