"""Optimisers: what a recipe may say of them, and what each does to a network."""

from __future__ import annotations

import pytest
import torch

from upres.config import parse
from upres.errors import ConfigError
from upres.train import OPTIMIZERS, TrainConfig
from upres.train.optimizers import OptimizerConfig


def config(**values: object) -> OptimizerConfig:
    return parse(TrainConfig, {"epochs": 1, "optimizer": values}, where="r.yaml", key="train").optimizer


def left_after(name: str, rate: float, steps: int = 150) -> float:
    """How much of a badly scaled least-squares problem is left: inputs that nearly repeat each other."""
    torch.manual_seed(0)
    network = torch.nn.Conv2d(4, 4, 3, padding=1)
    inputs = torch.randn(8, 4, 16, 16)
    inputs[:, 1:] = inputs[:, :1] + 0.05 * inputs[:, 1:]
    wanted = torch.nn.functional.conv2d(inputs, torch.randn(4, 4, 3, 3), padding=1)
    optimizer = OPTIMIZERS[name](network.parameters(), config(name=name, rate=rate))
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (network(inputs) - wanted).square().mean()
        loss.backward()
        optimizer.step()
    return loss.item()


def test_soap_learns_where_inputs_nearly_repeat_each_other() -> None:
    adam = min(left_after("adam", rate) for rate in (0.03, 0.1, 0.3))
    soap = min(left_after("soap", rate) for rate in (0.03, 0.1, 0.3))
    assert soap < adam / 2


def test_soap_sees_a_kernel_as_a_matrix_of_outputs_by_inputs() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3), torch.nn.Conv2d(16, 12, 3), torch.nn.Conv2d(12, 8, 1), torch.nn.PReLU(1)
    )
    optimizer = OPTIMIZERS["soap"](network.parameters(), config(name="soap"))
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    sides = {
        tuple(parameter.shape): [len(basis) for basis in state["GG"]] for parameter, state in optimizer.state.items()
    }
    assert sides[(16, 3, 3, 3)] == [16, 27]
    assert sides[(12, 16, 3, 3)] == [12, 144]
    assert sides[(8, 12, 1, 1)] == [8, 12]
    assert sides[(1,)] == sides[(16,)] == [0], "biases and slopes are stepped as Adam does"


@pytest.mark.parametrize("shape", [(1, 12, 3, 3), (12, 1, 1, 1), (1, 5), (7,), (1,), ()], ids=str)
def test_soap_steps_a_vector_of_any_shape(shape: tuple[int, ...]) -> None:
    """A network of one channel ends in a kernel of one output, a discriminator in a row."""
    parameter = torch.nn.Parameter(torch.ones(shape))
    optimizer = OPTIMIZERS["soap"]([parameter], config(name="soap", rate=0.1))
    for _ in range(13):  # past the first renewal of the eigenbases
        parameter.grad = torch.ones(shape)
        optimizer.step()
    assert torch.all(parameter < 0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "sgd"}, "train.optimizer.name = 'sgd' is unknown: Known: adam, soap"),
        ({"rate": 0.0}, "train.optimizer.rate = 0.0: should be above 0"),
        ({"betas": [1.5, 0.9]}, r"train.optimizer.betas = \[1.5, 0.9\]: each should be in \[0, 1\)"),
        ({"betas": [0.9]}, r"train.optimizer.betas"),
        ({"weight_decay": -1.0}, "train.optimizer.weight_decay = -1.0: should be 0 or more"),
    ],
)
def test_what_cannot_be(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config(**values)
