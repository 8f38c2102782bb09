"""Sheets of flow: panels of truth and methods, and what they refuse."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import FlowMap
from leadline.visual.flow_sheet import flow_sheet

FRAME = np.zeros((48, 64, 3), np.uint8)


def flow_of(u: float, known: float = 1.0, confidence: bool = False, size=(48, 64)) -> FlowMap:
    flow = np.zeros((*size, 2), np.float32)
    flow[..., 0] = u
    valid = np.zeros(size, bool)
    valid[: round(size[0] * known)] = True
    return FlowMap(flow, valid, np.ones(size, np.float32) if confidence else None)


def test_a_column_a_method():
    truth = flow_of(2.0, known=0.25)
    image = flow_sheet(FRAME, FRAME, {"a": flow_of(2.0, confidence=True), "b": flow_of(9.0)}, truth, {"a": "x"}, "t")
    assert image.shape[1] == 3 * 480 + 4 * 10
    # Errors of 0 px are dark blue, those of 7 px orange.
    for colour in ((49, 54, 149), (253, 174, 97)):
        assert (image == np.array(colour, np.uint8)).all(axis=2).any()


def test_what_is_no_sheet_is_refused():
    with pytest.raises(InputError, match="at least one prediction"):
        flow_sheet(FRAME, FRAME, {})
    with pytest.raises(InputError, match="expected a of the first frame's"):
        flow_sheet(FRAME, FRAME, {"a": flow_of(0.0, size=(48, 60))})
