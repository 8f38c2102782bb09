"""`leadline eval flow`: tables, JSON, sheets, and folders of predictions."""

import json

import numpy as np
import pytest

from leadline.io.flo import write_flo
from leadline.io.images import read_image
from leadline.io.kitti_flow_png import write_kitti_flow

STEP_PX = 4


@pytest.fixture
def scenes(tmp_path, texture, write_image):
    """Two pairs whose content goes 4 px to the left."""
    for name in ("b", "a"):
        place = tmp_path / "scenes" / name
        write_image(place / "frame10.png", texture[:, :160])
        write_image(place / "frame11.png", texture[:, STEP_PX : 160 + STEP_PX])
        flow = np.zeros((120, 160, 2), np.float32)
        flow[..., 0] = -STEP_PX
        write_flo(place / "flow10.flo", flow, np.ones((120, 160), bool))
    return tmp_path / "scenes"


def test_methods_and_predictions_are_scored(leadline, scenes, tmp_path):
    """The predictions are off by 1 px on 25 % of the pixels, and leave out another 25 %."""
    for name, write in (("flo", write_flo), ("png", write_kitti_flow)):
        (tmp_path / name).mkdir()
        flow, known = np.zeros((120, 160, 2), np.float32), np.ones((120, 160), bool)
        flow[..., 0] = -STEP_PX
        flow[:30, :, 1] = 1.0
        known[30:60] = False
        for scene in ("a", "b"):
            write(tmp_path / name / f"{scene}.{name}", flow, known)
    words = ("eval", "flow", scenes, "--models", f"dis-fast,{tmp_path / 'flo'},{tmp_path / 'png'}")
    done = leadline(*words, "--output", tmp_path / "out", "--json", tmp_path / "scores.json")
    assert done.code == 0, done.err
    assert "middlebury, all, dense, mean-over-scenes, 2 scenes, 160x120" in done.out
    report = json.loads((tmp_path / "scores.json").read_text())
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    found = {(row["method"], row["metric"]): row["value"] for row in report["rows"] if row["scene"] is None}
    assert found["dis-fast", "EPE"] < 0.3
    # Missing: as long as the true motion, 4 px.
    assert found["flo", "EPE"] == found["png", "EPE"] == pytest.approx(0.25 * 1.0 + 0.25 * 4.0)
    assert read_image(tmp_path / "out" / "a.png").pixels.shape[1] > 3 * 480
    assert leadline(*words, "--output", tmp_path / "out").code == 2


def test_what_a_protocol_could_not_score_is_said(leadline, scenes):
    done = leadline("eval", "flow", scenes, "--models", "dis-fast", "--protocol", "kitti2015")
    assert done.code == 0
    assert "note: bg, fg not scored: no object map" in done.err
    assert "noc, noc-bg, noc-fg not scored: no occlusion mask" in done.err


def test_what_cannot_be_scored_is_one_line(leadline, scenes, tmp_path):
    for words, said in (
        ((tmp_path / "none",), "which is no folder"),
        ((tmp_path,), "expected folders with frame10.png"),
        ((scenes, "--models", "raft"), "expected leadline-flow, dis, dis-ultrafast"),
        ((scenes, "--models", "sgbm"), "use it with `leadline stereo`"),
        ((scenes, "--models", scenes), "expected a prediction b.flo or b.png"),
        ((scenes, "--protocol", "eth3d"), "expected a protocol out of middlebury, sintel, kitti2012, kitti2015"),
    ):
        done = leadline("eval", "flow", *words)
        assert done.code == 2, words
        assert said.replace("b.", "a.") in done.one_line, done.err
