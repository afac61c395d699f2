"""`upres pack`: patches in .npz files, from any source, read back by the npz source."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from upres.cli.main import main
from upres.data import open_source
from upres.data.pack import HR_FILE, PAIRS_FILE, Cut, pack
from upres.degrade.bicubic import Bicubic, BicubicConfig
from upres.errors import ConfigError, DataError, DataFaultsError
from upres.image import Picture, imresize, write

BICUBIC = Bicubic(BicubicConfig())


def save(folder: Path, sizes: list[tuple[int, int]]) -> list[np.ndarray]:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in sizes]
    for number, pixels in enumerate(pictures):
        write(Picture(pixels), folder / f"{number}.png")
    return pictures


def packed(tmp_path: Path, cut: Cut, line: str = "p", folder: str = "out") -> np.lib.npyio.NpzFile:
    source = open_source(f"{tmp_path}/{line}", scale=cut.scale)
    pack([source], BICUBIC, tmp_path / folder, cut, degraded={"name": "bicubic"})
    return np.load(tmp_path / folder / PAIRS_FILE, allow_pickle=False)


def test_a_grid_of_patches_each_with_its_own_reduction(tmp_path) -> None:
    first, second = save(tmp_path / "p", [(40, 33), (16, 50)])
    with packed(tmp_path, Cut(scale=4, patch=16)) as file:
        assert file["hr"].shape == (7, 16, 16, 3) and file["lr"].shape == (7, 4, 4, 3)
        assert np.array_equal(file["hr"][3], first[16:32, 16:32]) and np.array_equal(file["hr"][6], second[:, 32:48])
        assert all(np.array_equal(lr, imresize(hr, 0.25)) for hr, lr in zip(file["hr"], file["lr"], strict=True))
        assert file["names"].tolist() == ["0.png"] * 4 + ["1.png"] * 3
        about = json.loads(str(file["about"]))
        assert (about["scale"], about["patch"], about["stride"], about["degradation"]) == (
            4,
            16,
            16,
            {"name": "bicubic"},
        )
    with np.load(tmp_path / "out" / HR_FILE) as alone, np.load(tmp_path / "out" / PAIRS_FILE) as both:
        assert "lr" not in alone and np.array_equal(alone["hr"], both["hr"])


def test_the_npz_source_reads_them_back(tmp_path) -> None:
    (picture,) = save(tmp_path / "p", [(32, 32)])
    packed(tmp_path, Cut(scale=2, patch=16, stride=8)).close()
    source = open_source(f"{tmp_path}/out/{PAIRS_FILE}")
    assert len(source) == 9 and "hr is hr (16×16), lr is lr (8×8)" in source.describe()
    assert np.array_equal(source.sample(8).hr, picture[16:, 16:])
    assert np.array_equal(source.sample(8).lr, imresize(picture[16:, 16:], 0.5))


def test_random_patches_depend_on_the_seed_alone(tmp_path) -> None:
    save(tmp_path / "p", [(64, 48)] * 9)
    cuts = [Cut(scale=4, patch=16, count=3, seed=seed) for seed in (1, 1, 2)]
    files = [packed(tmp_path, cut, folder=f"out{number}") for number, cut in enumerate(cuts)]
    assert (tmp_path / "out0" / PAIRS_FILE).read_bytes() == (tmp_path / "out1" / PAIRS_FILE).read_bytes()
    assert files[0]["hr"].shape[0] == 27 and not np.array_equal(files[0]["hr"], files[2]["hr"])
    assert packed(tmp_path, Cut(scale=4, patch=16, limit=5), folder="few")["lr"].shape[0] == 5
    for file in files:
        file.close()


def test_partners_of_the_source_are_cut_at_the_same_place(tmp_path) -> None:
    pictures = save(tmp_path / "Set" / "HR", [(40, 40)])
    (tmp_path / "Set" / "LRx2").mkdir()
    lr = imresize(pictures[0], 0.5)
    write(Picture(lr), tmp_path / "Set" / "LRx2" / "0.png")
    with packed(tmp_path, Cut(scale=2, patch=16, count=4), "Set") as file:
        for hr, small in zip(file["hr"], file["lr"], strict=True):
            ((top, left),) = np.argwhere(
                [[np.array_equal(hr, pictures[0][r : r + 16, c : c + 16]) for c in range(25)] for r in range(25)]
            )
            assert np.array_equal(small, lr[top // 2 : top // 2 + 8, left // 2 : left // 2 + 8])


def test_patches_of_one_colour_are_left_out(tmp_path) -> None:
    """They teach nothing, and their PSNR is infinite."""
    (pixels,) = save(tmp_path / "p", [(16, 32)])
    pixels[:, 16:] = (9, 8, 7)
    write(Picture(pixels), tmp_path / "p" / "0.png")
    source = open_source(f"{tmp_path}/p", scale=4)
    done = pack([source], BICUBIC, tmp_path / "out", Cut(scale=4, patch=16), degraded={"name": "bicubic"})
    assert (done.pairs, done.flat) == (1, 1)
    pixels[:] = (9, 8, 7)
    write(Picture(pixels), tmp_path / "p" / "0.png")
    with pytest.raises(DataError, match="every patch of 16×16 is of one colour; give pictures with detail"):
        pack([source], BICUBIC, tmp_path / "none", Cut(scale=4, patch=16), degraded={"name": "bicubic"})
    assert not (tmp_path / "none").exists()


def test_faults_are_told_at_once_and_nothing_is_left(tmp_path) -> None:
    save(tmp_path / "p", [(40, 40), (12, 40), (40, 40), (40, 40)])
    (tmp_path / "p" / "0.png").write_bytes(b"")
    with pytest.raises(
        DataFaultsError, match=r"(?s)2 faults .*0\.png: the file is empty.*1\.png: 10×3 at low .* lower patch"
    ):
        packed(tmp_path, Cut(scale=4, patch=16))
    (tmp_path / "p" / "0.png").unlink()
    (tmp_path / "p" / "1.png").unlink()
    cut_short = tmp_path / "p" / "3.png"
    cut_short.write_bytes(cut_short.read_bytes()[:2000])
    with pytest.raises(DataFaultsError, match=r"3\.png: the PNG data is damaged"):
        packed(tmp_path, Cut(scale=4, patch=16))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [{"patch": 30}, {"patch": 2}, {"stride": 8, "count": 2}, {"stride": 6}, {"count": 0}, {"scale": 0}]
)
def test_cuts_that_cannot_be_meant(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"^(patch|stride|count) = "):
        Cut(**{"scale": 4, "patch": 16, **options})


def test_the_command(tmp_path, capsys) -> None:
    save(tmp_path / "p", [(32, 32), (32, 64)])
    out = tmp_path / "out"
    line = [f"{tmp_path}/p?take=1", f"{tmp_path}/p?skip=1&crop=32", "-o", str(out), "--scale", "2", "--patch", "16"]
    with pytest.raises(SystemExit) as left:
        main(["pack", *line, "--degradation", "bicubic?antialias=false"])
    assert left.value.code == 0
    said = capsys.readouterr().out.splitlines()
    assert said == ["8 pairs of 16×16 and 8×8 from 2 pictures", str(out / HR_FILE), str(out / PAIRS_FILE)]
    with np.load(out / PAIRS_FILE) as file:
        assert np.array_equal(file["lr"][0], imresize(file["hr"][0], 0.5, antialias=False))
    with pytest.raises(SystemExit) as left:
        main(["pack", str(tmp_path / "p"), "--degradation", "bicubik"])
    assert left.value.code == 2 and "did you mean bicubic?" in capsys.readouterr().err


def test_without_pytorch_the_extra_is_named(tmp_path) -> None:
    save(tmp_path / "p", [(32, 32)])
    code = "import sys; sys.modules['torch'] = None; from upres.cli.main import main; main(['pack', 'p'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'upres: upres pack needs torch: pip install "upres[train]"\n'
    assert not (tmp_path / "patches").exists()


def test_explore_and_evaluate_take_the_folder_and_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The pairs in it, by their stems where the set names them otherwise: a JPEG beside a PNG."""
    rng = np.random.default_rng(8)
    for name in ("HR", "LRx2"):
        (tmp_path / "set" / name).mkdir(parents=True)
    for number in range(3):
        hr = imresize(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), 6)
        write(Picture(hr), tmp_path / "set" / "HR" / f"{number}.png")
        write(Picture(imresize(hr, 0.5)), tmp_path / "set" / "LRx2" / f"{number}.jpg", quality=98)

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        said = capsys.readouterr()
        assert left.value.code == 0, said.err
        return said.out

    patches = str(tmp_path / "patches")
    run("pack", str(tmp_path / "set"), "-o", patches, "--patch", "24", "--scale", "2")
    run("evaluate", "bicubic", "--data", patches, "--scale", "2", "-o", str(tmp_path / "e"))
    stored = json.loads((tmp_path / "e" / "evaluation.json").read_text())
    assert stored["pictures"] == 12 and stored["low_resolution"] == "lr of the set"
    explored = json.loads(run("explore", patches, "--scale", "2", "-o", str(tmp_path / "x"), "--json"))
    for name in ("psnr", "ssim"):
        for figure in ("mean", "deviation"):
            found = explored["bicubic"][name][figure]
            assert found == pytest.approx(stored["models"]["bicubic"][name][figure], abs=1e-3)
