"""Everything that is wrong with what was given, told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from upres.errors import DataFaultsError, UpresError

T = TypeVar("T")


class Faults:
    """Collects errors of things that are opened one after the other.

    >>> faults = Faults()
    >>> faults.of(lambda: 3), faults.raised()
    (3, None)
    """

    def __init__(self) -> None:
        self._errors: list[UpresError] = []

    def of(self, opens: Callable[[], T]) -> T | None:
        """Return what is opened, or `None` and keep the error."""
        try:
            return opens()
        except UpresError as error:
            self._errors.append(error)
            return None

    def raised(self) -> None:
        """Raise what was kept: a single error as it is, several as the lines of one.

        Raises:
            UpresError: the only one.
            DataFaultsError: all of them.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            lines = [
                line
                for error in self._errors
                for line in (error.faults if isinstance(error, DataFaultsError) else [str(error)])
            ]
            raise DataFaultsError(lines, of="what was given")
