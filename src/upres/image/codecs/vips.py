"""The few things that every file needs from libvips, which is loaded on the first call and not on import."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import gc
import logging
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from ctypes import c_char_p, c_int, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import FailedError

FORMATS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
# dtype → the space of RGB and of gray; scRGB is libvips' name for float RGB: it writes the numbers as they are.
_BYTES = {"uchar": 1, "char": 1, "ushort": 2, "short": 2, "uint": 4, "int": 4, "float": 4, "double": 8}
_DTYPES = {name: kind for kind, name in FORMATS.items()}
_SPACES = {"uint8": ("srgb", "b-w"), "uint16": ("rgb16", "grey16"), "float32": ("scrgb", "b-w")}

# Fetched at once of what is written in Python. Ten megabytes at a time left the process with 400 MB that it did not
# give back, and one with 30 (24,500 columns).
_CHUNK_BYTES = 1 << 18
# Decoded pictures up to this size are held in memory where they are not read from the top: libvips' own measure.
_MOST_HELD = 100 << 20
# Put into a pipe at once: what the system holds of it, twice.
_POURED_BYTES = 1 << 17


LOADERS = ("png", "jpeg", "webp", "tiff", "heif", "jxl", "gif", "raw")

LEFT_BEHIND = "upres-left-behind"
"""A field of an image: what of its file is not in it, in words."""
"""Stems of libvips' loaders that may be called; every other one is blocked, by whatever name it is asked for."""


# libvips' caches of rows grow with its threads, one for each core: on 16 cores what is written takes four times the
# memory that it takes on 4, where they are as small as they become, and no row is coded any faster.
_MOST_THREADS = 4

# What its caches and buffers of rows are made of is 128 rows by itself, which with strips of 16 makes 768 of what is
# written and 512 of what is read: of 100 megapixels ×2 76 MB. With these it is a quarter at most, at the same speed.
# No call sets them, but libvips reads them in any command line that it is given.
_FEW_ROWS = (b"--vips-tile-height=16", b"--vips-fatstrip-height=8")

# Under which names GLib itself warns.
_GLIB = (b"GLib-GObject", b"GLib")

# How libvips begins a line that holds the system's own words.
_SYSTEM = "system error: "

# By name: the result, and the arguments.
_FATAL_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "g_log_set_always_fatal": (c_int, c_int),
    "g_log_set_fatal_mask": (c_int, c_char_p, c_int),
}
_OPTION_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "g_option_group_new": (c_void_p, c_char_p, c_char_p, c_char_p, c_void_p, c_void_p),
    "vips_add_option_entries": (None, c_void_p),
    "g_option_context_new": (c_void_p, c_char_p),
    "g_option_context_set_main_group": (None, c_void_p, c_void_p),
    "g_option_context_parse": (c_int, c_void_p, c_void_p, c_void_p, c_void_p),
    "g_option_context_free": (None, c_void_p),
}


# One thread imports libvips and sets it up; every other waits.
_SETTING_UP = threading.RLock()


@functools.cache
def _first_process() -> int:
    with _SETTING_UP:
        return _set_up()


@functools.cache
def _set_up() -> int:
    """Block all loaders but `LOADERS` and most threads, for the whole process, and return which process that is.

    libvips has some thirty, among them ones that run other libraries' parsers (MATLAB, SVG, PDF) or trust what they
    read. The threads that it keeps do not follow into a process that is forked off this one, and whatever it is asked
    there waits for them for ever.
    """
    pyvips = _imported()
    pyvips.operation_block_set("VipsForeignLoad", True)
    for stem in LOADERS:
        for kind in ("", "_buffer", "_source"):
            found = pyvips.type_find("VipsForeignLoad", f"{stem}load{kind}")
            if found:
                pyvips.operation_block_set(pyvips.type_name(found), False)
    if "VIPS_CONCURRENCY" not in os.environ:
        pyvips.concurrency_set(min(_MOST_THREADS, pyvips.concurrency_get()))
    _hold_few_rows()
    _survive_warnings(pyvips.GLogLevelFlags)
    _hear_glib(pyvips)
    return os.getpid()


def _hold_few_rows() -> None:
    """Give libvips `_FEW_ROWS`, where its functions can be found."""
    functions = _found(_OPTION_FUNCTIONS)
    if functions is None:
        return
    new_group, add_entries, new_context, set_group, parse, free = functions
    group, context = new_group(b"", b"", b"", None, None), new_context(None)
    add_entries(group)
    set_group(context, group)  # whose it is from now on
    words = (c_char_p * (len(_FEW_ROWS) + 2))(b"upres", *_FEW_ROWS, None)
    line = ctypes.cast(words, ctypes.POINTER(c_char_p))
    parse(context, ctypes.byref(c_int(len(_FEW_ROWS) + 1)), ctypes.byref(line), None)
    free(context)


