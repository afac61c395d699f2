"""What this installation reads and writes, found out by asking libvips and not by its version."""

from __future__ import annotations

from dataclasses import dataclass

from upres.image.codecs import encode, extras, heic, vips
from upres.image.codecs.table import FORMATS, Format, unread


@dataclass(frozen=True)
class Ability:
    """One format here.

    Attributes:
        form: the format.
        reads, writes: whether this installation does.
        brings: what to install so that it reads it, with the licence; `None` where it does, or no package would.
    """

    form: Format
    reads: bool
    writes: bool
    brings: str | None = None


def abilities() -> list[Ability]:
    """Return what this installation does with each format of the table."""
    return [_ability(form) for form in FORMATS.values()]


def _ability(form: Format) -> Ability:
    reads = _reads(form)
    brings = None if reads or form.extra is None else form.extra.install
    return Ability(form, reads, encode.can_write(form), brings)


def _reads(form: Format) -> bool:
    if form.operation is None:
        return True
    by_libvips = heic.in_libvips() if form is FORMATS["heif"] else vips.has(f"{form.operation}load")
    return by_libvips or (form.extra is not None and extras.installed(form.extra))


def unread_message(head: bytes) -> str:
    """Return what a file that upres does not read is, and what this installation reads, for a message."""
    said = unread(head)
    return said if ";" in said else f"{said}; upres reads {names()}, so convert it to one of them"


def names() -> str:
    """Return the names of the formats that this installation reads, for a message."""
    return ", ".join(form.name for form in FORMATS.values() if _reads(form))
