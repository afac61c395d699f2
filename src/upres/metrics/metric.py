"""The interface of every metric."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray

from upres.config import config


@config
class NoOptions:
    """The configuration of a metric that has no options."""


class Metric(ABC):
    """How close a super-resolved picture is to the original, as one number. A leaf is built as `Leaf(config)`.

    Attributes:
        config_type: its options.
        title: its name in tables.
        unit: of its numbers; empty where they have none.
        better: whether more or less of it means closer pictures.
        words: what it is, in words.
        digits: how many behind the point a table shows.
        listed: whether a table shows it; files hold every metric.
        by_protocol: whether it is given both pictures as the protocol prepares them. Otherwise it is given both whole
            and as they are, and `words` is printed with its numbers: it brings its own protocol.
        only_by_name: whether it is measured only where it is asked for, because not every picture or machine has what
            it needs.
    """

    config_type: ClassVar[type[Any]] = NoOptions
    title: ClassVar[str]
    unit: ClassVar[str] = ""
    better: ClassVar[Literal["more", "less"]]
    words: str
    digits: ClassVar[int] = 4
    listed: ClassVar[bool] = True
    by_protocol: ClassVar[bool] = True
    only_by_name: ClassVar[bool] = False

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def heading(self) -> str:
        """Return the title with the unit, as a table's column has it."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @abstractmethod
    def __call__(self, sr: NDArray[Any], hr: NDArray[Any]) -> float:
        """Compare two pictures of one shape.

        Args:
            sr, hr: by protocol: `h w` or `h w c`, white is 255 whatever the dtype; otherwise `h w c` as measured.

        Raises:
            DataError: they cannot be compared.
        """

    def several(self, sr: NDArray[Any], hr: NDArray[Any]) -> list[float]:
        """Compare pictures of one size, `n h w` or `n h w c`, as one by one; a leaf may know how to do it sooner.

        Raises:
            DataError: they cannot be compared.
        """
        return [self(one, other) for one, other in zip(sr, hr, strict=True)]
