"""`leadline tracks` on a recording whose place in space is known, with a detector that answers with a chosen box."""

import csv
import hashlib
import json

import numpy as np
import pytest
import yaml

from leadline.apps.cli.main import main
from leadline.apps.web.view.tracks import read_tracks
from leadline.io.images import write_image

onnx = pytest.importorskip("onnx")

DISPARITY_PX, FRAMES, HEIGHT, WIDTH = 8, 6, 96, 128
FOCAL_PX = 64.0  # 90 degrees across 128 px
BASELINE_M = 0.5
BOX = (40.0, 20.0, 80.0, 80.0)
"""Left, top, right and bottom from the corner of the first pixel."""
NUMBERS = ["--fov", "90", "--baseline-m", str(BASELINE_M)]
STEREO = ["--model", "sgbm", "--max-disparity", "16", *NUMBERS]


@pytest.fixture
def card(tmp_path):
    """A detector that finds one person at BOX in any image of 128 x 96."""

    def write(score=0.9):
        left, top, right, bottom = BOX
        row = np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top, score, 0.0], np.float32)
        helper, kind = onnx.helper, onnx.TensorProto.FLOAT
        nodes = [
            helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "row"], ["boxes"]),
        ]
        constants = [helper.make_tensor("zero", kind, [], [0.0]), helper.make_tensor("row", kind, [1, 6, 1], row)]
        image = helper.make_tensor_value_info("image", kind, [1, 3, HEIGHT, WIDTH])
        boxes = helper.make_tensor_value_info("boxes", kind, [1, 6, 1])
        graph = helper.make_graph(nodes, "one", [image], [boxes], constants)
        content = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8
        ).SerializeToString()  # fmt: skip
        (tmp_path / "one.onnx").write_bytes(content)
        path = tmp_path / "one.yaml"
        keys = {
            "name": "one", "path": "one.onnx", "sha256": hashlib.sha256(content).hexdigest(), "licence": "MIT",
            "layout": "yolov8", "input": "image", "output": "boxes", "height": HEIGHT, "width": WIDTH,
            "classes": ["person", "dog"],
        }  # fmt: skip
        path.write_text(yaml.safe_dump(keys))
        return str(path)

    return write


@pytest.fixture
def pairs(tmp_path):
    """Folders of two views of a plane 4 m away: Z = f b / d = 64 x 0.5 / 8."""
    for number in range(FRAMES):
        texture = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH + DISPARITY_PX), dtype=np.uint8)
        for side, pixels in (("left", texture[:, :WIDTH]), ("right", texture[:, DISPARITY_PX:])):
            (tmp_path / side).mkdir(exist_ok=True)
            write_image(tmp_path / side / f"{number}.png", np.repeat(pixels[..., None], 3, axis=2))
    return f"file:{tmp_path / 'left'}?fps=10", str(tmp_path / "right")


def _run(tmp_path, *words):
    return main(["tracks", *words, "--output", str(tmp_path / "out"), "--threads", "1"])


def test_two_views_give_metres(card, pairs, tmp_path, capsys):
    assert _run(tmp_path, *pairs, *STEREO, "--detector", card()) == 0
    assert "tracks: 1 person; metres" in capsys.readouterr().out
    told = json.loads((tmp_path / "out" / "tracks.json").read_text())
    assert told["metres"]
    assert [len(frame["objects"]) for frame in told["frames"]] == [0, 0, 1, 1, 1, 1]
    (entry,) = told["frames"][-1]["objects"]
    assert (entry["id"], entry["label"]) == (1, "person")
    assert entry["box_px"] == pytest.approx([39.5, 19.5, 40.0, 60.0])
    # The middle of the box, (59.5, 49.5), is 4 px to the left of the axis and 2 px below it, 4 m away.
    assert entry["position_m"] == pytest.approx([-4 / 16, 2 / 16, 4.0], abs=0.1)
    assert entry["size_m"] == pytest.approx([40 / 16, 60 / 16, 40 / 16], rel=0.05)
    assert np.linalg.norm(entry["velocity_m_per_s"]) < 0.3
    assert told["frames"][-1]["time_s"] == pytest.approx(0.5)
    # What draws tracks reads this very file.
    (drawn,) = read_tracks(tmp_path / "out" / "tracks.json")[-1].objects
    assert (drawn.number, drawn.label, drawn.position_m) == (1, "person", tuple(entry["position_m"]))
    rows = list(csv.DictReader((tmp_path / "out" / "tracks.csv").read_text().splitlines()))
    assert len(rows) == 4
    assert float(rows[-1]["z_m"]) == pytest.approx(4.0, abs=0.1)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["frames"], summary["tracks"]) == (FRAMES, {"person": 1})
    assert (tmp_path / "out" / "overlay.mp4").stat().st_size > 0
    assert not (tmp_path / "out" / "overlay").exists()
    assert not (tmp_path / "out" / "unfinished.jsonl").exists()
    assert _run(tmp_path, *pairs, *STEREO, "--detector", card()) == 0
    assert "is finished and skipped" in capsys.readouterr().err


def test_a_run_that_was_stopped_goes_on_with_the_same_result(card, pairs, tmp_path, monkeypatch, capsys):
    words = (*pairs, *STEREO, "--detector", card())
    assert _run(tmp_path, *words) == 0
    whole = json.loads((tmp_path / "out" / "tracks.json").read_text())
    from leadline.results.tracks import TracksRun

    add = TracksRun.add

    def stopping(self, seen, camera):
        if self.done == 3:
            raise KeyboardInterrupt
        return add(self, seen, camera)

    with monkeypatch.context() as patch:
        patch.setattr(TracksRun, "add", stopping)
        assert _run(tmp_path, *words, "--overwrite") == 130
    assert (tmp_path / "out" / "unfinished.jsonl").exists()
    assert not (tmp_path / "out" / "summary.json").exists()
    assert _run(tmp_path, *words) == 0
    assert "3 frames of an earlier run" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "tracks.json").read_text()) == whole


