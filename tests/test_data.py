"""Sources, the cache and the batches drawn from it."""

from __future__ import annotations

import io
import pickle
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.small_sets import save_cifar
from upres.data import SOURCES, Patches, build_cache, whole_pictures
from upres.data.cache import to_colour
from upres.data.sources.cifar10 import Cifar10, Cifar10Config
from upres.data.sources.folder import Folder, FolderConfig
from upres.data.sources.npz import Npz, NpzConfig
from upres.degrade.bicubic import Bicubic, BicubicConfig
from upres.errors import DataError
from upres.image import Picture, imresize, luma, write

BICUBIC = Bicubic(BicubicConfig())


def save_noise(folder: Path, sizes: list[tuple[int, int]], seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    # Away from black and white, where rounding between the passes also clips.
    pictures = [rng.integers(80, 176, (height, width, 3), dtype=np.uint8) for height, width in sizes]
    folder.mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(pictures):
        write(Picture(pixels), folder / f"{number:02d}.png")
    return pictures


def cache_of(source, tmp_path, scale=2, colour="rgb"):
    return build_cache([source], BICUBIC, "bicubic", scale=scale, colour=colour, seed=0, home=tmp_path / "cache")


def test_cache_holds_cropped_hr_and_its_bicubic_reduction(tmp_path) -> None:
    pictures = save_noise(tmp_path / "p", [(21, 32), (16, 16)])
    cache = cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path)
    assert [entry.name for entry in cache.entries] == ["00.png", "01.png"]
    for index, pixels in enumerate(pictures):
        height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
        assert np.array_equal(cache.hr(index), pixels[:height, :width])
        assert np.array_equal(cache.lr(index), imresize(pixels[:height, :width], 0.5))


def test_cache_is_built_once_and_anew_when_a_picture_changes(tmp_path) -> None:
    save_noise(tmp_path / "p", [(16, 16)])
    first = cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path)
    assert cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path).folder == first.folder
    save_noise(tmp_path / "p", [(18, 18)], seed=1)
    assert cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path).folder != first.folder


def test_a_failed_cache_leaves_nothing(tmp_path) -> None:
    save_noise(tmp_path / "p", [(16, 16)])
    (tmp_path / "p" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not a picture")
    with pytest.raises(Exception, match=r"broken\.png"):
        cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []


def test_patches_are_aligned_pairs(tmp_path) -> None:
    save_noise(tmp_path / "p", [(40, 60), (64, 40)])
    cache = cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path)
    patches = Patches(cache, patch=8, batch=32, seed=3, steps=4)
    lr, hr = patches.at(2)
    assert lr.shape == (32, 8, 8, 3) and hr.shape == (32, 16, 16, 3)
    for small, large in zip(lr, hr, strict=True):
        # The reduction of the crop equals the crop of the reduction away from the crop's edge.
        difference = imresize(large, 0.5).astype(int)[2:-2, 2:-2] - small[2:-2, 2:-2]
        assert abs(difference).max() <= 1  # rounding between the passes happens in the other order when turned


def test_all_eight_orientations_are_drawn(tmp_path) -> None:
    save_noise(tmp_path / "p", [(16, 16)])
    cache = cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path)
    lr, _ = Patches(cache, patch=8, batch=200, seed=0, steps=1).at(0)
    assert len({picture.tobytes() for picture in lr}) == 8
    lr, _ = Patches(cache, patch=8, batch=200, seed=0, steps=1, augment=False).at(0)
    assert len({picture.tobytes() for picture in lr}) == 1


def test_a_batch_depends_on_seed_and_step_only(tmp_path) -> None:
    save_noise(tmp_path / "p", [(40, 60), (64, 40)])
    cache = cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path)
    first, second = (Patches(cache, patch=8, batch=6, seed=3, steps=4) for _ in range(2))
    first.at(0)
    assert np.array_equal(first.at(7)[0], second.at(7)[0])
    assert not np.array_equal(first.at(7)[0], first.at(8)[0])
    assert not np.array_equal(first.at(7)[0], Patches(cache, patch=8, batch=6, seed=4, steps=4).at(7)[0])


