"""Flow between the views of a rectified pair is disparity: two networks that learned apart must agree on it."""

import cv2
import numpy as np
import pytest

from leadline.loading import load_model
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.runtime.flow import DEFAULT_FLOW_MODEL


@pytest.mark.parametrize("model", dict.fromkeys([DEFAULT_FLOW_MODEL, "dis"]))
def test_flow_of_a_rectified_pair_is_what_the_stereo_network_says(model):
    sample = motorcycle()[0]
    views = [
        cv2.resize(view, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for view in (sample.left, sample.right)
    ]
    stereo = load_model("leadline-fast", "stereo", threads=1)(*views)
    flow = load_model(model, "flow", threads=1)(*views)
    disparity = flow.to_disparity()
    sure = disparity.valid & (flow.confidence > 0.7) & (stereo.confidence > 0.7)
    assert sure.mean() > 0.4
    off = np.abs(disparity.disparity - stereo.disparity)[sure]
    # Both claim an error below 1 px with a probability of 0.7 and more.
    assert np.mean(off < 1.0) > 0.85
    assert np.median(off) < 0.4
    assert np.median(np.abs(flow.flow[..., 1][sure])) < 0.2
