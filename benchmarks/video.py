"""Films: how fast, how steady, how much memory, and whether killed runs end in the same pictures.

python -m benchmarks.video                        # speed, repeats, flicker, kills; the memory of 10,000 pictures
python -m benchmarks.video --only flicker --pictures 24

Three films are made by the script, compressed as films are: a talk (a slide, a speaker in its corner), a cartoon (held
on threes) and a camera (a slow pan, noise). Needs the extra `video`.
"""

from __future__ import annotations

import itertools
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import argument_parser, machine, picture, run
from benchmarks.marks import Mark, held_against
from upres.errors import UpresError, extra
from upres.evaluation.text_tables import text_table
from upres.image import Picture, imresize, write
from upres.image.prefetch import Prefetch
from upres.upscaling.batch import BatchSettings, find_jobs
from upres.upscaling.batch.engines.local import run as run_jobs
from upres.upscaling.loading import Options, Upscalers
from upres.upscaling.sizes import Size

OVERLAPPED = Mark("pictures a second ÷ those of predictor and encoder overlapped", "≥", 0.95)
AGAINST_PNG = Mark("times as fast as a script by way of PNG files", "≥", 2)
MEMORY = Mark("memory at its highest", "<", 1000, "MB")
GROWTH = Mark("memory that the last nine tenths of the pictures add", "<", 30, "MB")
KILLED = Mark("pictures that differ after kills and resumes", "≤", 0)
FLICKER = Mark("flicker of the steadiest model ÷ that of its input's noise", "≤", 1)

RATE = 25
# What is compared, by the words of the table: the model, and with what it is opened.
MODELS: dict[str, tuple[str, Options]] = {
    "bicubic": ("bicubic", {}),
    "fast": ("fast", {}),
    "fast, int8": ("fast", {"precision": "int8"}),
    "fast, bf16": ("fast", {"precision": "bf16"}),
    "base": ("base", {}),
    "base, detail 0.75": ("base", {"detail": 0.75}),
    "best": ("best", {}),
    "best, bf16": ("best", {"precision": "bf16"}),
}
KINDS = ("talk", "cartoon", "camera")
_NOISE = 2.0  # standard deviation of a camera's noise, in levels of 255


