"""YAML that a stranger wrote: read within limits, so that a small file cannot become a large value."""

from __future__ import annotations

from typing import Any

import yaml

from upres.config.limits import MAX_RECIPE_BYTES, MAX_RECIPE_VALUES
from upres.errors import ConfigError


def parse_yaml(text: str, *, where: str) -> Any:
    """Return the plain data of a YAML text.

    Raises:
        ConfigError: it is not YAML, is too long, or says by repetition (`&name`, `*name`) more than a recipe holds.
    """
    if len(text) > MAX_RECIPE_BYTES:
        raise ConfigError(f"longer than {MAX_RECIPE_BYTES:,} characters; a recipe has a few thousand", where=where)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _values(node, {}) > MAX_RECIPE_VALUES:
            raise ConfigError(
                f"more than {MAX_RECIPE_VALUES:,} values, repetitions counted; a recipe has a hundred", where=where
            )
        return loader.construct_document(node)
    except RecursionError:
        raise ConfigError("nested too deeply, or in itself, for a recipe", where=where) from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"not valid YAML ({error.problem}{line})", where=where) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # such as a date without such a day
        raise ConfigError(f"not valid YAML ({' '.join(str(error).split())[:300]})", where=where) from error


def _values(node: Any, counted: dict[int, int]) -> int:
    """Return how many values a node comes to when what is repeated is written out.

    Raises:
        RecursionError: it holds itself.
    """
    known = counted.get(id(node))
    if known is not None:
        return known
    inner = [each for pair in node.value for each in pair] if isinstance(node, yaml.MappingNode) else node.value
    if isinstance(node, yaml.ScalarNode):
        return 1
    counted[id(node)] = 1 + sum(_values(each, counted) for each in inner)
    return counted[id(node)]