def test_of_candidates_the_one_with_most_detail_is_taken(tmp_path) -> None:
    half = np.full((64, 64, 3), 100, np.uint8)
    half[:, 32:] = np.random.default_rng(0).integers(80, 176, (64, 32, 3))
    (tmp_path / "p").mkdir()
    write(Picture(half), tmp_path / "p" / "half flat.png")
    cache = cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path)

    def flat(candidates: int, steps: int | None = 1) -> float:
        batch = Patches(cache, patch=4, batch=200, seed=0, steps=steps, candidates=candidates).at(0)[0]
        return float(np.mean([np.ptp(crop) == 0 for crop in batch]))

    one, three = flat(1), flat(3)
    assert 0.3 < one < 0.6
    assert three == pytest.approx(one**3, abs=0.06)  # only where all three are flat
    assert flat(3, steps=None) < 0.6 * one


def test_shares_of_a_batch_are_the_batch(tmp_path) -> None:
    save_noise(tmp_path / "p", [(40, 60)])
    patches = Patches(
        cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path), patch=8, batch=6, seed=3, steps=1
    )
    whole = patches.at(5)[1]
    assert np.array_equal(whole[0::2], patches.at(5, slice(0, None, 2))[1])
    assert np.array_equal(whole[1::2], patches.at(5, slice(1, None, 2))[1])


def test_without_steps_an_epoch_visits_every_picture_once(tmp_path) -> None:
    array = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((12, 4, 4, 3), np.uint8)
    np.savez(tmp_path / "a.npz", hr=array)
    cache = cache_of(Npz(NpzConfig(path="a.npz"), root=tmp_path), tmp_path)
    patches = Patches(cache, patch=2, batch=4, seed=0)
    assert len(patches) == 3
    orders = [[int(v) for step in range(3) for v in patches.at(3 * epoch + step)[0][:, 0, 0, 0]] for epoch in (0, 1)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(12))
    assert orders[0] != orders[1]


def test_whole_pictures_stacks_equal_sizes_and_loses_none(tmp_path) -> None:
    save_noise(tmp_path / "p", [(16, 16), (16, 16), (20, 16)])
    cache = cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path)
    assert [lr.shape for lr, _ in whole_pictures(cache)] == [(2, 8, 8, 3), (1, 10, 8, 3)]


def test_too_small_pictures_are_named(tmp_path) -> None:
    save_noise(tmp_path / "p", [(16, 16), (40, 40)])
    cache = cache_of(Folder(FolderConfig(path="p"), root=tmp_path), tmp_path)
    with pytest.raises(DataError, match=r"1 of 2 pictures are smaller .* patch of 16: 00\.png \(8×8\); remove them"):
        Patches(cache, patch=16, batch=1, seed=0)


def test_colours() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    assert np.array_equal(to_colour(rgb, "luma")[..., 0], np.floor(luma(rgb / 255) + 0.5).astype(np.uint8))
    white = np.full((1, 1, 3), 255, np.uint8)
    assert to_colour(white, "gray")[0, 0, 0] == 255 and to_colour(white, "luma")[0, 0, 0] == 235
    assert to_colour(white * 0, "gray")[0, 0, 0] == 0 and to_colour(white * 0, "luma")[0, 0, 0] == 16


def test_folder_skips_takes_and_shrinks(tmp_path) -> None:
    pictures = save_noise(tmp_path / "p", [(16, 16)] * 4)
    source = Folder(FolderConfig(path="p", skip=1, take=2, shrink=2), root=tmp_path)
    assert len(source) == 2 and source.sample(0).name == "01.png"
    assert np.array_equal(source.sample(0).hr, imresize(pictures[1], 0.5))


def test_folder_makes_gray_and_deep_pictures_three_channels_of_eight_bits(tmp_path) -> None:
    write(Picture(np.full((4, 4, 1), 65535, np.uint16)), tmp_path / "deep.png")
    sample = Folder(FolderConfig(path="."), root=tmp_path).sample(0)
    assert sample.hr.shape == (4, 4, 3) and sample.hr.dtype == np.uint8 and sample.hr.min() == 255


