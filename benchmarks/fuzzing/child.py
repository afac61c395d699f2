"""Takes mutated files as the command does, one after the other, and writes a line about each.

    python -m benchmarks.fuzzing.child SAMPLES WORK SEED FIRST LAST

It may die or hang: whoever started it sees that by the lines, and by how it ended.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import re
import resource
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.fuzzing.mutations import Mutation, mutated
from upres.errors import FailedError, UpresError

MOST_BYTES = 2_000_000_000
"""Memory above which a file is a finding."""

# Far beyond what is a finding, so that the machine does not suffer for it, and what is a finding is not refused.
_ADDRESSES = 24_000_000_000
_OUTPUTS = (*(".png", ".tif", ".jpg", ".ppm", ".bmp", ".webp") * 4, ".gif", ".avif")
_NEVER = ("a bug in upres", "please report it", "weights_only", "Traceback")
_MODELS = (".onnx", ".safetensors", ".pth")


@dataclass(frozen=True)
class Case:
    """A mutated file, and how it is given to the command.

    Attributes:
        sample: the name of the file that it was made of.
        mutation: what was made of it.
        output: suffix of the picture that is asked for.
        options: of the command.
    """

    sample: str
    mutation: Mutation
    output: str
    options: dict[str, object]

    @property
    def kind(self) -> str:
        """The format's or model's name."""
        return self.sample.partition(".")[0]

    @property
    def suffix(self) -> str:
        """The suffix of the file, with its dot."""
        return Path(self.sample).suffix


@dataclass(frozen=True)
class Result:
    """What became of a case.

    Attributes:
        number: which of its seed.
        kind: the format's name.
        ways: how the file was changed.
        outcome: `done`, `warned`, `refused` (exit code 2) or `failed` (1).
        said: the line that told it.
        finding: what is wrong with upres, or nothing.
        seconds, peak: how long it took, and how many bytes the process held at most.
    """

    number: int
    kind: str
    ways: tuple[str, ...]
    outcome: str
    said: str
    finding: str
    seconds: float
    peak: int


def case_of(samples: Path, seed: int, number: int) -> Case:
    """Return a case: a function of the samples, the seed and its number."""
    generator = np.random.default_rng([seed, number])
    files = sorted(path for path in samples.iterdir() if path.is_file())
    kinds: dict[str, list[Path]] = {}
    for path in files:
        kinds.setdefault(path.name.partition(".")[0], []).append(path)
    # Each format as often as any other, however many files there are of it.
    own = kinds[sorted(kinds)[generator.integers(len(kinds))]]
    sample = own[generator.integers(len(own))]
    others = [path.read_bytes() for path in (own if generator.integers(4) else files)]
    mutation = mutated(sample.read_bytes(), others, generator)
    options: dict[str, object] = {}
    # Most with a limit that keeps what an honest header of a hundred megapixels takes out of the seconds.
    options["max_pixels"] = int(generator.choice((1_000_000,) * 7 + (500_000_000,)))
    options["strict"] = bool(generator.integers(8) == 0)
    options["background"] = (None, None, "white")[generator.integers(3)]
    options["backend"] = ("onnx", "onnx", "onnx", "openvino", "torch")[generator.integers(5)]
    if sample.suffix != ".onnx":
        options["backend"] = "torch"
    return Case(sample.name, mutation, _OUTPUTS[generator.integers(len(_OUTPUTS))], options)


def main() -> None:
    samples, work, seed, first, last = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6])
    lines = os.fdopen(os.dup(1), "w")
    faulthandler.enable(os.fdopen(os.dup(2), "w"))  # standard error is what the cases print, from now on
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * 10**9, 4 * 10**9))
    warnings.simplefilter("always")
    _import_all()
    with Place(work, samples) as place:
        for number in range(first, last):
            case = case_of(samples, seed, number)
            print(json.dumps({"begun": number, "kind": case.kind}), file=lines, flush=True)
            print(json.dumps(asdict(place.result(case, number))), file=lines, flush=True)


class Place:
    """A folder in which cases are tried, with what is printed caught; a context."""

    def __init__(self, work: Path, samples: Path) -> None:
        self._work, self._samples = work, samples
        self._caught = {number: (work / name).open("w+b") for number, name in ((1, "out"), (2, "err"))}
        self._folder, self._temporary = work / "cases", work / "tmp"

    def __enter__(self) -> Place:
        for folder in (self._folder, self._temporary):
            folder.mkdir(exist_ok=True)
        for name in ("train", "validation"):
            if not (self._folder / name).exists():
                (self._folder / name).symlink_to(self._samples / name)
        os.chdir(self._folder)
        self._clear()
        os.environ.update(TMPDIR=str(self._temporary), UPRES_CACHE=str(self._work / "cache"), UPRES_NO_CONFIG="1")
        for number, file in self._caught.items():
            os.dup2(file.fileno(), number)
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._caught.values():
            file.close()

    def result(self, case: Case, number: int) -> Result:
        """Give a file to the command, and look at what it said and left."""
        for file in self._caught.values():
            file.seek(0)
            file.truncate()
        _forget_peak()
        began = time.process_time()  # of this process alone: the machine may be busy
        name = f"in{case.suffix}"
        Path(name).write_bytes(case.mutation.content)
        code, line, internal = _answered(case, Path(name))
        seconds, peak = time.process_time() - began, _peak()
        sys.stdout.flush(), sys.stderr.flush()
        out, err = (self._printed(stream) for stream in (1, 2))
        finding = "; ".join(self._wrong(case, code, line, out, err, seconds, peak, internal))
        outcome = {0: "warned" if "upres: warning" in err else "done", 2: "refused"}.get(code, "failed")
        self._clear()
        return Result(number, case.kind, case.mutation.ways, outcome, line, finding, seconds, peak)

    def _clear(self) -> None:
        for path in (*self._folder.iterdir(), *self._temporary.iterdir()):
            if not path.is_symlink():
                path.unlink() if path.is_file() else shutil.rmtree(path)

    def _printed(self, stream: int) -> str:
        self._caught[stream].seek(0)
        return self._caught[stream].read().decode(errors="replace")

    def _wrong(
        self, case: Case, code: int, line: str, out: str, err: str, seconds: float, peak: int, internal: str
    ) -> Iterator[str]:
        """Yield what should not have happened, in words."""
        if internal:
            yield internal
        elif any(never in line for never in _NEVER):
            yield f"said: {line}"
        elif code == 1 and case.suffix not in _MODELS:
            yield f"exit code 1: {line}"
        if ("\n" in line and "faults in the data" not in line) or len(line) > 2000:
            yield f"a message of {len(line)} characters or several lines"
        foreign = [each for each in err.splitlines() if not each.startswith("upres: ")]
        if foreign or (code and out):
            yield f"printed: {(foreign or out.splitlines())[0][:300]}"
        expected = {f"in{case.suffix}", "train", "validation"}
        if code == 0 and case.suffix != ".yaml":
            expected.add(f"sr{case.output}")
        left = {path.name for path in self._folder.iterdir()}
        if left != expected:
            yield f"left {sorted(left ^ expected)}"
        if any(self._temporary.iterdir()):
            yield f"left in the temporary folder: {sorted(path.name for path in self._temporary.iterdir())}"
        if seconds > 20:
            yield f"{seconds:.0f} s"
        if peak > MOST_BYTES:
            yield f"{peak / 1e6:,.0f} MB"
        if code == 0 and case.suffix not in (*_MODELS, ".yaml") and "upres: warning" not in err:
            yield from _sizes(Path(f"in{case.suffix}"), Path(f"sr{case.output}"))


def _answered(case: Case, path: Path) -> tuple[int, str, str]:
    """Return the exit code, the line that tells an error, and the traceback's end of what is none of upres's own."""
    from upres.cli.exit_codes import answer

    try:
        if case.suffix == ".yaml":
            _recipe(path)
        else:
            _enlarge(case, path)
    except UpresError as error:
        cause = error.__cause__ if isinstance(error, FailedError) else None
        return (*answer(error, []), "" if cause is None or "report it" not in str(error) else repr(cause))
    except Exception as error:
        import traceback

        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/upres/" in frame.filename] or frames
        place = f"{Path(own[-1].filename).name}:{own[-1].lineno} {own[-1].name}"
        return (*answer(error, []), f"{type(error).__name__} at {place}: {str(error)[:200]!r}")
    return 0, "", ""


def _enlarge(case: Case, path: Path) -> None:
    """Do what `upres PATH -o OUTPUT` does, but for reading the words of the command."""
    from upres.cli.upscale import upscale

    options = dict(case.options)
    backend = options.pop("backend")
    if case.suffix in _MODELS:
        source = Path("train/0.png")
        options = {"model": str(path), "backend": backend, "device": "cpu"}
    else:
        source = path
        options |= {"model": "bicubic", "scale": 2.0}
    upscale([source], output=Path(f"sr{case.output}"), threads=1, **options)  # type: ignore[arg-type]


def _recipe(path: Path) -> None:
    """Do what `upres train PATH` does before its first step."""
    from upres.recipes import read_recipe
    from upres.recipes.run import components

    components(read_recipe(str(path)))


def _sizes(source: Path, target: Path) -> Iterator[str]:
    """Yield what is wrong with the output's size, by another library's reading of both files."""
    from PIL import Image

    if source.suffix == ".ppm" and b"#" in source.read_bytes()[:100]:
        return  # Pillow reads on over a comment that ends a number, where ppm(5) ends the number

    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source) as lr, Image.open(target) as sr:
                (width, height), large = lr.size, sr.size
    except Exception:  # it does not read all that libvips reads
        return
    if large not in ((2 * width, 2 * height), (2 * height, 2 * width)):
        yield f"{width}×{height} became {large[0]}×{large[1]}"


def _import_all() -> None:
    """Import what a case would: PyTorch and Lightning take seconds, which are not the file's."""
    from PIL import Image

    Image.init()
    for name in ("upres.cli.upscale", "upres.recipes.run", "upres.upscaling.batch.engines.local", "onnxruntime"):
        importlib.import_module(name)
    for name in ("openvino.frontend", "onnx"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Return the most bytes that were held since `_forget_peak`."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return 1024 * int(found[1]) if found else 0


if __name__ == "__main__":
    main()
