"""VGG19's features: read from every format, equal to the network written out, honest about what is missing."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from upres.config.named_parts import build, parse_part
from upres.errors import ConfigError, DataError, ModelError
from upres.losses import LOSSES, Loss
from upres.losses.contextual import contextual_similarity
from upres.losses.style import gram
from upres.models.vgg import load_features

# Where torchvision's `vgg19().features` has its convolutions (C), ReLUs (R) and maxima (M).
ORDER = "CRCRM CRCRM CRCRCRCRM CRCRCRCRM CRCRCRCRM".replace(" ", "")


def written_out(until: int) -> nn.Sequential:
    """The first layers of torchvision's network, with random filters."""
    torch.manual_seed(3)
    layers: list[nn.Module] = []
    before, width = 3, 64
    for kind in ORDER[:until]:
        if kind == "C":
            layers.append(nn.Conv2d(before, width, 3, padding=1))
            nn.init.kaiming_normal_(layers[-1].weight)
            before = width
        elif kind == "R":
            layers.append(nn.ReLU())
        else:
            layers.append(nn.MaxPool2d(2))
            width = min(512, 2 * width)
    return nn.Sequential(*layers)


def tensors_of(network: nn.Sequential) -> dict[str, Tensor]:
    return {f"features.{name}": tensor.detach() for name, tensor in network.state_dict().items()}


def loss_of(name: str, **values: object) -> Loss:
    return build(LOSSES, parse_part(LOSSES, {"name": name, **values}, where="test", key="losses.0"))


@pytest.mark.parametrize("kind", [".safetensors", ".pth", "legacy .pth", ".npz"])
def test_features_are_those_of_the_network_written_out(kind: str, tmp_path: Path) -> None:
    network = written_out(11)  # to conv3_1
    tensors = {**tensors_of(network), "classifier.0.weight": torch.zeros(2)}
    path = tmp_path / f"vgg{kind.removeprefix('legacy ')}"
    if kind == ".safetensors":
        save_file(tensors, path)
    elif kind == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})
    else:  # torchvision's published file is of the older form
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == ".pth")
    features = load_features(str(path), "torchvision")
    pixels = torch.rand(2, 3, 17, 20)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    inside = (pixels - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
    with torch.no_grad():
        before = features(pixels, ["conv1_2", "conv3_1"], activated=False)
        after = features(pixels, ["conv2_1", "conv2_2"], activated=True)
        for name, found, count in (
            ("conv1_2", before, 3), ("conv3_1", before, 11), ("conv2_1", after, 6), ("conv2_2", after, 8),
        ):  # fmt: skip
            expected = network[:count](inside)
            expected = expected.relu() if found is after else expected
            torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-4)
    assert set(before) == {"conv1_2", "conv3_1"}


def test_the_authors_filters_are_known_and_see_blue_green_red(shared_data: Path) -> None:
    path = shared_data / "features" / "vgg19_conv1-3" / "vgg19_caffe_conv1_1-conv3_4.npz"
    features = load_features(str(path))
    network = written_out(17)
    with np.load(path) as arrays:
        network.load_state_dict({name.removeprefix("features."): torch.tensor(arrays[name]) for name in arrays.files})
    pixels = torch.rand(1, 3, 16, 16)
    bgr = 255 * pixels[0].numpy()[::-1] - np.array([103.939, 116.779, 123.68])[:, None, None]
    with torch.no_grad():
        found = features(pixels, ["conv3_4"], activated=False)["conv3_4"]
        expected = network(torch.from_numpy(bgr[None].astype(np.float32)))
    # Values are hundreds here.
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-2)
    with pytest.raises(ConfigError, match=r"perceptual.layers names conv5_4, but .*\.npz ends at conv3_4"):
        loss_of("perceptual", features=str(path))


