"""The process that decodes, predicts and encodes: what a hostile picture may crash is this, and not the server.

While three pictures take turns at the predictor, the next is opened and decoded and the one before coded, each in a
thread of its own. What they need of memory together is below the limit, by the planner of the command: a picture waits
with its decoding until there is room. It ends with the pipe from the server; signals are the server's business.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

from upres.errors import CancelledError, UpresError, as_upres_error, nearest
from upres.image.background import parse_colour
from upres.image.codecs import vips
from upres.image.codecs.installation import names
from upres.image.codecs.table import recognised, unread
from upres.image.mapped import trim
from upres.image.opening import OpenedPicture
from upres.image.writing import FileSink
from upres.models.corners import Position
from upres.models.shipped import BICUBIC, shipped
from upres.predictors import Predictor
from upres.predictors.onnx import share_arena
from upres.service.installed import known_formats, known_models
from upres.service.memory import resident_bytes
from upres.service.messages import IN_HAND, WorkerSettings, line, read
from upres.service.parameters import Asked
from upres.service.predicting import TURNS, Running, SharingPredictor, side_by_side, threads_beside
from upres.service.problems import Problem, ProblemError, problem_of, refused
from upres.service.sharing import Part, Share
from upres.upscaling.batch import suffix_like
from upres.upscaling.choosing import Chosen
from upres.upscaling.loading import Upscalers
from upres.upscaling.memory import PROCESS_BYTES, Held
from upres.upscaling.pipeline import Settings, Summary, enlarge, held_of, summary
from upres.upscaling.sizes import Size
from upres.upscaling.upscaler import Upscaler

# Scales and positions between a model's corners that stay loaded.
_KEPT = 4
# Tiles are told at most so often.
_TOLD_SECONDS = 0.05
_PICTURE, _RESULT = "the picture", "the result"
# What is freed is given back to the system when nothing was done for so long, and at once after so many pixels: what
# is given back costs page faults when it is needed again.
_TRIMMED_SECONDS = 0.5
_TRIMMED_PIXELS = 10_000_000


class Work:
    """One picture to be enlarged.

    Args:
        number: what the server calls it.
        source: the file that was posted.
        target: the result's file, without its suffix.
        asked: how it is to be enlarged.
    """

    def __init__(self, number: int, source: Path, target: Path, asked: Asked) -> None:
        self.number = number
        self.source = source
        self.target = target
        self.asked = asked
        self.cancel = threading.Event()

    def check_wanted(self) -> None:
        """Stop here when it was cancelled.

        Raises:
            CancelledError: it was.
        """
        if self.cancel.is_set():
            raise CancelledError("stopped as asked", where=_PICTURE)


class Worker:
    """Does what comes over a pipe, and tells over another one.

    Args:
        settings: what the server said first.
        out: the pipe to the server.
    """

    def __init__(self, settings: WorkerSettings, out: BinaryIO) -> None:
        self._settings = settings
        self._out = out
        self._telling = threading.Lock()
        self._opening = Share(1)  # whose picture is looked at
        self._memory = Share(settings.max_memory - PROCESS_BYTES)
        self._turns = Share(TURNS)  # whose pictures are predicted
        self._predicting = Running()
        self._loading = threading.Lock()
        self._upscalers: dict[str, Upscalers] = {}
        self._beside: dict[str, Upscalers] = {}
        self._works: dict[int, Work] = {}
        self._idle = threading.Event()
        self._threads = ThreadPoolExecutor(IN_HAND, "upres-work")

    def run(self, commands: BinaryIO) -> None:
        """Load the model, then do what is asked until the pipe ends."""
        began = time.perf_counter()
        share_arena()
        upscalers = self._upscalers_of(self._settings.model)
        upscaler = upscalers.for_picture(1, 1)
        threading.Thread(target=self._trim, name="upres-trim", daemon=True).start()
        vips.pyvips().cache_set_max(0)  # what it remembers of files that are gone is of no use to anyone
        how = "" if not upscaler.predictors else upscaler.predictors[0].how
        self._tell(
            {"ready": {"how": how, "seconds": round(time.perf_counter() - began, 3)}, "memory": resident_bytes()}
        )
        self._tell({"tables": {"models": known_models(), "formats": known_formats()}})
        for text in commands:
            message = read(text)
            if "cancel" in message:
                work = self._works.get(message["cancel"])
                if work is not None:
                    work.cancel.set()
                continue
            asked = Asked(**message["asked"])
            tempfile.tempdir = str(Path(message["source"]).parent)  # what a worker leaves that is killed goes with it
            work = Work(message["do"], Path(message["source"]), Path(message["target"]), asked)
            self._works[work.number] = work
            self._idle.clear()
            self._threads.submit(self._do, work)

    def _tell(self, message: dict[str, Any]) -> None:
        with self._telling, contextlib.suppress(BrokenPipeError):  # the server has gone, and so will this process
            self._out.write(line(message))
            self._out.flush()

    def _do(self, work: Work) -> None:
        try:
            told = self._enlarge(work)
        except Exception as error:
            told = {"problem": dataclasses.asdict(self._problem(work, error))}
        del self._works[work.number]
        self._tell({"work": work.number, **told, "memory": resident_bytes()})
        if not self._works:
            self._idle.set()

    def _problem(self, work: Work, error: Exception) -> Problem:
        if isinstance(error, ProblemError):
            return error.problem
        if not isinstance(error, UpresError):
            traceback.print_exception(error)  # the service's log; the client is told its first line
        known = as_upres_error(error, _PICTURE)
        if isinstance(error, MemoryError):
            return Problem("out-of-memory", str(known), retry_after=5)
        if isinstance(known, CancelledError):
            return Problem("cancelled", "stopped as asked; nothing was written")
        if known.where is not None:
            known = known.at(_RESULT if known.where.startswith(str(work.target)) else _PICTURE)
        problem = problem_of(known)
        return dataclasses.replace(problem, detail=problem.detail.replace(str(work.source.parent), "…"))

    def _enlarge(self, work: Work) -> dict[str, Any]:
        work.check_wanted()
        began = time.perf_counter()
        asked = work.asked
        _check_recognised(work.source)
        settings = self._settings_of(asked)
        with contextlib.ExitStack() as stack:
            opening = stack.enter_context(taken(self._opening.take(1, work.check_wanted)))
            opened = settings.opened(work.source)
            stack.callback(opened.close)
            self._check_posted(opened)
            model = asked.model or self._settings.model
            upscalers = self._upscalers_of(model)
            memory_part = stack.enter_context(taken(self._room_to_read(opened, upscalers, asked.size, work)))
            chosen = upscalers.position_for(opened, size=asked.size, denoise=asked.position, detail=asked.detail)
            with self._loading:
                upscaler = self._sharing(upscalers, model, opened, chosen.position, asked.size)
            target = work.target.with_name(work.target.name + suffix_like(opened.header.format, asked.format))
            # Written in its place: whoever waits for it is told when it is whole, and what a crash leaves of it goes.
            sink = settings.sink(target, into=target)
            enlargement = upscaler.enlargement
            made = enlargement.size(*opened.shape.size)
            self._check_made(made, opened.header.pages)
            held = held_of(opened, sink, enlargement, opened.shape if opened.header.pages > 1 else None)
            enlargement.check_memory(opened.shape, held)
            sink.check(enlargement.shape(opened.shape).without_alpha(), tags=opened.tags)
            self._tell({"work": work.number, "opened": _facts(opened, sink, summary(opened, enlargement), chosen)})
            memory_part.become(enlargement.needed_bytes(opened.shape, held), work.check_wanted)
            opening.give_back()
            if opened.header.pages == 1:
                opened.begin()
            places = 1 if self._beside_threads and all(map(side_by_side, upscaler.predictors)) else TURNS
            try:
                with self._predicted(work, places) as tell:
                    enlarge(opened, sink, enlargement, progress=tell, cancel=work.cancel)
            except BaseException:
                target.unlink(missing_ok=True)
                raise
        if made[0] * made[1] * opened.header.pages > _TRIMMED_PIXELS:
            trim()
        done = {
            "seconds": round(time.perf_counter() - began, 4),
            "bytes": target.stat().st_size,
            "path": str(target),
            "warnings": list(opened.warnings),
        }
        return {"done": done}

    def _settings_of(self, asked: Asked) -> Settings:
        return Settings(
            quality=asked.quality,
            lossless=asked.lossless,
            max_pixels=self._settings.max_pixels,
            max_frames=self._settings.max_frames,
            background=None if asked.background is None else parse_colour(asked.background),
            strip=asked.strip,
        )

    def _room_to_read(self, opened: OpenedPicture, upscalers: Upscalers, size: Size, work: Work) -> Part:
        """Wait until there is room for what the decoder holds: it is asked for the middle of the picture.

        Raises:
            ConfigError: there never is.
        """
        reading = opened.held_bytes
        if reading > self._memory.whole:
            enlargement = upscalers.for_picture(*opened.shape.size, size=size).enlargement
            enlargement.check_memory(opened.shape, Held(reading=reading, source=opened.header.format))
        return self._memory.take(reading, work.check_wanted)

    @contextlib.contextmanager
    def _predicted(self, work: Work, places: int) -> Iterator[Any]:
        """Wait for the turn; yield what is called after each tile, and gives the turn away after the last one."""
        last, turn = 0.0, self._turns.take(places, work.check_wanted)

        def tell(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _TOLD_SECONDS or done == total:
                last = now
                self._tell({"work": work.number, "tiles": [done, total]})
            if done == total:
                turn.give_back()

        with taken(turn):
            work.check_wanted()
            yield tell

    def _trim(self) -> None:
        """Give what is free back to the system whenever there has been nothing to do for a while."""
        while True:
            self._idle.wait()
            time.sleep(_TRIMMED_SECONDS)
            if self._idle.is_set():
                self._idle.clear()
                trim()

    @property
    def _beside_threads(self) -> int:
        return threads_beside(self._settings.threads)

    def _sharing(
        self, upscalers: Upscalers, model: str, opened: OpenedPicture, position: Position, size: Size
    ) -> Upscaler:
        """Return the upscaler for a picture, whose predictions make room for others beside them."""
        upscaler = upscalers.for_opened(opened, position, size)
        if not self._beside_threads:
            return upscaler

        def beside(number: int) -> Predictor:
            with self._loading:
                if model not in self._beside:
                    self._beside[model] = Upscalers(
                        model, kept=_KEPT, threads=self._beside_threads, device="cpu", backend="onnx"
                    )
                return self._beside[model].for_opened(opened, position, size).predictors[number]

        upscaler.enlargement.predictors = tuple(
            SharingPredictor(predictor, functools.partial(beside, number), self._predicting)
            if side_by_side(predictor) and not isinstance(predictor, SharingPredictor)
            else predictor
            for number, predictor in enumerate(upscaler.predictors)
        )
        return upscaler

    def _check_posted(self, opened: OpenedPicture) -> None:
        header, most = opened.header, self._settings.max_pixels
        pixels = header.width * header.height * header.pages
        if pixels > most:
            raise refused(
                "picture-too-large",
                f"{_PICTURE}: {header.pages} frames or pages of {header.width}×{header.height} are {pixels:,} pixels, "
                f"more than the {most:,} allowed; take them apart",
                limit=most,
                seen=pixels,
            )

    def _check_made(self, made: tuple[int, int], pages: int) -> None:
        pixels, most = made[0] * made[1] * pages, self._settings.max_made_pixels
        if pixels > most:
            several = f"{pages} of " if pages > 1 else ""
            raise refused(
                "result-too-large",
                f"{_RESULT}: {several}{made[1]}×{made[0]} would be {pixels:,} pixels, more than the {most:,} allowed; "
                "ask for a smaller scale",
                limit=most,
                seen=pixels,
            )

    def _upscalers_of(self, model: str) -> Upscalers:
        """Return the upscalers of a model by its name; a path is none.

        Raises:
            ProblemError: no model that comes with upres has it.
        """
        known = {one.name for one in shipped()} | {BICUBIC}
        if model not in known:
            raise refused("unusable", f"unknown model {model!r}: {nearest(model, known)}")
        with self._loading:
            if model not in self._upscalers:
                settings = self._settings
                self._upscalers[model] = Upscalers(
                    model,
                    kept=_KEPT,
                    max_memory=settings.max_memory,
                    threads=settings.threads,
                    device=settings.device,
                    backend=settings.backend,
                    precision=settings.precision,
                )
            return self._upscalers[model]


@contextlib.contextmanager
def taken(part: Part) -> Iterator[Part]:
    """Give a part of what is shared back at the end."""
    try:
        yield part
    finally:
        part.give_back()


def _facts(opened: OpenedPicture, sink: FileSink, told: Summary, chosen: Chosen) -> dict[str, Any]:
    """Return what the server tells of a picture before it is enlarged."""
    return {
        "source_format": opened.header.format,
        "format": sink.form.name,
        "suffix": sink.path.suffix,
        "input": told.input,
        "output": told.output,
        "pages": told.pages,
        "model": told.model,
        "scale": told.scale,
        "denoise": chosen.position.denoise,
        "detail": chosen.position.detail,
        "changes": [*([chosen.reason] if chosen.reason else []), *told.changes],
        "tiles": told.tiles,
    }


def _check_recognised(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(32)
    if recognised(head) is None:
        what = unread(head) if head else "empty"
        raise refused("not-a-picture", f"{_PICTURE}: {what}; what is read here is {names()}")


def main() -> None:
    """Run the worker on this process's standard input and output."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)
    commands = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no message
    settings = WorkerSettings(**read(commands.readline()))
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (settings.max_file, settings.max_file))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a picture of somebody's is no file to keep
    try:
        Worker(settings, out).run(commands)
    except (UpresError, ProblemError) as error:
        out.write(line({"refused": str(error), "settings": list(getattr(error, "settings", ()))}))
        out.flush()
        os._exit(2)
    os._exit(0)  # a decoder that hangs keeps nobody


if __name__ == "__main__":
    main()
