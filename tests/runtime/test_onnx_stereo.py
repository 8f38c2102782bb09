"""Stereo networks of other people by their cards, on networks of random weights with the documented signatures."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pytest
import yaml

from leadline.errors import InputError
from leadline.runtime.onnx_stereo import OnnxStereo, fitting_cards, load_onnx_stereo
from leadline.runtime.onnx_stereo_card import StereoCard, bundled_stereo_cards, find_stereo_card, read_stereo_card
from leadline.runtime.stereo import StereoMethod

pytest.importorskip("onnx.helper")

RNG = np.random.default_rng(3)
H, W = 32, 48
LEFT, RIGHT = (RNG.integers(0, 256, (H, W, 3), dtype=np.uint8) for _ in range(2))
IMAGENET = (np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]))


def rgb255(view):
    return view.astype(np.float64)


def rgb1(view):
    return view / 255.0


def imagenet(view):
    return (view / 255.0 - IMAGENET[0]) / IMAGENET[1]


def grey1(view):
    return (np.rint(view @ np.array([0.299, 0.587, 0.114])) / 255.0)[..., None]


@dataclass(frozen=True)
class Signature:
    """What an export's documentation says, apart from our card of it.

    Args:
        inputs: Name -> its channels, and its size as a share of the network's.
        output: Name of the output.
        shape: Of the output: b, c, h, w.
        pixel: 8-bit image -> what the network gets.
        kind: Type of its inputs.
        sign: -1 if the output is a flow.
    """

    inputs: dict
    output: str
    shape: str
    pixel: object
    kind: str = "float"
    sign: float = 1.0

    def sizes(self, rows, columns):
        return {name: [1, channels, rows // part, columns // part] for name, (channels, part) in self.inputs.items()}


TWO = {"left": (3, 1), "right": (3, 1)}
SIGNATURES = {
    "lite-any-stereo-v1": Signature(TWO, "disparity", "bchw", rgb255),
    "lite-any-stereo-v2": Signature(TWO, "disparity", "bchw", rgb255),
    "hitnet-eth3d": Signature({"input": (2, 1)}, "reference_output_disparity", "bhwc", grey1),
    "hitnet-middlebury": Signature({"input": (6, 1)}, "reference_output_disparity", "bhwc", rgb1),
    "hitnet-flyingthings": Signature({"input": (6, 1)}, "reference_output_disparity", "bhwc", rgb1),
    "crestereo-init": Signature(TWO, "output", "b2hw", rgb255),
    "crestereo-combined": Signature(
        {"init_left": (3, 2), "init_right": (3, 2), "next_left": (3, 1), "next_right": (3, 1)},
        "next_output",
        "b2hw",
        rgb255,
    ),
    "crestereo-flow": Signature({**TWO, "flow_init": (2, 2)}, "output", "b2hw", rgb255),
    "raft-stereo": Signature({"x1": (3, 1), "x2": (3, 1)}, "output", "bchw", rgb255, sign=-1.0),
    "foundation-stereo": Signature(TWO, "disp", "bchw", rgb255),
    "fast-acvnet": Signature({"left_image": (3, 1), "right_image": (3, 1)}, "disparity", "bhw", imagenet),
    "cgi-stereo": Signature({"a": (3, 1), "b": (3, 1)}, "c", "bhw", rgb1),
    "s2m2": Signature({"input_left": (3, 1), "input_right": (3, 1)}, "output_disp", "bchw", rgb255, kind="uint8"),
    "openstereo": Signature({"left_img": (3, 1), "right_img": (3, 1)}, "disp_pred", "bhw", imagenet),
}


def made(foreign_stereo, name, rows=H, columns=W):
    """A network of a signature, and its weights: small, so that its numbers stay positive."""
    signature = SIGNATURES[name]
    count = sum(channels for channels, _ in signature.inputs.values())
    scale = 0.5 if signature.pixel is not rgb255 else 0.02
    weights = np.random.default_rng(count).uniform(-scale, scale, count)
    path = foreign_stereo(
        signature.sizes(rows, columns), signature.output, weights, kind=signature.kind, shape=signature.shape,
        sign=signature.sign, name=f"{name}-{rows}x{columns}.onnx",
    )  # fmt: skip
    return path, weights


def numbers(name, weights, left, right):
    """Disparity by the documentation: 40, and every channel that the network gets times its weight."""
    signature = SIGNATURES[name]
    left, right = signature.pixel(left), signature.pixel(right)
    total, first = 40.0, 0
    for label, (channels, part) in signature.inputs.items():
        seen = {2: None, 3: right if "right" in label or label in ("x2", "b") else left}.get(channels)
        if label == "input":
            seen = np.concatenate([left, right], axis=2)
        if label == "flow_init":
            seen = np.zeros((1, 1, 2))
        if part == 2:
            # The mean of a half-size image by area is the image's own.
            seen = seen.mean(axis=(0, 1), keepdims=True)
        total = total + (seen * weights[first : first + channels]).sum(axis=2)
        first += channels
    return total


def test_every_bundled_card_has_a_signature_here():
    assert set(bundled_stereo_cards()) == set(SIGNATURES)
    for name, card in bundled_stereo_cards().items():
        assert find_stereo_card(name).stem == name
        assert card.source.startswith("https://")
        assert card.origin.startswith("https://")


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_bundled_card_runs_a_network_of_its_signature(foreign_stereo, name):
    path, weights = made(foreign_stereo, name)
    method = load_onnx_stereo(name, path, threads=1)
    found = method(LEFT, RIGHT)
    np.testing.assert_allclose(found.disparity, numbers(name, weights, LEFT, RIGHT), atol=0.02)
    assert found.valid.all()
    assert found.confidence is None
    assert isinstance(method, StereoMethod)
    assert method.description["licence"] == bundled_stereo_cards()[name].licence
    assert method.description["threads"] == 1


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_smaller_network_finds_smaller_disparities(foreign_stereo, name):
    # Flat images stay flat at any size; the network is half as wide, so that its pixels are twice as large.
    path, weights = made(foreign_stereo, name, 16, 24)
    flat = [np.full((48, 48, 3), colour, np.uint8) for colour in ((200, 90, 30), (10, 60, 220))]
    found = load_onnx_stereo(name, path)(*flat)
    expected = 2.0 * numbers(name, weights, flat[0][:1, :1], flat[1][:1, :1])
    np.testing.assert_allclose(found.disparity, np.broadcast_to(expected, (48, 48)), atol=0.03)


def test_the_range_of_a_network_follows_the_size(foreign_stereo):
    path, _ = made(foreign_stereo, "lite-any-stereo-v2")
    method = load_onnx_stereo("lite-any-stereo-v2", path, max_disparity=193)
    assert method.searched_px(H, 2 * W) == 2 * 192
    assert method(np.tile(LEFT, (1, 2, 1)), np.tile(RIGHT, (1, 2, 1))).valid.all()
    with pytest.raises(InputError, match="at most 192 px for lite-any-stereo-v2 on images of 48x32, got 193"):
        method(LEFT, RIGHT)
    assert load_onnx_stereo("raft-stereo", made(foreign_stereo, "raft-stereo")[0]).searched_px(H, W) == np.inf


def written(tmp_path, without=None, **keys):
    """A card file."""
    card = {
        "task": "stereo",
        "name": "mine",
        "licence": "MIT",
        "origin": "https://example.org",
        "source": "https://example.org",
        "inputs": [{"view": "left", "name": "left"}, {"view": "right", "name": "right"}],
        "output": {"name": "disp"},
        "max_disparity": 64,
        **keys,
    }
    card.pop(without, None)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(card))
    return path


FREE = {"left": ["b", 3, "h", "w"], "right": ["b", 3, "h", "w"]}
RED = np.array([1.0, 0, 0, 0, 0, 0])


def test_padding_keeps_pixels_and_disparities(foreign_stereo, tmp_path):
    path = foreign_stereo(FREE, "disp", RED, offset=0.0)
    card = written(tmp_path, size={"side": "native", "multiple_of": 32}, fit="pad", max_disparity=300)
    left, right = LEFT[:30, :41], RIGHT[:30, :41]
    method = load_onnx_stereo(card, path, max_disparity=300)
    np.testing.assert_allclose(method(left, right).disparity, left[..., 0])
    assert method.searched_px(30, 41) == 300


@pytest.mark.parametrize(("colour", "channel"), [("RGB", 0), ("BGR", 2)])
def test_the_order_of_colours(foreign_stereo, tmp_path, colour, channel):
    path = foreign_stereo(FREE, "disp", RED, offset=0.0)
    card = written(tmp_path, size={"side": "native"}, colour=colour)
    np.testing.assert_allclose(load_onnx_stereo(card, path)(LEFT, RIGHT).disparity, LEFT[..., channel])


@pytest.mark.parametrize(("unit", "factor"), [("image", 1.0), ("output", 1.0), ("width", W)])
def test_units_of_the_output(foreign_stereo, tmp_path, unit, factor):
    path = foreign_stereo(FREE, "disp", RED / 255, offset=0.0)
    card = written(tmp_path, size={"side": "native"}, output={"name": "disp", "unit": unit, "factor": 2})
    found = load_onnx_stereo(card, path)(LEFT, RIGHT).disparity
    np.testing.assert_allclose(found, 2 * factor * (LEFT[..., 0] / 255), atol=1e-4)


def test_half_precision_and_grey_images(foreign_stereo, tmp_path):
    path = foreign_stereo(FREE, "disp", RED, offset=0.0, kind="float16")
    card = written(tmp_path, size={"side": "native"})
    np.testing.assert_allclose(load_onnx_stereo(card, path)(LEFT[..., 1], RIGHT[..., 1]).disparity, LEFT[..., 1])


def test_a_card_names_its_network_and_its_checksum(foreign_stereo, tmp_path):
    content = foreign_stereo(FREE, "disp", RED).read_bytes()
    (tmp_path / "mine.onnx").write_bytes(content)
    size = {"side": "native"}
    assert isinstance(load_onnx_stereo(written(tmp_path, size=size)), OnnxStereo)
    (tmp_path / "other.onnx").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    assert isinstance(load_onnx_stereo(written(tmp_path, size=size, path="other.onnx", sha256=sha256)), OnnxStereo)
    with pytest.raises(InputError, match="with sha256 000000000000, got"):
        load_onnx_stereo(written(tmp_path, size=size, sha256="0" * 64))
    with pytest.raises(InputError, match=r"got no such file; name the network as FILE\.onnx@mine"):
        load_onnx_stereo(written(tmp_path, path="absent.onnx"))


def test_the_cards_that_a_network_fits(foreign_stereo):
    assert fitting_cards(made(foreign_stereo, "foundation-stereo")[0]) == ("foundation-stereo",)
    assert fitting_cards(made(foreign_stereo, "hitnet-eth3d")[0]) == ("hitnet-eth3d",)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"without": "licence"}, "licence is missing"),
        ({"task": "mono"}, "expected a card with the line task: stereo"),
        ({"inputs": "left"}, "expected a list of inputs"),
        ({"inputs": [{"view": "left"}]}, r"inputs that show left and right, or both, on the card, got \['left'\]"),
        ({"inputs": [{"view": "top"}]}, "expected one of left, right, both, flow"),
        ({"inputs": [{"view": "both", "divide": 0}]}, "expected divide of at least 1"),
        ({"output": {"factor": 0}}, "factor other than 0"),
        ({"output": {"channel": -1}}, "a channel from 0"),
        ({"white": 2}, "white of 1 or 255"),
        ({"std": [1, 1, 0]}, "expected std above 0"),
        ({"fit": "pad"}, "a size with side native for fit pad"),
        ({"nonsense": 1}, "got 'nonsense'"),
    ],
)
def test_wrong_cards(tmp_path, keys, message):
    with pytest.raises(InputError, match=message):
        read_stereo_card(written(tmp_path, **keys))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"inputs": [{"view": "both"}]}, "expected 1 inputs in"),
        ({"inputs": [{"view": "left", "name": "l"}, {"view": "right"}]}, "expected input 'l' in"),
        ({"colour": "grey"}, "with 4 axes and 1 channels, as the card mine says"),
        ({"output": {"name": "depth"}}, "expected output 'depth' in .*, got disp"),
        ({"size": None}, "expected one size of the images in"),
        ({"output": {"factor": -1}}, "got negative disparity in most pixels; correct the output's factor"),
        ({"output": {"channel": 1}}, r"an output of h x w with channel 1 from mine, got \(1, 1, 32, 48\)"),
        ({"size": {"side": "exact", "height": 1, "width": 1}}, "expected an output of h x w"),
    ],
)
def test_cards_that_do_not_fit_the_network(foreign_stereo, tmp_path, keys, message):
    path = foreign_stereo(FREE, "disp", RED)
    card = written(tmp_path, **{"size": {"side": "native"}, **keys})
    with pytest.raises(InputError, match=message):
        load_onnx_stereo(card, path)(LEFT, RIGHT)


def test_a_network_that_refuses_its_input(foreign_stereo, tmp_path):
    path = foreign_stereo({"left": [1, 3, 16, 24], "right": [1, 3, 16, 24]}, "disp", RED)
    with pytest.raises(InputError, match=r"expected mine to take left \(1, 3, 32, 48\).*got: .*correct the card's"):
        load_onnx_stereo(written(tmp_path, size={"side": "native"}), path)(LEFT, RIGHT)


def test_wrong_requests(foreign_stereo):
    path, _ = made(foreign_stereo, "foundation-stereo")
    with pytest.raises(InputError, match="at least 1 px, got 0"):
        load_onnx_stereo("foundation-stereo", path, max_disparity=0)
    with pytest.raises(InputError, match="at least 16 px a side"):
        load_onnx_stereo("foundation-stereo", path)(LEFT[:8], RIGHT[:8])
    with pytest.raises(InputError, match=r"expected a card file \(.yaml\) or one of cgi-stereo, .* got 'nonsense'"):
        find_stereo_card("nonsense")


def test_a_graph_of_another_type_is_refused(tmp_path):
    from onnx import TensorProto, helper

    layers = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [1, 3, 16, 16]) for name in ("left", "right")]
    output = helper.make_tensor_value_info("disp", TensorProto.DOUBLE, None)
    node = helper.make_node("Sub", ["left", "right"], ["disp"])
    graph = helper.make_graph([node], "double", layers, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "mine.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=r"float32, float16 or 8-bit input 'left' in .*, got tensor\(double\)"):
        load_onnx_stereo(written(tmp_path))


def test_the_module_documents_every_key():
    import leadline.runtime.onnx_stereo_card as module

    for key in StereoCard.__dataclass_fields__:
        assert f"    {key}:" in module.__doc__
