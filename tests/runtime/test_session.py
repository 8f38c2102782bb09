"""Sessions: what runs, where it runs, and what is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest

import leadline
from leadline.classical import ClassicalStereo
from leadline.errors import InputError
from leadline.loading import load_model
from leadline.runtime.graph import StereoGraph
from leadline.runtime.images import check_images
from leadline.runtime.onnx_session import default_threads
from leadline.runtime.stereo import StereoSession

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_a_graph_runs_and_knows_its_range(toy_graph: Path):
    session = StereoGraph(toy_graph, threads=1)
    disparity, confidence = session(IMAGE, IMAGE)
    np.testing.assert_allclose(disparity, IMAGE.mean(2), rtol=1e-5)
    np.testing.assert_allclose(confidence, IMAGE.mean(2) / 255.0, rtol=1e-5)
    assert (session.max_disparity, session.threads, session.provider) == (128, 1, "cpu")


def test_a_graph_without_confidence_is_as_likely_right_as_wrong(unsure_graph: Path, toy_graph: Path):
    session = StereoGraph(unsure_graph, threads=1)
    disparity, confidence = session(IMAGE, IMAGE)
    np.testing.assert_allclose(disparity, IMAGE.mean(2), rtol=1e-5)
    assert confidence.shape == disparity.shape
    assert (confidence == 0.5).all()
    assert not session.has_confidence
    assert StereoGraph(toy_graph, threads=1).has_confidence


def test_a_network_that_cannot_tell_gives_no_confidence(unsure_graph: Path):
    found = StereoSession(unsure_graph)(IMAGE, IMAGE)
    np.testing.assert_allclose(found.disparity, IMAGE.mean(2), rtol=1e-5)
    assert found.confidence is None


def test_a_guided_graph_sees_what_sgbm_finds(guided_graph: Path):
    texture = np.random.default_rng(0).integers(0, 256, (40, 97, 3), dtype=np.uint8)
    left, right = texture[:, :90], texture[:, 7:]
    session = StereoGraph(guided_graph, threads=1)
    disparity, confidence = session(left, right)
    found = ClassicalStereo("sgbm-3way", session.max_disparity)(left, right)
    np.testing.assert_array_equal(disparity, found.disparity)
    np.testing.assert_array_equal(confidence, found.valid)


def test_views_with_strides_are_taken(toy_graph: Path):
    disparity, _ = StereoGraph(toy_graph, threads=1)(IMAGE[:, ::-1], IMAGE)
    np.testing.assert_allclose(disparity, IMAGE[:, ::-1].mean(2), rtol=1e-5)


def test_all_processors_are_used_unless_told(toy_graph: Path):
    assert StereoGraph(toy_graph).threads == default_threads() >= 1


def test_a_foreign_network_is_refused(foreign_graph: Path):
    with pytest.raises(InputError, match="got another network in"):
        StereoGraph(foreign_graph)


def test_a_file_that_is_no_network_is_refused_in_one_line(tmp_path: Path):
    path = tmp_path / "noise.onnx"
    path.write_bytes(b"no network\n" * 100)
    with pytest.raises(InputError, match="could not load") as refused:
        StereoGraph(path)
    assert "\n" not in str(refused.value)


def test_a_provider_that_is_not_installed_is_refused(toy_graph: Path):
    with pytest.raises(InputError, match=r"installed provider \(cpu.*got 'coreml'"):
        StereoGraph(toy_graph, provider="coreml")


def test_a_provider_that_refuses_is_no_silent_fall_back(toy_graph: Path, monkeypatch: pytest.MonkeyPatch):
    import onnxruntime

    class Refusing(onnxruntime.InferenceSession):
        def get_providers(self) -> list[str]:
            return ["OtherExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Refusing)
    with pytest.raises(InputError, match="cpu to take the network, got OtherExecutionProvider"):
        StereoGraph(toy_graph)


@pytest.mark.parametrize("make", [StereoGraph, StereoSession])
def test_no_threads_are_refused(make, toy_graph: Path):
    with pytest.raises(InputError, match="at least 1 thread, got 0"):
        make(toy_graph, threads=0)


def test_a_session_answers_with_a_dense_map(toy_graph: Path):
    session = StereoSession(toy_graph, threads=1)
    found = session(IMAGE, IMAGE)
    assert found.valid.all()
    assert found.confidence is not None
    assert session.description == {"model": str(toy_graph), "provider": "cpu", "threads": 1}


def test_grey_images_are_taken(toy_graph: Path):
    grey = IMAGE[..., 0]
    np.testing.assert_allclose(StereoSession(toy_graph, threads=1)(grey, grey).disparity, grey, rtol=1e-5)


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (IMAGE.astype(np.float32), IMAGE, "8-bit RGB or grey for the left"),
        (IMAGE, IMAGE[..., :2], "8-bit RGB or grey for the right"),
        (IMAGE, IMAGE[:, :-1], "one size, got 30x20 and 29x20"),
        (IMAGE[:15], IMAGE[:15], "at least 16 px a side"),
    ],
)
def test_what_is_no_pair_is_refused(left, right, message):
    with pytest.raises(InputError, match=message):
        check_images(left, right)


def test_a_range_of_nothing_is_refused(toy_graph: Path):
    with pytest.raises(InputError, match="at least 1 px, got 0"):
        StereoSession(toy_graph, max_disparity=0)


@pytest.mark.parametrize("name", ["leadline-slow", "missing.onnx"])
def test_an_unknown_model_names_the_known_ones(name):
    with pytest.raises(InputError, match="sgbm-3way"):
        load_model(name, "stereo")


def test_classical_matchers_stand_behind_the_same_call():
    found = load_model("sgbm-3way", "stereo", max_disparity=31, threads=1)(IMAGE, IMAGE)
    assert found.disparity.shape == (20, 30)
    with pytest.raises(InputError, match="provider cpu"):
        load_model("bm", "stereo", provider="cuda")
    with pytest.raises(InputError, match="at least 1 thread"):
        load_model("bm", "stereo", threads=0)


TEXTURE = np.kron(np.random.default_rng(1).integers(0, 256, (20, 53, 3), dtype=np.uint8), np.ones((3, 3, 1), np.uint8))


@pytest.mark.parametrize("name", ["sgbm-3way", "leadline-fast"])
def test_negative_disparities_are_found_where_they_are_looked_for(name: str):
    left, right = TEXTURE[:, 9:], TEXTURE[:, :-9]
    found = load_model(name, "stereo", max_disparity=30, threads=1, min_disparity=-16)(left, right)
    assert found.disparity.shape == found.valid.shape == left.shape[:2]
    assert np.median(found.disparity) == pytest.approx(-9.0, abs=0.2)
    assert (np.abs(found.disparity[:, :-9] + 9.0) < 1.0).mean() > 0.95
    alone = load_model(name, "stereo", max_disparity=30, threads=1)(left, right)
    assert (alone.disparity >= 0).all()
    confidence = leadline.stereo(left, right, name, 30, -16).confidence
    assert (confidence is None) == (alone.confidence is None)


def test_a_smallest_disparity_that_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="expected a smallest disparity below 0 px, got 4"):
        load_model("bm", "stereo", min_disparity=4)
    with pytest.raises(InputError, match="above the smallest, got -8 and -8"):
        load_model("bm", "stereo", max_disparity=-8, min_disparity=-8)
    with pytest.raises(InputError, match="more than -30 px for images so wide, got -30"):
        load_model("bm", "stereo", min_disparity=-30)(IMAGE, IMAGE)


def test_the_short_call_takes_files_and_matchers(toy_graph: Path):
    np.testing.assert_allclose(leadline.stereo(IMAGE, IMAGE, model=str(toy_graph)).disparity, IMAGE.mean(2), rtol=1e-5)
    assert leadline.stereo(IMAGE, IMAGE, model="bm", max_disparity=16).confidence is None


@pytest.mark.parametrize(("wide", "wanted"), [(40, 128), (2000, 250)])
def test_default_range_is_an_eighth_of_the_width(toy_graph: Path, monkeypatch, wide, wanted):
    asked: list[tuple[float, ...]] = []

    def match_pyramid(_network, left, _right, *numbers):
        asked.append(numbers)
        return np.zeros(left.shape[:2], np.float32), np.ones(left.shape[:2], np.float32)

    monkeypatch.setattr(sys.modules[StereoSession.__module__], "match_pyramid", match_pyramid)
    image = np.zeros((20, wide, 3), np.uint8)
    StereoSession(toy_graph)(image, image)
    assert asked == [(128, wanted, 1.0)]
