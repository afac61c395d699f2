"""Hugging Face datasets through the real library, on a small one that is made here; no hub is asked."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands import without
from upres.data import build_cache, open_source
from upres.data.sources.hf import Hf, HfConfig
from upres.degrade.bicubic import Bicubic, BicubicConfig
from upres.errors import DataError, DataFaultsError
from upres.image import Picture, imresize, write


@pytest.fixture(scope="module", autouse=True)
def datasets() -> Any:
    """The library: two seconds to import, which a process that runs none of this is spared."""
    return pytest.importorskip("datasets")


def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (16 + 2 * number, 20, 3), dtype=np.uint8) for number in range(6)]


@pytest.fixture(scope="module")
def home(tmp_path_factory, datasets) -> Path:
    """A dataset of pictures and their halves, in all the forms in which one lies on a disk."""
    folder = tmp_path_factory.mktemp("hf")
    columns: dict[str, list[object]] = {"image": [], "small": [], "label": list(range(6))}
    for number, pixels in enumerate(pictures()):
        for column, stored in (("image", pixels), ("small", imresize(pixels, 0.5))):
            path = folder / "files" / f"{column}-{number}.png"
            path.parent.mkdir(exist_ok=True)
            write(Picture(stored), path)
            columns[column].append({"bytes": path.read_bytes(), "path": None})
        (folder / "pictures").mkdir(exist_ok=True)
        write(Picture(pixels), folder / "pictures" / f"{number}.png")
    datasets.disable_progress_bars()
    data = datasets.Dataset.from_dict(columns)
    data = data.cast_column("image", datasets.Image()).cast_column("small", datasets.Image())
    data.save_to_disk(str(folder / "one"))
    datasets.DatasetDict({"train": data, "validation": data.select([4, 5])}).save_to_disk(str(folder / "splits"))
    (folder / "parquet").mkdir()
    data.to_parquet(str(folder / "parquet" / "train-00000-of-00001.parquet"))
    return folder


@pytest.fixture(autouse=True)
def library_cache(tmp_path, monkeypatch, datasets) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf-cache")


@pytest.mark.parametrize("form", ["one", "splits", "parquet", "pictures"])
def test_every_form_on_a_disk_gives_the_same_pictures(home, form: str) -> None:
    column = None if form == "pictures" else "image"
    source = Hf(HfConfig(dataset=form, column=column, skip=1, take=-1), root=home)
    assert len(source) == 4
    assert np.array_equal(source.sample(2).hr, pictures()[3])
    assert source.outline(2).hr == (22, 20) and source.sample(2).name == "train-000003"
    assert f"{home / form}: 4 pictures of train, column image (skip 1, take -1)" == source.describe()


def test_a_column_of_partners_and_preparation(home) -> None:
    source = Hf(HfConfig(dataset="splits", column="image", lr="small", split="validation"), root=home)
    cache = build_cache([source], Bicubic(BicubicConfig()), "b", scale=2, colour="gray", seed=0, home=home / "cache")
    assert len(cache) == 2 and cache.lr(0).shape == (12, 10, 1)
    assert Hf(HfConfig(dataset="one", column="image", resize=8), root=home).sample(0).hr.shape == (8, 8, 3)


def test_a_stream_gives_the_same_pictures_in_order_and_again(home) -> None:
    source = Hf(HfConfig(dataset="parquet", column="image", streaming=True, skip=1, take=4), root=home)
    assert source.outline(0) is None and len(source) == 4
    for index in (1, 0, 3, 2, 0):
        assert np.array_equal(source.sample(index).hr, pictures()[index + 1])
    with pytest.raises(DataError, match=r"a stream that does not say its length; give take, or streaming: false"):
        Hf(HfConfig(dataset="parquet", column="image", streaming=True), root=home)
    longer = Hf(HfConfig(dataset="parquet", column="image", streaming=True, take=9), root=home)
    with pytest.raises(DataFaultsError, match=r"ends after 6 pictures; lower take to that"):
        build_cache([longer], Bicubic(BicubicConfig()), "b", scale=2, colour="rgb", seed=0, home=home / "cache")


def test_the_fingerprint_is_that_of_the_rows(home) -> None:
    def print_of(**options: object) -> str:
        return Hf(HfConfig(dataset="one", column="image", **options), root=home).fingerprint()

    assert print_of() == print_of() != print_of(take=2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"split": "test"}, r"splits: no split 'test': Known: train, validation"),
        ({"column": None}, r"2 columns of pictures \(image, small\); give column: one of image, small, label"),
        ({"column": "imag"}, r"no column 'imag': did you mean image\?"),
        ({"column": "label"}, r"column label holds no pictures; those are in: image, small"),
        ({"skip": 6}, r"6 pictures in train, none left with skip = 6"),
        ({"split": "train[:2]"}, r"a saved dataset is cut with skip and take"),
    ],
)
def test_what_is_not_there_is_said(home, options: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Hf(HfConfig(**{"dataset": "splits", "column": "image", **options}), root=home)


def test_a_damaged_row_is_named_by_its_place(home, tmp_path, datasets) -> None:
    rows = [{"bytes": b"\x89PNG\r\n\x1a\n no picture", "path": None}, None]
    data = datasets.Dataset.from_dict({"image": rows}).cast_column("image", datasets.Image(decode=False))
    data.save_to_disk(str(tmp_path / "bad"))
    source = Hf(HfConfig(dataset="bad"), root=tmp_path)
    with pytest.raises(Exception, match=r"bad train\[0\]: the PNG data is damaged or cut short"):
        source.outline(0)
    with pytest.raises(DataError, match=r"bad train\[1\]: there is no picture in this row"):
        source.sample(1)


def test_a_saved_dataset_is_recognised_in_one_line(home) -> None:
    assert len(open_source(f"{home}/splits?split=validation&column=image")) == 2
    assert len(open_source(f"{home}/parquet?column=image")) == 6


def test_offline_is_one_line_that_says_what_to_do(monkeypatch, tmp_path, datasets) -> None:
    # What the environment variable HF_HUB_OFFLINE sets, in the two places that keep it.
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(importlib.import_module("huggingface_hub.constants"), "HF_HUB_OFFLINE", True)
    for line in ("hf://eurecom-ds/celeba-hq-256", "hf://eurecom-ds/celeba-hq-256?streaming=true&take=5"):
        with pytest.raises(DataError) as error:
            open_source(line)
        said = str(error.value)
        assert (
            "hf://eurecom-ds/celeba-hq-256: the hub cannot be reached; connect, or on a machine that can, run" in said
        )
        assert "save_to_disk('FOLDER') and give dataset: FOLDER" in said and "\n" not in said


def test_without_the_library_the_extra_is_named() -> None:
    code = """
from pathlib import Path
from upres.data.sources.hf import Hf, HfConfig
from upres.errors import MissingExtraError
try:
    Hf(HfConfig(dataset="a/b"), root=Path())
except MissingExtraError as error:
    print(error)
"""
    assert without("datasets", code=code) == 'hf://a/b needs datasets: pip install "upres[hf]"'
