"""The short calls: what they take for an image, and what they say of anything else."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import leadline
from leadline.errors import InputError
from leadline.predict import _frames, as_image

TEXTURE = np.random.default_rng(3).integers(0, 256, (48, 87, 3), dtype=np.uint8)
LEFT, RIGHT = TEXTURE[:, :80].copy(), TEXTURE[:, 7:].copy()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    for name, image in (("left.png", LEFT), ("right.png", RIGHT)):
        assert cv2.imwrite(str(tmp_path / name), image[..., ::-1])
    return tmp_path / "left.png", tmp_path / "right.png"


def matched(left, right):
    return leadline.stereo(left, right, model="sgbm", max_disparity=31)


def test_files_and_arrays_give_the_same(files):
    found = matched(LEFT, RIGHT)
    assert np.median(found.disparity) == 7.0
    np.testing.assert_array_equal(matched(*files).disparity, found.disparity)
    np.testing.assert_array_equal(matched(str(files[0]), RIGHT).disparity, found.disparity)
    np.testing.assert_array_equal(leadline.imread(files[0]), LEFT)


def test_images_of_pillow_give_the_same(files):
    image = pytest.importorskip("PIL.Image", reason="no Pillow: pip install pillow")
    opened = [image.open(path) for path in files]
    np.testing.assert_array_equal(matched(*opened).disparity, matched(LEFT, RIGHT).disparity)
    np.testing.assert_array_equal(as_image(opened[0].convert("RGBA"), "left"), LEFT)
    grey = as_image(image.fromarray(LEFT[..., 0]), "left")
    np.testing.assert_array_equal(grey, np.repeat(LEFT[..., :1], 3, axis=2))


def test_an_image_of_pillow_is_turned_upright():
    image = pytest.importorskip("PIL.Image", reason="no Pillow: pip install pillow")
    lying = image.fromarray(LEFT)
    lying.getexif()[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    np.testing.assert_array_equal(as_image(lying, "image"), np.rot90(LEFT, -1))


def test_an_image_of_pillow_of_16_bits_is_refused():
    image = pytest.importorskip("PIL.Image", reason="no Pillow: pip install pillow")
    deep = image.fromarray(np.zeros((20, 30), np.uint16))
    with pytest.raises(InputError, match=r"8 bits a sample as the image, got mode I;16; scale it to 8 bits"):
        leadline.mono(deep)


@pytest.mark.parametrize(("image", "got"), [(None, "None"), (b"png", "bytes"), ([[1, 2]], "list")])
def test_anything_else_is_refused_in_one_line(image, got):
    for call in (lambda: leadline.stereo(image, RIGHT), lambda: leadline.mono(image)):
        with pytest.raises(InputError, match=rf"8-bit array .* got {got}; leadline\.imread\(path\) reads") as refused:
            call()
        assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match="as the right image, got"):
        leadline.stereo(LEFT, image)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"gone\.png"):
        leadline.mono(tmp_path / "gone.png")
    with pytest.raises(InputError, match="8-bit RGB or grey"):
        leadline.mono(LEFT.astype(np.float32))


def test_threads_are_those_of_the_call():
    from leadline.predict import _kept

    _kept.cache_clear()
    one, two = (leadline.mono(LEFT, threads=threads) for threads in (1, 2))
    np.testing.assert_allclose(one.depth, two.depth, rtol=1e-3, atol=1e-5)
    assert _kept.cache_info().currsize == 2
    with pytest.raises(InputError, match="at least 1 thread, got 0"):
        leadline.mono(LEFT, threads=0)


def test_a_file_that_was_replaced_is_loaded_again(mono_graph, tmp_path: Path):
    path = tmp_path / "model.onnx"
    path.write_bytes(mono_graph().read_bytes())
    before = leadline.mono(LEFT, path).depth
    path.write_bytes(mono_graph(gain=2.0).read_bytes())
    np.testing.assert_allclose(leadline.mono(LEFT, path).depth, 2.0 * before, rtol=1e-5)


def test_pillow_is_not_imported_for_arrays():
    code = (
        "import sys, numpy as np, leadline; image = np.zeros((20, 30), np.uint8); "
        "leadline.stereo(image, image, model='bm', max_disparity=16); print('PIL' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_public_names_are_there():
    assert set(leadline.__all__) <= set(dir(leadline))
    assert set(leadline._LAZY) | {"__version__"} == set(leadline.__all__)
    for name in leadline.__all__:
        assert getattr(leadline, name) is not None
    assert {"Pinhole", "StereoRig", "read_calibration", "load_model", "imread", "InputError"} <= set(leadline.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sterio'"):
        _ = leadline.sterio


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    assert leadline.__version__ == version("leadline")


def test_the_package_is_a_command():
    done = subprocess.run([sys.executable, "-m", "leadline", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == leadline.__version__
    assert (Path(leadline.__file__).parent / "py.typed").is_file()


def test_frames_that_are_none_are_refused_in_one_line():
    grey = list(leadline.video([LEFT[..., 0]] * 2))
    rgb = list(leadline.video([np.dstack([LEFT[..., 0]] * 3)] * 2))
    for one, other in zip(grey, rgb, strict=True):
        np.testing.assert_array_equal(one.depth, other.depth)
    for odd, message in (
        (3.5, "as frames, got float"),
        (LEFT[..., 0], "as frames, got ndarray"),
        ([LEFT, None], "as frame 1, got None"),
        ([LEFT.astype(np.float32)], "for frame 0, got float32"),
        ([LEFT[:0]], r"pixels in frame 0, got shape \(0, 80, 3\)"),
    ):
        with pytest.raises(InputError, match=message):
            list(_frames(odd))


def test_flow_takes_files_and_arrays(files):
    smooth = [cv2.GaussianBlur(image, (0, 0), 1.5) for image in (LEFT, RIGHT)]
    found = leadline.flow(*smooth)
    np.testing.assert_allclose(np.median(found.flow[12:-12, 12:-12].reshape(-1, 2), axis=0), [-7.0, 0.0], atol=0.2)
    assert isinstance(found, leadline.FlowMap)
    np.testing.assert_array_equal(leadline.flow(*files).flow, leadline.flow(LEFT, RIGHT).flow)
    assert not leadline.flow(LEFT, LEFT).flow.any()
    with pytest.raises(InputError, match="as the second frame, got None"):
        leadline.flow(LEFT, None)
    with pytest.raises(InputError, match="expected one of leadline-flow, dis, "):
        leadline.flow(LEFT, RIGHT, model="nothing")
