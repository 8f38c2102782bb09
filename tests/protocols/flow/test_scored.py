"""Scores of flow, each of which can be worked out by hand."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import FlowMap
from leadline.protocols.catalog import FLOW_PROTOCOLS, find_protocol
from leadline.protocols.flow.scored import interpolate_flow, score_flow
from leadline.protocols.scoring import evaluate_samples
from leadline.samples import FlowSample

IMAGE = np.zeros((2, 4, 3), np.uint8)
ALL = np.ones((2, 4), bool)


def flow_of(u, valid=ALL, v=0.0, confidence=None) -> FlowMap:
    flow = np.zeros((2, 4, 2), np.float32)
    flow[..., 0], flow[..., 1] = u, v
    return FlowMap(flow, valid, confidence)


def scene(truth, key="a", **layers) -> FlowSample:
    return FlowSample(key, IMAGE, IMAGE, truth, **layers)


def scores(protocol, sample, found, rule):
    report = evaluate_samples([sample], {"m": lambda _: found}, find_protocol(protocol, FLOW_PROTOCOLS))
    return {
        (row.metric, row.mask): row.value for row in report.rows if row.scene == sample.key and row.rule == rule
    }, report


def test_middlebury_has_endpoint_and_angular_error():
    """Truth 0, prediction (1, 0) on half of the pixels: 45 degrees and 1 px there."""
    u = np.zeros((2, 4))
    u[:, 2:] = 1.0
    found, report = scores("middlebury", scene(flow_of(0.0)), flow_of(u), "dense")
    assert found == pytest.approx(
        {("EPE", "all"): 0.5, ("AE", "all"): 22.5, ("R-0.5", "all"): 50.0, ("R-1", "all"): 0.0, ("R-2", "all"): 0.0}
    )
    assert {row.unit for row in report.rows} == {"px", "deg", "%"}


def test_sintel_has_regions_by_visibility_and_speed():
    truth = flow_of(np.array([[0.0, 9.0, 10.0, 39.0], [40.0, 50.0, 0.0, 0.0]]))
    hidden = np.zeros((2, 4), bool)
    hidden[1] = True
    error = np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    found, _ = scores("sintel", scene(truth, occluded=hidden), flow_of(truth.flow[..., 0] + error), "dense")
    assert found == pytest.approx(
        {
            ("EPE", "all"): 4.5,
            ("EPE", "noc"): 2.5,
            ("EPE", "occ"): 6.5,
            ("EPE", "s0-10"): (1 + 2 + 7 + 8) / 4,
            ("EPE", "s10-40"): 3.5,
            ("EPE", "s40+"): 5.5,
        }
    )


def test_kitti_2015_has_both_clauses_and_objects():
    """4 px is wrong at 79 px of motion, and right at 81 px: 5 % are 4.05 px."""
    truth = flow_of(np.array([[79.0, 81.0, 79.0, 81.0], [0.0, 0.0, 0.0, 0.0]]))
    moving = np.zeros((2, 4), bool)
    moving[0, :3] = True
    hidden = np.zeros((2, 4), bool)
    hidden[0, 0] = True
    found = flow_of(truth.flow[..., 0] + np.array([[4.0] * 4, [0.0] * 4]))
    sample = scene(truth, occluded=hidden, foreground=moving)
    got, _ = scores("kitti2015", sample, found, "sparse")
    fl = {region: value for (metric, region), value in got.items() if metric == "Fl"}
    assert fl == pytest.approx({"all": 25.0, "bg": 0.0, "fg": 200 / 3, "noc": 100 / 7, "noc-bg": 0.0, "noc-fg": 50.0})


def test_without_object_map_or_mask_regions_are_left_out():
    _, report = scores("kitti2015", scene(flow_of(1.0)), flow_of(1.0), "sparse")
    assert {row.mask for row in report.rows} == {"all"}
    assert {e.mask: e.reason for e in report.exclusions} == {
        "bg": "no object map",
        "fg": "no object map",
        "noc": "no occlusion mask",
        "noc-bg": "no occlusion mask",
        "noc-fg": "no occlusion mask",
    }


def test_pooled_means_weigh_pixels_and_other_means_weigh_pairs():
    """One pair with 8 right pixels, one with 2 wrong by 6 px."""
    few = np.zeros((2, 4), bool)
    few[0, :2] = True
    pairs = [scene(flow_of(0.0), "a"), scene(flow_of(6.0, few), "b")]
    for protocol, wanted in (("sintel", 12 / 10), ("kitti2015", 12 / 10), ("kitti2012", 3.0), ("middlebury", 3.0)):
        chosen = find_protocol(protocol, FLOW_PROTOCOLS)
        report = evaluate_samples(pairs, {"still": lambda _: flow_of(0.0)}, chosen)
        assert report.score("still", "EPE", "all", chosen.rules[0]).value == pytest.approx(wanted), protocol


def test_gaps_take_the_smaller_of_their_ends_component_by_component():
    flow = np.full((4, 5, 2), np.nan, np.float32)
    flow[1, 1], flow[1, 3] = (7.0, -3.0), (2.0, 5.0)
    flow[3, 2] = (1.0, 1.0)
    known = np.isfinite(flow).all(axis=2)
    filled, valid = interpolate_flow(flow, known)
    np.testing.assert_array_equal(filled[1], [(7, -3), (7, -3), (2, -3), (2, 5), (2, 5)])
    # The first row is filled from the one below it, the last but one, which lies between two others, is not.
    np.testing.assert_array_equal(filled[0], filled[1])
    np.testing.assert_array_equal(filled[3], [(1, 1)] * 5)
    assert valid.all(axis=1).tolist() == [True, True, False, True]


def test_missing_predictions_are_outliers_interpolated_or_left_out():
    u = np.zeros((2, 4), np.float32)
    u[:, 0] = np.nan
    found = FlowMap(np.dstack([u, u]), np.isfinite(u))
    truth = scene(flow_of(5.0, v=0.0))
    dense = score_flow(truth, found, "all", "dense")
    assert (dense.density, dense.error[0, 0], dense.outlier_error[0, 0]) == (0.75, 5.0, np.inf)
    sparse = score_flow(truth, found, "all", "sparse")
    assert (sparse.density, int(sparse.mask.sum())) == (0.75, 6)
    whole = score_flow(truth, found, "all", "background-interpolated")
    assert (whole.density, whole.outlier_error[0, 0]) == (0.75, 5.0)
    nothing = FlowMap(np.full((2, 4, 2), np.nan, np.float32), np.zeros((2, 4), bool))
    assert score_flow(truth, nothing, "all", "sparse") == "nothing predicted where truth is known"
    assert score_flow(scene(None), found, "all", "dense") == "no truth"


def test_predictions_of_another_size_are_refused():
    with pytest.raises(InputError, match="expected a flow of the first frame's"):
        score_flow(scene(flow_of(0.0)), FlowMap(np.zeros((2, 5, 2), np.float32), np.ones((2, 5), bool)), "all", "dense")
