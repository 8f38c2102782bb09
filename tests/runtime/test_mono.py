"""Sessions for single images: what runs, what comes back, and what is refused."""

import numpy as np
import pytest

import leadline
from leadline.errors import InputError
from leadline.loading import load_model
from leadline.runtime import card as card_module
from leadline.runtime.graph import StereoGraph
from leadline.runtime.mono import MonoMethod, MonoSession

IMAGE = np.random.default_rng(0).integers(1, 256, (20, 30, 3), dtype=np.uint8)


def test_inverse_depth_and_confidence_come_back(mono_graph):
    session = MonoSession(mono_graph(gain=2.0), threads=1)
    found = session(IMAGE)
    assert (found.kind, session.kind) == ("affine_inverse", "affine_inverse")
    np.testing.assert_allclose(found.depth, 2.0 * IMAGE.mean(2), rtol=1e-5)
    np.testing.assert_allclose(found.confidence, IMAGE.mean(2) / 255.0, rtol=1e-5)
    assert found.valid.all()
    assert session.description == {"model": session.name, "provider": "cpu", "threads": 1}


@pytest.mark.parametrize("kind", ["metric", "up_to_scale"])
def test_depth_that_is_not_positive_is_invalid(mono_graph, kind):
    image = IMAGE.copy()
    image[3] = 0
    found = load_model(mono_graph(kind, confidence=False), "mono", threads=1)(image)
    assert found.kind == kind
    assert found.confidence is None
    assert not found.valid[3].any()
    assert found.valid.sum() == 19 * 30


def test_grey_is_rgb_with_equal_channels(mono_graph):
    method = load_model(mono_graph(), "mono", threads=1)
    assert isinstance(method, MonoMethod)
    np.testing.assert_allclose(method(IMAGE[..., 0]).depth, IMAGE[..., 0], rtol=1e-6)


def test_what_is_no_number_is_invalid(mono_graph):
    # The square root of a negative number.
    image = IMAGE.copy()
    image[:, 5] = 0
    found = MonoSession(mono_graph(gain=-1.0, after="Sqrt"), threads=1)(image)
    assert found.valid.sum() == 20
    assert (found.depth == 0).all()
    with pytest.raises(InputError, match="got no finite one anywhere"):
        MonoSession(mono_graph(gain=-1.0, after="Sqrt"), threads=1)(IMAGE)


def test_the_package_has_it(mono_graph):
    path = str(mono_graph())
    np.testing.assert_allclose(leadline.mono(IMAGE, path).depth, IMAGE.mean(2), rtol=1e-5)
    assert leadline.MonoSession is MonoSession


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (IMAGE.astype(np.float32), "8-bit RGB or grey for the image, got float32"),
        (np.zeros((20, 30, 4), np.uint8), r"got uint8 \(20, 30, 4\)"),
        (IMAGE[:15], "at least 16 px a side"),
    ],
)
def test_images_that_are_none_are_refused(mono_graph, image, message):
    from jaxtyping import TypeCheckError

    with pytest.raises((InputError, TypeCheckError)) as refused:
        MonoSession(mono_graph(), threads=1)(image)
    if isinstance(refused.value, InputError):
        refused.match(message)
    else:
        assert image.dtype == np.float32


def test_an_answer_of_another_size_is_refused(mono_graph):
    with pytest.raises(InputError, match=r"\(height, width\) \(20, 30\), got \(30, 20\); export it again"):
        MonoSession(mono_graph(after="Transpose", confidence=False), threads=1)(IMAGE)


@pytest.mark.parametrize(("kind", "output"), [("relative", None), ("metric", "inverse_depth")])
def test_a_graph_that_does_not_say_what_it_means_is_refused(mono_graph, kind, output):
    with pytest.raises(InputError, match=f"expected a kind out of metric, .* got '{kind}'"):
        MonoSession(mono_graph(kind, output=output))


def test_foreign_and_missing_models_are_refused(mono_graph, tmp_path):
    with pytest.raises(InputError, match="got another network in"):
        MonoSession(mono_graph(None, name="foreign.onnx"))
    for name in ("nonsense", str(tmp_path / "missing.onnx")):
        with pytest.raises(InputError, match=r"path of an ONNX file of ours, .* as the model; got") as refused:
            load_model(name, "mono")
        assert "\n" not in str(refused.value)


def test_a_network_for_the_other_task_is_refused(mono_graph, toy_graph):
    with pytest.raises(InputError, match=r"expected a monocular network, got .*toy\.onnx.*`leadline stereo`"):
        load_model(toy_graph, "mono")
    with pytest.raises(InputError, match=r"expected a stereo network, got .*`leadline mono`"):
        StereoGraph(mono_graph())
    with pytest.raises(InputError, match=r"expected a monocular network, got leadline-fast.*`leadline stereo`"):
        load_model("leadline-fast", "mono")


def test_a_bundled_monocular_network_is_none_for_stereo(mono_graph, tmp_path, monkeypatch):
    import hashlib

    content = mono_graph().read_bytes()
    (tmp_path / "toy-mono.onnx").write_bytes(content)
    card = card_module.ModelCard(
        name="toy-mono", summary="A toy.", licence="Apache-2.0", weights="toy-mono.onnx", task="mono",
        sha256=hashlib.sha256(content).hexdigest(), parameters=1, gflop=0.1,
        training={}, curve=[], scores=[], limits=[],
    )  # fmt: skip
    (tmp_path / "toy-mono.json").write_text(card.to_json())
    monkeypatch.setattr(card_module, "_bundled_folder", lambda: tmp_path)
    np.testing.assert_allclose(load_model("toy-mono", "mono", threads=1)(IMAGE).depth, IMAGE.mean(2), rtol=1e-5)
    with pytest.raises(InputError, match=r"expected a stereo network, got toy-mono.*`leadline mono`"):
        load_model("toy-mono", "stereo")
    with pytest.raises(InputError, match="expected one of toy-mono, a network of the zoo, the path"):
        load_model("leadline-fast", "mono")
    assert list(card_module.bundled_cards("mono")) == ["toy-mono"]
    assert not card_module.bundled_cards("stereo")
