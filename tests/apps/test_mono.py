"""`leadline mono`: what is written, what makes it metric, and what is refused.

The toy network calls the brightness of a pixel its inverse depth. In the image `halves` it is 100 / Z + 20, so that
1/Z = 0.01 d - 0.2: 1 m (brightness 120) on the left, 2 m (70) on the right.
"""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from leadline.errors import InputError, OutputError
from leadline.geometry.camera import Pinhole
from leadline.io import read_image, read_pfm, read_ply, write_pfm
from leadline.maps import DepthMap
from leadline.scale.sources import parse_scale_source

OF_CONFIDENCE = {"confidence.png", "confidence.pfm", "summary.json"}
OF_INVERSE = {"inverse_depth.pfm", "inverse_depth_plasma.png", "inverse_depth_16bit.png"}
OF_METRIC = {"depth.pfm", "depth_plasma.png", "depth_mm.png"}
OF_SCALE = {"depth.pfm", "depth_plasma.png", "depth_16bit.png"}
SIDE = 64
DEPTH_M = np.where(np.arange(SIDE) < SIDE // 2, 1.0, 2.0)[None, :] * np.ones((SIDE, 1))


def names(folder):
    return {path.name for path in folder.iterdir()}


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture
def model(mono_graph):
    return mono_graph()


@pytest.fixture
def halves(tmp_path, write_image):
    return write_image(tmp_path / "in" / "halves.png", (100.0 / DEPTH_M + 20.0).astype(np.uint8))


@pytest.fixture
def floor(tmp_path, write_image):
    """Brightness 37 + 2 y, 100 at the horizon: ground under a level camera."""
    rows = (37 + 2 * np.arange(SIDE, dtype=np.uint8))[:, None]
    return write_image(tmp_path / "in" / "floor.png", np.repeat(rows, SIDE, axis=1))


@pytest.fixture
def mono(leadline, tmp_path, model):
    def run(*words, network=model):
        return leadline("mono", *words, "--model", network, "--threads", 1, "--output", tmp_path / "out")

    return run


@pytest.fixture
def phone_image(tmp_path):
    """A JPEG as a phone writes it: stored 128x96, to be turned by a quarter, 26 mm on 35 mm film."""

    def write(name="phone.jpg", film=26, mode="RGB", value=(90, 90, 90)):
        exif = Image.Exif()
        exif[0x0112] = 6
        exif.get_ifd(0x8769)[0xA405] = film
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.new(mode, (128, 96), value).save(tmp_path / "in" / name, exif=exif)
        return tmp_path / "in" / name

    return write


def test_relative_depth(mono, halves, tmp_path):
    done = mono(halves)
    assert done.code == 0
    assert "no cloud.ply: inverse depth of unknown scale and shift; --scale-from" in done.one_line
    assert names(tmp_path / "out") == OF_INVERSE | OF_CONFIDENCE
    inverse = read_pfm(tmp_path / "out" / "inverse_depth.pfm")
    np.testing.assert_array_equal(inverse, 100.0 / DEPTH_M + 20.0)
    samples = cv2.imread(str(tmp_path / "out" / "inverse_depth_16bit.png"), cv2.IMREAD_UNCHANGED)
    assert samples is not None
    assert samples.dtype == np.uint16
    np.testing.assert_array_equal(samples, np.where(DEPTH_M == 1.0, 65535, 1))
    colours = read_image(tmp_path / "out" / "inverse_depth_plasma.png").pixels
    assert colours[0, 0].tolist() == [240, 249, 33]  # plasma's yellow: closest
    found = summary(tmp_path / "out")
    assert (found["kind"], found["model_kind"], found["points"], found["scale_from"]) == ("affine_inverse",) * 2 + (
        None,
        None,
    )
    assert found["camera"] == {"source": "no EXIF data: no focal length"}
    assert (
        found["units"]["inverse_depth_16bit.png"]
        == "inverse_depth.pfm = 70 + (sample - 1) * 0.000762962737; 0 where unknown"
    )
    assert set(found["units"]) == names(tmp_path / "out") - {"summary.json"}
    assert (found["height"], found["width"], found["threads"], found["image"]) == (SIDE, SIDE, 1, str(halves))


def test_points_make_it_metric(mono, halves, tmp_path):
    (tmp_path / "points.csv").write_text("x,y,metres\n3,4,1\n60,5,2\n10,60,1\n")
    done = mono(halves, "--scale-from", f"points:{tmp_path / 'points.csv'}", "--focal-px", 80)
    assert (done.code, done.err) == (0, "")
    assert names(tmp_path / "out") == OF_METRIC | OF_CONFIDENCE | {"cloud.ply"}
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "depth.pfm"), DEPTH_M, rtol=1e-5)
    millimetres = cv2.imread(str(tmp_path / "out" / "depth_mm.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(millimetres, 1000 * DEPTH_M)
    found = summary(tmp_path / "out")
    assert (found["kind"], found["model_kind"]) == ("metric", "affine_inverse")
    fit = found["scale_from"]
    assert (fit["scale"], fit["shift"]) == (pytest.approx(0.01), pytest.approx(-0.2))
    assert (fit["points"], fit["inlier_share"], fit["space"]) == (3, 1.0, "inverse_depth")
    assert fit["scale_sigma"] == pytest.approx(0.0, abs=1e-9)
    assert fit["median_relative_residual"] == pytest.approx(0.0, abs=1e-6)
    # Confidence is brightness / 255: 0.47 on the left, 0.27 on the right, all below 0.5.
    assert found["points"] == 0
    assert found["camera"]["focal_x_px"] == 80.0


def test_two_points_have_no_error_bar(mono, halves, tmp_path):
    (tmp_path / "points.csv").write_text("3,4,1\n60,5,2\n")
    assert mono(halves, "--scale-from", f"points:{tmp_path / 'points.csv'}").code == 0
    assert summary(tmp_path / "out")["scale_from"]["scale_sigma"] is None
    assert "cloud.ply" not in names(tmp_path / "out")


@pytest.mark.parametrize("form", ["folder", "file", "half"])
def test_a_stereo_result_makes_it_metric(mono, halves, tmp_path, form):
    folder = tmp_path / "stereo"
    folder.mkdir()
    depth = DEPTH_M.copy()
    depth[:8] = np.inf
    depth[8:20] = 30.0  # wrong, and said to be unsure
    step = 2 if form == "half" else 1
    write_pfm(folder / "depth.pfm", depth[::step, ::step].astype(np.float32))
    sure = np.where(np.arange(SIDE) < 20, 0.1, 0.9)[:, None] * np.ones((1, SIDE))
    write_pfm(folder / "confidence.pfm", sure[::step, ::step].astype(np.float32))
    source = folder / "depth.pfm" if form == "file" else folder
    assert mono(halves, "--scale-from", f"stereo:{source}").code == 0
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "depth.pfm"), DEPTH_M, rtol=1e-4)
    assert "very image" in summary(tmp_path / "out")["scale_from"]["assumption"]