def _survive_warnings(levels: Any) -> None:
    """Let GLib print a warning that it meets within a warning, and go on, where its functions can be found.

    It ends the process otherwise. Somebody who imported pyvips before us hears warnings in Python, where the garbage
    collector may run and free an image that has something to warn of.
    """
    functions = _found(_FATAL_FUNCTIONS)
    if functions is None:
        return
    always_fatal, fatal_mask = functions
    always_fatal(levels.LEVEL_ERROR)
    for domain in (b"VIPS", *_GLIB):
        fatal_mask(domain, levels.LEVEL_ERROR)


def _found(functions: dict[str, tuple[Any, ...]]) -> list[Any] | None:
    """Return C functions that pyvips has no names for, or `None`: they are in the wheel's libvips, not on Windows."""
    binary = sys.modules.get("_libvips")
    if binary is None:
        return None
    try:
        library = ctypes.CDLL(str(binary.__file__))
        found = [getattr(library, name) for name in functions]
    except (AttributeError, OSError):
        return None
    for function, (result, *arguments) in zip(found, functions.values(), strict=True):
        function.restype, function.argtypes = result, arguments
    return found


@functools.cache
def _imported() -> Any:
    """Import pyvips so that libvips' warnings end in C, where nobody imported it before.

    pyvips hands them to Python. Where Python's garbage collector runs just then and frees an image that has something
    to warn of, GLib meets a warning within a warning, and ends the process (seen twice in 11,000 damaged files).
    """
    first = "pyvips" not in sys.modules
    if first:
        os.environ.setdefault("VIPS_WARNING", "0")  # any value: libvips then takes its warnings itself
    import pyvips

    if first:
        pyvips.glib_lib.g_log_remove_handler(b"VIPS", pyvips._log_handler_id)
        pyvips._log_handler_id = None
    return pyvips


class _Heard(logging.Handler):
    """Notes the threads in which libvips asked GLib for an image of a size that it does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if re.search("invalid or out of range for property '(width|height)'", record.getMessage()):
            self.threads.add(threading.get_ident())


_HEARD = _Heard()


def _hear_glib(pyvips: Any) -> None:
    """Let GLib speak as libvips does, into pyvips' log, rather than on the terminal.

    A header may say a size that libvips' images do not have. GLib complains, the side becomes 1, and libvips goes on.
    """
    levels = pyvips.GLogLevelFlags
    mask = levels.LEVEL_WARNING | levels.LEVEL_CRITICAL | levels.LEVEL_MESSAGE
    for domain in _GLIB:
        number = pyvips.glib_lib.g_log_set_handler(domain, mask, pyvips._log_handler_cb, pyvips.ffi.NULL)
        atexit.register(pyvips.glib_lib.g_log_remove_handler, domain, number)  # there is no Python to call then
    logging.getLogger("pyvips").addHandler(_HEARD)


def pyvips() -> Any:
    """Return the module: half of what `import upres` would otherwise cost, and not needed for --help.

    Raises:
        FailedError: libvips was used before this process was forked.
    """
    if _first_process() != os.getpid():
        raise FailedError(
            "picture files cannot be read or written here: this process was forked from one that had done so, and "
            "libvips' threads stayed there; start workers by spawn or forkserver, as "
            'multiprocessing.get_context("spawn") does, or fork before the first file'
        )
    return _imported()


@contextlib.contextmanager
def errors() -> Iterator[None]:
    """Give pyvips' own error where it stumbles over its text: it takes every message for UTF-8.

    A message holds the file's name, and not every name is text.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        pyvips().vips_lib.vips_error_clear()
        raise pyvips().Error("libvips", error.object.decode(errors="surrogateescape")) from None


def reason(error: Any, path: Path, temporary: Path | None = None) -> str:
    """Return what libvips or the system said first, in brackets, or nothing; the rest is its call stack.

    Args:
        error: what was raised.
        path: the file, whose name is left out: a message says itself what it is about.
        temporary: what was written in its place. Its name and those of temporary files beside it are left out, too.
    """
    said = str(getattr(error, "detail", None) or getattr(error, "strerror", None) or "")
    lines = [line.removeprefix(f"{path}:").strip() for line in said.splitlines()]
    if temporary is not None:
        # The folder or none, more dots before the name, and behind it what tells one temporary file from another.
        name = rf"(?:{re.escape(f'{temporary.parent}/')})?\.*{re.escape(temporary.stem)}[^:/]*:?\s*"
        lines = [re.sub(name, "", line) for line in lines]
    # What the system said is worth more than that something failed: "No space left on device", not "write error".
    system = [line.removeprefix(_SYSTEM) for line in lines if line.startswith(_SYSTEM)]
    return next((f" ({line})" for line in [*system, *lines] if line), "")


