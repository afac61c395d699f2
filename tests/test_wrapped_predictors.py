"""Predictors around another: one computes again what is not finite, one halves what the memory cannot hold."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from tests.small_predictors import Fake
from upres.errors import DeviceMemoryError
from upres.predictors import Predictor
from upres.predictors.guarded import GuardedPredictor
from upres.predictors.halving import HalvingPredictor


def test_what_is_not_finite_is_computed_again_in_float32() -> None:
    lr = np.random.default_rng(0).random((1, 3, 6, 6), dtype=np.float32)
    exact = Fake()
    asked: list[int] = []

    def reference() -> Predictor:
        asked.append(1)
        return exact

    good, bad = GuardedPredictor(Fake(0.001), reference), GuardedPredictor(Fake(math.inf), reference)
    np.testing.assert_array_equal(good.predict(lr), Fake(0.001).predict(lr))
    assert (good.recomputed, asked) == (0, [])
    for _ in range(2):
        np.testing.assert_array_equal(bad.predict(lr), exact.predict(lr))
    assert (bad.recomputed, asked) == (2, [1])


@pytest.mark.parametrize("largest", [3 * 37 * 23, 1000, 300, 150])
def test_a_full_memory_halves_the_input_and_gives_the_same(largest: int) -> None:
    lr = np.random.default_rng(0).random((1, 3, 37, 23), dtype=np.float32)
    predictor = HalvingPredictor(Fake(largest=largest))
    for _ in range(2):
        np.testing.assert_array_equal(predictor.predict(lr), Fake().predict(lr))


def test_halving_keeps_to_the_size_multiple() -> None:
    lr = np.random.default_rng(0).random((1, 3, 44, 24), dtype=np.float32)
    fake = Fake(largest=700)
    fake.facts = dataclasses.replace(fake.facts, multiple=4)
    shapes: list[tuple[int, ...]] = []
    plain = fake.predict
    fake.predict = lambda lr: shapes.append(lr.shape) or plain(lr)  # type: ignore[method-assign, func-returns-value]
    np.testing.assert_array_equal(HalvingPredictor(fake).predict(lr), Fake().predict(lr))
    assert all(height % 4 == width % 4 == 0 for _, _, height, width in shapes)


def test_halving_ends_where_it_is_of_no_use() -> None:
    lr = np.zeros((1, 3, 8, 8), np.float32)
    with pytest.raises(DeviceMemoryError):
        HalvingPredictor(Fake(largest=5)).predict(lr)
    everywhere = Fake(largest=5)
    everywhere.facts = dataclasses.replace(everywhere.facts, radius=None)
    with pytest.raises(DeviceMemoryError):
        HalvingPredictor(everywhere).predict(lr)
