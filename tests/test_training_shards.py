"""Training on shards: the same batches from a folder, from a bucket, and after any interruption, on a small disk."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.commands import Command
from tests.object_store import BUCKET, ObjectStore, environment, object_store
from tests.small_runs import SMALL, equal_runs, save_smooth
from upres.config.named_parts import build, parse_line
from upres.data import Patches, build_cache, open_source
from upres.data.shards import Shards, Windows, pack_shards
from upres.degrade import DEGRADATIONS, Degradation
from upres.errors import ConfigError, DataError, StorageError
from upres.recipes import parse_recipe, run_recipe
from upres.storage.places import Patience

pytest.importorskip("obstore", reason="obstore, the extra objects, is not installed")

SHARD = 20_000  # two pictures of 48×48 and their partners


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    save_smooth(tmp_path / "data/train", 12)
    save_smooth(tmp_path / "data/validation", 2)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture
def store(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    server.empty()
    server.proxy.fault = lambda method, path: ""
    server.proxy.seen.clear()
    for name, value in environment(server.proxy.address).items():
        monkeypatch.setenv(name, value)
    brief = Patience.__init__
    monkeypatch.setattr(Patience, "__init__", lambda self: brief(self, 4, 0.01, 0.02))
    return server


def bicubic() -> Degradation:
    return build(DEGRADATIONS, parse_line(DEGRADATIONS, "bicubic", where="test"))


def packed(data: Path, address: str | Path) -> None:
    source = open_source(str(data / "train"), scale=2)
    about = {"name": "bicubic"}
    assert pack_shards([source], bicubic(), address, scale=2, seed=0, shard=SHARD, degraded=about) == (12, 6)


def batches(shards: Shards, steps: list[int], share: slice = slice(None)) -> list[tuple[bytes, bytes]]:
    windows = Windows(shards, seed=7, steps=3)
    patches = Patches(shards, patch=8, batch=6, seed=7, steps=100, candidates=2, windows=windows)
    return [(lr.tobytes(), hr.tobytes()) for lr, hr in (patches.at(step, share) for step in steps)]


def test_shards_hold_what_a_cache_holds(data: Path, tmp_path: Path) -> None:
    packed(data, tmp_path / "shards")
    source = open_source(str(data / "train"), scale=2)
    cache = build_cache([source], bicubic(), "bicubic", scale=2, colour="rgb", seed=0)
    shards = Shards(tmp_path / "shards", disk=1 << 30, window=6)
    shards.hold(range(6), None)
    assert [entry.name for entry in shards.entries] == [entry.name for entry in cache.entries]
    for index in range(12):
        assert np.array_equal(shards.hr(index), cache.hr(index)) and np.array_equal(shards.lr(index), cache.lr(index))
    before = {path.name: path.read_bytes() for path in (tmp_path / "shards").iterdir()}
    packed(data, tmp_path / "shards")
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "shards").iterdir()}
    assert len(before) == 13
    shards.close()


def test_batches_are_a_function_of_seed_and_step(data: Path, tmp_path: Path, store: ObjectStore) -> None:
    packed(data, tmp_path / "shards")
    packed(data, f"s3://{BUCKET}/train")
    assert store.names("train/") == sorted(f"train/{path.name}" for path in (tmp_path / "shards").iterdir())
    local = Shards(tmp_path / "shards", disk=1 << 30, window=2)
    steps = list(range(30))
    expected = batches(local, steps)
    assert len(set(expected)) == 30
    stored = Shards(f"s3://{BUCKET}/train", disk=1 << 30, window=2)
    assert batches(stored, steps) == expected
    # From the middle, and in any order.
    again = Shards(f"s3://{BUCKET}/train", disk=1 << 30, window=2)
    assert batches(again, [17, 18, 3, 29]) == [expected[step] for step in (17, 18, 3, 29)]
    # Two processes share each batch as one draws it.
    halves = [batches(local, steps, slice(rank, None, 2)) for rank in (0, 1)]
    for step in steps:
        whole = np.frombuffer(expected[step][0], np.uint8).reshape(6, -1)
        assert np.array_equal(whole[0::2].ravel(), np.frombuffer(halves[0][step][0], np.uint8))
        assert np.array_equal(whole[1::2].ravel(), np.frombuffer(halves[1][step][0], np.uint8))
    for shards in (local, stored, again):
        shards.close()


def test_the_disk_holds_a_window_and_one_more(data: Path, store: ObjectStore) -> None:
    packed(data, f"s3://{BUCKET}/train")
    shards = Shards(f"s3://{BUCKET}/train", disk=1 << 30, window=2)
    windows = Windows(shards, seed=1, steps=2)
    seen: set[int] = set()
    for step in range(2 * 6 * 3):
        windows.at(step)
        wanted, ahead = windows.numbers(step)
        seen |= set(wanted)
        here = {path.name for path in shards._scratch.glob("0*")}
        assert here <= {f"{number:05}.{kind}" for number in (*wanted, ahead) for kind in ("hr", "lr")}
        assert sum(path.stat().st_size for path in shards._scratch.glob("0*")) <= shards.bytes
    assert seen == set(range(6))
    # Each pass goes through every shard once: a window's first shard is each of them in turn.
    assert sorted(windows._number(place) for place in range(6)) == list(range(6))
    scratch = shards._scratch
    shards.close()
    assert not scratch.exists()


def test_faults_on_the_way_change_nothing(data: Path, tmp_path: Path, store: ObjectStore) -> None:
    packed(data, tmp_path / "shards")
    packed(data, f"s3://{BUCKET}/train")
    lock, count = threading.Lock(), [0]

    def fault(method: str, path: str) -> str:
        with lock:
            count[0] += 1
            return ("", "503", "", "cut", "", "500", "", "lost")[count[0] % 8]

    store.proxy.fault = fault
    steps = list(range(20))
    shards, local = (
        Shards(f"s3://{BUCKET}/train", disk=1 << 30, window=2),
        Shards(tmp_path / "shards", disk=1 << 30, window=2),
    )
    assert batches(shards, steps) == batches(local, steps)
    store.proxy.fault = lambda method, path: "403"
    with pytest.raises(StorageError, match="the store refuses it to these credentials"):
        batches(shards, list(range(20, 40)))
    store.proxy.fault = lambda method, path: ""
    assert batches(shards, list(range(20, 40))) == batches(local, list(range(20, 40)))
    shards.close()
    local.close()


def test_what_shards_cannot_be(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"index\.json: no such file; upres pack --shards writes it"):
        Shards(tmp_path / "none", disk=1, window=1)
    packed(data, tmp_path / "shards")
    with pytest.raises(ConfigError, match=r"data\.window = 2: 3 shards take .* GB, and data\.disk allows 4e-05 GB"):
        Shards(tmp_path / "shards", disk=40_000, window=2)
    path = tmp_path / "shards/00002.lr"
    path.write_bytes(bytes(path.stat().st_size))
    shards = Shards(tmp_path / "shards", disk=1 << 30, window=6)
    with pytest.raises(DataError, match=r"00002\.lr: has other bytes than were packed"):
        shards.hold(range(6), None)
    (tmp_path / "shards/index.json").write_text("{}")
    with pytest.raises(DataError, match="is no index of shards that this version reads"):
        Shards(tmp_path / "shards", disk=1, window=1)


def recipe(root: Path, address: str, **data: object) -> dict[str, object]:
    own = {name: value for name, value in SMALL["data"].items() if name != "train"}
    own |= {"root": str(root), "shards": address, "window": 2, "window_steps": 3, **data}
    return {**SMALL, "data": own}


@pytest.mark.slow
def test_a_training_from_a_bucket_goes_on_in_the_middle(
    data: Path, tmp_path: Path, store: ObjectStore, command: Command
) -> None:
    code, out, _ = command(
        "pack", str(data / "train"), "-o", f"s3://{BUCKET}/train", "--scale", "2", "--shards", "20KB"
    )
    assert code == 0 and "12 pictures in 6 shards" in out
    values = recipe(data, f"s3://{BUCKET}/train")
    run_recipe(parse_recipe(values, where="test"), tmp_path / "whole")
    stopped = parse_recipe(values, where="test")

    def stop(line: str) -> None:
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_recipe(stopped, tmp_path / "broken", log=stop)
    assert (tmp_path / "broken/last.ckpt").is_file()
    run_recipe(stopped, tmp_path / "broken", resume=True)
    equal_runs(tmp_path / "whole", tmp_path / "broken")


def test_batches_drawn_ahead_have_their_shards(data: Path, tmp_path: Path, command: Command) -> None:
    place = str(tmp_path / "shards")
    code, _, err = command("pack", str(data / "train"), "-o", place, "--scale", "2", "--shards", "20KB")
    assert code == 0, err
    for name, ahead in (("none", 0), ("some", 4)):
        values = recipe(data, place)
        values["train"] = {**SMALL["train"], "prefetch": ahead}
        run_recipe(parse_recipe(values, where="test"), tmp_path / name)
    equal_runs(tmp_path / "none", tmp_path / "some")


def test_a_recipe_and_its_shards_fit(data: Path, tmp_path: Path) -> None:
    packed(data, tmp_path / "data/shards")
    with pytest.raises(ConfigError, match=r"data\.shards and data\.train both say what is trained on"):
        parse_recipe(recipe(data, "shards", train=SMALL["data"]["train"]), where="test")
    values = recipe(data, "shards")
    values["train"] = {name: value for name, value in SMALL["train"].items() if name != "steps_per_epoch"}
    with pytest.raises(ConfigError, match=r"data\.shards needs train\.steps_per_epoch"):
        parse_recipe(values, where="test")
    with pytest.raises(ConfigError, match=r"disk = 'much': should be a number with a unit"):
        parse_recipe(recipe(data, "shards", disk="much"), where="test")
    parsed = parse_recipe(recipe(data, "shards"), where="test")
    assert parse_recipe(parsed.dump(), where="test") == parsed
    with pytest.raises(ConfigError, match="were packed with scale 2, and the recipe's is 3"):
        run_recipe(parse_recipe({**recipe(data, "shards"), "scale": 3}, where="test"), tmp_path / "run")
    other = {**recipe(data, "shards"), "degradation": {"name": "bicubic"}}
    index = tmp_path / "data/shards/index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "degradation": {"name": "jpeg"}}))
    with pytest.raises(ConfigError, match=r"were packed with degradation .*jpeg"):
        run_recipe(parse_recipe(other, where="test"), tmp_path / "run")