def test_a_sharp_picture_is_nearer_in_features_than_a_blurred_one_of_equal_mse(shared_data: Path) -> None:
    """What the loss is for: MSE cannot tell lost texture from a slight shift of all pixels; features can."""
    from upres.image import imresize

    path = str(shared_data / "features" / "vgg19_conv1-3" / "vgg19_caffe_conv1_1-conv3_4.npz")
    hr = np.random.default_rng(0).random((1, 3, 32, 32)).astype(np.float32)
    blurred = imresize(imresize(hr[0].transpose(1, 2, 0), 0.5), 2).transpose(2, 0, 1)[None]
    shifted = hr + np.sqrt(((blurred - hr) ** 2).mean())
    loss = loss_of("perceptual", features=path, layers={"conv3_4": 1.0})
    a, b, c = (torch.from_numpy(x.astype(np.float32)) for x in (blurred, shifted, hr))
    assert float(loss(b, c)) < 0.8 * float(loss(a, c))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("small") / "vgg.safetensors"
    save_file(tensors_of(written_out(6)), path)  # to conv2_1
    return str(path)


def test_two_losses_share_one_network(small: str) -> None:
    perceptual = loss_of("perceptual", features=small, layers={"conv1_1": 1.0})
    style = loss_of("style", features=small, layers={"conv2_1": 1.0})
    assert perceptual.features is style.features


def test_layer_weights_add_up(small: str) -> None:
    sr, hr = torch.rand(2, 1, 3, 12, 12)
    one, two = (
        float(loss_of("perceptual", features=small, layers={name: 1.0})(sr, hr)) for name in ("conv1_1", "conv2_1")
    )
    both = loss_of("perceptual", features=small, layers={"conv1_1": 0.25, "conv2_1": 2.0})
    assert float(both(sr, hr)) == pytest.approx(0.25 * one + 2 * two, rel=1e-5)


@pytest.mark.parametrize("compare", ["l1", "mse"])
def test_perceptual_and_style_are_their_formulas(small: str, compare: str) -> None:
    sr, hr = torch.rand(2, 2, 3, 12, 10)
    features = load_features(small)
    ours, theirs = (features(x, ["conv2_1"], activated=True)["conv2_1"].double().numpy() for x in (sr, hr))

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.abs(a - b).mean() if compare == "l1" else ((a - b) ** 2).mean())

    values = {"features": small, "layers": {"conv2_1": 1.0}, "compare": compare, "activated": True}
    assert float(loss_of("perceptual", **values)(sr, hr)) == pytest.approx(distance(ours, theirs), rel=1e-4)
    grams = [np.einsum("nchw,ndhw->ncd", x, x) / x[0].size for x in (ours, theirs)]
    assert float(loss_of("style", **values)(sr, hr)) == pytest.approx(distance(*grams), rel=1e-4)


def test_contextual_is_its_formula(small: str) -> None:
    """Every place of hr looks for the place of sr that is most its own; written out place by place."""
    sr, hr = torch.rand(2, 2, 3, 8, 6)
    features = load_features(small)
    x, y = (features(p, ["conv2_1"], activated=True)["conv2_1"].flatten(2).double().numpy() for p in (sr, hr))
    expected = []
    for both in zip(x, y, strict=True):
        ours, theirs = ((rows - both[1].mean(axis=1, keepdims=True)).T for rows in both)
        apart = np.array([[1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in theirs] for a in ours])
        like = np.array([np.exp((1 - row / (row.min() + 1e-5)) / 0.1) for row in apart])
        expected.append(-np.log((like / like.sum(axis=1, keepdims=True)).max(axis=0).mean()))
    loss = loss_of("contextual", features=small, layers={"conv2_1": 1.0}, bandwidth=0.1)
    assert float(loss(sr, hr)) == pytest.approx(np.mean(expected), rel=1e-3)
    moved = torch.rand(1, 8, 5, 4)
    assert float(contextual_similarity(moved.flip(2, 3), moved, 0.1)) == pytest.approx(1, abs=1e-4)  # elsewhere
    with pytest.raises(ConfigError, match="bandwidth = 0"):
        loss_of("contextual", features=small, bandwidth=0)