def test_time_of_flight_zones_make_it_metric(mono, halves, tmp_path):
    rows = [[f"{metres:g}" for metres in DEPTH_M[8 * i, 4::8]] for i in range(8)]
    rows[0][0], rows[1][1], rows[2][2] = "", "0", "7.5"
    (tmp_path / "tof.csv").write_text("\n".join(",".join(row) for row in rows))
    assert mono(halves, "--scale-from", f"tof:{tmp_path / 'tof.csv'}").code == 0
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "depth.pfm"), DEPTH_M, rtol=1e-5)
    fit = summary(tmp_path / "out")["scale_from"]
    assert (fit["points"], fit["inlier_share"]) == (62, pytest.approx(61 / 62))
    assert "the whole image" in fit["assumption"]


def test_time_of_flight_zones_of_a_narrower_field(mono, halves, tmp_path):
    # 90 degrees at f = 16 px are 32 px, columns 15.5 to 47.5: zones of 4 px, four on either side of the step.
    (tmp_path / "tof.csv").write_text("1,1,1,1,2,2,2,2\n" * 8)
    words = ["--scale-from", f"tof:{tmp_path / 'tof.csv'}@90", "--focal-px", 16]
    assert mono(halves, *words).code == 0
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "depth.pfm"), DEPTH_M, rtol=1e-5)
    assert "90 degrees around" in summary(tmp_path / "out")["scale_from"]["assumption"]