def test_missing_data_says_where_and_what_to_do(tmp_path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such folder; give the folder that holds nowhere as data"):
        Folder(FolderConfig(path="nowhere"), root=tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: 0 pictures; check that this is the folder"):
        Folder(FolderConfig(path="empty"), root=tmp_path)
    with pytest.raises(DataError, match=r"CIFAR-10 is not there; give cifar-10-batches-py \(or cifar-10-python"):
        Cifar10(Cifar10Config(), root=tmp_path)
    with pytest.raises(DataError, match=r"x\.npz: no such file"):
        Npz(NpzConfig(path="x.npz"), root=tmp_path)


def test_npz_pairs_and_their_faults(tmp_path) -> None:
    rng = np.random.default_rng(0)
    hr, lr = rng.integers(0, 256, (3, 8, 8, 3), np.uint8), rng.integers(0, 256, (3, 4, 4, 3), np.uint8)
    np.savez(tmp_path / "pairs.npz", hr=hr, lr=lr, short=lr[:2], wrong=hr, deep=hr.astype(np.int32), unit=hr / 255)
    cache = cache_of(Npz(NpzConfig(path="pairs.npz", lr="lr"), root=tmp_path), tmp_path)
    assert np.array_equal(cache.lr(2), lr[2]) and np.array_equal(cache.hr(2), hr[2])
    assert np.array_equal(Npz(NpzConfig(path="pairs.npz", hr="unit"), root=tmp_path).sample(1).hr, hr[1])

    def fault(**names: str) -> str:
        with pytest.raises(DataError) as error:
            cache_of(Npz(NpzConfig(path="pairs.npz", **names), root=tmp_path), tmp_path)
        return str(error.value)

    assert "no array 'hrr': did you mean hr?" in fault(hr="hrr")
    assert "hr has 3 pictures and short 2; pairs need as many of both" in fault(lr="short")
    assert "hr is 8×8 and lr 8×8; at scale 2 lr should be 4×4" in fault(lr="wrong")
    assert "deep is int32; should be uint8, or float in [0, 1]" in fault(hr="deep")


def test_npz_refuses_pickles(tmp_path) -> None:
    np.savez(tmp_path / "o.npz", hr=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"o\.npz: not a readable \.npz file"):
        len(Npz(NpzConfig(path="o.npz"), root=tmp_path))


def test_cifar10_folder_and_archive_give_the_same_pictures(tmp_path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    batches = save_cifar(folder)
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(folder, "cifar-10-batches-py")
    for path in (".", "cifar-10-batches-py", "cifar-10-python.tar.gz"):
        train = Cifar10(Cifar10Config(path=path, split="train", validation=3), root=tmp_path)
        held_out = Cifar10(Cifar10Config(path=path, split="validation", validation=3), root=tmp_path)
        test = Cifar10(Cifar10Config(path=path, split="test"), root=tmp_path)
        assert (len(train), len(held_out), len(test)) == (17, 3, 4)
        row = batches["data_batch_1"][2]
        assert np.array_equal(train.sample(2).hr, row.reshape(3, 32, 32).transpose(1, 2, 0))
        assert np.array_equal(held_out.sample(2).hr[..., 0].ravel(), batches["data_batch_5"][3][:1024])


def test_cifar10_pickle_that_would_run_code_is_refused(tmp_path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    save_cifar(folder)

    class Harmful:
        def __reduce__(self):
            return (print, ("ran",))

    (folder / "test_batch").write_bytes(pickle.dumps({b"data": Harmful()}, protocol=2))
    source = Cifar10(Cifar10Config(split="test"), root=tmp_path)
    with pytest.raises(DataError, match=re.escape("test_batch: not a CIFAR-10 batch (it asks for __builtin__.print")):
        len(source)


def test_cifar10_missing_batch_and_damaged_archive(tmp_path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    save_cifar(folder)
    (folder / "data_batch_3").unlink()
    with pytest.raises(DataError, match=r"data_batch_3 missing; give cifar-10-batches-py"):
        len(Cifar10(Cifar10Config(), root=tmp_path))
    (tmp_path / "c.tar.gz").write_bytes(io.BytesIO(b"no archive").getvalue())
    with pytest.raises(DataError, match=r"c\.tar\.gz: not a readable archive"):
        len(Cifar10(Cifar10Config(path="c.tar.gz"), root=tmp_path))


def test_every_source_is_in_the_table() -> None:
    assert set(SOURCES) == {"benchmark", "celeba", "celeba-hq", "cifar10", "div2k", "folder", "hf", "npz"}
