"""Colours of flow, against hues of Middlebury's wheel that can be told by hand."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import FlowMap
from leadline.visual.flow import colour_scale, flow_colours, flow_wheel


def one(u: float, v: float) -> FlowMap:
    return FlowMap(np.full((1, 1, 2), [u, v], np.float32), np.ones((1, 1), bool))


@pytest.mark.parametrize(
    ("motion", "colour"),
    [
        ((0.0, 0.0), (255, 255, 255)),
        ((2.0, 0.0), (255, 0, 0)),
        # Half as fast: half way to white.
        ((1.0, 0.0), (255, 128, 128)),
        # Beyond the scale: three quarters as bright.
        ((4.0, 0.0), (191, 0, 0)),
        # Half a turn is place 27.5 of 55; cyan is place 15 + 6 + 4 = 25, blue 11 places on: 2.5 / 11 of the way.
        ((-2.0, 0.0), (0, round(255 * (1 - 2.5 / 11)), 255)),
        # A quarter turn down is place 13.75 of the 15 from red to yellow.
        ((0.0, 2.0), (255, round(255 * 13.75 / 15), 0)),
    ],
)
def test_hues(motion, colour):
    np.testing.assert_allclose(flow_colours(one(*motion), 2.0)[0, 0].astype(int), colour, atol=1)


def test_scale_is_the_99th_percentile_of_what_is_valid():
    flow = np.zeros((1, 101, 2), np.float32)
    flow[0, :, 1] = np.arange(101)
    valid = np.ones((1, 101), bool)
    assert colour_scale(FlowMap(flow, valid)) == pytest.approx(99.0)
    valid[0, 51:] = False
    assert colour_scale(FlowMap(flow, valid)) == pytest.approx(49.5)
    assert colour_scale(FlowMap(flow, np.zeros_like(valid))) == 1.0
    assert colour_scale(FlowMap(np.zeros_like(flow), valid)) == 1.0


def test_what_is_not_finite_is_black():
    flow = np.array([[[np.nan, 0.0], [1.0, 0.0]]], np.float32)
    image = flow_colours(FlowMap(flow, np.array([[False, True]])), 1.0)
    assert image.tolist() == [[[0, 0, 0], [255, 0, 0]]]


def test_wheel_shows_the_colours():
    wheel = flow_wheel(101)
    assert wheel[50, 50].tolist() == [255, 255, 255]
    assert wheel[50, 100].tolist() == [255, 0, 0]
    assert wheel[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scale_must_be_positive(scale):
    with pytest.raises(InputError, match="above 0 px"):
        flow_colours(one(1.0, 0.0), scale)
