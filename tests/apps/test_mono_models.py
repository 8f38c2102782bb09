"""Networks of the zoo in `leadline mono`, `leadline eval mono` and `leadline bench mono`: tiny random ones."""

import json
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.apps.cli.sources import zoo_options
from leadline.errors import InputError
from leadline.io.pfm import read_pfm
from leadline.models.zoo import load_zoo

RELATIVE, METRIC = "depth-anything-v2-small", "depth-anything-v2-metric-indoor-small"
TRUTH_M = 2.0


@pytest.fixture(scope="module")
def depth_anything(tmp_path_factory):
    """Folders with a relative network and a metric one, in the layout of their repositories."""
    torch = import_module("torch")
    library = pytest.importorskip("transformers", reason='no transformers: pip install "leadline[zoo]"')
    processor = {
        "image_processor_type": "DPTImageProcessor",
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "ensure_multiple_of": 14,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "keep_aspect_ratio": True,
        "size": {"height": 56, "width": 56},
    }
    folders = {}
    for name, kind in ((RELATIVE, "relative"), (METRIC, "metric")):
        backbone = library.Dinov2Config(
            image_size=56,
            patch_size=14,
            hidden_size=16,
            num_hidden_layers=4,
            num_attention_heads=2,
            mlp_ratio=1,
            out_indices=[1, 2, 3, 4],
            reshape_hidden_states=False,
        )
        config = library.DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=16,
            head_hidden_size=4,
            neck_hidden_sizes=[4, 4, 8, 8],
            fusion_hidden_size=8,
            depth_estimation_type=kind,
            max_depth=20 if kind == "metric" else 1,
        )
        torch.manual_seed(0)
        network = library.DepthAnythingForDepthEstimation(config)
        for label, weight in network.named_parameters():
            # Far enough from 0 for the image to matter, small enough for depths in the middle of the range.
            spread = 0.9 / max(1, weight[0].numel()) ** 0.5 if weight.ndim > 1 else 0.1
            weight.data.normal_(1.0 if "norm" in label and label.endswith("weight") else 0.0, spread)
        folders[name] = tmp_path_factory.mktemp(kind)
        network.save_pretrained(folders[name])
        (folders[name] / "preprocessor_config.json").write_text(json.dumps(processor))
    return folders


@pytest.fixture
def scene(tmp_path, texture):
    """An image 92 px wide and 60 px high, everything 2 m away."""
    room = tmp_path / "room"
    for child in ("images", "depth"):
        (room / child).mkdir(parents=True)
    image = np.ascontiguousarray(texture[:60, :92])
    assert cv2.imwrite(str(room / "images" / "1.png"), image[..., ::-1])
    assert cv2.imwrite(str(room / "depth" / "1.png"), np.full((60, 92), 1000 * TRUTH_M, np.uint16))
    return room, image


def test_one_is_evaluated_in_its_own_kind(leadline, scene, depth_anything, tmp_path):
    room, image = scene
    words = ["--models", f"constant,{METRIC}", "--source", depth_anything[METRIC], "--alignment", "none"]
    done = leadline("eval", "mono", room, *words, "--threads", 1, "--json", tmp_path / "scores.json")
    assert done.code == 2
    assert "a kind that generic can align by none, got affine_inverse" in done.err  # the constant
    words[1] = METRIC
    done = leadline("eval", "mono", room, *words, "--threads", 1, "--json", tmp_path / "scores.json")
    assert done.code == 0, done.err
    rows = json.loads((tmp_path / "scores.json").read_text())["rows"]
    (score,) = (r for r in rows if (r["scene"], r["rule"], r["metric"]) == (None, "dense", "AbsRel"))
    depth = load_zoo(METRIC, depth_anything[METRIC])(image).depth
    assert score["value"] == pytest.approx(float(np.abs(depth - TRUTH_M).mean()) / TRUTH_M, rel=1e-4)
    assert (score["method"], score["alignment"]) == (METRIC, "none")


