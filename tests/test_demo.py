"""The demonstration: what it writes, that its page asks nobody for anything, and that its numbers are true."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.commands import Command
from tests.tiny_models import tiny_onnx
from upres.cli.main import main
from upres.compare.demonstration import SCALE, Demonstration, Written, demonstrate
from upres.errors import ConfigError, ModelError
from upres.image import imresize, read
from upres.image.sample import PHOTOGRAPH
from upres.metrics import Protocol, measure
from upres.upscaling.loading import load


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(tiny_onnx(scale=SCALE, name="tiny <&>"))
    return path


@pytest.fixture(scope="module")
def shown(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Demonstration, Written]:
    return demonstrate(tmp_path_factory.mktemp("demo") / "new" / "folder", model=model)


class Page(HTMLParser):
    """Collects what a page refers to, its tags that are left open, and its text by the nearest class."""

    VOID = frozenset({"meta", "input", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.captions: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "figure":
            self.captions.append([])
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "figure" in self.open and data.strip():
            self.captions[-1].append(data.strip())


def test_the_photograph_can_be_reduced_and_comes_with_its_source() -> None:
    hr = read(PHOTOGRAPH).pixels
    assert hr.shape == (384, 480, 3)
    assert hr.dtype == np.uint8
    assert PHOTOGRAPH.stat().st_size < 300_000
    assert "CC0" in PHOTOGRAPH.with_suffix(".txt").read_text(encoding="utf-8")


def test_the_photograph_is_part_of_a_picture_held_out_of_training(shared_data: Path) -> None:
    files = sorted((shared_data / "photos" / "gb82").glob("*.webp"))
    whole = next(path for path in files[15:] if path.name.startswith("sumac"))
    assert np.array_equal(read(whole).pixels[150:534, 96:576], read(PHOTOGRAPH).pixels)


def test_the_pictures_are_what_they_are_said_to_be(shown: tuple[Demonstration, Written], model: Path) -> None:
    demonstration, written = shown
    hr = read(PHOTOGRAPH).pixels
    lr = imresize(hr, 1 / SCALE)
    assert np.array_equal(demonstration.hr, hr)
    assert np.array_equal(read(written.lr).pixels, lr)
    assert np.array_equal(read(written.sr).pixels, load(model)(lr))
    assert np.array_equal(demonstration.bicubic.pixels, load("bicubic", scale=SCALE)(lr))
    assert np.array_equal(demonstration.nearest.pixels[::SCALE, ::SCALE], lr)
    assert np.array_equal(demonstration.nearest.pixels[SCALE - 1 :: SCALE, SCALE - 1 :: SCALE], lr)
    assert sorted(written.html.parent.iterdir()) == sorted((written.lr, written.sr, written.html))


def test_the_numbers_on_the_page_are_the_measured_ones(shown: tuple[Demonstration, Written]) -> None:
    demonstration, written = shown
    protocol = Protocol(border=SCALE)
    page = Page(written.html.read_text(encoding="utf-8"))
    assert len(page.captions) == 4
    for result, caption in zip(demonstration.results, page.captions, strict=False):
        values = measure(result.pixels, demonstration.hr, protocol)
        assert (result.psnr, result.ssim) == (values["psnr"], values["ssim"])
        assert caption[0] == result.name
        assert caption[caption.index("PSNR") + 1] == f"{values['psnr']:.2f}"
        assert caption[caption.index("SSIM") + 1] == f"{values['ssim']:.4f}"
        assert caption[caption.index("Time") + 1] in (f"{result.seconds:.3f}", "< 0.001")
    assert page.captions[3][0] == "original"
    text = written.html.read_text(encoding="utf-8")
    assert protocol.describe() in text
    gain = demonstration.ours.psnr - demonstration.bicubic.psnr
    assert f"<strong>{gain:+.2f}".replace("-", "−") in text


def test_the_page_needs_nothing_from_outside(shown: tuple[Demonstration, Written]) -> None:
    text = shown[1].html.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.references == []
    assert "link" not in page.tags
    assert "import" not in text
    addresses = re.findall(r"url\(\"?([^)\"]{,20})", text)
    assert len(addresses) == 6  # five pictures and the arrows on the line
    assert all(address.startswith("data:image/") for address in addresses)
    # The only address is the name of SVG's language, inside a data URI: nobody fetches it.
    assert set(re.findall(r"\w+://[^\s'\"]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\$\w|\$\{", text)


def test_a_model_cannot_write_into_the_page(shown: tuple[Demonstration, Written]) -> None:
    text = shown[1].html.read_text(encoding="utf-8")
    assert "tiny <&>" not in text
    assert "tiny &lt;&amp;&gt;" in text


@pytest.mark.slow
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # a second one replaces the first
        with pytest.raises(SystemExit) as left:
            main(["demo"])
        assert left.value.code == 0
        lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "120×96 → 480×384, ×4; luma BT.601 studio range, border 4, 8-bit; seconds: median of 3"  # as on the page
    )
    assert lines[2].split() == ["PSNR", "(dB)", "SSIM", "seconds"]
    assert [line.split()[0] for line in lines[3:6]] == ["nearest", "bicubic", "base"]
    assert lines[7:] == [
        "upres-demo/low-resolution.png",
        "upres-demo/enlarged.png",
        "upres-demo/before-after.html",
        "",
        "Open the last one in a browser.",
    ]
    assert all(Path(line).is_file() for line in lines[7:10])


def test_an_output_that_is_no_folder_is_refused_before_the_work(model: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("precious")
    with pytest.raises(ConfigError, match=r"taken: is a file; .* give another output"):
        demonstrate(taken, model=model)
    with pytest.raises(ConfigError, match=r"taken/inside: cannot be made a folder \(Not a directory\)"):
        demonstrate(taken / "inside", model=model)
    assert taken.read_text() == "precious"


def test_a_model_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="unknown model 'bsae'"):
        demonstrate(tmp_path / "out", model="bsae")
    assert list(tmp_path.iterdir()) == []


def test_bad_input_is_one_line(tmp_path: Path, command: Command) -> None:
    (tmp_path / "taken").write_text("precious")
    said = command.refused(tmp_path, "demo", "--output", str(tmp_path / "taken"))
    assert said.startswith(f"{tmp_path / 'taken'}: is a file; ")


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "upres", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("upres ")