def test_zones_outside_of_the_image_do_not_count(mono, halves, tmp_path):
    # At f = 48 px 90 degrees are 96 px, columns -16.5 to 79.5. Of 8 zones of 12 px the outermost lie outside of 64 px,
    # the next show 8 px of 12, so that of the 6 x 6 the corners are seen by less than half.
    (tmp_path / "tof.csv").write_text("1,1,1,1,2,2,2,2\n" * 8)
    assert mono(halves, "--scale-from", f"tof:{tmp_path / 'tof.csv'}@90", "--focal-px", 48).code == 0
    assert summary(tmp_path / "out")["scale_from"]["points"] == 32


def test_the_cameras_height_makes_it_metric(mono, floor, tmp_path):
    assert mono(floor, "--scale-from", "height:1.5", "--focal-px", 50).code == 0
    # The ground: 1/Z = (y - 31.5) / (50 px x 1.5 m); unknown above the horizon.
    depth = read_pfm(tmp_path / "out" / "depth.pfm")
    assert np.isinf(depth[:32]).all()
    np.testing.assert_allclose(depth[32:, 5], 75.0 / (np.arange(32, SIDE) - 31.5), rtol=1e-4)
    fit = summary(tmp_path / "out")["scale_from"]
    assert fit["scale"] == pytest.approx(1 / 150, rel=1e-5)
    assert "looks 0 degrees down" in fit["assumption"]


def test_the_ground_makes_it_metric(mono, tmp_path, write_image):
    # Brightness 80 + 2 (y - 21.5) on the ground and 80 in the sky: the camera looks 10 px / 50 px, 11.3 degrees down.
    rows = (np.maximum(37 + 2 * np.arange(SIDE), 80)).astype(np.uint8)[:, None]
    street = write_image(tmp_path / "in" / "street.png", np.repeat(rows, SIDE, axis=1))
    assert mono(street, "--scale-from", "ground:1.5", "--focal-px", 50).code == 0
    # 1/Z = cos(pitch) (y - 21.5) / (50 px x 1.5 m), cos(pitch) being 50 / sqrt(50^2 + 10^2).
    depth = read_pfm(tmp_path / "out" / "depth.pfm")
    assert np.isinf(depth[:22]).all()
    np.testing.assert_allclose(depth[32:, 5], 75.0 / (0.980581 * (np.arange(32, SIDE) - 21.5)), rtol=1e-4)
    fit = summary(tmp_path / "out")["scale_from"]
    assert fit["source"] == "ground:1.5"
    assert "looks 11.3 degrees down" in fit["assumption"]
    assert fit["scale_sigma"] is not None


def test_height_needs_a_focal_length(mono, floor, tmp_path):
    done = mono(floor, "--scale-from", "height:1.5")
    assert done.code == 2
    assert "expected a known focal length for --scale-from height:1.5" in done.one_line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("words", "focal_px"), [(["--fov", 90], 32.0), (["--focal-px", 50], 50.0)])
def test_depth_up_to_scale_has_a_cloud(mono, mono_graph, halves, tmp_path, words, focal_px):
    assert mono(halves, *words, network=mono_graph("up_to_scale", confidence=False)).code == 0
    assert names(tmp_path / "out") == OF_SCALE | {"cloud.ply", "summary.json"}
    cloud = read_ply(tmp_path / "out" / "cloud.ply")
    assert len(cloud.points) == SIDE * SIDE
    np.testing.assert_allclose(cloud.points[0], [-31.5 / focal_px * 120, -31.5 / focal_px * 120, 120.0], rtol=1e-5)
    assert b"comment unknown unit;" in (tmp_path / "out" / "cloud.ply").read_bytes()[:200]
    assert "unknown factor" in summary(tmp_path / "out")["units"]["depth.pfm"]


def test_no_cloud_without_a_focal_length(mono, mono_graph, halves, tmp_path):
    done = mono(halves, network=mono_graph("up_to_scale"))
    assert done.code == 0
    assert "no cloud.ply: no EXIF data: no focal length; give --focal-px, --fov or --calibration" in done.one_line
    assert "cloud.ply" not in names(tmp_path / "out")