def has(operation: str) -> bool:
    """Return whether the installed libvips has an operation, such as `jxlload`."""
    return bool(pyvips().type_find("VipsOperation", operation))


def load(form: str, path: Path, *arguments: Any, **options: Any) -> Any:
    """Open a file by libvips' loader `form`; names go as bytes, because not every name is text."""
    return _loaded(f"{form}load", os.fsencode(path), *arguments, **options)


def load_open(form: str, descriptor: int, **options: Any) -> Any:
    """Open what is open already by libvips' loader `form`; libvips makes the descriptor its own."""
    return _loaded(f"{form}load_source", pyvips().Source.new_from_descriptor(descriptor), **options)


def _loaded(loader: str, *arguments: Any, **options: Any) -> Any:
    thread = threading.get_ident()
    _HEARD.threads.discard(thread)
    collects = gc.isenabled()
    gc.disable()  # as in `_imported`: GLib may call Python meanwhile
    try:
        image = getattr(pyvips().Image, loader)(*arguments, **options)
    finally:
        if collects:
            gc.enable()
    if thread in _HEARD.threads:
        raise pyvips().Error("libvips", "a side that no image of libvips has")
    return image


def in_order(image: Any) -> Any:
    """Return the image so that one thread alone decodes it, row after row.

    libvips' several threads fall behind each other on a busy machine, by more rows than it keeps of a file that it
    reads once: it then says "out of order read" of a file that is whole (TIFF in strips of 27 rows: 9 of 30 readings).
    """
    # Nobody else has the image: loaders are asked anew for each. A copy would stumble over what they said meanwhile of
    # a file whose name is no text.
    image.set_type(pyvips().GValue.gint_type, "concurrency", 1)
    return image


def held(image: Any) -> Any:
    """Decode all of an image, in memory or, where it is large, in a file that goes with it; it is read in any order."""
    if image.width * image.height * image.bands * _BYTES[image.format] <= _MOST_HELD:
        return image.copy_memory()
    file = pyvips().Image.new_temp_file("%s.v")
    image.write(file)
    return file


def piped(form: str, path: Path, **options: Any) -> Any:
    """Open a file by libvips' loader `form` so that it reads it piece by piece, where it would map all of it."""
    there, here = os.pipe()
    threading.Thread(target=_pour, args=(path, here), name="upres-read", daemon=True).start()
    try:
        return load_open(form, there, **options)
    finally:
        os.close(there)  # libvips has its own


def _pour(path: Path, pipe: int) -> None:
    with contextlib.suppress(BrokenPipeError), open(pipe, "wb") as there, path.open("rb") as file:
        shutil.copyfileobj(file, there, _POURED_BYTES)


def save(image: Any, form: str, path: Path, **options: Any) -> None:
    """Write an image by libvips' saver `form`."""
    getattr(image, f"{form}save")(os.fsencode(path), **options)


def from_array(samples: NDArray[Any]) -> Any:
    """Return an image of `h w c`, c = 1 to 4 with alpha last, in the space that fits dtype and channels."""
    height, width, bands = samples.shape
    kind = samples.dtype.name
    image = pyvips().Image.new_from_memory(np.ascontiguousarray(samples), width, height, bands, FORMATS[kind])
    return image.copy(interpretation=space(kind, gray=bands < 3))


def space(dtype: str, *, gray: bool) -> str:
    """Return libvips' name of the space in which samples of this dtype are stored as they are."""
    return _SPACES[dtype][gray]


def to_array(image: Any) -> NDArray[Any]:
    """Decode an image to `h w c`."""
    # pyvips leaves axes of length 1 out, and all three of a gray picture of one pixel.
    pixels: NDArray[Any] = image.numpy().reshape(image.height, image.width, image.bands)
    return pixels


def chunks(image: Any) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the first row and the samples `rows w c` of one part of an image after another, from the top."""
    region = pyvips().Region.new(image)
    dtype = _DTYPES[image.format]
    most = max(1, _CHUNK_BYTES // (image.width * image.bands * np.dtype(dtype).itemsize))
    for top in range(0, image.height, most):
        rows = min(most, image.height - top)
        samples = np.frombuffer(region.fetch(0, top, image.width, rows), dtype)
        yield top, samples.reshape(rows, image.width, image.bands)


def field(image: Any, name: str) -> Any:
    """Return a header field, or `None` when the image has no such field."""
    return image.get(name) if image.get_typeof(name) else None
