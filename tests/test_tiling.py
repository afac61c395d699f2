"""The laws of tiling, over every size down to 1×1."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upres.errors import ConfigError
from upres.upscaling.tile_plan import Plan, Span, plan

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


def axes(whole: Plan) -> list[tuple[int, int, tuple[Span, ...]]]:
    return [
        (whole.height, whole.canvas_height, whole.rows),
        (whole.width, whole.canvas_width, whole.columns),
    ]


def up(value: int, multiple: int) -> int:
    return value if value % multiple == 0 else value + multiple - value % multiple


@settings(max_examples=400, deadline=None)
@given(plans)
def test_cores_cover_every_pixel_once(case: tuple[Plan, int, int, int]) -> None:
    whole, *_ = case
    for length, _, spans in axes(whole):
        assert [pixel for span in spans for pixel in range(span.start, span.stop)] == list(range(length))
        assert all(span.start < span.stop for span in spans)


@settings(max_examples=400, deadline=None)
@given(plans)
def test_the_input_holds_the_halo_or_ends_where_the_canvas_does(case: tuple[Plan, int, int, int]) -> None:
    whole, _, halo, _ = case
    for _, canvas, spans in axes(whole):
        for span in spans:
            assert 0 <= span.input_start <= max(0, span.start - halo)
            assert canvas >= span.input_stop >= min(canvas, span.stop + halo)


@settings(max_examples=400, deadline=None)
@given(plans)
def test_inputs_lie_on_the_multiple_share_one_shape_and_stay_small(case: tuple[Plan, int, int, int]) -> None:
    whole, tile, halo, multiple = case
    for length, canvas, spans in axes(whole):
        assert canvas % multiple == 0
        assert 0 <= canvas - length < multiple
        assert len({span.input_length for span in spans}) == 1
        for span in spans:
            assert span.input_start % multiple == 0
            assert span.input_stop % multiple == 0
            assert span.input_length <= up(tile, multiple) + 2 * up(halo, multiple)


def test_the_plan_counts_and_orders_its_tiles() -> None:
    whole = plan(10, 7, tile=4, halo=1)
    assert len(whole) == len(list(whole)) == 4
    assert whole.input_shape == (6, 5)
    assert [str(tile) for tile in whole] == [
        "rows 0-4, columns 0-3",
        "rows 0-4, columns 4-6",
        "rows 5-9, columns 0-3",
        "rows 5-9, columns 4-6",
    ]
    assert whole.rows == (Span(0, 5, 0, 6), Span(5, 10, 4, 10))


def test_a_model_that_looks_at_everything_gets_everything() -> None:
    whole = plan(1000, 3, tile=8, halo=None, multiple=16)
    assert len(whole) == 1
    assert whole.input_shape == (1008, 16)


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
