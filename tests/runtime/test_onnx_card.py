"""Foreign ONNX networks by their cards, on graphs small enough to compute by hand."""

import hashlib

import numpy as np
import pytest
import yaml

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.runtime.mono import MonoMethod
from leadline.runtime.onnx_card import OnnxDepthCard, SizeRule, load_onnx_card, read_onnx_card

helper = pytest.importorskip("onnx.helper")

IMAGE = np.random.default_rng(5).integers(0, 256, (16, 24, 3), dtype=np.uint8)


def graph_bytes(axis: int = 1, offset: float = 0.0, output_rank: int = 4, size: object = None) -> bytes:
    """The mean over an axis (1: channels of NCHW), plus an offset: as depth, with axes of length 1 kept or not."""
    from onnx import TensorProto

    shape = [1, 3, size, size] if axis == 1 else [1, size, size, 3]
    keep = int(output_rank == 4)
    nodes = [
        helper.make_node("ReduceMean", ["image", "axis"], ["mean"], keepdims=keep),
        helper.make_node("Add", ["mean", "offset"], ["depth"]),
    ]
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [axis]),
        helper.make_tensor("offset", TensorProto.FLOAT, [1], [offset]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    depth = helper.make_tensor_value_info("depth", TensorProto.FLOAT, [None] * output_rank)
    graph = helper.make_graph(nodes, "mean", [image], [depth], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


@pytest.fixture
def write_card(tmp_path):
    def write(weights: bytes | None = None, without: str | None = None, **keys):
        weights = graph_bytes() if weights is None else weights
        (tmp_path / "net.onnx").write_bytes(weights)
        card = {
            "name": "toy",
            "path": "net.onnx",
            "sha256": hashlib.sha256(weights).hexdigest(),
            "licence": "Apache-2.0",
            "kind": "affine_inverse",
            "input": "image",
            "output": "depth",
            "size": {"side": "native"},
            **keys,
        }
        card.pop(without, None)
        path = tmp_path / "card.yaml"
        path.write_text(yaml.safe_dump(card))
        return path

    return write


def test_a_card_is_read_as_it_is_written(write_card):
    path = write_card(mean=[0.5, 0, 1], std=[1, 2, 4], size={"side": "shorter", "pixels": 518, "multiple_of": 14})
    card = read_onnx_card(path)
    assert (card.mean, card.std) == ((0.5, 0.0, 1.0), (1.0, 2.0, 4.0))
    assert card.size == SizeRule("shorter", 518, 14)
    assert (card.layout, card.interpolation, card.kind) == ("NCHW", "cubic", "affine_inverse")


@pytest.mark.parametrize(("layout", "axis", "rank"), [("NCHW", 1, 4), ("NCHW", 1, 3), ("NHWC", 3, 3)])
def test_normalised_pixels_reach_the_network_in_its_layout(write_card, layout, axis, rank):
    method = load_onnx_card(
        write_card(graph_bytes(axis, output_rank=rank), layout=layout, mean=[0.5, 0.25, 0.0], std=[0.5, 1, 2]), 1
    )
    depth = method(IMAGE)
    red, green, blue = (IMAGE[..., i] / 255.0 for i in range(3))
    np.testing.assert_allclose(depth.depth, ((red - 0.5) / 0.5 + (green - 0.25) + blue / 2) / 3, atol=1e-6)
    assert depth.kind == "affine_inverse"
    assert depth.valid.all()
    assert isinstance(method, MonoMethod)
    assert method.description == {"model": "toy", "licence": "Apache-2.0", "provider": "cpu", "threads": 1}


@pytest.mark.parametrize("interpolation", ["cubic", "linear", "area"])
def test_a_ramp_survives_the_way_to_another_size_and_back(write_card, interpolation):
    # Linear interpolation is exact on a ramp away from the border, whichever way it goes.
    ramp = np.repeat(np.arange(40, 200, 4, dtype=np.uint8)[None, :, None], 20, axis=0).repeat(3, axis=2)
    path = write_card(size={"side": "shorter", "pixels": 40}, interpolation=interpolation)
    depth = load_onnx_card(path)(ramp)
    assert depth.depth.shape == (20, 40)
    tolerance = 2.1 / 255  # area repeats pixels when it enlarges: up to half a step of 4
    np.testing.assert_allclose(depth.depth[:, 2:-2], ramp[:, 2:-2, 0] / 255.0, atol=tolerance)


def test_grey_images_count_as_rgb(write_card):
    method = load_onnx_card(write_card())
    np.testing.assert_array_equal(method(IMAGE[..., 0]).depth, method(np.repeat(IMAGE[..., :1], 3, axis=2)).depth)


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        (SizeRule("native"), (480, 640)),
        (SizeRule("native", 0, 32), (480, 640)),
        (SizeRule("native", 0, 14), (476, 644)),
        # 640 * 518 / 480 = 690.7, and 49.3 times 14.
        (SizeRule("shorter", 518, 14), (518, 686)),
        (SizeRule("longer", 384, 32), (288, 384)),
        (SizeRule("both", 256), (256, 256)),
        (SizeRule("longer", 8, 32), (32, 32)),
        (SizeRule("exact", height=384, width=512), (384, 512)),
    ],
)
def test_sizes(rule, seen):
    assert rule.applied(480, 640) == seen


def test_a_graph_of_one_size_gets_it(write_card):
    even = np.full((20, 50, 3), 51, np.uint8)
    path = write_card(graph_bytes(size=8), size={"side": "exact", "height": 8, "width": 8})
    depth = load_onnx_card(path)(even)
    assert depth.depth.shape == (20, 50)
    np.testing.assert_allclose(depth.depth, 0.2, atol=1e-6)


