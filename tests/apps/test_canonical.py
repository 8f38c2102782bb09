"""Canonical depth becomes metric where the camera is known."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from leadline.geometry.camera import Pinhole
from leadline.results.monocular import FoundCamera, estimate_depth
from leadline.runtime.mono import MonoSession
from leadline.tasks import CANONICAL_KEY

IMAGE = np.full((40, 60, 3), 100, np.uint8)
CAMERA = Pinhole(49.0, 49.0, 29.5, 19.5, 40, 60)


@pytest.fixture
def session(mono_graph, tmp_path: Path):
    def load(canonical: bool) -> MonoSession:
        graph = onnx.load(mono_graph("up_to_scale", gain=0.05, confidence=False))
        if canonical:
            entry = graph.metadata_props.add()
            entry.key, entry.value = CANONICAL_KEY, "1"
        onnx.save(graph, tmp_path / "toy.onnx")
        return MonoSession(tmp_path / "toy.onnx", threads=1)

    return load


def test_the_focal_length_makes_it_metric(session):
    found = estimate_depth(session(canonical=True), IMAGE, FoundCamera(CAMERA, "a file"), None, "toy")
    assert (found.depth.kind, found.model_kind) == ("metric", "metric")
    # 5 times 49 / sqrt(2400).
    np.testing.assert_allclose(found.depth.depth, 5.0 * 49.0 / np.sqrt(2400.0), rtol=1e-5)
    assert found.depth.camera == CAMERA


@pytest.mark.parametrize(("canonical", "camera"), [(True, None), (False, CAMERA)])
def test_else_it_stays_up_to_scale(session, canonical, camera):
    found = estimate_depth(session(canonical), IMAGE, FoundCamera(camera, "a file"), None, "toy")
    assert found.depth.kind == "up_to_scale"
    np.testing.assert_allclose(found.depth.depth, 5.0, rtol=1e-6)


def test_a_focal_length_that_changes_no_metres_is_told_of(mono_graph, tmp_path: Path):
    """Of a network that is metric by itself: the option is heard, and used for the cloud alone."""
    session = MonoSession(mono_graph("metric", gain=0.05, confidence=False), threads=1)
    found = estimate_depth(session, IMAGE, FoundCamera(CAMERA, "a file"), None, "toy")
    np.testing.assert_allclose(found.depth.depth, 5.0, rtol=1e-6)
    assert found.notes == ("the metres are the model's own: the focal length only places the points of the cloud",)
    assert estimate_depth(session, IMAGE, FoundCamera(None, "nothing"), None, "toy").notes == (
        "no cloud.ply: nothing; give focal_px, fov_deg or a calibration",
    )
