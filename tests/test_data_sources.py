"""Sources by their published layouts, options that all share, and the forms in which a source is written."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from upres.config import parse
from upres.data import SOURCES, build_cache, open_source, parse_source
from upres.data.sources.celeba import Celeba, CelebaConfig
from upres.data.sources.celeba_hq import CelebaHq, CelebaHqConfig
from upres.data.sources.div2k import Div2k, Div2kConfig
from upres.data.sources.folder import Folder, FolderConfig
from upres.data.sources.npz import Npz, NpzConfig
from upres.data.sources.options import PictureOptions, prepared, prepared_size, selected
from upres.degrade.bicubic import Bicubic, BicubicConfig
from upres.errors import ConfigError, DataError
from upres.image import Picture, imresize, write


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Picture(pixels), path, **({"lossless": True} if path.suffix == ".webp" else {}))


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def div2k(home: Path, numbers: range, split: str = "train", scale: int = 4) -> None:
    for number in numbers:
        hr = noise(64, 80, number)
        save(home / f"DIV2K_{split}_HR" / f"{number:04d}.png", hr)
        save(home / f"DIV2K_{split}_LR_bicubic" / f"X{scale}" / f"{number:04d}x{scale}.png", imresize(hr, 1 / scale))


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, "abcdef"),
        ({"skip": 2}, "cdef"),
        ({"skip": -2}, "ef"),
        ({"take": 2}, "ab"),
        ({"take": -2}, "abcd"),
        ({"skip": 1, "take": 2}, "bc"),
        ({"skip": 9}, ""),
    ],
)
def test_skip_and_take_cut_as_python_does(options: dict[str, int], left: str) -> None:
    assert "".join(selected("abcdef", PictureOptions(**options))) == left


def test_what_is_held_out_and_what_is_left_make_the_whole_also_when_shuffled() -> None:
    train = selected(range(50), PictureOptions(shuffle=3, take=-10))
    held_out = selected(range(50), PictureOptions(shuffle=3, skip=-10))
    assert sorted(train + held_out) == list(range(50)) and train[:5] != [0, 1, 2, 3, 4]


def test_crop_shrink_and_resize_keep_the_centre_unstretched() -> None:
    pixels = noise(218, 178)
    assert np.array_equal(prepared(pixels, PictureOptions(crop=(100, 60)), ""), pixels[59:159, 59:119])
    assert np.array_equal(prepared(pixels, PictureOptions(shrink=2), ""), imresize(pixels, 0.5))
    square = prepared(pixels, PictureOptions(resize=128), "")
    assert np.array_equal(square, imresize(pixels[20:198], size=(128, 128)))


def test_a_stretched_picture_keeps_its_borders_and_has_a_cache_of_its_own() -> None:
    pixels = noise(218, 178)
    stretch, crop = PictureOptions(resize=128, fit="stretch"), PictureOptions(resize=128)
    assert np.array_equal(prepared(pixels, stretch, ""), imresize(pixels, size=(128, 128)))
    assert stretch.words() == " (resize 128×128, fit stretch)" and crop.words() == " (resize 128×128)"
    assert crop.identity == str(crop) != stretch.identity


@pytest.mark.parametrize(
    "options",
    [
        {"crop": 51},
        {"shrink": 3},
        {"resize": (40, 30)},
        {"resize": (40, 30), "fit": "stretch"},
        {"crop": (60, 90), "resize": 40},
    ],
)
def test_the_size_told_beforehand_is_the_size_made(options: dict[str, object]) -> None:
    chosen = PictureOptions(**options)
    pixels = noise(71, 93)
    assert prepared(pixels, chosen, "").shape[:2] == prepared_size(71, 93, chosen, "")


def test_the_truth_is_never_enlarged() -> None:
    with pytest.raises(
        DataError, match=r"a\.png: 90×120 is smaller than resize = 128×128, .*; remove it or lower resize"
    ):
        prepared(noise(120, 90), PictureOptions(resize=128), "a.png")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"take": 0}, "take = 0 leaves no pictures"),
        ({"shrink": 0}, "shrink = 0: should be at least 1"),
        ({"fit": "stretch"}, "fit = stretch: there is no resize to stretch to; give resize, or leave fit out"),
        ({"resize": 64, "fit": "strech"}, "fit = 'strech'"),
        ({"resize": 0}, "resize = 0: should be at least 1 pixel"),
        ({"lr": "LR", "crop": 8}, "lr with crop, shrink or resize would tear the pairs apart"),
        ({"lr": "LR", "partner": "x4"}, "partner = 'x4': should hold {stem}"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=r"r\.yaml: ") as error:
        parse(FolderConfig, {"path": "a", **values}, where="r.yaml")
    assert said in str(error.value)


def test_folder_finds_partners_by_name_in_subfolders_and_out_of_them(tmp_path) -> None:
    hr = noise(16, 16)
    for name in ("a/1.png", "b/2.png"):
        save(tmp_path / "HR" / name, hr)
    save(tmp_path / "LR" / "a" / "1x4.webp", hr[:4, :4])
    save(tmp_path / "LR" / "2x4.png", hr[:4, 4:8])
    source = Folder(FolderConfig(path="HR", lr="LR", partner="{stem}x4"), root=tmp_path)
    first, second = source.sample(0), source.sample(1)
    assert first.name == "a/1.png" and np.array_equal(first.lr, hr[:4, :4])
    assert np.array_equal(second.lr, hr[:4, 4:8])
    assert source.outline(0).lr == (4, 4)
    (tmp_path / "LR" / "2x4.png").unlink()
    source = Folder(FolderConfig(path="HR", lr="LR", partner="{stem}x4"), root=tmp_path)
    with pytest.raises(DataError, match=r"2\.png: its low-resolution partner .*LR/b/2x4\.png is missing; add it"):
        source.outline(1)


def test_div2k_reads_its_published_pairs_and_makes_others(tmp_path) -> None:
    div2k(tmp_path / "DIV2K", range(1, 4))
    div2k(tmp_path / "DIV2K", range(801, 803), "valid")
    train = Div2k(Div2kConfig(lr="bicubic/X4"), root=tmp_path)
    assert len(train) == 3 and train.sample(2).name == "0003.png"
    assert np.array_equal(train.sample(2).lr, imresize(noise(64, 80, 3), 0.25))
    valid = Div2k(Div2kConfig(path="DIV2K", split="validation"), root=tmp_path)
    assert len(valid) == 2 and valid.sample(0).lr is None


def test_div2k_missing_says_which_archive_and_what_it_holds(tmp_path) -> None:
    with pytest.raises(DataError) as error:
        Div2k(Div2kConfig(split="validation", lr="bicubic/X4"), root=tmp_path)
    said = str(error.value)
    assert "get DIV2K_valid_HR.zip and DIV2K_valid_LR_bicubic_X4.zip from https://" in said
    assert "DIV2K_valid_HR/0801.png and DIV2K_valid_LR_bicubic/X4/0801x4.png" in said and "\n" not in said
    with pytest.raises(ConfigError, match=r"lr = 'bicubic/x4': should be bicubic or unknown and X2, X3 or X4"):
        parse(Div2kConfig, {"lr": "bicubic/x4"}, where="r.yaml")


def test_celeba_is_cut_by_the_published_partition(tmp_path) -> None:
    for number in (1, 162770, 162771, 182637, 182638, 202599):
        save(tmp_path / "celeba" / "img_align_celeba" / f"{number:06d}.jpg", noise(218, 178))
    counts = {s: len(Celeba(CelebaConfig(split=s), root=tmp_path)) for s in ("train", "validation", "test", "all")}
    assert counts == {"train": 2, "validation": 2, "test": 2, "all": 6}
    source = Celeba(CelebaConfig(path="celeba", resize=128), root=tmp_path)
    assert source.sample(0).hr.shape == (128, 128, 3)
    assert source.original(0).shape == (218, 178, 3)
    with pytest.raises(DataError, match=r"CelebA is not there; get img_align_celeba\.zip from https://"):
        Celeba(CelebaConfig(path="elsewhere"), root=tmp_path)


def test_celeba_hq_counts_its_numbers_and_holds_out_the_last(tmp_path) -> None:
    for number in range(12):
        save(tmp_path / "CelebA-HQ-img" / f"{number}.png", np.full((8, 8, 3), number, np.uint8))
    train = CelebaHq(CelebaHqConfig(validation=2), root=tmp_path)
    assert [int(train.sample(index).hr[0, 0, 0]) for index in range(len(train))] == list(range(10))
    held_out = CelebaHq(CelebaHqConfig(split="validation", validation=2), root=tmp_path)
    assert [held_out.sample(index).name for index in range(2)] == ["10.png", "11.png"]
    with pytest.raises(DataError, match=r"00000\.jpg to 29999\.jpg .* \{name: hf, dataset: eurecom-ds/celeba-hq-256\}"):
        CelebaHq(CelebaHqConfig(path="elsewhere"), root=tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("names", "first"),
    [(("hr_images", "lr_images"), "uint8"), (("y_train", "x_train"), "float"), (("arr_0", "arr_1"), "planes")],
)
def test_npz_finds_pairs_by_their_shapes(tmp_path, names: tuple[str, str], first: str, compressed: bool) -> None:
    hr, lr = np.stack([noise(16, 16, n) for n in range(3)]), np.stack([noise(4, 4, n) for n in range(3)])
    stored = {"uint8": (hr, lr), "float": (hr / 255, lr / 255), "planes": (hr.transpose(0, 3, 1, 2),) * 1 + (lr,)}[
        first
    ]
    (np.savez_compressed if compressed else np.savez)(
        tmp_path / "p.npz",
        **dict(zip(names, stored, strict=True)),
        names=np.array(["a", "b", "c"]),
        labels=np.arange(3),
    )
    source = Npz(NpzConfig(path="p.npz"), root=tmp_path)
    assert np.array_equal(source.sample(1).hr, hr[1]) and np.array_equal(source.sample(1).lr, lr[1])
    assert f"3 pictures, hr is {names[0]} (16×16), lr is {names[1]} (4×4)" in source.describe()
    assert source.outline(0).hr == (16, 16) and source.outline(0).lr == (4, 4)
    made = Npz(NpzConfig(path="p.npz", lr="made", crop=8, skip=-1), root=tmp_path)
    assert made.sample(0).lr is None and np.array_equal(made.sample(0).hr, hr[2, 4:12, 4:12])


def test_npz_that_cannot_be_read_of_itself_lists_its_arrays(tmp_path) -> None:
    np.savez(tmp_path / "p.npz", a=np.zeros((2, 8, 8, 3), np.uint8), b=np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(DataError, match=r"give hr: NAME and lr: NAME of a uint8 2×8×8×3, b uint8 2×8×8×3"):
        len(Npz(NpzConfig(path="p.npz"), root=tmp_path))
    (tmp_path / "n.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match=r"n\.npz: not a readable \.npz file"):
        len(Npz(NpzConfig(path="n.npz"), root=tmp_path))


@pytest.mark.parametrize("colour", ["gray", "luma", "rgb"])
def test_every_kind_of_file_trains_in_every_colour(tmp_path, colour) -> None:
    div2k(tmp_path, range(1, 3))
    np.savez(tmp_path / "p.npz", hr=np.stack([noise(16, 16)] * 2), lr=np.stack([noise(4, 4)] * 2))
    for source in (Div2k(Div2kConfig(lr="bicubic/X4"), root=tmp_path), Npz(NpzConfig(path="p.npz"), root=tmp_path)):
        cache = build_cache(
            [source], Bicubic(BicubicConfig()), "b", scale=4, colour=colour, seed=0, home=tmp_path / "c"
        )
        assert cache.hr(1).shape[2] == cache.lr(1).shape[2] == (3 if colour == "rgb" else 1)


def test_one_line_opens_whatever_a_path_holds(tmp_path) -> None:
    div2k(tmp_path / "sets" / "DIV2K", range(1, 3))
    save(tmp_path / "faces" / "img_align_celeba" / "000001.jpg", noise(218, 178))
    save(tmp_path / "celeba_hq_256" / "00000.jpg", noise(16, 16))
    save(tmp_path / "Set" / "HR" / "a.png", noise(16, 16))
    save(tmp_path / "Set" / "LRx2" / "a.png", noise(8, 8))
    save(tmp_path / "plain" / "0.png", noise(16, 16))
    np.savez(tmp_path / "p.npz", hr=np.stack([noise(16, 16)] * 2))
    for line, kind in {
        "sets/DIV2K": "div2k",
        "sets": "div2k",
        "faces": "celeba",
        "faces/img_align_celeba": "celeba",
        "celeba_hq_256": "celeba-hq",
        "Set": "benchmark",
        "plain": "folder",
        "p.npz": "npz",
    }.items():
        assert type(open_source(f"{tmp_path}/{line}")) is SOURCES[kind], line
    assert open_source(f"{tmp_path}/sets", scale=4).outline(0).lr == (16, 20)
    assert open_source(f"{tmp_path}/sets", scale=2).outline(0).lr is None
    div2k(tmp_path / "sets" / "DIV2K", range(801, 802), "valid")
    assert open_source(f"{tmp_path}/sets", scale=4, split="validation").outline(0).where.endswith("_HR/0801.png")
    assert open_source(f"{tmp_path}/sets?split=validation", scale=4).outline(0).lr == (16, 20)
    assert open_source(f"{tmp_path}/sets?shrink=2", scale=4).outline(0).hr == (32, 40)
    assert open_source(f"{tmp_path}/Set", scale=2).outline(0).lr == (8, 8)
    assert open_source(f"{tmp_path}/Set?crop=8", scale=2).outline(0).lr is None
    assert open_source(f"{tmp_path}/sets", scale=4, evaluated=True).outline(0).where.endswith("_HR/0801.png")
    assert (
        open_source(f"{tmp_path}/sets?split=train", scale=4, evaluated=True).outline(0).where.endswith("_HR/0001.png")
    )
    assert len(open_source(f"{tmp_path}/p.npz?skip=-1")) == 1
    assert len(open_source(f"{tmp_path}/p.npz", split="train")) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nowhere", r"nowhere: no such file or folder; give pictures, an \.npz file, or hf://owner/name"),
        ("plain?tke=3", r"unknown key tke = '3': did you mean take\?"),
        ("plain?take", r"'take' should be options, as in \?take=100&shrink=2"),
        ("notes.txt", r"notes\.txt: not a set of pictures; give a folder"),
    ],
)
def test_one_line_that_is_wrong(tmp_path, line: str, said: str) -> None:
    save(tmp_path / "plain" / "0.png", noise(16, 16))
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises((ConfigError, DataError), match=said):
        open_source(f"{tmp_path}/{line}")


def test_a_recipe_names_a_hub_dataset_in_three_forms() -> None:
    long = {"name": "hf", "dataset": "eurecom-ds/celeba-hq-256", "split": "train", "take": 9}
    short = {"path": "hf://eurecom-ds/celeba-hq-256", "split": "train", "take": 9}
    lines = [long, short, "hf://eurecom-ds/celeba-hq-256?split=train&take=9"]
    first, *rest = [parse_source(values, where="r.yaml", key="data.train.0") for values in lines]
    assert first.name == "hf" and all(part == first for part in rest)
    assert parse_source("hf://a/b@v2", where="r", key="k").config.revision == "v2"
    with pytest.raises(ConfigError, match=r"r\.yaml: unknown key data\.train\.0\.slit = 'x': did you mean split"):
        parse_source({"path": "hf://a/b", "slit": "x"}, where="r.yaml", key="data.train.0")


def test_the_page_lists_the_table() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z0-9-]+)` \| .* \| (.*) \|$", page, re.MULTILINE))
    assert set(listed) == set(SOURCES)
    shared = {field.name for field in dataclasses.fields(PictureOptions)}
    for name, options in listed.items():
        own = {field.name for field in dataclasses.fields(SOURCES[name].config_type)} - shared
        assert own <= set(re.findall(r"`(\w+)`", options)), name


def test_every_source_recognises_only_its_own(tmp_path) -> None:
    """A plain folder of pictures is nobody's but the last one's, so that the order of the table does not matter."""
    save(tmp_path / "plain" / "0.png", noise(16, 16))
    for path in (tmp_path / "plain", tmp_path / "plain" / "0.png"):
        takers = [name for name in SOURCES if SOURCES[name].recognise(path, scale=2, split=None) is not None]
        assert takers == (["folder"] if path.is_dir() else [])