def test_depth_of_unknown_shift(mono, mono_graph, halves, tmp_path):
    done = mono(halves, network=mono_graph("affine_depth"))
    assert (done.code, "no cloud.ply: depth of unknown scale and shift" in done.one_line) == (0, True)
    assert names(tmp_path / "out") == OF_SCALE | OF_CONFIDENCE


def test_a_metric_network(mono, mono_graph, halves, calibration, tmp_path, write_image):
    image = write_image(tmp_path / "in" / "room.png", np.full((120, 160), 250, np.uint8))
    network = mono_graph("metric", gain=0.01)
    assert mono(image, "--calibration", calibration, network=network).code == 0
    assert names(tmp_path / "out") == OF_METRIC | OF_CONFIDENCE | {"cloud.ply"}
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "depth.pfm"), 2.5, rtol=1e-6)
    found = summary(tmp_path / "out")
    assert (found["kind"], found["points"], found["camera"]["focal_x_px"]) == ("metric", 120 * 160, 100.0)
    # A scale corrects it: 5 m where it says 2.5 m.
    (tmp_path / "points.csv").write_text("1,1,5\n")
    words = ["--scale-from", f"points:{tmp_path / 'points.csv'}", "--overwrite"]
    assert mono(image, *words, network=network).code == 0
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "depth.pfm"), 5.0, rtol=1e-6)


def test_anyones_network_by_its_card(leadline, mono_graph, halves, tmp_path):
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, None, None])
    depth = helper.make_tensor_value_info("depth", TensorProto.FLOAT, [None] * 4)
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    node = helper.make_node("ReduceMean", ["image", "axis"], ["depth"])
    graph = helper.make_graph([node], "mean", [image], [depth], [axis])
    weights = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    (tmp_path / "net.onnx").write_bytes(weights)
    (tmp_path / "net.yaml").write_text(
        f"name: mean\npath: net.onnx\nsha256: {hashlib.sha256(weights).hexdigest()}\nlicence: MIT\n"
        "kind: affine_inverse\ninput: image\noutput: depth\nsize: {side: native}\n"
    )
    done = leadline("mono", halves, "--model", tmp_path / "net.yaml", "--output", tmp_path / "out")
    assert done.code == 0
    brightness = read_image(halves).pixels.mean(axis=2) / 255.0
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "inverse_depth.pfm"), brightness, atol=1e-5)


def test_a_network_that_knows_its_camera(halves):
    from leadline.results.monocular import FoundCamera, estimate_depth

    image = read_image(halves).pixels
    camera = Pinhole(70.0, 70.0, 10.0, 10.0, *image.shape[:2])
    depth = DepthMap(np.ones(image.shape[:2], np.float32), np.ones(image.shape[:2], bool), "metric", None, camera)
    asked = estimate_depth(lambda image: depth, image, FoundCamera(None, "no EXIF"), None, "x")
    assert asked.depth.camera == camera
    given = replace(camera, focal_x_px=90.0)
    assert estimate_depth(lambda image: depth, image, FoundCamera(given, "given"), None, "x").depth.camera == given


def test_exif_of_a_portrait_image(mono, mono_graph, phone_image, tmp_path):
    assert mono(phone_image(), network=mono_graph("up_to_scale")).code == 0
    camera = summary(tmp_path / "out")["camera"]
    # The diagonal of 128x96 is 160 px.
    assert camera["focal_x_px"] == camera["focal_y_px"] == pytest.approx(26 * 160 / 43.27)
    assert (camera["height"], camera["width"], camera["center_x_px"], camera["center_y_px"]) == (128, 96, 47.5, 63.5)
    assert "26 mm on 35 mm film" in camera["source"]


def test_absurd_exif_is_not_used(mono, mono_graph, phone_image, tmp_path):
    done = mono(phone_image(film=1), network=mono_graph("up_to_scale"))
    assert done.code == 0
    assert "absurd (a field of view of 174.7 degrees), not used" in done.err
    assert "cloud.ply" not in names(tmp_path / "out")
    done = mono(phone_image(film=1), "--overwrite", "--scale-from", "height:1.5")
    assert (done.code, "known focal length" in done.one_line) == (2, True)


