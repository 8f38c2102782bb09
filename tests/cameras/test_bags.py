"""Recordings of ROS 1, ROS 2 and MCAP, written by rosbags: topics, encodings, cameras, damage."""

from contextlib import suppress

import cv2
import numpy as np
import pytest

rosbags = pytest.importorskip("rosbags", reason='no rosbags: pip install "leadline[bags]"')
from rosbags.rosbag1 import Writer as Writer1  # noqa: E402
from rosbags.rosbag2 import StoragePlugin, Writer  # noqa: E402
from rosbags.typesys import Stores, get_typestore  # noqa: E402

from leadline.cameras import open_source  # noqa: E402
from leadline.cameras.bag_images import message_pixels  # noqa: E402
from leadline.classical import ClassicalStereo  # noqa: E402
from leadline.errors import InputError  # noqa: E402
from leadline.geometry.rig import StereoRig, UnrectifiedRig  # noqa: E402
from leadline.streaming import LiveStream  # noqa: E402

FOCAL, BASELINE, FIRST_NS = 100.0, 0.12, 1_700_000_000_000_000_000
STORES = {1: get_typestore(Stores.ROS1_NOETIC), 2: get_typestore(Stores.ROS2_HUMBLE)}


def header(store, ros, time_ns):
    types = store.types
    stamp = types["builtin_interfaces/msg/Time"](sec=time_ns // 10**9, nanosec=time_ns % 10**9)
    more = {"seq": 0} if ros == 1 else {}
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera", **more)


def image(ros, time_ns, pixels, encoding="rgb8"):
    store = STORES[ros]
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1).view(np.uint8)
    return store.types["sensor_msgs/msg/Image"](
        header=header(store, ros, time_ns), height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
        is_bigendian=0, step=rows.shape[1], data=rows.ravel(),
    )  # fmt: skip


def compressed(ros, time_ns, pixels):
    store = STORES[ros]
    data = cv2.imencode(".png", pixels[..., ::-1])[1].ravel()
    return store.types["sensor_msgs/msg/CompressedImage"](header=header(store, ros, time_ns), format="png", data=data)


def info(ros, side):
    store = STORES[ros]
    matrix = np.array([FOCAL, 0, 63.5, 0, FOCAL, 47.5, 0, 0, 1.0])
    shift = -FOCAL * BASELINE if side == "right" else 0.0
    projection = np.array([FOCAL, 0, 63.5, shift, 0, FOCAL, 47.5, 0, 0, 0, 1, 0.0])
    region = store.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, do_rectify=False)
    names = "DKRP" if ros == 1 else "dkrp"
    values = dict(zip(names, (np.zeros(5), matrix, np.eye(3).ravel(), projection), strict=True))
    return store.types["sensor_msgs/msg/CameraInfo"](
        header=header(store, ros, FIRST_NS), height=96, width=128, distortion_model="plumb_bob", binning_x=0,
        binning_y=0, roi=region, **values,
    )  # fmt: skip


def write_bag(path, ros, messages, storage=StoragePlugin.SQLITE3):
    """Messages are (topic, time in ns, message)."""
    store = STORES[ros]
    writer = Writer1(path) if ros == 1 else Writer(path, version=8, storage_plugin=storage)
    with writer:
        connections = {}
        for topic, time_ns, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            data = store.serialize_ros1(message, kind) if ros == 1 else store.serialize_cdr(message, kind)
            writer.write(connections[topic], time_ns, data)
    return path


def stereo(ros, pair, name="image_raw", count=3, infos=True, make=image, late_ns=0):
    messages = []
    if infos:
        messages += [(f"/cam/{side}/camera_info", FIRST_NS, info(ros, side)) for side in ("left", "right")]
    for number in range(count):
        for side, view in zip(("left", "right"), pair, strict=True):
            time_ns = FIRST_NS + 50_000_000 * number + (late_ns if side == "right" else 0)
            messages.append((f"/cam/{side}/{name}", time_ns, make(ros, time_ns, view)))
    return messages


