"""What the command decides for the user: where outputs go, what is no input, which model is loaded; each is said."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import upres
from tests.commands import UPRES, Command, names
from upres import DamagedPictureWarning
from upres.errors import PictureError
from upres.image import Picture, read_pages, write
from upres.image.opening import OpenedPicture
from upres.storage.names import folded, folds_case, refused_by_windows
from upres.upscaling.batch import Job, find_jobs, unportable
from upres.upscaling.loading import Upscalers

QUICK = ("--model", "bicubic", "--scale", "2")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.jpg", "col/c.png", "col/sub/d.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write(Picture(np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)), name)
    return tmp_path


def odd_jpeg(path: Path) -> None:
    """Write a JPEG of which libjpeg warns, and whose every pixel it gives: a scan that ends too early by its header."""
    write(Picture(np.random.default_rng(0).integers(0, 256, (11, 17, 3), np.uint8)), path)
    data = bytearray(path.read_bytes())
    scan = data.index(b"\xff\xda")
    data[scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big") - 2] = 62
    path.write_bytes(data)


def test_several_pictures_do_not_go_into_the_name_of_a_file(work: Path, command: Command) -> None:
    for inputs in (("a.png", "b.jpg"), ("col",)):
        said = command.refused(work, *inputs, "-o", "both.png", *QUICK)
        assert said.startswith("both.png: is the name of a picture, and what is made of a folder or of several")
        assert said.endswith("name a folder, such as both, or give one picture (--output)")
    Path("both.png").mkdir()  # whoever has such a folder means it
    assert command("a.png", "b.jpg", "-o", "both.png", *QUICK)[0] == 0
    assert names(work / "both.png") == ["a_x2.png", "b_x2.jpg"]


def test_what_upres_made_is_no_input_beside_its_original(work: Path, command: Command) -> None:
    assert command("a.png", "b.jpg", *QUICK)[0] == 0
    inputs = ("a.png", "a_x2.png", "b.jpg", "b_x2.jpg")
    code, out, err = command(*inputs, *QUICK, "--skip-existing")
    assert (code, out) == (0, "")
    assert err == (
        "upres: 2 left out, as upres made them of others here (a_x2.png of a.png); "
        "name such a picture without the other to enlarge it\n"
    )
    assert command("a_x2.png", *QUICK)[0] == 0
    assert Path("a_x2_x2.png").exists()
    labels = ["_x2", "_x2.5", "_w640", "_h9", "_90x44", "_x2_x4", "_xy", "_2", "x2", ""]
    for label in labels:
        Path(f"p{label}.png").touch()
    jobs = find_jobs([Path(f"p{label}.png") for label in labels], None, label="_x4")
    left = [job.source.name for job in jobs if job.original is not None]
    assert left == ["p_x2.png", "p_x2.5.png", "p_w640.png", "p_h9.png", "p_90x44.png", "p_x2_x4.png"]


def test_a_folder_into_itself_and_into_the_folder_above(work: Path, command: Command) -> None:
    for _ in range(2):
        assert command("col", "-o", "col", *QUICK)[0] == 0
        assert names(work / "col") == ["c.png", "c_x2.png", "sub/d.png", "sub/d_x2.png", "upres-manifest.jsonl"]
    _, _, err = command("col", "-o", "col", *QUICK)
    assert "upres: 2 left out" in err
    assert "0 of 2 pictures enlarged, 2 there already, 0 failed" in err
    assert command("col/sub", "-o", "col", *QUICK)[0] == 0
    assert Path("col/d_x2.png").exists()
    # One is given as it is, the other from the root on; the output is no input of the next run all the same.
    for _ in range(2):
        assert command(str(work / "col/sub"), "-o", "col/sub/large", *QUICK)[0] == 0
    assert names(work / "col/sub/large") == ["d_x2.png", "upres-manifest.jsonl"]


def test_only_the_model_that_a_picture_gets_is_loaded(work: Path, command: Command) -> None:
    upscalers = Upscalers()
    assert (upscalers.label, upscalers.loaded) == ("_x4", ())
    upscalers.for_picture(5, 5, upscalers.position_for(OpenedPicture("b.jpg")).position)
    (loaded,) = upscalers.loaded
    assert loaded.predictors[0].facts.name == "base" and loaded.predictors[0].facts.blend
    code, _, err = command("b.jpg", "-v")
    assert code == 0
    model, *_, reason = err.splitlines()
    assert model.startswith("model base ×4 (")
    assert reason.startswith("  denoise 0.") and reason.endswith(", because the file is JPEG of quality 95")
    assert err.count("model ") == 1
    _, _, err = command("a.png", "-v")
    assert [line for line in err.splitlines() if "model" in line and not line.startswith("model base ×4 (")] == []
    # What is wrong with the options is told before the first picture, once.
    assert command.refused(work, "col", "--tile", "0").startswith("tile = 0: should be at least 1")


@pytest.mark.slow
def test_odd_data_is_told_in_a_folder_and_strict_refuses_it(work: Path) -> None:
    odd_jpeg(work / "col/odd.jpg")

    def run(*arguments: str) -> tuple[int, str, list[dict[str, object]]]:
        command = [*UPRES, "col", "-o", "out", *QUICK, "--manifest", "log.jsonl", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        lines = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
        Path("log.jsonl").unlink()
        return done.returncode, done.stderr, lines

    code, err, lines = run("--strict")
    assert code == 1
    assert "upres: col/odd.jpg: the JPEG data is damaged" in err
    assert [(line["input"], line["error"] is None) for line in lines] == [
        ("col/c.png", True),
        ("col/odd.jpg", False),
        ("col/sub/d.png", True),
    ]
    assert names(work / "out") == ["c_x2.png", "sub/d_x2.png"]
    code, err, lines = run()
    assert code == 0
    assert "upres: warning: col/odd.jpg: the JPEG data is odd" in err
    by_input = {line["input"]: line["warnings"] for line in lines}
    assert "look at the result" in str(by_input["col/odd.jpg"])
    alone = [*UPRES, "col/odd.jpg", "-o", "alone.png", *QUICK, "--strict"]
    done = subprocess.run(alone, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert not Path("alone.png").exists()


def test_strict_where_python_reads_files(work: Path) -> None:
    path = work / "odd.jpg"
    odd_jpeg(path)
    with pytest.warns(DamagedPictureWarning, match="the JPEG data is odd") as caught:
        list(read_pages(path))
    assert caught[0].filename == __file__
    with pytest.raises(PictureError, match="the JPEG data is damaged"):
        list(read_pages(path, strict=True))
    with pytest.warns(DamagedPictureWarning, match="the JPEG data is odd") as caught:
        upres.upscale(path, scale=2, model="bicubic")
    assert caught[0].filename == __file__
    with pytest.raises(PictureError, match="the JPEG data is damaged"):
        upres.upscale(path, scale=2, model="bicubic", strict=True)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("CON", "the name of a device"),
        ("aux.png", "the name of a device"),
        ("Com1.tar.gz", "the name of a device"),
        ("LPT¹.png", "the name of a device"),
        ("con_x4.png", None),
        ("console.png", None),
        ("com10.png", None),
        ("12:30.png", "a name with ':' in it"),
        ("what?.png", "a name with '?' in it"),
        ("bell\x07.png", "a name with '\\x07' in it"),
        ("folder.", "a name that ends in a dot or a space"),
        ("folder ", "a name that ends in a dot or a space"),
        (".hidden.png", None),
        ("日本.png", None),
    ],
)
def test_names_that_windows_refuses(name: str, reason: str | None) -> None:
    assert refused_by_windows(name) == reason


def test_names_that_a_copy_would_lose_are_told(work: Path, command: Command) -> None:
    root = Path("out")
    jobs = [Job(Path(name), root / name, root=root) for name in ("A.png", "a.png", "nul./x.png", "fine.png")]
    assert unportable(jobs) == {
        root / "a.png": "the name of A.png but for the case of letters",
        root / "nul./x.png": "the name of a device",
    }
    write(Picture(np.zeros((4, 4, 3), np.uint8)), "col/12:30.png")
    code, _, err = command("col", "-o", "out", *QUICK)
    assert code == 0
    assert "upres: warning: 1 of the outputs would not survive a copy to Windows or macOS (out/12:30_x2.png: " in err


def test_case_does_not_keep_outputs_apart_where_the_folder_folds_it(work: Path) -> None:
    probe = work / "probe"
    probe.touch()
    assert folds_case(work) == (work / "PROBE").exists()
    assert folded(Path("\u00c9.PNG")) == folded(Path("e\u0301.png"))
    # A folder that folds case: an entry is found by both spellings. Two names of one file look the same.
    large = work / "large"
    large.mkdir()
    (large / "entry").touch()
    (large / "ENTRY").hardlink_to(large / "entry") if not folds_case(work) else None
    assert folds_case(large)
    for folder, name in (("one", "A.png"), ("two", "a.png"), ("two", "b.png")):
        (work / folder).mkdir(exist_ok=True)
        (work / folder / name).touch()
    inputs = [work / "one", work / "two"]
    twins = [job.twin for job in find_jobs(inputs, large, label="")]
    assert twins == [work / "two/a.png", work / "one/A.png", None]
    if not folds_case(work):
        assert [job.twin for job in find_jobs(inputs, work / "two", label="_x9")] == [None] * 3