def test_images_of_many_forms(mono, tmp_path, write_image, phone_image):
    sixteen = write_image(tmp_path / "in" / "sixteen.png", np.full((32, 32), 4095, np.uint16))
    cmyk = phone_image("cmyk.jpg", mode="CMYK", value=(0, 0, 0, 100))
    done = mono(sixteen, cmyk)
    assert done.code == 0, done.err
    assert "4095 taken as white" in done.err
    found = read_pfm(tmp_path / "out" / "sixteen" / "inverse_depth.pfm")
    assert (found.shape, found.max()) == ((32, 32), 255.0)
    found = read_pfm(tmp_path / "out" / "cmyk" / "inverse_depth.pfm")
    assert found.shape == (128, 96)
    np.testing.assert_allclose(found, 155.0, atol=3.0)


def test_twenty_megapixels(mono_graph, tmp_path, write_image):
    image = write_image(tmp_path / "in" / "large.jpg", np.full((3648, 5472), 100, np.uint8))
    words = ["mono", image, "--model", mono_graph(confidence=False), "--threads", 1, "--output", tmp_path / "out"]
    code = (
        "import pathlib, sys; from leadline.apps.cli.main import main; code = main(sys.argv[1:])\n"
        "status = pathlib.Path('/proc/self/status')\n"
        "peaks = [line for line in status.read_text().splitlines() if 'VmHWM' in line] if status.exists() else []\n"
        "print(*(peak.split()[1] for peak in peaks)); sys.exit(code)"
    )
    # A process of its own: what other tests once took would count.
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert read_pfm(tmp_path / "out" / "inverse_depth.pfm").shape == (3648, 5472)
    peak_kb = done.stdout.splitlines()[-1]
    assert not peak_kb or int(peak_kb) * 1024 < 2e9


def test_a_batch_goes_on_and_is_taken_up_again(mono, halves, floor, tmp_path):
    (tmp_path / "in" / "broken.png").write_bytes(halves.read_bytes()[:60])
    done = mono(tmp_path / "in")
    assert done.code == 2
    assert names(tmp_path / "out") == {"halves", "floor"}
    assert done.err.splitlines()[-2:][0] == "2 of 3 images done, 1 failed"
    assert done.err.splitlines()[-1].startswith("failed: broken: expected a whole PNG")
    (tmp_path / "in" / "broken.png").unlink()
    stamp = (tmp_path / "out" / "floor" / "summary.json").stat().st_mtime_ns
    done = mono(tmp_path / "in" / "*.png")
    assert (done.code, done.one_line) == (0, "2 of 2 images are finished and skipped")
    (tmp_path / "out" / "halves" / "summary.json").unlink()
    assert mono(halves, floor).code == 0
    assert (tmp_path / "out" / "halves" / "summary.json").exists()
    assert (tmp_path / "out" / "floor" / "summary.json").stat().st_mtime_ns == stamp


def test_a_batch_takes_known_distances_by_name(mono, halves, floor, tmp_path):
    (tmp_path / "known").mkdir()
    (tmp_path / "known" / "halves.csv").write_text("3,4,1\n60,5,2\n")
    done = mono(halves, floor, "--scale-from", f"points:{tmp_path / 'known'}")
    assert done.code == 2
    assert "failed: floor: expected a CSV file of points" in done.err.splitlines()[-1]
    assert names(tmp_path / "out") == {"halves"}
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "halves" / "depth.pfm"), DEPTH_M, rtol=1e-5)
    for name in ("floor", "halves"):
        (tmp_path / "stereo" / name).mkdir(parents=True)
    # Another source of the scale is another request: what the points made is made again.
    write_pfm(tmp_path / "stereo" / "halves" / "depth.pfm", DEPTH_M.astype(np.float32))
    offset = np.arange(SIDE)[:, None] - 31.5 + np.zeros((1, SIDE))
    floor_m = np.where(offset > 0, 75.0 / np.where(offset > 0, offset, 1.0), np.inf)
    write_pfm(tmp_path / "stereo" / "floor" / "depth.pfm", floor_m.astype(np.float32))
    assert mono(halves, floor, "--scale-from", f"stereo:{tmp_path / 'stereo'}").code == 0
    assert summary(tmp_path / "out" / "floor")["scale_from"]["scale"] == pytest.approx(1 / 150, rel=1e-3)