def test_a_camera_that_is_stopped_leaves_a_whole_result(card, pairs, tmp_path, monkeypatch):
    """A recording at its own pace is taken for a camera: nothing of it can be fetched again.

    A slow machine passes over frames, but gets the first and the last one.
    """
    from leadline.results.tracks import TracksRun

    add = TracksRun.add

    def stopping(self, seen, camera):
        if self.done == 1:
            raise KeyboardInterrupt
        return add(self, seen, camera)

    monkeypatch.setattr(TracksRun, "add", stopping)
    words = (f"{pairs[0]}&pace=real", pairs[1], *STEREO, "--detector", card())
    assert _run(tmp_path, *words) == 130
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["frames"] == 1
    assert len(json.loads((tmp_path / "out" / "tracks.json").read_text())["frames"]) == 1
    assert not (tmp_path / "out" / "unfinished.jsonl").exists()


def test_poses_give_places_in_the_world(card, pairs, tmp_path):
    """A camera that goes 0.1 m to the right with each frame, and sees a thing beside it all the time."""
    rows = [f"1 0 0 {0.1 * n:.2f} 0 1 0 0 0 0 1 0" for n in range(FRAMES)]
    (tmp_path / "poses.txt").write_text("\n".join(rows) + "\n")
    assert _run(tmp_path, *pairs, *STEREO, "--detector", card(), "--poses", str(tmp_path / "poses.txt")) == 0
    (entry,) = json.loads((tmp_path / "out" / "tracks.json").read_text())["frames"][-1]["objects"]
    shift = np.array(entry["world_position_m"]) - entry["position_m"]
    assert shift.tolist() == pytest.approx([0.5, 0.0, 0.0], abs=1e-3)


def test_one_view_without_scale_gives_no_metres(card, pairs, tmp_path, capsys):
    assert _run(tmp_path, str(tmp_path / "left"), "--fps", "10", "--detector", card()) == 0
    said = capsys.readouterr()
    assert "tracks: 1 person; no metres" in said.out
    assert "the focal length is unknown" in said.err
    told = json.loads((tmp_path / "out" / "tracks.json").read_text())
    assert not told["metres"]
    assert set(told["frames"][-1]["objects"][0]) == {"id", "label", "score", "box_px"}


def test_one_view_with_a_source_of_scale_gives_metres(card, pairs, tmp_path):
    words = ("--fov", "90", "--scale-from", "planes:2:6", "--detector", card())
    assert _run(tmp_path, str(tmp_path / "left"), *words) == 0
    told = json.loads((tmp_path / "out" / "tracks.json").read_text())
    assert told["metres"]
    assert 1.5 < told["frames"][-1]["objects"][0]["position_m"][2] < 6.5


def test_nothing_found_is_said(card, pairs, tmp_path, capsys):
    assert _run(tmp_path, *pairs, *STEREO, "--detector", card(0.1)) == 0
    said = capsys.readouterr()
    assert "no track" in said.err
    assert "tracks: none" in said.out
    assert not any(frame["objects"] for frame in json.loads((tmp_path / "out" / "tracks.json").read_text())["frames"])


def _refused(tmp_path, capsys, *words):
    assert _run(tmp_path, *words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert not (tmp_path / "out" / "summary.json").exists()
    return lines[-1]


def test_frames_of_another_size_are_refused(card, pairs, tmp_path, capsys):
    write_image(tmp_path / "left" / "3.png", np.zeros((64, 64, 3), np.uint8))
    line = _refused(tmp_path, capsys, str(tmp_path / "left"), "--detector", card())
    assert "frames of one size" in line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--detector", "gone.yaml"], "gone.yaml"),
        (["--detector", "yolo"], "nanodet or a card"),
        (["--label", "unicorn"], "got 'unicorn'"),
        (["--min-score", "1.5"], "--min-score"),
        (["--birth-score", "nan"], "nan"),
        (["--frames", "0"], "--frames"),
        (["--poses", "gone.txt"], "gone.txt"),
        (["--scale-from", "height:2"], "no --scale-from with two views"),
        (["--fps", "10"], "?fps=10"),
    ],
)
def test_impossible_options_are_refused(words, says, pairs, tmp_path, capsys):
    assert says in _refused(tmp_path, capsys, *pairs, *NUMBERS, *words)


def test_options_of_two_views_are_refused_for_one(pairs, tmp_path, capsys):
    assert "the options of one view" in _refused(tmp_path, capsys, str(tmp_path / "left"), "--baseline-m", "0.1")


def test_sources_that_are_none_are_refused(tmp_path, capsys):
    assert "gone" in _refused(tmp_path, capsys, str(tmp_path / "gone.mp4"))
    assert "gone" in _refused(tmp_path, capsys, f"file:{tmp_path}/gone.mp4")


def test_too_few_poses_are_refused(card, pairs, tmp_path, capsys):
    (tmp_path / "poses.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n")
    words = (*pairs, *STEREO, "--detector", card(), "--poses", str(tmp_path / "poses.txt"))
    assert "a pose for each frame, got 1" in _refused(tmp_path, capsys, *words)


def test_another_result_is_not_overwritten(card, pairs, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.json").write_text("{}")
    assert _run(tmp_path, *pairs, *STEREO, "--detector", card()) == 2
    assert "another result" in capsys.readouterr().err
