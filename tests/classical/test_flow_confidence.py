"""Confidence of classical flow: its formula by hand, and how it tells errors on real pairs."""

import numpy as np
import pytest

from leadline.classical.flow import FLOW_METHODS, ClassicalFlow
from leadline.classical.flow_confidence import EVIDENCE, WEIGHTS, evidence, flow_confidence
from leadline.metrics.flow import endpoint_error
from leadline.metrics.uncertainty import roc_auc
from leadline.protocols.flow.scenes import find_flow_scenes


def test_each_method_has_its_weights():
    assert WEIGHTS.keys() == set(FLOW_METHODS)
    assert all(len(weights) == len(EVIDENCE) for weights in WEIGHTS.values())


def test_evidence_of_a_step():
    """Even frames 10 levels apart, moved by 2 px; the way there and back misses by 3 px, and some leaves the frame."""
    first, second = np.full((40, 60), 100, np.uint8), np.full((40, 60), 110, np.uint8)
    forward = np.full((40, 60, 2), [2.0, 0.0], np.float32)
    layers = evidence(first, second, forward, -forward + np.float32([0.0, 3.0]))
    found = [float(layer[20, 30]) for layer in layers]
    wanted = [np.log(3.05), np.log(3.05), np.log(3.0), np.log(11.0), 0.0, np.log(0.05), 0.0]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    assert layers[6][:, -2:].all()
    score = WEIGHTS["dis-medium"][0] + float(np.dot(WEIGHTS["dis-medium"][1:], wanted))
    confidence = flow_confidence("dis-medium", first, second, forward, -forward + np.float32([0.0, 3.0]))
    assert confidence[20, 30] == pytest.approx(1 / (1 + np.exp(-score)), rel=1e-4)


def test_errors_are_told_on_real_pairs(real_dir):
    """The bar is 0.90 as the mean of each group of pairs."""
    groups: dict[str, list[float]] = {}
    for files in (*find_flow_scenes(real_dir / "flow"), *find_flow_scenes(real_dir / "kitti2012")):
        scene = files.load()
        found = ClassicalFlow("dis")(scene.first, scene.second)
        wrong = endpoint_error(found.flow, scene.flow) > 3.0
        groups.setdefault(files.group, []).append(roc_auc(wrong, found.confidence, scene.valid))
    assert {group: np.mean(areas) >= 0.90 for group, areas in groups.items()} == dict.fromkeys(groups, True), groups
