"""Every exception that upres raises on purpose.

    UpresError
    ├── InputError           what the caller gave cannot be used: exit code 2
    │   ├── ConfigError      a recipe, an option or a configuration value
    │   ├── PictureError     a picture that cannot be read, or cannot be held by the format asked for
    │   ├── ModelError       an unknown, damaged or unfitting model
    │   └── DataError        a training or evaluation set: missing, mis-paired, too small
    │       └── DataFaultsError  all that is wrong with one, a line each
    ├── MissingExtraError    an optional part of upres is not installed: exit code 2
    ├── CancelledError       the caller asked to stop
    └── FailedError          the work was begun and could not be done right: exit code 1
        ├── StorageError     a bucket or a server refused, or did not answer
        ├── NonFiniteError   a loss or a tile became NaN or infinite
        ├── DeviceMemoryError  the memory does not hold an input; a smaller one may do
        └── ParityError      two runtimes that should agree do not

A message is one line that says what, where, why and what to do; that of DataFaultsError is a list of
such lines. Front doors print it as it stands.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Self


class UpresError(Exception):
    """The root: catch this to catch everything upres raises on purpose.

    Args:
        message: what is wrong, why, and what to do.
        where: the file or the part that it is about; it stands before the message.
        settings: what would mend it, by their names in Python. A front door adds its own names for them.
    """

    def __init__(self, message: object = "", *, where: object = None, settings: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.where = None if where is None else str(where)
        self.settings = tuple(settings)

    def __str__(self) -> str:
        said = super().__str__()
        return said if self.where is None else f"{self.where}: {said}"

    def at(self, where: object) -> Self:
        """Return the same error of something else: of what a person knows a temporary file as."""
        moved = copy(self)
        moved.where = str(where)
        return moved


class InputError(UpresError):
    """What the caller gave cannot be used; nothing was written."""


class ConfigError(InputError):
    """A recipe, an option or a configuration value is wrong."""


class PictureError(InputError):
    """A picture cannot be read, or cannot be held by the format asked for."""


class ModelError(InputError):
    """A model is unknown, damaged, or does not fit the job."""


class DataError(InputError):
    """A training or evaluation set is missing, mis-paired or too small."""


class DataFaultsError(DataError):
    """All that is wrong with a set, told at once: the one error of several lines.

    Args:
        faults: every fault.
        of: what they are in, in words.

    Attributes:
        faults: every fault, one line each; the message shows the first of them and counts the rest.
    """

    SHOWN = 20

    def __init__(self, faults: Sequence[str], *, of: str = "the data") -> None:
        self.faults = list(faults)
        if len(self.faults) == 1:
            super().__init__(self.faults[0])
            return
        rest = len(self.faults) - self.SHOWN
        lines = [f"{len(self.faults):,} faults in {of}; nothing was started:", *self.faults[: self.SHOWN]]
        super().__init__("\n  ".join([*lines, *([f"… and {rest:,} more"] if rest > 0 else [])]))


class MissingExtraError(UpresError):
    """An optional part of upres is needed and not installed."""


class DamagedPictureWarning(UserWarning):
    """A picture's data is odd: all of it was decoded, and it may show something else than it did."""


class RenamedWarning(FutureWarning):
    """Something has another name now; the old one still works."""


class CancelledError(UpresError):
    """The caller asked to stop, and nothing was written."""


class FailedError(UpresError):
    """The work was begun and could not be done right."""


class StorageError(FailedError):
    """A bucket or a server refused what was asked of it, or did not answer."""


class NonFiniteError(FailedError):
    """A loss or a tile became NaN or infinite."""


class DeviceMemoryError(FailedError):
    """The memory of a device does not hold an input; a smaller one may do."""


class ParityError(FailedError):
    """Two runtimes that should give the same pixels do not."""


@contextmanager
def extra(name: str, purpose: str) -> Iterator[None]:
    """Turn an import that fails inside into the error that says which optional part to install.

    >>> with extra("train", "upres train"):
    ...     import torch
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(f'{purpose} needs {error.name}: pip install "upres[{name}]"') from error


@contextmanager
def shown_as(names: Mapping[str, object]) -> Iterator[None]:
    """Let errors that are raised inside tell of temporary files by what a person knows them as.

    Args:
        names: path → that name; looked at when an error comes.
    """
    try:
        yield
    except UpresError as error:
        if error.where is not None and error.where in names:
            raise error.at(names[error.where]) from error
        raise


def as_upres_error(error: Exception, where: object) -> UpresError:
    """Return an exception as one of upres's own, so that one of many inputs can fail alone.

    Args:
        error: anything; one of upres's own is returned as it is.
        where: the input.
    """
    if isinstance(error, UpresError):
        return error
    if isinstance(error, MemoryError):
        return FailedError("does not fit the memory; close other programs, or allow smaller tiles", where=where)
    if isinstance(error, OSError) and error.strerror:
        name = "" if error.filename is None or str(error.filename) == str(where) else f"{error.filename}: "
        return FailedError(f"{name}{error.strerror}; nothing half written was left", where=where)
    return FailedError(
        f"cannot be enlarged: {type(error).__name__}: {first_line(error)}; please report it with the picture",
        where=where,
    )


# What PyTorch says of memory on CUDA, MPS and the CPU; of the libraries on CUDA that allocate themselves.
_NO_MEMORY = ("out of memory", "can't allocate memory", "alloc_failed")


def out_of_memory(error: BaseException) -> bool:
    """Return whether a device's memory is exhausted by what another library raised.

    >>> out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    True
    """
    # torch.OutOfMemoryError is a RuntimeError; MPS and the CPU raise that bare.
    said = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(one in said for one in _NO_MEMORY)
    )


def nearest(unknown: str, known: Iterable[str]) -> str:
    """Return the tail of a message about an unknown name: the known ones, closest first.

    >>> nearest("edrs", ["srcnn", "edsr"])
    'did you mean edsr? Known: edsr, srcnn'
    """
    names = sorted(known)
    close = difflib.get_close_matches(unknown, names, n=len(names) or 1, cutoff=0.5)
    rest = [name for name in names if name not in close]
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}Known: {', '.join(close + rest) or 'none'}"


def first_line(error: BaseException) -> str:
    """Return what another library's exception says, short enough for a message of one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