@pytest.mark.parametrize(
    ("name", "ros", "storage"),
    [("run.bag", 1, None), ("run", 2, StoragePlugin.SQLITE3), ("run", 2, StoragePlugin.MCAP)],
)
def test_bags_of_every_kind(tmp_path, pair, name, ros, storage):
    path = write_bag(tmp_path / name, ros, stereo(ros, pair), storage)
    with open_source(f"bag:{path}") as source:
        found = list(source)
    assert [round(frame.time_s - FIRST_NS / 1e9, 3) for frame in found] == [0.0, 0.05, 0.1]
    for frame in found:
        np.testing.assert_array_equal(frame.left, pair[0])
        np.testing.assert_array_equal(frame.right, pair[1])
        assert isinstance(frame.rig, UnrectifiedRig)
        assert frame.rig.baseline_m == pytest.approx(BASELINE)
    assert "/cam/left/image_raw and /cam/right/image_raw taken as left and right" in " ".join(source.notes)


def test_a_single_mcap_file_and_rectified_topics(tmp_path, pair):
    folder = write_bag(tmp_path / "run", 2, stereo(2, pair, "image_rect"), StoragePlugin.MCAP)
    (path,) = folder.glob("*.mcap")
    with open_source(str(path)) as source:
        frame = source.read()
    assert isinstance(frame.rig, StereoRig)
    assert frame.rig.left.focal_x_px == FOCAL


def test_names_that_only_sound_rectified(tmp_path, pair):
    path = write_bag(tmp_path / "run", 2, stereo(2, pair, "image_unrectified"))
    with open_source(f"bag:{path}") as source:
        assert isinstance(source.read().rig, UnrectifiedRig)


@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_a_bag_is_read_by_another_thread(tmp_path, pair, storage):
    path = write_bag(tmp_path / "run", 2, stereo(2, pair), storage)
    with LiveStream(open_source(f"bag:{path}"), ClassicalStereo("bm", 31)) as stream:
        found = list(stream)
    assert len(found) == 3
    # Z = f b / d = 100 px 0.12 m / 7 px
    depth = found[0].depth
    assert float(np.median(depth.depth[depth.valid])) == pytest.approx(100.0 * BASELINE / 7.0, rel=0.02)


def test_compressed_images_and_unknown_cameras(tmp_path, pair):
    path = write_bag(tmp_path / "run", 2, stereo(2, pair, "image_raw/compressed", infos=False, make=compressed))
    with open_source(f"bag:{path}") as source:
        frame = source.read()
        assert any("the cameras are unknown" in note for note in source.notes)
    np.testing.assert_array_equal(frame.left, pair[0])
    assert frame.rig is None


def test_topics_that_are_named(tmp_path, pair):
    messages = [
        ("/front/image", FIRST_NS, image(2, FIRST_NS, pair[0])),
        ("/other/image", FIRST_NS, image(2, FIRST_NS, pair[1])),
    ]
    path = write_bag(tmp_path / "run", 2, messages)
    with pytest.raises(InputError, match=r"got /front/image \(Image\), /other/image \(Image\); name them"):
        open_source(f"bag:{path}")
    with open_source(f"bag:{path}?left=/front/image&right=/other/image") as source:
        assert source.read() is not None
    with pytest.raises(InputError, match=r"expected an image topic /back in .*; it has /front/image"):
        open_source(f"bag:{path}?left=/back&right=/other/image")
    with pytest.raises(InputError, match="expected both left=TOPIC and right=TOPIC"):
        open_source(f"bag:{path}?left=/front/image")


def test_images_of_different_times_are_left_out(tmp_path, pair):
    path = write_bag(tmp_path / "run", 2, stereo(2, pair, late_ns=24_000_000))
    with open_source(f"bag:{path}") as source:
        assert source.read() is None
        assert (source.counts.frames, source._device.unpaired) == (0, 6)


def test_an_mcap_of_another_program_lists_what_it_has(real_dir):
    with pytest.raises(InputError, match=r"expected ROS images .* got video \(video, json\)"):
        open_source(f"bag:{real_dir / 'camera' / 'depthai_imu_recording.mcap'}")