def pictures_of(kind: str, count: int, height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures of a film, `h w 3`."""
    rng = np.random.default_rng(0)
    if kind == "talk":
        slide = np.full((height, width, 3), 245, np.uint8)
        for row in range(20, height - 40, 24):
            slide[row : row + 3, 20 : 20 + int(rng.integers(width // 3, width - 60))] = 30
        speaker = picture(height // 4, width // 5 + count)
        for at in range(count):
            made = slide.copy()
            if at % 100 >= 50:
                made[10:16, 20:200] = 120
            made[-(height // 4) :, -(width // 5) :] = speaker[:, at : at + width // 5]
            yield made
    elif kind == "cartoon":
        back = imresize(picture(height // 20, width // 20).astype(np.float32) / 255, size=(height, width))
        back = np.round(np.clip(back, 0, 1) * 6) / 6 * 255
        rows, columns = np.mgrid[:height, :width]
        for at in range(count):
            made = back.astype(np.uint8)
            middle = width * 0.2 + (at // 3) * 6 % (width * 0.6)
            made[(rows - height / 2) ** 2 + (columns - middle) ** 2 < (height / 6) ** 2] = (230, 60, 40)
            yield made
    else:
        wide = picture(height, width + count + 8).astype(np.float32)
        for at in range(count):
            noisy = wide[:, at : at + width] + rng.normal(0, _NOISE, (height, width, 3))
            yield np.clip(noisy, 0, 255).astype(np.uint8)


def make(path: Path, pictures: Iterator[NDArray[np.uint8]], *, sound: bool = True) -> Path:
    """Write a film in AV1, with sound."""
    import av

    os.environ.setdefault("SVT_LOG", "1")
    with av.open(str(path), "w") as film:
        stream: Any = film.add_stream("libsvtav1", rate=RATE, options={"crf": "30", "preset": "10"})
        hum: Any = film.add_stream("flac", rate=48_000) if sound else None
        for at, pixels in enumerate(pictures):
            if not at:
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = "yuv420p"
            film.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            if hum is not None:
                piece = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 1920), np.int16), "s16", "stereo")
                piece.sample_rate, piece.pts, piece.time_base = 48_000, at * 1920, Fraction(1, 48_000)
                film.mux(hum.encode(piece))
        film.mux(stream.encode(None))
        if hum is not None:
            film.mux(hum.encode(None))
    return path


def upscalers_for(model: str, scale: float, **options: Unpack[Options]) -> Upscalers:
    """Return what enlarges films."""
    from upres.video.models import film_options

    return Upscalers(model, Size(scale), **film_options(options))


def planned(
    film: Path, target: Path, model: str, scale: float, *, reuse: bool = True, **options: Unpack[Options]
) -> Any:
    """Return what an enlargement comes to; AV1 at a preset that does not hide how fast the rest is."""
    from upres.video.options import FilmOptions
    from upres.video.planning import plan_film

    asked = FilmOptions(codec="av1", preset="10", reuse=reuse, overwrite=True)
    return plan_film(film, target, upscalers_for(model, scale, **options), asked, {"model": model})


def overlapped(plan: Any, upscalers: Upscalers, folder: Path) -> Callable[[], object]:
    """Return what enlarges and codes pictures that are decoded already, at once, into one file.

    One is predicted at a time, by all cores.
    """
    from upres.video.colours import ToYuv
    from upres.video.decoding import Faults, decoded
    from upres.video.encoding import SegmentEncoder

    pictures = [each.picture for each in decoded(plan.film, Faults())]
    enlargement = upscalers.for_picture(plan.film.height, plan.film.width).enlargement
    enlargement.picture(pictures[0])  # what the first one prepares is not measured

    def work() -> None:
        convert = ToYuv(plan.film.colours.coded, plan.coding.form, 1 / plan.film.rate)
        coder = SegmentEncoder(
            folder / "bare.mkv", plan.coding, plan.size, plan.film.rate, plan.film, length=len(pictures)
        )
        with Prefetch((enlargement.picture(each) for each in pictures), 2) as made:
            for each in made:
                coder.add(convert(each.pixels, alpha=False))
        coder.end()

    return work


def by_png(plan: Any, model: str, scale: float, folder: Path, **options: Unpack[Options]) -> Callable[[], object]:
    """Return what scripts do: decode into PNG files, enlarge those, code the result."""
    import av

    def work() -> None:
        small, large = folder / "small", folder / "large"
        small.mkdir(exist_ok=True)
        with av.open(str(plan.film.path)) as film:
            for number, frame in enumerate(film.decode(video=0)):
                write(Picture(frame.to_ndarray(format="rgb24")), small / f"{number:06d}.png")
        upscalers = upscalers_for(model, scale, **options)
        jobs = find_jobs([small], large, label="")
        for outcome in run_jobs(jobs, upscalers, BatchSettings(overwrite=True)):
            assert outcome.error is None
        from upres.image import read

        pictures = (read(path).pixels for path in sorted(large.glob("*.png")))
        make(folder / "by-png.mkv", pictures, sound=False)

    return work


def speed(
    folder: Path, films: dict[str, Path], model: str, scale: float, repeats: int, **options: Unpack[Options]
) -> None:
    """Print pictures a second of each film (and milliseconds of processor for one), beside the two bounds."""
    from upres.video.planning import run_plan

    rows: list[tuple[str, ...]] = [
        ("film", "a second", "without reuse", "of tiles repeated", "overlapped alone", "by PNG")
    ]
    shares, times = [], []
    opened = upscalers_for(model, scale, **options).for_picture(480, 640).enlargement
    print(f"{model} by {'; '.join(predictor.how for predictor in opened.predictors)}")
    for kind, film in films.items():
        plan, bare = (
            planned(film, folder / f"{kind}-out.mkv", model, scale, reuse=reuse, **options) for reuse in (True, False)
        )
        summaries: list[Any] = []
        runs: dict[str, Callable[[], object]] = {
            "bare": overlapped(bare, upscalers_for(model, scale, **options), folder),
            "plain": partial(run_plan, bare),
            "reuse": partial(_kept, summaries, plan),
        }
        if kind == "camera":
            runs["png"] = by_png(plan, model, scale, folder, **options)
        spent: dict[str, list[float]] = {name: [] for name in runs}
        worked: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(repeats):
            for name, work in runs.items():
                began, busy = time.perf_counter(), time.process_time()
                work()
                spent[name].append(time.perf_counter() - began)
                worked[name].append(time.process_time() - busy)
        count = summaries[0].pictures
        rate = {name: count / statistics.median(taken) for name, taken in spent.items()}
        shares.append(rate["reuse"] / rate["bare"])
        if "png" in rate:
            times.append(rate["reuse"] / rate["png"])
        each = {name: f"{1000 * statistics.median(taken) / count:.0f}" for name, taken in worked.items()}
        shown = {name: f"{rate[name]:.2f} ({each[name]})" for name in rate}
        repeated = f"{100 * summaries[0].repeated:.0f} %"
        rows.append((kind, shown["reuse"], shown["plain"], repeated, shown["bare"], shown.get("png", "")))
    print(text_table(rows[0], rows[1:]))
    held_against(OVERLAPPED, min(shares))
    if times:
        held_against(AGAINST_PNG, times[0])


def stages(film: Path, model: str, scale: float, count: int) -> None:
    """Print what each stage takes alone: milliseconds of processor for a picture, and of the clock."""
    from upres.upscaling.pages import upscale_each
    from upres.video.colours import ToRgb, ToYuv
    from upres.video.decoding import Faults, decoded
    from upres.video.encoding import SegmentEncoder
    from upres.video.opening import reading

    plan = planned(film, film.with_name("stages-out.mkv"), model, scale)
    opened, coding = plan.film, plan.coding
    with reading(film) as container:
        frames = list(itertools.islice(container.decode(video=0), count))
    pictures = [each.picture for each in itertools.islice(decoded(opened, Faults()), count)]
    to_rgb = ToRgb(opened.colours, bits=opened.bits, alpha=opened.alpha, time_base=opened.time_base)
    to_yuv = ToYuv(opened.colours.coded, coding.form, 1 / opened.rate)
    large: list[Picture] = []
    coded: list[Any] = []

    def decode() -> None:
        with reading(film) as container:
            container.streams.video[0].codec_context.thread_count = 1
            for _ in itertools.islice(container.decode(video=0), count):
                pass

    def compare() -> None:
        for _ in upscale_each(lambda picture, progress=None: picture, pictures, lambda _: None):
            pass

    def predict() -> None:
        large[:] = [plan.enlargement.picture(each) for each in pictures]

    def convert() -> None:
        coded[:] = [to_yuv(each.samples, alpha=False) for each in large]

    def code() -> None:
        coder = SegmentEncoder(film.with_name("stages-out.mkv"), coding, plan.size, opened.rate, opened, length=count)
        for each in coded:
            coder.add(each)
        coder.end()

    plan.enlargement.picture(pictures[0])
    rows = []
    work: dict[str, Callable[[], object]] = {
        "decode": decode,
        "YUV → RGB": lambda: [to_rgb(each) for each in frames],
        "compare with the one before": compare,
        f"enlarge ({model})": predict,
        "RGB → YUV": convert,
        f"code ({coding.codec.name})": code,
    }
    for name, stage in work.items():
        began, busy = time.perf_counter(), time.process_time()
        stage()
        spent, worked = time.perf_counter() - began, time.process_time() - busy
        rows.append((name, f"{1000 * worked / len(frames):.1f}", f"{1000 * spent / len(frames):.1f}"))
    print(text_table(("stage", "ms of processor", "ms"), rows))


def _kept(summaries: list[Any], plan: Any) -> None:
    from upres.video.planning import run_plan

    summaries.append(run_plan(plan))


def flicker(count: int, height: int, width: int) -> None:
    """Print how much each model adds to what changes from picture to picture, in levels of 255.

    It is the mean of |Δ sr − Δ bicubic|, Δ from one picture to the next: of a scene that stands still under a camera's
    noise, and of one that moves by half a pixel, where bicubic's own change is taken as true.
    """
    rng = np.random.default_rng(0)
    scene = picture(height * 2, width * 2 + 2 * count).astype(np.float32) / 255
    still = imresize(scene[:, : width * 2], size=(height, width))
    films = {
        "still": [still + rng.normal(0, _NOISE / 255, still.shape) for _ in range(count)],
        "half a pixel": [imresize(scene[:, at : at + width * 2], size=(height, width)) for at in range(count)],
    }
    rows: list[tuple[str, ...]] = [("model", "still, noisy", "half a pixel at a time", "pictures a second")]
    found: dict[str, float] = {}
    bicubic: dict[str, NDArray[np.float32]] = {}
    noise = 0.0
    for words, (model, options) in MODELS.items():
        try:
            enlargement = upscalers_for(model, 4, **options).for_picture(height, width).enlargement
            enlargement.picture(Picture(np.clip(still, 0, 1).astype(np.float32)))
        except UpresError as error:  # a processor without bf16
            print(f"{words}: {error}")
            continue
        shown: list[str] = []
        began = time.perf_counter()
        for name, pictures in films.items():
            small = [Picture(np.clip(each, 0, 1).astype(np.float32)) for each in pictures]
            sr = np.stack([enlargement.picture(each).pixels for each in small])
            change = np.diff(sr, axis=0)
            if model == "bicubic":
                bicubic[name] = change
                noise = float(np.abs(bicubic["still"]).mean()) * 255
                shown.append("0" if name != "still" else f"0 (it changes by {noise:.2f})")
                continue
            value = float(np.abs(change - bicubic[name]).mean()) * 255
            found.setdefault(words, value)
            shown.append(f"{value:.2f}")
        rate = 2 * count / (time.perf_counter() - began)
        rows.append((words, *shown, f"{rate:.1f}"))
    print(text_table(rows[0], rows[1:]))
    held_against(FLICKER, min(found.values()) / noise)


def memory(folder: Path, count: int, model: str) -> None:
    """Enlarge many pictures of 480p, and hold the process's memory against its marks."""
    from upres.video.planning import run_plan

    short = make(folder / "long.mkv", pictures_of("camera", count, 480, 640))
    plan = planned(short, folder / "long-out.mkv", model, 2)
    seen: list[tuple[int, float]] = [(0, _resident())]
    summary = run_plan(plan, progress=lambda at: seen.append((at.done, _resident())))
    rows = []
    for tenth in range(10):
        part = [each for done, each in seen if count * tenth // 10 < done <= count * (tenth + 1) // 10]
        rows.append((f"{count * (tenth + 1) // 10:,}", f"{statistics.median(part):.0f}", f"{max(part):.0f}"))
    print(
        f"{count:,} pictures by {model}, {count / summary.seconds:.1f} a second; {seen[0][1]:.0f} MB before the first"
    )
    print(text_table(("up to picture", "MB, median", "MB, most"), rows))
    held_against(MEMORY, max(each for _, each in seen))
    early = max(each for done, each in seen if done <= count // 10)
    held_against(GROWTH, max(each for _, each in seen) - early)


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


_DYING = """
import os, signal, sys
from upres.video import upscale
at = int(sys.argv[3])
def progress(advance):
    if advance.done >= at:
        os.kill(os.getpid(), signal.SIGKILL)
upscale(*sys.argv[1:3], model="bicubic", scale=2, codec="av1", preset="10", segment=8, progress=progress)
"""


def kills(folder: Path, kills: int) -> None:
    """Kill a run again and again, and compare what it ends in with an undisturbed one."""
    import av

    from upres.video import upscale

    count = 8 * kills + 5
    film = make(folder / "killed.mkv", pictures_of("camera", count, 120, 160))
    upscale(film, folder / "undisturbed.mkv", model="bicubic", scale=2, codec="av1", preset="10", segment=8)
    target = folder / "resumed.mkv"
    for number in range(kills):
        at = 8 * number + 1 + number * 5 % 8
        ended = subprocess.run([sys.executable, "-c", _DYING, film, target, str(at)], check=False)
        assert ended.returncode == -signal.SIGKILL
    upscale(film, target, model="bicubic", scale=2, codec="av1", preset="10", segment=8)

    def decoded(path: Path) -> list[tuple[Any, bytes]]:
        with av.open(str(path)) as container:
            return [(frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]

    ours, theirs = decoded(target), decoded(folder / "undisturbed.mkv")
    assert len(ours) == len(theirs) == count
    held_against(KILLED, sum(one != other for one, other in zip(ours, theirs, strict=True)), f"{kills} kills")


def main() -> None:
    parser = argument_parser(__doc__)
    parts = ("stages", "speed", "flicker", "kills", "memory")
    parser.add_argument("--only", choices=parts, help="one part")
    parser.add_argument("--pictures", type=int, default=75, help="of each film, for speed and flicker")
    parser.add_argument("--films", nargs="+", choices=KINDS, default=KINDS, help="for speed")
    parser.add_argument("--size", default="640x480", help="of the films, for speed")
    parser.add_argument("--long", type=int, default=10_000, help="pictures of the film for memory")
    parser.add_argument("--long-model", default="bicubic", help="what enlarges them")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--scale", type=float, default=4)
    parser.add_argument("--backend", default="auto", help="of both sides, for speed")
    parser.add_argument(
        "--precision", default="auto", help="of both sides, for speed; auto is the quickest of little loss"
    )
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with extra("video", "this benchmark"):
        import av
    print(machine("av", "onnxruntime"), f"FFmpeg {av.ffmpeg_version_info}, {threading.active_count()} thread")
    width, height = map(int, asked.size.split("x"))
    chosen = parts if asked.only is None else (asked.only,)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "stages" in chosen:
            film = make(folder / "stages.mkv", pictures_of("camera", asked.pictures, height, width))
            stages(film, asked.model, asked.scale, asked.pictures)
        if "speed" in chosen:
            films = {
                kind: make(folder / f"{kind}.mkv", pictures_of(kind, asked.pictures, height, width))
                for kind in asked.films
            }
            speed(
                folder,
                films,
                asked.model,
                asked.scale,
                asked.repeats,
                backend=asked.backend,
                precision=asked.precision,
            )
        if "flicker" in chosen:
            flicker(min(asked.pictures, 12), 96, 128)
        if "kills" in chosen:
            kills(folder, asked.kills)
        if "memory" in chosen:
            memory(folder, asked.long, asked.long_model)


if __name__ == "__main__":
    run(main)
