"""Auto measures what runs a model here, takes the fastest whose pixels are right, and remembers it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.small_predictors import Fake
from upres.errors import ConfigError, ParityError
from upres.predictors import Execution, Predictor, probing
from upres.predictors.opening import Decision

ONNX, OPENVINO = Execution("onnx", "cpu", "fp32"), Execution("openvino", "cpu", "fp32")
BF16, TORCH = Execution("openvino", "cpu", "bf16"), Execution("torch", "cpu", "fp32")

Probing = Callable[..., tuple[Decision, list[Execution]]]


@pytest.fixture
def fastest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Probing:
    """Compare fakes whose time is what they say; return the decision and what was opened for it."""
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model").write_bytes(b"a model")

    def probe(fakes: dict[Execution, Fake], *, traded: bool = False) -> tuple[Decision, list[Execution]]:
        tried: list[Execution] = []

        def opener(execution: Execution) -> Predictor:
            tried.append(execution)
            return fakes[execution]

        decision = probing.probe_fastest_cached(
            [execution for execution in fakes if not traded or execution != ONNX],
            ONNX,
            opener,
            files=[tmp_path / "model"],
            threads=1,
            traded=traded,
            stopwatch=lambda predictor, _: predictor.seconds,  # type: ignore[attr-defined]
        )
        return decision, tried

    return probe


def test_auto_takes_the_fastest_that_passes(fastest: Probing) -> None:
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5), BF16: Fake(0.0005, 0.25)}
    choice, tried = fastest(fakes)
    assert choice.execution == BF16
    assert choice.reason == (
        "4.0× the speed of onnx cpu fp32, 66 dB from float32; tried too: onnx cpu fp32 1.0×, openvino cpu fp32 2.0×"
    )
    assert tried == [ONNX, OPENVINO, BF16]
    assert fastest(fakes) == (choice, [])  # remembered


def test_auto_keeps_the_first_for_a_tenth(fastest: Probing) -> None:
    assert fastest({ONNX: Fake(), OPENVINO: Fake(seconds=0.95)})[0].execution == ONNX


def test_auto_leaves_out_wrong_pixels(fastest: Probing) -> None:
    choice, _ = fastest({ONNX: Fake(), OPENVINO: Fake(2e-4, 0.1), BF16: Fake(0.005, 0.1), TORCH: Fake(math.nan, 0.1)})
    assert choice.execution == ONNX
    assert choice.reason == (
        "1.0× the speed of onnx cpu fp32; tried too: "
        "openvino cpu fp32 differs by 2.0e-04 of the range, and only rounding (1e-04) is allowed, "
        "openvino cpu bf16 is 46.0 dB from float32, and 57.6 is the least, torch cpu fp32 gives NaN or infinite pixels"
    )


def test_a_reduced_precision_by_name_is_held_to_less(fastest: Probing) -> None:
    assert fastest({ONNX: Fake(), BF16: Fake(0.005, 3)}, traded=True)[0].execution == BF16


def test_a_broken_precision_fails_with_one_line(fastest: Probing, tmp_path: Path) -> None:
    with pytest.raises(ParityError) as caught:
        fastest({ONNX: Fake(), BF16: Fake(0.1)}, traded=True)
    assert str(caught.value) == (
        f"{tmp_path}/model: tried on a probe picture: openvino cpu bf16 is 20.0 dB from float32, and 40.0 is the "
        "least; use precision fp32"
    )


class Broken(Fake):
    """Says why it cannot run."""

    def predict(self, lr: np.ndarray) -> np.ndarray:
        raise ConfigError("this processor does not multiply in bf16")


def test_the_only_one_that_was_asked_for_says_itself_why_it_cannot_run(fastest: Probing, tmp_path: Path) -> None:
    for _ in range(2):  # nothing is remembered of it
        with pytest.raises(ConfigError, match=r"^this processor does not multiply in bf16$"):
            fastest({ONNX: Fake(), BF16: Broken()}, traded=True)
    choice, _ = fastest({ONNX: Fake(), OPENVINO: Fake(seconds=0.5), BF16: Broken()})
    assert choice.execution == OPENVINO
    assert "openvino cpu bf16 cannot run (this processor does not multiply in bf16)" in choice.reason


def test_the_first_caches_are_still_read(fastest: Probing, tmp_path: Path) -> None:
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5)}
    fastest(fakes)
    (place,) = (tmp_path / "cache" / "probes").iterdir()
    rows = json.loads(place.read_text())["trials"]
    assert rows[1] == {"way": "openvino cpu fp32", "seconds": 0.5, "psnr": math.inf, "worst": 0.0, "error": ""}
    rows[1]["seconds"] = 2.0
    place.write_text(json.dumps({"scale": 2, "trials": rows}))
    assert fastest(fakes) == (Decision(ONNX, "1.0× the speed of onnx cpu fp32; tried too: openvino cpu fp32 0.5×"), [])


def test_what_was_tried_is_forgotten_with_the_model_and_when_damaged(fastest: Probing, tmp_path: Path) -> None:
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5)}
    fastest(fakes)
    (place,) = (tmp_path / "cache" / "probes").iterdir()
    assert json.loads(place.read_text())["trials"][1]["seconds"] == 0.5
    place.write_text('{"trials": [{"way": ')
    assert fastest(fakes)[1] == [ONNX, OPENVINO]
    assert fastest(fakes)[1] == []
    (tmp_path / "model").write_bytes(b"another model")
    assert fastest(fakes)[1] == [ONNX, OPENVINO]


def test_a_cache_that_cannot_be_written_only_costs_time(
    fastest: Probing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "model" / "is a file"))
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5)}
    for _ in range(2):
        assert fastest(fakes)[1] == [ONNX, OPENVINO]


def test_the_probe_has_edges_gradients_and_flat_ground() -> None:
    lr = probing.picture(3)
    assert lr.shape == (1, 3, 96, 96) and lr.dtype == np.float32
    assert (lr.min(), lr.max()) == (0, 1)
    assert abs(np.diff(lr, axis=3)).max() > 0.4
    np.testing.assert_array_equal(lr, probing.picture(3))
