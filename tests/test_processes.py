"""Several processes: as many as asked for, and the same result as one."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml

from tests.forks import ForkServer
from tests.small_runs import GAN, SMALL, recipe_of, rows_of, small_data
from upres.errors import ConfigError
from upres.recipes import read_recipe, run_recipe
from upres.train import processes


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return small_data(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("devices", "nodes", "environment", "expected"),
    [
        (None, None, {}, (1, 1)),
        (2, 3, {}, (2, 3)),
        (None, None, {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, (4, 2)),
        (4, 2, {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, (4, 2)),
    ],
)
def test_processes_as_asked_for_or_as_torchrun_started_them(
    devices: int | None, nodes: int | None, environment: dict[str, str], expected: tuple[int, int]
) -> None:
    assert processes(devices, nodes, environment) == expected


def test_processes_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="devices = 0: should be at least 1"):
        processes(0, None, {})
    started = {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}
    with pytest.raises(ConfigError, match="devices = 2: torchrun started 4; leave devices out"):
        processes(2, None, started)


def test_a_batch_that_processes_cannot_share(data: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"train\.batch = 4: cannot be shared evenly by 3 processes; make it a multiple"
    ):
        run_recipe(recipe_of(data), tmp_path / "run", devices=3)
    assert not (tmp_path / "run").exists()


def by_torchrun(forks: ForkServer, *arguments: str) -> tuple[str, str]:
    """Run two processes with what torchrun tells each; return what they print."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "1"}
    sizes = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0"}
    ranks = ({**shared, **sizes, "RANK": rank, "LOCAL_RANK": rank} for rank in ("0", "1"))
    started = [forks.start(*arguments, environment=rank) for rank in ranks]
    assert [process.wait() for process in started] == [0, 0], [process.err for process in started]
    return "".join(process.out for process in started), "".join(process.err for process in started)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"adversarial": {**GAN, "kind": "vanilla"}}], ids=["alone", "adversarial"])
def test_two_processes_equal_one_with_the_doubled_batch(
    data: Path, tmp_path: Path, changes: dict[str, object], forks: ForkServer
) -> None:
    """The recipe's batch is that of all processes: each of the two takes every second pair.

    One pair is started by the command itself, the other as torchrun starts it.
    """
    values = {**SMALL, **changes, "data": {**SMALL["data"], "root": str(data)}}
    # Adam divides by the gradient's size, and would make much of a rounding error where that is nearly zero.
    settings = {"rate": 3e-3, "epsilon": 1e-3}
    values["train"] = {**SMALL["train"], "epochs": 2, "accumulate": 2, "clip": 1.0, "optimizer": settings}
    recipe = tmp_path / "small.yaml"
    recipe.write_text(yaml.safe_dump(values))
    one, two = tmp_path / "one", tmp_path / "two"
    run_recipe(read_recipe(str(recipe)), one)
    if changes:
        out, err = by_torchrun(forks, "train", str(recipe), "--run", str(two))
    else:
        done = forks.run("train", str(recipe), "--run", str(two), "--devices", "2")
        assert done.returncode == 0, done.err
        out, err = done.out, done.err
    assert out.splitlines() == [str(two / "best.safetensors")]
    assert sum(line.startswith("epoch 2/2") for line in err.splitlines()) == 1
    states = [torch.load(run / "last.ckpt", weights_only=True)["state_dict"] for run in (one, two)]
    assert states[0].keys() == states[1].keys()
    for name, tensor in states[0].items():
        # Sums of 4-byte floats in another order, over 8 steps.
        torch.testing.assert_close(states[1][name], tensor, rtol=1e-3, atol=1e-5, msg=partial("{}: {}".format, name))
    for left, right in zip(rows_of(one), rows_of(two), strict=True):
        for column in ("train_l1", "val_l1", "val_psnr"):
            assert right[column] == pytest.approx(left[column], rel=1e-3)
