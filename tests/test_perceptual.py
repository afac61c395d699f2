"""LPIPS and DISTS: equal to an independent implementation on the same filters, and nothing else is called so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.random_backbones import served, taken_for_published, written_out
from upres.errors import DataError, ModelError
from upres.metrics import METRICS, dists, lpips, metric
from upres.models import dists as dists_model
from upres.models import lpips as lpips_model
from upres.models.backbones import BACKBONES, Backbone, load_backbone


@pytest.fixture(autouse=True, scope="module")
def published(backbones: dict[str, Path]) -> Iterator[None]:
    with taken_for_published(backbones):
        yield


def pair(height: int, width: int, count: int = 2) -> tuple[Tensor, Tensor]:
    """A picture that is smooth in parts, and one with an error that differs from place to place."""
    generator = torch.Generator().manual_seed(height)
    coarse = torch.rand(count, 3, 5, 7, generator=generator)
    hr = nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    hr = (hr + 0.1 * torch.rand(hr.shape, generator=generator)).clamp(0, 1)
    hr[..., : height // 4, :] = 0.25  # flat, where features have no length
    sr = (hr + 0.15 * torch.randn(hr.shape, generator=generator)).clamp(0, 1)
    return sr, hr


def torchmetrics_lpips(network: str, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """torchmetrics' LPIPS with its own heads, on filters of ours: it asks torchvision for them, which is not here."""
    from torchmetrics.functional.image import lpips as theirs

    monkeypatch.setattr(theirs, "_get_tv_model_features", lambda net, pretrained=False: written_out(net))
    found: nn.Module = theirs._NoTrainLpips(net=network, pnet_rand=True)
    return found


