"""Networks from what a stranger's file says of them: built without values first, and refused if too large."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks

from upres.config import dump
from upres.config.limits import MAX_PARAMETERS, MAX_TENSORS
from upres.config.named_parts import NamedPart, build
from upres.errors import ConfigError, first_line

T = TypeVar("T", bound=nn.Module)


class _TooLargeError(Exception):
    pass


def build_network(table: Mapping[str, type[T]], part: NamedPart, **size: int) -> T:
    """Build a network as `build` does, sure that it can be held.

    No number of its configuration may be beyond `MAX_TENSORS`, and it is built on PyTorch's device `meta` before, where
    tensors have a shape and no values: that takes no memory, no random numbers, and milliseconds.

    Raises:
        ConfigError: it would have too many parameters or tensors, or cannot be built so.
    """
    for name, value in dump(part.config).items():
        for count in value if isinstance(value, list) else [value]:
            if isinstance(count, int) and count > MAX_TENSORS:
                said = f"{count:,}" if count < 2**64 else "a number of many digits"
                raise ConfigError(f"arch {part.name}: {name} = {said}: should be at most {MAX_TENSORS:,}")
    try:
        with _counted(), torch.device("meta"):
            build(table, part, **size)
    except _TooLargeError as error:
        raise ConfigError(f"arch {part.name} of this configuration has {error}; make it smaller") from None
    except (RuntimeError, ArithmeticError, ValueError, TypeError, MemoryError) as error:
        raise ConfigError(f"arch {part.name} cannot be built of this configuration ({first_line(error)})") from error
    return build(table, part, **size)


@contextmanager
def _counted() -> Iterator[None]:
    """Stop what this thread builds once it has more than is allowed."""
    thread, parameters, tensors = threading.get_ident(), 0, 0

    def registered(_: nn.Module, __: str, value: Tensor | None) -> None:
        nonlocal parameters, tensors
        if threading.get_ident() != thread or value is None:
            return
        if value.numel() == 0:  # PyTorch would warn of it and go on
            raise ValueError("a layer would have no weights")
        parameters, tensors = parameters + value.numel(), tensors + 1
        if parameters > MAX_PARAMETERS:
            raise _TooLargeError(f"more than {MAX_PARAMETERS:,} parameters")
        if tensors > MAX_TENSORS:
            raise _TooLargeError(f"more than {MAX_TENSORS:,} tensors")

    handle = hooks.register_module_parameter_registration_hook(registered)
    try:
        yield
    finally:
        handle.remove()
