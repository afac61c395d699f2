"""The laws of tiling, over every size down to 1×1."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upres.errors import ConfigError
from upres.upscaling.tile_plan import Extent, Plan, plan

sides = st.integers(1, 400)
plans = st.builds(
    lambda height, width, tile, halo, multiple: (
        plan(height, width, tile=tile, halo=halo, multiple=multiple),
        tile,
        halo,
        multiple,
    ),
    sides,
    sides,
    st.integers(1, 120),
    st.integers(0, 70),
    st.integers(1, 16),
)


def axes(whole: Plan) -> list[tuple[int, int, tuple[Extent, ...]]]:
    """Return the length of each side, that of the padded picture, and the tiles along it."""
    sides = (whole.height, whole.rows), (whole.width, whole.columns)
    return [(length, max(extent.input_stop for extent in extents), extents) for length, extents in sides]


def input_shape(whole: Plan) -> tuple[int, int]:
    return whole.rows[0].input_length, whole.columns[0].input_length


def up(value: int, multiple: int) -> int:
    return value if value % multiple == 0 else value + multiple - value % multiple


@settings(max_examples=400, deadline=None)
@given(plans)
def test_cores_cover_every_pixel_once(case: tuple[Plan, int, int, int]) -> None:
    whole, *_ = case
    for length, _, extents in axes(whole):
        assert [pixel for extent in extents for pixel in range(extent.start, extent.stop)] == list(range(length))
        assert all(extent.start < extent.stop for extent in extents)


@settings(max_examples=400, deadline=None)
@given(plans)
def test_the_input_holds_the_halo_or_ends_where_the_padding_does(case: tuple[Plan, int, int, int]) -> None:
    whole, _, halo, _ = case
    for _, padded, extents in axes(whole):
        for extent in extents:
            assert 0 <= extent.input_start <= max(0, extent.start - halo)
            assert padded >= extent.input_stop >= min(padded, extent.stop + halo)


@settings(max_examples=400, deadline=None)
@given(plans)
def test_inputs_lie_on_the_multiple_share_one_shape_and_stay_small(case: tuple[Plan, int, int, int]) -> None:
    whole, tile, halo, multiple = case
    for length, padded, extents in axes(whole):
        assert padded % multiple == 0
        assert 0 <= padded - length < multiple
        assert len({extent.input_length for extent in extents}) == 1
        for extent in extents:
            assert extent.input_start % multiple == 0
            assert extent.input_stop % multiple == 0
            assert extent.input_length <= up(tile, multiple) + 2 * up(halo, multiple)


def test_the_plan_counts_and_orders_its_tiles() -> None:
    whole = plan(10, 7, tile=4, halo=1)
    assert len(whole) == len(list(whole)) == 4
    assert input_shape(whole) == (6, 5)
    assert [str(tile) for tile in whole] == [
        "rows 0-4, columns 0-3",
        "rows 0-4, columns 4-6",
        "rows 5-9, columns 0-3",
        "rows 5-9, columns 4-6",
    ]
    assert whole.rows == (Extent(0, 5, 0, 6), Extent(5, 10, 4, 10))


def test_a_model_that_looks_at_everything_gets_everything() -> None:
    whole = plan(1000, 3, tile=8, halo=None, multiple=16)
    assert len(whole) == 1
    assert input_shape(whole) == (1008, 16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"height": 0}, "height = 0: should be at least 1"),
        ({"tile": 0}, "tile = 0: should be at least 1"),
        ({"halo": -1}, "halo = -1: should be at least 0"),
        ({"multiple": 0}, "multiple = 0: should be at least 1"),
    ],
)
def test_numbers_out_of_range_are_named(arguments: dict[str, int], message: str) -> None:
    given_ = {"height": 8, "width": 8, "tile": 4, "halo": 1, "multiple": 1} | arguments
    height, width = given_.pop("height"), given_.pop("width")
    with pytest.raises(ConfigError) as caught:
        plan(height, width, **given_)
    assert str(caught.value) == message