def test_one_calibration_that_fails_stops_the_batch(mono, halves, floor, tmp_path):
    (tmp_path / "calib.txt").write_text("nonsense")
    done = mono(halves, floor, "--calibration", tmp_path / "calib.txt")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("leadline: error: ")
    assert "failed" not in done.err


def test_memory_that_runs_out_fails_one_image(mono, halves, floor, monkeypatch):
    from leadline.apps.cli import mono as command

    def greedy(_image):
        raise MemoryError

    monkeypatch.setattr(command, "load_model", lambda *_, **__: greedy)
    done = mono(halves, floor)
    assert (done.code, done.err.count("not enough free memory")) == (2, 2)

    def buggy(_image):
        raise ZeroDivisionError

    monkeypatch.setattr(command, "load_model", lambda *_, **__: buggy)
    with pytest.raises(ZeroDivisionError):
        mono(halves, floor)


def test_nothing_half_written_stays(mono, halves, tmp_path, monkeypatch):
    from leadline.results import mono as mono_results

    def full(*_):
        raise OutputError("expected space, got none")

    monkeypatch.setattr(mono_results, "write_confidence", full)
    assert mono(halves).code == 2
    assert not names(tmp_path / "out")


def test_earlier_results_are_kept_unless_told(mono, mono_graph, halves, tmp_path):
    assert mono(halves).code == 0
    done = mono(halves)
    assert (done.code, "--overwrite" in done.one_line) == (2, True)
    assert mono(halves, "--overwrite", network=mono_graph("metric", confidence=False)).code == 0
    assert names(tmp_path / "out") == OF_METRIC | {"summary.json", "depth_m256.png"}


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("64,1,2\n3,4,1\n", "within the image of 64x64, got 64,1 in line 1"),
        ("3,4,1\n", "at least 2 known distances"),
        ("3,4,1\n60,5,nan\n", "three numbers x,y,metres in line 2"),
        ("3,4,1\n4,5,1\n", "data that determine 2 numbers"),
        ("3,4,2\n60,5,1\n", "smaller where the image looks closer"),
        ("3,4,5000\n60,5,9000\n", "expected depth within 1000 m, got none"),
    ],
)
def test_points_that_do_not_do(mono, halves, tmp_path, points, message):
    (tmp_path / "points.csv").write_text(points)
    done = mono(halves, "--scale-from", f"points:{tmp_path / 'points.csv'}")
    assert done.code == 2
    assert message in done.one_line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("depth", "confidence", "message"),
    [
        (np.ones((64, 32)), None, "the image's shape 64x64, got 32x64"),
        (np.full((64, 64), np.nan), None, "at least 2 known distances"),
        (DEPTH_M, np.ones((3, 3)), "of the size of"),
        (None, None, "no such file"),
    ],
)
def test_stereo_results_that_do_not_do(mono, halves, tmp_path, depth, confidence, message):
    (tmp_path / "stereo").mkdir()
    for name, layer in (("depth", depth), ("confidence", confidence)):
        if layer is not None:
            write_pfm(tmp_path / "stereo" / f"{name}.pfm", layer.astype(np.float32))
    done = mono(halves, "--scale-from", f"stereo:{tmp_path / 'stereo'}")
    assert done.code == 2
    assert message in done.one_line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "at least one image, folder or pattern"),
        (["MISSING"], "no such file"),
        (["MISSING", "--model", "nonsense"], "as the model; got 'nonsense'"),
        (["HALVES", "--model", "leadline-fast"], "`leadline stereo`"),
        (["HALVES", "--source", "folder"], "expected a network of the zoo for --source"),
        (["HALVES", "--accept-licence"], "expected a network of the zoo for --source and --accept-licence"),
        (["HALVES", "--model", "depth-anything-v2-large"], "--accept-licence"),
        (["HALVES", "--model", "depth-anything-v2-small", "--provider", "cuda"], "expected provider cpu"),
        (["HALVES", "--model", "none.yaml"], "none.yaml"),
        (["HALVES", "--focal-px", "0"], "above 0 px, got 0"),
        (["HALVES", "--focal-px", "nan"], "a finite number, got nan"),
        (["HALVES", "--focal-px", "3"], "it is not in mm"),
        (["HALVES", "--focal-px", "4000"], "a field of view of 1.3 degrees"),
        (["HALVES", "--fov", "180"], "from 5 to 170 degrees, got 180"),
        (["HALVES", "--fov", "nan"], "a finite number, got nan"),
        (["HALVES", "--fov", "60", "--focal-px", "80"], "one of --focal-px, --fov and --calibration"),
        (["HALVES", "--calibration", "none.txt"], "none.txt"),
        (["HALVES", "--calibration", "CALIBRATION"], "expected images of 160x120 as calibrated"),
        (["HALVES", "--scale-from", "ground"], "expected ground:METRES, the camera's height over the ground, got"),
        (["HALVES", "--scale-from", "ground:0"], "expected ground:METRES"),
        (["HALVES", "--scale-from", "tape:a"], "as --scale-from, got 'tape:a'"),
        (["HALVES", "--scale-from", "ground:1.5@10"], "expected ground:METRES"),
        (["HALVES", "--scale-from", "ground:1.5"], "expected a known focal length for --scale-from ground:1.5"),
        (["HALVES", "--scale-from", "ground:1.5", "--focal-px", "50"], "got none in the lower half"),
        (["HALVES", "--scale-from", "height"], "expected height:METRES"),
        (["HALVES", "--scale-from", "height:-1"], "expected height:METRES"),
        (["HALVES", "--scale-from", "height:1.5@x"], "expected height:METRES"),
        (["HALVES", "--scale-from", "height:1.5", "--focal-px", "50"], "got none in the lower half"),
        (["HALVES", "--scale-from", "points:"], "points:FILE.csv"),
        (["HALVES", "--scale-from", "tof:a.csv@0"], "field of view from 1 to 170 degrees"),
        (["HALVES", "--scale-from", "tof:a.csv@60"], "known focal length"),
        (["HALVES", "--scale-from", "tof:none.csv"], "no such file"),
        (["HALVES", "--scale-from", "points:none.csv"], "no such file"),
    ],
)
def test_mistakes_are_told_in_one_line(leadline, model, halves, calibration, tmp_path, words, message):
    places = {"HALVES": str(halves), "MISSING": str(tmp_path / "missing.png"), "CALIBRATION": str(calibration)}
    words = [places.get(word, word) for word in words]
    network = [] if "--model" in words else ["--model", model]
    done = leadline("mono", *words, *network, "--output", tmp_path / "out")
    assert done.code == 2
    assert message in done.one_line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [(15, 40), (40, 15)])