def test_distances_that_are_not_positive_are_invalid(write_card):
    path = write_card(graph_bytes(offset=-0.5), kind="metric")
    depth = load_onnx_card(path)(IMAGE)
    mean = IMAGE.mean(axis=2) / 255.0
    clear = np.abs(mean - 0.5) > 1e-6
    np.testing.assert_array_equal(depth.valid[clear], (mean > 0.5)[clear])
    assert not depth.depth[~depth.valid].any()
    with pytest.raises(InputError, match="check kind and mean"):
        load_onnx_card(write_card(graph_bytes(offset=-2.0), kind="metric"))(IMAGE)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"colour": "red"}, "got 'colour'"),
        ({"without": "sha256"}, "sha256 is missing"),
        ({"kind": "relative"}, "expected one of metric, up_to_scale, affine_inverse, affine_depth for kind"),
        ({"name": 7}, "expected str for name of the card .* got 7"),
        ({"mean": [0.5, 0.5]}, "expected three numbers for mean"),
        ({"std": [1, True, 1]}, "expected three numbers for std"),
        ({"std": [1, 1, 0]}, "std above 0"),
        ({"size": 518}, "expected keys and values for size on the card .* got int"),
        ({"size": {"side": "shorter", "pixels": 518, "stride": 14}}, "got 'stride'"),
        ({"size": {"side": "shorter", "pixels": "518"}}, "expected int for pixels"),
        ({"size": {"side": "shorter"}}, "without pixels for native"),
        ({"size": {"side": "native", "pixels": 5}}, "without pixels for native"),
        ({"size": {"side": "native", "multiple_of": 0}}, "multiple_of of at least 1"),
        ({"size": {"side": "exact", "height": 384}}, "an exact size with height and width of at least 1 alone"),
        ({"size": {"side": "exact", "height": 8, "width": 8, "multiple_of": 8}}, "of at least 1 alone, got .*of=8"),
        ({"size": {"side": "both", "pixels": 8, "width": 8}}, "height and width for exact only, got .*width=8"),
        ({"path": "gone.onnx"}, "no such file"),
        ({"sha256": "0" * 64}, "with sha256 000000000000, got [0-9a-f]{12}; fetch it again"),
        ({"weights": b"no network"}, "expected an ONNX network, could not load"),
        ({"input": "pixels"}, "expected input 'pixels' in .* got image"),
        ({"output": "disparity"}, "expected output 'disparity' in .* got depth"),
    ],
)
def test_wrong_cards(write_card, keys, says):
    with pytest.raises(InputError, match=says):
        load_onnx_card(write_card(**keys))


def test_files_that_are_no_cards(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_onnx_card(tmp_path / "card.yaml")
    (tmp_path / "card.yaml").write_text("a: [")
    with pytest.raises(InputError, match="expected a card in YAML"):
        read_onnx_card(tmp_path / "card.yaml")
    (tmp_path / "card.yaml").write_text("just text")
    with pytest.raises(InputError, match="expected keys and values"):
        read_onnx_card(tmp_path / "card.yaml")


def test_what_a_network_refuses_or_answers(write_card):
    with pytest.raises(InputError, match="correct layout or size"):
        load_onnx_card(write_card(graph_bytes(size=8)))(IMAGE)
    # The mean over rows leaves three channels.
    with pytest.raises(InputError, match=r"expected an output of h x w .* got \(1, 16, 1, 3\)|got \(1, 3, 1, 24\)"):
        load_onnx_card(write_card(graph_bytes(axis=2, size=None), layout="NHWC"))(IMAGE)
    with pytest.raises(InputError, match="at least 1 thread"):
        load_onnx_card(write_card(), threads=0)


@pytest.mark.parametrize(("image", "says"), [(IMAGE[..., [0, 1, 2, 0]], "8-bit"), (IMAGE[:8], "at least 16 px")])
def test_images_that_are_refused(write_card, image, says):
    with pytest.raises(InputError, match=says):
        load_onnx_card(write_card())(image)


def test_the_fields_are_described():
    assert all(f"{name}:" in (OnnxDepthCard.__doc__ or "") for name in OnnxDepthCard.__dataclass_fields__)


def test_a_canonical_camera_makes_metres_of_the_focal_length(write_card):
    # The network sees half the size: a focal length of 80 px is 40 px there, so metres are the output times 40 / 1000.
    size = {"side": "exact", "height": 8, "width": 12}
    method = load_onnx_card(write_card(kind="metric", canonical_focal_px=1000, size=size))
    relative = method(IMAGE)
    assert relative.kind == "up_to_scale"
    metric = method.with_camera(relative, Pinhole(80.0, 80.0, 11.5, 7.5, 16, 24))
    assert metric.kind == "metric"
    np.testing.assert_allclose(metric.depth, relative.depth * 0.04, rtol=1e-6)
    plain = load_onnx_card(write_card(kind="metric", size=size))
    assert plain.with_camera(plain(IMAGE), Pinhole(80.0, 80.0, 11.5, 7.5, 16, 24)).depth.max() == relative.depth.max()


@pytest.mark.parametrize("keys", [{"kind": "affine_inverse", "canonical_focal_px": 300}, {"canonical_focal_px": -1.0}])
def test_a_canonical_camera_goes_with_metres(write_card, keys):
    with pytest.raises(InputError, match="canonical_focal_px above 0 with kind metric"):
        read_onnx_card(write_card(**{"kind": "metric", **keys}))