@pytest.mark.parametrize("name", ["a.bag", "a.mcap", "a.db3"])
def test_files_that_are_no_bags(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x89MCAP0\r\n" + b"nothing of the kind" * 9)
    with pytest.raises(InputError, match="expected a whole recording of ROS"):
        open_source(f"bag:{tmp_path / name}")


def test_a_bag_that_is_cut_off(tmp_path, pair):
    path = write_bag(tmp_path / "run.bag", 1, stereo(1, pair))
    whole = path.read_bytes()
    for share in (0.3, 0.7, 0.95):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError, match="expected a whole recording of ROS"), open_source(f"bag:{path}") as source:
            list(source)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_an_mcap_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path, pair, share):
    """A recorder that lost power leaves neither an index nor metadata.yaml."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    folder = write_bag(tmp_path / "run", 2, stereo(2, (pair[0], noise), count=60), StoragePlugin.MCAP)
    (path,) = folder.glob("*.mcap")
    (folder / "metadata.yaml").unlink()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    for place in (path, folder):
        with open_source(f"bag:{place}") as source:
            found = list(source)
            assert any("it breaks off" in note for note in source.notes)
        # A chunk is read whole or not at all.
        assert 0.4 * share * 60 <= len(found) < 60
        np.testing.assert_array_equal(found[-1].left, pair[0])
        assert found[0].rig.baseline_m == pytest.approx(BASELINE)


def test_a_folder_without_metadata(tmp_path, pair):
    folder = write_bag(tmp_path / "run", 2, stereo(2, pair))
    (folder / "metadata.yaml").unlink()
    with open_source(f"bag:{folder}") as source:
        assert len(list(source)) == 3


def test_a_damaged_mcap_ends_in_one_line(tmp_path, pair):
    folder = write_bag(tmp_path / "run", 2, stereo(2, pair), StoragePlugin.MCAP)
    (path,) = folder.glob("*.mcap")
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(12):
        damaged = whole.copy()
        for place in rng.integers(0, len(whole), 40):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        with suppress(InputError), open_source(f"bag:{path}") as source:
            assert len(list(source)) <= 3


ENCODINGS = {
    "mono8": lambda rgb: rgb[..., 0],
    "bgr8": lambda rgb: rgb[..., ::-1],
    "rgba8": lambda rgb: np.dstack([rgb, rgb[..., :1]]),
    "bgra8": lambda rgb: np.dstack([rgb[..., ::-1], rgb[..., :1]]),
}


@pytest.mark.parametrize("encoding", list(ENCODINGS))
def test_encodings(encoding):
    rgb = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    message = image(2, 0, ENCODINGS[encoding](rgb), encoding)
    wanted = np.dstack([rgb[..., 0]] * 3) if encoding == "mono8" else rgb
    np.testing.assert_array_equal(message_pixels(message, message.__msgtype__, "/t"), wanted)


@pytest.mark.parametrize(
    ("encoding", "red", "blue"),
    [
        ("bayer_rggb8", (0, 0), (1, 1)),
        ("bayer_bggr8", (1, 1), (0, 0)),
        ("bayer_grbg8", (0, 1), (1, 0)),
        ("bayer_gbrg8", (1, 0), (0, 1)),
    ],
)
def test_bayer_patterns(encoding, red, blue):
    """A scene of one colour: red 200, green 100, blue 50."""
    mosaic = np.full((16, 16), 100, np.uint8)
    mosaic[red[0] :: 2, red[1] :: 2] = 200
    mosaic[blue[0] :: 2, blue[1] :: 2] = 50
    message = image(2, 0, mosaic, encoding)
    assert message_pixels(message, message.__msgtype__, "/t")[8, 8].tolist() == [200, 100, 50]


def test_yuv_and_deep_grey():
    grey = np.full((2, 4, 2), 128, np.uint8)
    grey[..., 1] = 77  # UYVY: chroma 128, luma 77
    message = image(2, 0, grey, "uyvy")
    assert message_pixels(message, message.__msgtype__, "/t")[0, 0].tolist() == [71, 71, 71]  # (77 - 16) 255 / 219
    deep = np.array([[4095, 2048]], np.uint16)
    message = image(2, 0, deep, "mono16")
    assert message_pixels(message, message.__msgtype__, "/t")[0, :, 0].tolist() == [255, 128]


def test_images_that_contradict_themselves():
    message = image(2, 0, np.zeros((4, 6), np.uint8), "mono8")
    message.height = 400
    with pytest.raises(InputError, match="expected an image of 6x400 with rows of 6 bytes in /t, got 24 bytes"):
        message_pixels(message, message.__msgtype__, "/t")
    message = image(2, 0, np.zeros((4, 6), np.uint8), "holographic")
    with pytest.raises(InputError, match="got 'holographic'; republish them"):
        message_pixels(message, message.__msgtype__, "/t")