def test_crops_begin_at_places_that_differ_from_step_to_step(small: str) -> None:
    shifted = loss_of("perceptual", features=small, layers={"conv2_1": 1.0}, shift=4)
    plain = loss_of("perceptual", features=small, layers={"conv2_1": 1.0})
    sr, hr = torch.rand(2, 1, 3, 20, 24)
    places = {float(plain(sr[..., top:, left:], hr[..., top:, left:])) for top in range(4) for left in range(4)}
    seen = {float(shifted(sr, hr)) for _ in range(40)}
    assert len(seen) > 8 and seen <= places
    assert float(plain(sr, hr)) == float(plain(sr, hr))
    with pytest.raises(ConfigError, match="shift = 0"):
        loss_of("perceptual", features=small, shift=0)


def test_gram_matrices_do_not_know_places() -> None:
    features = torch.rand(1, 4, 6, 5)
    torch.testing.assert_close(gram(features), gram(features.flip(2).roll(2, 3)))


def test_gray_pictures_are_seen_as_three_equal_channels(small: str) -> None:
    features = load_features(small)
    gray = torch.rand(1, 1, 8, 8)
    found, expected = (features(x, ["conv1_2"], activated=False)["conv1_2"] for x in (gray, gray.repeat(1, 3, 1, 1)))
    assert torch.equal(found, expected)


def test_what_is_missing_or_wrong_is_named(small: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"style.layers names 'conv3_5': did you mean conv3_4\?"):
        loss_of("style", features=small, layers={"conv3_5": 1.0})
    with pytest.raises(ModelError, match=r"none.pth: no such file; features is vgg19, or a .safetensors"):
        load_features(str(tmp_path / "none.pth"))
    with pytest.raises(DataError, match=r"conv2_1 needs training pictures of at least 2 pixels a side, not 5×1"):
        load_features(small)(torch.rand(1, 3, 1, 5), ["conv2_1"], activated=False)
    for suffix in (".pth", ".npz", ".safetensors"):
        (tmp_path / f"damaged{suffix}").write_bytes(b"not a file of tensors at all")
        with pytest.raises(ModelError, match=rf"damaged{suffix}: cannot be read as a file of tensors"):
            load_features(str(tmp_path / f"damaged{suffix}"))
    (tmp_path / "vgg.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"vgg.onnx: should be a .safetensors, .pth or .npz file"):
        load_features(str(tmp_path / "vgg.onnx"))
    save_file(
        {"features.0.weight": torch.zeros(64, 3, 7, 7), "features.0.bias": torch.zeros(64)}, tmp_path / "a.safetensors"
    )
    with pytest.raises(ModelError, match=r"features.0 is \(64, 3, 7, 7\); VGG19's conv1_1 is \(64, 3, 3, 3\)"):
        load_features(str(tmp_path / "a.safetensors"))
    save_file({"conv.weight": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(ModelError, match=r"b.safetensors: holds no features.0.weight"):
        load_features(str(tmp_path / "b.safetensors"))
    np.savez(tmp_path / "c.npz", **{name: tensor.numpy() for name, tensor in tensors_of(written_out(1)).items()})
    with pytest.raises(ConfigError, match=r"c.npz: nothing in it says what its network saw; add convention: torchvis"):
        load_features(str(tmp_path / "c.npz"))


def test_a_pickle_with_code_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))  # type: ignore[return-value]

    torch.save({"features.0.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match=r"evil.pth: cannot be read as a file of tensors"):
        load_features(str(tmp_path / "evil.pth"))
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def offline() -> Iterator[None]:
    """Send every request to a port at which nobody listens."""
    nobody = urllib.request.ProxyHandler({"https": "http://127.0.0.1:9"})
    urllib.request.install_opener(urllib.request.build_opener(nobody))
    yield
    urllib.request.install_opener(None)  # the next request makes the usual one


def test_published_features_are_fetched_once_or_it_is_told_how_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None
) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path))
    by_hand = tmp_path / "features" / "vgg19-dcbb9e9d.pth"
    said = (
        r"^https://download\.pytorch\.org/models/vgg19-dcbb9e9d\.pth: cannot be downloaded \(.*refused.*\); "
        rf"download it by hand to {re.escape(str(by_hand))}, or name a local file: features: PATH$"
    )
    with pytest.raises(ModelError, match=said):
        load_features("vgg19")
    by_hand.parent.mkdir(exist_ok=True)
    torch.save(tensors_of(written_out(2)), by_hand)
    assert load_features("vgg19").layers == ("conv1_1",)
