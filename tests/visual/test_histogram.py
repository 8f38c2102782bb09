"""Histograms as SVG: what they say, and that they are well formed."""

from xml.etree import ElementTree

import pytest

from leadline.visual.histogram import histogram_svg


def points(svg: str) -> list[tuple[float, float]]:
    (polygon,) = (one for one in ElementTree.fromstring(svg) if one.tag.endswith("polygon"))
    return [tuple(map(float, pair.split(","))) for pair in polygon.attrib["points"].split()]


def test_the_tallest_bin_reaches_the_top_and_others_their_share():
    svg = histogram_svg({"a": [0.0] * 50 + [1.0] * 25}, "x", "px", {"a": "#123456"})
    # 24 bins between 0 and 1; the plot is 130 px high, from 160 up to 30.
    rows = [row for _, row in points(svg)]
    assert rows[1] == pytest.approx(30.0)
    assert rows[-2] == pytest.approx(95.0)
    assert rows[0] == rows[-1] == pytest.approx(160.0)


def test_names_are_escaped_and_odd_values_left_out():
    svg = histogram_svg({"<b>": [1.0, float("nan"), float("inf"), -1.0]}, "a < b", "m", {"<b>": "#000"}, True)
    texts = [one.text for one in ElementTree.fromstring(svg) if one.tag.endswith("text")]
    assert texts[0] == "a < b, m"
    assert texts[-1] == "1 values, 1 to 1, median 1"


def test_nothing_to_show_is_no_error():
    assert "polygon" not in histogram_svg({"a": []}, "x", "px", {"a": "#000"})