def test_several_are_evaluated_each_from_its_source(leadline, scene, depth_anything, tmp_path):
    sources = [word for name, folder in depth_anything.items() for word in ("--source", f"{name}={folder}")]
    words = ["--models", f"{RELATIVE},{METRIC}", *sources, "--json", tmp_path / "scores.json"]
    done = leadline("eval", "mono", scene[0], *words)
    assert done.code == 0, done.err
    rows = json.loads((tmp_path / "scores.json").read_text())["rows"]
    assert {(row["method"], row["alignment"]) for row in rows} == {(RELATIVE, "lsq-disparity"), (METRIC, "none")}


def test_a_licence_is_asked_for_everywhere(leadline, scene, depth_anything):
    words = ["depth-anything-v2-large", "--source", depth_anything[RELATIVE]]
    for command in (("eval", "mono", scene[0], "--models"), ("bench", "mono", "--sizes", "92x60", "--models")):
        done = leadline(*command, *words)
        assert (done.code, "pass --accept-licence" in done.err) == (2, True)
    assert leadline("eval", "mono", scene[0], "--models", *words, "--accept-licence").code == 0


def test_one_is_measured(leadline, depth_anything, tmp_path):
    words = ["--sizes", "92x60", "--models", METRIC, "--source", f"{METRIC}={depth_anything[METRIC]}", "--threads", 1]
    done = leadline("bench", "mono", *words, "--repeats", 1, "--json", tmp_path / "rows.json")
    assert done.code == 0, done.err
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert (row["model"], row["height"], row["width"], row["threads"], row["gflop"]) == (METRIC, 60, 92, 1, None)
    assert 100 < row["peak_mb"] < 4000


def test_one_sees_a_image(leadline, scene, depth_anything, tmp_path):
    room, image = scene
    words = ["--model", METRIC, "--source", f"{METRIC}={depth_anything[METRIC]}", "--threads", 1]
    done = leadline("mono", room / "images" / "1.png", *words, "--output", tmp_path / "out")
    assert done.code == 0, done.err
    np.testing.assert_array_equal(
        read_pfm(tmp_path / "out" / "depth.pfm"), load_zoo(METRIC, depth_anything[METRIC])(image).depth
    )
    assert import_module("torch").get_num_threads() == 1


def test_what_sources_mean():
    assert zoo_options(["a.onnx"]) == {"a.onnx": {}}
    found = zoo_options(["a.onnx", RELATIVE], ["some=folder"], accept_licence=True)
    assert found[RELATIVE] == {"source": Path("some=folder"), "accept_licence": True}
    both = zoo_options([RELATIVE, METRIC], [f"{METRIC}=m", f"{RELATIVE}=r"])
    assert [options["source"] for options in both.values()] == [Path("r"), Path("m")]


@pytest.mark.parametrize(
    ("names", "sources", "message"),
    [
        (["a.onnx"], ["folder"], "expected a network of the zoo for --source and --accept-licence, got a.onnx"),
        ([RELATIVE, METRIC], ["folder"], "--source NAME=FOLDER with a NAME out of depth-anything-v2-small, depth"),
        ([RELATIVE], [f"{METRIC}=folder"], "one --source at most for each of depth-anything-v2-small, got"),
        ([RELATIVE], ["a", f"{RELATIVE}=b"], "one --source at most"),
    ],
)
def test_sources_that_are_not_clear(names, sources, message):
    with pytest.raises(InputError, match=message):
        zoo_options(names, sources)


def test_what_a_command_cannot_run(leadline, scene):
    image = scene[0] / "images" / "1.png"
    done = leadline("mono", image, "--model", "prompt-depth-anything-small")
    assert (done.code, "which needs coarse metric depth, too" in done.one_line) == (2, True)
    done = leadline("mono", image, "--model", RELATIVE, "--threads", 0)
    assert (done.code, done.one_line.endswith("expected at least 1 thread, got 0")) == (2, True)
