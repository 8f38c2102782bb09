"""Detectors by their cards, on networks that answer with numbers that were chosen by hand; and the bundled one."""

import hashlib

import numpy as np
import pytest
import yaml

from leadline.errors import InputError
from leadline.io.images import read_image
from leadline.runtime.detector import load_detector

onnx = pytest.importorskip("onnx")

IMAGE = np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def network(answer: np.ndarray, height: int, width: int, gain: float = 0.0) -> bytes:
    """A graph that answers with these numbers, plus a multiple of its input's mean."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "gain"], ["share"]),
        helper.make_node("Add", ["share", "answer"], ["found"]),
    ]
    constants = [
        helper.make_tensor("gain", kind, [], [gain]),
        helper.make_tensor("answer", kind, answer.shape, answer.astype(np.float32).ravel()),
    ]
    image = helper.make_tensor_value_info("image", kind, [1, 3, height, width])
    found = helper.make_tensor_value_info("found", kind, list(answer.shape))
    graph = helper.make_graph(nodes, "fixed", [image], [found], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


@pytest.fixture
def write_card(tmp_path):
    """Writes a network and its card, with any key changed or, if None, left out; returns the card."""

    def write(answer, height=96, width=96, gain=0.0, **changes):
        content = network(np.asarray(answer, np.float32), height, width, gain)
        (tmp_path / "net.onnx").write_bytes(content)
        keys = {
            "name": "toy", "path": "net.onnx", "sha256": hashlib.sha256(content).hexdigest(), "licence": "MIT",
            "layout": "yolov8", "input": "image", "output": "found", "height": height, "width": width,
            "classes": ["person", "dog"], **changes,
        }  # fmt: skip
        path = tmp_path / "toy.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in keys.items() if value is not None}))
        return str(path)

    return write


def yolov8(*boxes):
    """[1, 4 + 2, n] of (middle x, middle y, width, height, person, dog)."""
    return np.array(boxes, np.float32).T[None]


def test_yolov8_boxes_return_to_the_image(write_card):
    """64 x 48 px become 96 x 72 in a square of 96: 1.5 px of the input for each px of the image."""
    detector = load_detector(write_card(yolov8((48, 36, 30, 60, 0.9, 0.1), (48, 36, 33, 60, 0.3, 0.1))))
    (found,) = detector(IMAGE)  # the second box overlaps the first
    assert (found.label, found.score) == ("person", pytest.approx(0.9))
    # Edges from the corner of the first pixel are 33/1.5 = 22, 4, 42 and 44; pixel centres are whole numbers.
    assert found.box_px == pytest.approx((21.5, 3.5, 41.5, 43.5))


def test_yolov8_stretched(write_card):
    """Across 1.5, down 2 px of the input for each px of the image; boxes end at the image's edge."""
    detector = load_detector(write_card(yolov8((48, 48, 30, 60, 0.1, 0.7), (96, 48, 60, 48, 0.6, 0)), fit="stretch"))
    dog, person = detector(IMAGE)
    assert (dog.label, person.label) == ("dog", "person")
    assert dog.box_px == pytest.approx((21.5, 8.5, 41.5, 38.5))
    assert person.box_px == pytest.approx((43.5, 11.5, 63.5, 35.5))


def test_labels_and_scores_choose(write_card):
    detector = load_detector(write_card(yolov8((20, 20, 20, 20, 0.9, 0.5), (70, 40, 20, 30, 0.25, 0.1))))
    assert [box.label for box in detector(IMAGE)] == ["person", "person"]
    assert [box.label for box in detector(IMAGE, 0.4)] == ["person"]
    # Without people the first box is the dog that it may be, too.
    assert [(box.label, box.score) for box in detector(IMAGE, 0.4, ["dog"])] == [("dog", pytest.approx(0.5))]
    with pytest.raises(InputError, match="got 'cat'"):
        detector(IMAGE, labels=["cat"])
    with pytest.raises(InputError, match="got 'cat'"):
        detector.require_labels(["cat"])