def test_tiny_images_are_refused(mono, write_image, tmp_path, size):
    done = mono(write_image(tmp_path / "in" / "tiny.png", np.zeros(size, np.uint8)))
    assert (done.code, "at least 16 px a side" in done.one_line) == (2, True)
    assert not (tmp_path / "out").exists()


def test_what_scale_from_means():
    assert parse_scale_source("height:1.5@-3").pitch_deg == -3.0
    assert parse_scale_source("tof:a@b.csv@45").number == 45.0
    assert str(parse_scale_source("tof:a@b.csv").path) == "a@b.csv"
    with pytest.raises(InputError, match="as the source of scale, got 'tape:a'"):
        parse_scale_source("tape:a")


def test_help_tells_the_assumptions(leadline):
    shown = " ".join(leadline("mono", "--help").out.split())
    assert "the unknown shift hides the pitch" in shown.replace("│ ", "")


def test_a_photograph_becomes_a_mesh_by_stated_assumptions(mono, halves, tmp_path):
    words = ("--fov", 60, "--scale-from", "planes:1:2", "--mesh", "--axes", "opengl")
    done = mono(halves, *words)
    assert (done.code, "the metres are an assumption" in done.err) == (0, True)
    assert (tmp_path / "out" / "mesh.glb").read_bytes()[:4] == b"glTF"
    told = summary(tmp_path / "out")
    assert "y up" in told["units"]["cloud.ply"]
    assert told["kind"] == "metric"
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "depth.pfm"), DEPTH_M, rtol=1e-4)


