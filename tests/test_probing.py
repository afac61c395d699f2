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
from upres.predictors import Execution, Predictor, probing, trials
from upres.predictors.opening import Decision

ONNX, OPENVINO = Execution("onnx", "cpu", "fp32"), Execution("openvino", "cpu", "fp32")
BF16, TORCH = Execution("openvino", "cpu", "bf16"), Execution("torch", "cpu", "fp32")

Probing = Callable[..., tuple[Decision, list[Execution]]]


@pytest.fixture
def fastest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Probing:
    """Compare fakes whose time is what they say; return the decision and what was opened for it."""
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model").write_bytes(b"a model")

    def probe(
        fakes: dict[Execution, Fake], tolerance: trials.Tolerance = probing.TOLERANCES["auto"]
    ) -> tuple[Decision, list[Execution]]:
        tried: list[Execution] = []

        def opener(execution: Execution) -> Predictor:
            tried.append(execution)
            return fakes[execution]

        decision = probing.probe_fastest_cached(
            [execution for execution in fakes if tolerance is not probing.BY_NAME or execution != ONNX],
            ONNX,
            opener,
            files=[tmp_path / "model"],
            threads=1,
            tolerance=tolerance,
            stopwatch=lambda predictor, _: predictor.seconds,  # type: ignore[attr-defined]
        )
        return decision, tried

    return probe


def test_auto_takes_the_fastest_that_passes(fastest: Probing) -> None:
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5), BF16: Fake(0.0005, 0.25)}
    choice, tried = fastest(fakes)
    assert choice.execution == BF16
    assert choice.reason == (
        "4.0× the speed of onnx cpu fp32, loses 0.005 dB; tried too: onnx cpu fp32 1.0×, openvino cpu fp32 2.0×"
    )
    assert tried == [ONNX, OPENVINO, BF16]
    assert fastest(fakes) == (choice, [])  # remembered


def test_auto_keeps_the_first_for_a_tenth(fastest: Probing) -> None:
    assert fastest({ONNX: Fake(), OPENVINO: Fake(seconds=0.95)})[0].execution == ONNX


def test_near_takes_only_what_nobody_can_tell_from_float32(fastest: Probing) -> None:
    near = probing.TOLERANCES["near"]
    assert fastest({ONNX: Fake(), BF16: Fake(0.0005, 0.25)}, near)[0].execution == BF16
    fakes = {ONNX: Fake(), OPENVINO: Fake(), BF16: Fake(0.0012, 0.25)}
    assert fastest(fakes)[0].execution == BF16
    choice, _ = fastest(fakes, near)
    assert choice.execution == ONNX
    assert "openvino cpu bf16 loses 0.030 dB, and 0.02 is the most" in choice.reason


def test_near_takes_nothing_that_shows_in_a_sky(fastest: Probing) -> None:
    choice, _ = fastest({ONNX: Fake(), BF16: Banded(0.0, 0.25)}, probing.TOLERANCES["near"])
    assert choice.execution == ONNX
    assert "openvino cpu bf16 is 0.50 levels off in smooth ground, 0.2 the most" in choice.reason


class Banded(Fake):
    """Right on textures; on smooth ground every other row is a level too dark."""

    def predict(self, lr: np.ndarray) -> np.ndarray:
        sr = super().predict(lr)
        if lr.max() <= 0.5:  # the ramp
            sr[:, :, ::4] -= np.float32(1 / 255)
        return sr


def test_auto_leaves_out_wrong_pixels(fastest: Probing) -> None:
    choice, _ = fastest({ONNX: Fake(), OPENVINO: Fake(2e-4, 0.1), BF16: Fake(0.005, 0.1), TORCH: Fake(math.nan, 0.1)})
    assert choice.execution == ONNX
    assert choice.reason == (
        "1.0× the speed of onnx cpu fp32; tried too: "
        "openvino cpu fp32 differs by 2.0e-04 of the range, and only rounding (1e-04) is allowed, "
        "openvino cpu bf16 loses 0.499 dB, and 0.05 is the most, torch cpu fp32 gives NaN or infinite pixels"
    )


def test_a_reduced_precision_by_name_is_held_to_less(fastest: Probing) -> None:
    assert fastest({ONNX: Fake(), BF16: Fake(0.005, 3)}, probing.BY_NAME)[0].execution == BF16


def test_a_broken_precision_fails_with_one_line(fastest: Probing, tmp_path: Path) -> None:
    with pytest.raises(ParityError) as caught:
        fastest({ONNX: Fake(), BF16: Fake(0.1)}, probing.BY_NAME)
    assert str(caught.value) == (
        f"{tmp_path}/model: tried on a probe picture: openvino cpu bf16 loses 16.844 dB, and 1 is the most; "
        "use precision fp32"
    )


class Broken(Fake):
    """Says why it cannot run."""

    def predict(self, lr: np.ndarray) -> np.ndarray:
        raise ConfigError("this processor does not multiply in bf16")


def test_the_only_one_that_was_asked_for_says_itself_why_it_cannot_run(fastest: Probing, tmp_path: Path) -> None:
    for _ in range(2):  # nothing is remembered of it
        with pytest.raises(ConfigError, match=r"^this processor does not multiply in bf16$"):
            fastest({ONNX: Fake(), BF16: Broken()}, probing.BY_NAME)
    choice, _ = fastest({ONNX: Fake(), OPENVINO: Fake(seconds=0.5), BF16: Broken()})
    assert choice.execution == OPENVINO
    assert "openvino cpu bf16 cannot run (this processor does not multiply in bf16)" in choice.reason


def test_the_first_caches_are_still_read(fastest: Probing, tmp_path: Path) -> None:
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5)}
    fastest(fakes)
    (place,) = (tmp_path / "cache" / "probes").iterdir()
    rows = json.loads(place.read_text())["trials"]
    for row in rows:
        assert row.pop("smooth") == 0  # they had none
    assert rows[1] == {"way": "openvino cpu fp32", "seconds": 0.5, "psnr": math.inf, "worst": 0.0, "error": ""}
    rows[1]["seconds"] = 2.0
    place.write_text(json.dumps({"scale": 2, "trials": rows}))
    assert fastest(fakes) == (Decision(ONNX, "1.0× the speed of onnx cpu fp32; tried too: openvino cpu fp32 0.5×"), [])


def test_reduced_precision_is_tried_again_where_a_cache_says_nothing_of_smooth_ground(
    fastest: Probing, tmp_path: Path
) -> None:
    fakes = {ONNX: Fake(), BF16: Fake(0.0005, 0.25)}
    fastest(fakes)
    (place,) = (tmp_path / "cache" / "probes").iterdir()
    told = json.loads(place.read_text())
    del told["trials"][1]["smooth"]
    place.write_text(json.dumps(told))
    assert fastest(fakes)[1] == [ONNX, BF16]


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
    lr = trials.drawn(3)
    assert lr.shape == (1, 3, 96, 96) and lr.dtype == np.float32
    assert (lr.min(), lr.max()) == (0, 1)
    assert abs(np.diff(lr, axis=3)).max() > 0.4
    np.testing.assert_array_equal(lr, trials.drawn(3))


def test_the_smooth_probe_is_a_ramp_and_one_tone() -> None:
    lr = trials.smooth(3)
    assert lr.shape == (1, 3, 96, 96) and lr.dtype == np.float32
    assert (lr.min(), lr.max()) == (np.float32(0.2), 0.5)
    assert np.diff(lr, axis=3).min() >= 0 and np.diff(lr, axis=3).max() < 2 / 255
    assert np.mean(lr == 0.5) > 0.2
