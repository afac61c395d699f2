"""Shards: which of several workers does a picture, by its name alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from upres.errors import ConfigError
from upres.storage.digests import name_key

_SHARD = re.compile(r"(\d+|auto)(?:/(\d+))?")


@dataclass(frozen=True)
class Shard:
    """One of several parts of the work; a picture stays in its own, whatever comes or goes beside it.

    Attributes:
        number: from 1.
        count: how many there are.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ConfigError(
                f"shard {self.number}/{self.count}: the first of {self.count} is 1/{self.count}, "
                f"the last {self.count}/{self.count}",
                settings=("shard",),
            )

    def has(self, name: str) -> bool:
        """Return whether a picture is of this shard.

        Pictures that differ in their suffix are of one shard: they may be made into one file, which is then seen.

        Args:
            name: below the folder that is enlarged, with `/` between its parts.
        """
        if self.count == 1:
            return True
        stem = PurePosixPath(name).with_suffix("").as_posix()
        return name_key(stem) % self.count == self.number - 1

    @property
    def label(self) -> str:
        """What tells the shard in the name of its manifest: `-03-of-16`, and nothing where it is the only one."""
        if self.count == 1:
            return ""
        digits = len(str(self.count))
        return f"-{self.number:0{digits}}-of-{self.count}"


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """Read a shard: `3/16`, or `auto` and `auto/16` in a job array.

    >>> parse_shard("3/16")
    Shard(number=3, count=16)
    >>> parse_shard("auto", {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_COUNT": "16"})
    Shard(number=8, count=16)
    >>> parse_shard("auto/16", {"JOB_COMPLETION_INDEX": "7"})
    Shard(number=8, count=16)

    Args:
        text: what was given.
        environment: where `auto` looks: Slurm's SLURM_ARRAY_TASK_ID with its _MIN, _STEP and _COUNT, and Kubernetes's
            JOB_COMPLETION_INDEX, beside which the count has to be given.

    Raises:
        ConfigError: it is none, or the environment does not say it.
    """
    found = _SHARD.fullmatch(text.strip())
    if found is None or (found[1] != "auto" and found[2] is None):
        raise ConfigError(f"shard {text!r}: write it as 3/16, auto or auto/16", settings=("shard",))
    if found[1] != "auto":
        return Shard(int(found[1]), int(found[2]))
    number, count = _of_environment(environment)
    if number is None:
        raise ConfigError(
            "shard auto: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; write it as 3/16",
            settings=("shard",),
        )
    if found[2] is not None:
        count = int(found[2])
    if count is None:
        raise ConfigError(
            "shard auto: JOB_COMPLETION_INDEX does not say of how many; write it as auto/16", settings=("shard",)
        )
    return Shard(number, count)


def _of_environment(environment: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return the number, from 1, and the count where it is said."""

    def number(name: str, otherwise: int) -> int:
        text = environment.get(name, "")
        if not text:
            return otherwise
        if not text.isdigit():
            raise ConfigError(f"{name} is {text!r}: should be a whole number", settings=("shard",))
        return int(text)

    if environment.get("SLURM_ARRAY_TASK_ID"):
        first, step = number("SLURM_ARRAY_TASK_MIN", 0), max(1, number("SLURM_ARRAY_TASK_STEP", 1))
        count = number("SLURM_ARRAY_TASK_COUNT", 0)
        return (number("SLURM_ARRAY_TASK_ID", 0) - first) // step + 1, count or None
    if environment.get("JOB_COMPLETION_INDEX"):
        return number("JOB_COMPLETION_INDEX", 0) + 1, None
    return None, None