def test_a_mesh_needs_a_scale(mono, halves, tmp_path):
    done = mono(halves, "--fov", 60, "--mesh")
    assert (done.code, "planes:NEAR:FAR" in done.one_line) == (2, True)
    assert not names(tmp_path / "out")


def test_diffusion_options_are_for_diffusion_networks(mono, halves):
    done = mono(halves, "--steps", 4, "--ensemble", 3)
    assert (done.code, "expected no diffusion for" in done.one_line) == (2, True)


def test_clouds_are_bounded_as_asked(mono, halves, tmp_path):
    """32 columns are 1 m away and 32 are 2 m; columns beside the edge are flying."""
    words = ("--fov", 60, "--scale-from", "planes:1:2")
    assert mono(halves, *words, "--min-confidence", 0).code == 0
    everything = len(read_ply(tmp_path / "out" / "cloud.ply").points)
    assert mono(halves, *words, "--min-confidence", 0, "--max-depth", 1.5, "--overwrite").code == 0
    points = read_ply(tmp_path / "out" / "cloud.ply").points
    assert len(points) == everything // 2
    assert points[:, 2].max() == pytest.approx(1.0, rel=1e-3)
    assert summary(tmp_path / "out")["cloud_max_depth_m"] == 1.5
    # Its confidence is the brightness over 255: 0.47 on the left, 0.27 on the right.
    assert mono(halves, *words, "--min-confidence", 0.4, "--overwrite").code == 0
    assert len(read_ply(tmp_path / "out" / "cloud.ply").points) == everything // 2
    done = mono(halves, *words, "--max-depth", 0, "--overwrite")
    assert (done.code, "largest depth" in done.one_line) == (2, True)


def test_one_focal_length_for_images_of_several_sizes_is_refused(mono, halves, write_image, tmp_path):
    write_image(halves.with_name("large.png"), np.full((96, 128), 90, np.uint8))
    done = mono(halves.parent, "--focal-px", 80)
    assert (done.code, "images of one size for a focal length in pixels" in done.one_line) == (2, True)
    assert not (tmp_path / "out").exists()
    done = mono(halves.parent, "--fov", 60)
    assert (done.code, "images of one shape" in done.one_line) == (2, True)


def test_a_focal_length_in_millimetres_is_told_of(mono, halves):
    done = mono(halves, "--focal-px", 20, "--scale-from", "planes:1:2")
    assert (done.code, "a focal length of 20 px is a field of view of 132 degrees" in done.err) == (0, True)


def test_the_unit_of_a_depth_file_that_the_message_names(mono, halves, tmp_path):
    write_pfm(tmp_path / "mm.pfm", (1000 * DEPTH_M + 0.5).astype(np.float32))
    words = (halves, "--scale-from", f"stereo:{tmp_path / 'mm.pfm'}")
    done = mono(*words)
    assert (done.code, "say so: --scale-unit mm" in done.one_line) == (2, True)
    assert mono(*words, "--scale-unit", "mm").code == 0
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "depth.pfm"), DEPTH_M, rtol=1e-3)


def test_the_largest_image_can_be_stated(mono, halves):
    done = mono(halves, "--max-pixels", SIDE * SIDE - 1)
    assert (done.code, "at most 4095 pixels, got 64x64" in done.one_line) == (2, True)
    assert mono(halves, "--max-pixels", SIDE * SIDE).code == 0


def test_colmaps_principal_point_is_told_in_both_conventions(mono, halves, tmp_path):
    """COLMAP counts from the corner of the first pixel, we from its centre."""
    (tmp_path / "cameras.txt").write_text("# Camera list\n1 PINHOLE 64 64 60 60 32 30\n")
    done = mono(halves, "--calibration", tmp_path / "cameras.txt")
    assert done.code == 0, done.err
    assert "COLMAP's principal point 32, 30 from the first pixel's corner is half a pixel less" in done.err
    camera = summary(tmp_path / "out")["camera"]
    assert (camera["center_x_px"], camera["center_y_px"]) == (31.5, 29.5)
    assert camera["in_colmap"] == {"center_x_px": 32.0, "center_y_px": 30.0, "from": "the corner of the first pixel"}