def test_nanodet_distances(write_card):
    """One level of 2 x 3 cells of 32 px: the cell of the second row and third column has its middle at (80, 48)."""
    answer = np.full((1, 6, 2 + 4 * 5), -20.0, np.float32)
    answer[..., :2] = 0.0
    answer[0, 5, 1] = 0.8
    # All weight on bins 2, 1, 0 and on 0 and 1 alike: 64, 32, 0 and 16 px to the left, top, right and bottom.
    answer[0, 5, 2:].reshape(4, 5)[[0, 1, 2, 3, 3], [2, 1, 0, 0, 1]] = 20.0
    path = write_card(answer, 64, 96, layout="nanodet", strides=[32], fit="stretch")
    (found,) = load_detector(path)(np.zeros((64, 96, 3), np.uint8))
    assert (found.label, found.score) == ("dog", pytest.approx(0.8))
    assert found.box_px == pytest.approx((15.5, 15.5, 79.5, 63.5), abs=1e-3)


def test_nothing_is_found_where_nothing_is(write_card):
    assert load_detector(write_card(yolov8((48, 36, 30, 60, 0.1, 0.1))))(IMAGE) == ()


def test_normalisation_reaches_the_network(write_card):
    """The mean of (0.6 - 0.5) / 0.25 over all is 0.4, which the network adds to the scores and boxes."""
    grey = np.full((96, 96), 153, np.uint8)  # 0.6
    path = write_card(yolov8((48, 36, 30, 60, 0.3, 0)), gain=1.0, mean=[0.5] * 3, std=[0.25] * 3)
    (found,) = load_detector(path)(grey)
    assert found.score == pytest.approx(0.7, abs=1e-3)


GOOD = yolov8((48, 36, 30, 60, 0.9, 0.1))


@pytest.mark.parametrize(
    ("answer", "changes", "words"),
    [
        (GOOD, {"classes": ["person"]}, "4 \\+ 1 classes"),
        (GOOD, {"classes": ["person", "person"]}, "each class once"),
        (GOOD, {"classes": "coco"}, "a list of str"),
        (GOOD, {"layout": "ssd"}, "one of yolov8, nanodet"),
        (GOOD, {"layout": "nanodet"}, "correct layout, classes or strides"),
        (GOOD, {"std": [0, 1, 1]}, "std above 0"),
        (GOOD, {"strides": [0]}, "strides of at least 1"),
        (GOOD, {"output": "boxes"}, "expected output 'boxes'"),
        (GOOD, {"licence": None}, "licence is missing"),
        (GOOD, {"sha256": "0" * 64}, "fetch it again"),
        (GOOD, {"path": "gone.onnx"}, "gone.onnx"),
        (GOOD, {"anchors": 3}, "got 'anchors'"),
        (100.0 * GOOD, {}, "scores from 0 to 1"),
        (np.nan * GOOD, {}, "finite numbers"),
        (GOOD[0], {}, "1 x rows x columns"),
    ],
)
def test_a_wrong_card_is_refused(write_card, answer, changes, words):
    def run():
        load_detector(write_card(answer, **changes))(IMAGE)

    with pytest.raises(InputError, match=words):
        run()


def test_a_size_that_the_network_refuses_is_named(write_card, tmp_path):
    path = tmp_path / "toy.yaml"
    write_card(GOOD)
    path.write_text(path.read_text().replace("height: 96", "height: 64"))
    with pytest.raises(InputError, match="correct height and width"):
        load_detector(str(path))(IMAGE)


def test_a_detector_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="nanodet or a card"):
        load_detector("yolo")
    with pytest.raises(InputError, match=r"gone\.yaml"):
        load_detector(str(tmp_path / "gone.yaml"))


def test_the_bundled_detector_is_whole():
    detector = load_detector(threads=1)
    assert len(detector.card.classes) == 80
    assert detector.description["detector_licence"] == "Apache-2.0"
    assert detector(np.full((64, 96, 3), 128, np.uint8), 0.5) == ()


def test_the_bundled_detector_finds_two_people(real_dir):
    image = read_image(real_dir / "video" / "davis_judo" / "images" / "00000.jpg").pixels
    found = load_detector(threads=1)(image, 0.4, ["person"])
    assert len(found) >= 2