def torchmetrics_dists(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    from torchmetrics.functional.image import dists as theirs

    class Weights:
        DEFAULT = None

    class Network:
        def __init__(self, weights: None) -> None:
            self.features = written_out("vgg16")

    monkeypatch.setattr(theirs, "_TORCHVISION_AVAILABLE", True)
    monkeypatch.setattr(theirs, "VGG16_Weights", Weights, raising=False)
    monkeypatch.setattr(theirs, "vgg16", Network, raising=False)
    return theirs.DISTSNetwork()


@pytest.mark.parametrize(("network", "size"), [("alex", (64, 75)), ("alex", (31, 40)), ("vgg", (37, 48))])
def test_lpips_is_that_of_torchmetrics(
    network: str, size: tuple[int, int], backbones: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(backbones[lpips_model.NETWORKS[network]])
    ours = lpips_model.load_lpips(network, path)
    theirs = torchmetrics_lpips(network, monkeypatch)
    sr, hr = pair(*size)
    expected = theirs(sr, hr, normalize=True).flatten()
    assert expected.min() > 1e-3
    torch.testing.assert_close(ours(sr, hr), expected, rtol=1e-5, atol=1e-6)
    metric = lpips(sr[0].permute(1, 2, 0).numpy(), hr[0].permute(1, 2, 0).numpy(), network=network, backbone=path)
    assert metric == pytest.approx(float(expected[0]), rel=1e-5)


@pytest.mark.parametrize("size", [(16, 21), (37, 48)])
def test_dists_is_that_of_torchmetrics(
    size: tuple[int, int], backbones: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(backbones["vgg16"])
    sr, hr = pair(*size)
    expected = torchmetrics_dists(monkeypatch)(sr, hr)
    assert expected.min() > 1e-3
    found = dists_model.load_dists(path)(sr, hr)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    metric = dists(sr[0].permute(1, 2, 0).numpy(), hr[0].permute(1, 2, 0).numpy(), backbone=path)
    assert metric == pytest.approx(float(found[0]), rel=1e-5)


def test_the_linear_weights_are_the_published_ones() -> None:
    """Bit for bit those in torchmetrics' wheel, which are the authors' files."""
    from torchmetrics.functional.image import dists as theirs

    folder = Path(theirs.__file__).parent
    for network in lpips_model.NETWORKS:
        published = torch.load(folder / "lpips_models" / f"{network}.pth", map_location="cpu", weights_only=True)
        for layer, found in enumerate(lpips_model.linear_weights(network)):
            assert torch.equal(found, published[f"lin{layer}.model.1.weight"].flatten())
    published = torch.load(folder / "dists_models" / "weights.pt", map_location="cpu", weights_only=True)
    for found, name in zip(dists_model.linear_weights(), ("alpha", "beta"), strict=True):
        assert torch.equal(found, published[name].flatten())


def test_gray_is_three_equal_channels_and_dtypes_do_not_matter(backbones: dict[str, Path]) -> None:
    rng = np.random.default_rng(0)
    sr, hr = rng.integers(0, 256, (2, 40, 36, 3), np.uint8)
    for measured, name in ((lpips, "alexnet"), (dists, "vgg16")):
        path = str(backbones[name])
        exact = measured(sr, hr, backbone=path)
        assert measured(sr.astype(np.uint16) * 257, hr / 255, backbone=path) == pytest.approx(exact, rel=1e-4)
        gray = measured(sr[..., 0], hr[..., 0], backbone=path)
        assert gray == pytest.approx(measured(*(x[..., [0, 0, 0]] for x in (sr, hr)), backbone=path), rel=1e-5)
        assert measured(hr, hr, backbone=path) == 0
        with pytest.raises(DataError, match=r"sr is \(39, 36, 3\) and hr \(40, 36, 3\)"):
            measured(sr[1:], hr, backbone=path)
        with pytest.raises(DataError, match="have 2 channels; the network takes 1 or 3"):
            measured(sr[..., :2], hr[..., :2], backbone=path)


@pytest.mark.parametrize("black", [0.0, 1.0])
def test_gradients_are_finite_where_nothing_is_to_be_seen(black: float, backbones: dict[str, Path]) -> None:
    path = str(backbones["vgg16"])
    for distance in (lpips_model.load_lpips("vgg", path), dists_model.load_dists(path)):
        hr = torch.full((1, 3, 24, 24), black)
        sr = hr.clone().requires_grad_()
        distance(sr, hr).sum().backward()
        assert torch.isfinite(sr.grad).all()


def test_pictures_too_small_are_told(backbones: dict[str, Path]) -> None:
    small = np.zeros((15, 40, 3), np.uint8)
    with pytest.raises(DataError, match=r"^AlexNet needs pictures of at least 31 pixels a side, not 40×15; use"):
        lpips(small, small, backbone=str(backbones["alexnet"]))
    with pytest.raises(DataError, match=r"^VGG16 needs pictures of at least 16 pixels a side, not 40×15; use"):
        dists(small, small, backbone=str(backbones["vgg16"]))


def test_the_backbone_is_downloaded_where_it_is_asked_for_by_name_and_only_there(
    backbones: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the code that fetches the real one, from a server on this machine."""
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path))
    path = backbones["alexnet"]
    kept = tmp_path / "features" / path.name
    with served(path.parent) as address, taken_for_published(backbones, address):
        with pytest.raises(ModelError) as refused:
            metric("lpips")
        assert str(refused.value) == (
            f"{kept}: no such file; LPIPS (alex) is defined on AlexNet's published weights; backbone: alexnet "
            f"downloads them once (233 MB), or fetch it by hand: curl -fL --create-dirs -o {kept} {address}/{path.name}"
        )
        assert not kept.exists()
        row = METRICS["lpips"]
        built = row(row.config_type(backbone="alexnet"))
        assert kept.read_bytes() == path.read_bytes() and list(kept.parent.iterdir()) == [kept]
        assert built.words == "LPIPS 0.1 on AlexNet, RGB, whole picture"
    sr, hr = np.random.default_rng(0).integers(0, 256, (2, 40, 36, 3), np.uint8)
    assert metric("lpips")(sr, hr) == built(sr, hr) == lpips(sr, hr, backbone=str(path)) > 0


def test_other_weights_are_not_called_lpips(
    backbones: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path))
    other = backbones["vgg16"]
    said = (
        rf"^{re.escape(str(other))}: its SHA-256 is [0-9a-f]{{16}}…, not [0-9a-f]{{8}}…; LPIPS \(alex\) is defined on "
        r"alexnet-[0-9a-f]{8}\.pth; fetch it by hand: curl -fL --create-dirs -o \S+ \S+$"
    )
    with pytest.raises(ModelError, match=said):
        lpips_model.load_lpips("alex", str(other))
    with pytest.raises(ModelError, match=r"none\.pth: no such file; DISTS is defined on VGG16's published weights"):
        dists_model.load_dists(str(tmp_path / "none.pth"))
    with served(tmp_path) as address, taken_for_published(backbones, address):
        (tmp_path / other.name).write_bytes(b"something else")
        with pytest.raises(
            ModelError, match=r"what came has SHA-256 [0-9a-f]{16}…, not [0-9a-f]{8}…; fetch it by hand"
        ):
            load_backbone("vgg16", "vgg16", "DISTS")
    with pytest.raises(ModelError, match=r"cannot be downloaded \(.*refused.*\); fetch it by hand: curl"):
        load_backbone("vgg16", "vgg16", "DISTS")
    tensors = {f"features.{key}": value for key, value in written_out("alexnet").state_dict().items()}
    with pytest.raises(ModelError, match=r"^x: features.3.weight is missing; AlexNet's is \(192, 64, 5, 5\)$"):
        Backbone({key: value for key, value in tensors.items() if "3" not in key}, BACKBONES["alexnet"], where="x")


def test_the_published_files_are_those_of_pytorch() -> None:
    """The table as it is in the source, whatever this module has put into it."""
    source = Path(lpips_model.__file__).with_name("backbones.py").read_text(encoding="utf-8")
    assert re.findall(r'url="(.*)"', source) == [
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        "https://download.pytorch.org/models/vgg16-397923af.pth",
    ]
    assert [row.digest for row in BACKBONES.values()] == [row.url[-12:-4] for row in BACKBONES.values()]
