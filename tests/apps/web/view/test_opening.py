import json

import cv2
import numpy as np
import pytest

from leadline.apps.web.view.images import image_from_cloud
from leadline.apps.web.view.opening import open_sides, open_viewed
from leadline.cameras import FrameMeta, StereoFrame
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io import write_pfm
from leadline.maps import DepthMap, DisparityMap, FlowMap, expected_relative_error
from leadline.results.flow import write_flow_result
from leadline.results.mono import write_mono_result
from leadline.results.request import describe_request
from leadline.streaming.recording import Recording
from leadline.streaming.stream import LiveFrame


def test_the_image_is_the_one_that_the_summary_names(write, scene):
    frame = open_viewed(write()).load(0)
    np.testing.assert_array_equal(frame.image, scene[0])
    assert frame.notes == ()


def test_an_image_that_is_gone_is_replaced_by_the_cloud(write, scene, tmp_path):
    folder = write()
    (tmp_path / "images" / "left.png").unlink()
    frame = open_viewed(folder).load(0)
    assert "no such file" in frame.notes[0]
    assert frame.notes[1] == "shown instead: the colours of cloud.ply"
    np.testing.assert_array_equal(frame.image[20, 20], scene[0][20, 20])
    assert (frame.image[:, -1] == 0).all()  # not valid: no point


def test_an_image_that_was_changed_is_not_shown(write, scene, tmp_path):
    folder = write()
    path = tmp_path / "images" / "left.png"
    summary = json.loads((folder / "summary.json").read_text())
    told = describe_request([path], {})
    (folder / "summary.json").write_text(json.dumps({**summary, **told}))
    np.testing.assert_array_equal(open_viewed(folder).load(0).image, scene[0])
    assert cv2.imwrite(str(path), 255 - scene[0])
    assert "has changed since the result was made" in open_viewed(folder).load(0).notes[0]
    np.testing.assert_array_equal(open_viewed(folder, path).load(0).image, 255 - scene[0][..., ::-1])


def test_an_image_of_another_size_is_refused(write, write_image, tmp_path):
    other = write_image(tmp_path / "other.png", np.zeros((5, 6, 3), np.uint8))
    with pytest.raises(InputError, match="expected an image of 64x48 as the result, got 6x5"):
        open_viewed(write(), other).load(0)


def test_points_lie_on_their_pixels(write, tmp_path):
    found = image_from_cloud(write() / "cloud.ply", Pinhole(100.0, 100.0, 31.5, 23.5, 48, 64))
    assert tuple(found[20, 20]) == (80, 0, 200)
    assert image_from_cloud(tmp_path / "none.ply", Pinhole(1.0, 1.0, 0.0, 0.0, 4, 4)) is None


def test_a_folder_of_results_is_a_series(write, tmp_path):
    for name in ("10", "9"):
        write(f"batch/{name}")
    found = open_viewed(tmp_path / "batch")
    assert [moment.name for moment in found.moments] == ["9", "10"]
    assert found.load(1).name == "10"


def test_depth_of_one_image(tmp_path, write_image):
    image = np.full((4, 6, 3), 90, np.uint8)
    path = write_image(tmp_path / "a.png", image)
    confidence = np.full((4, 6), 0.8, np.float32)
    camera = Pinhole(6.0, 6.0, 2.5, 1.5, 4, 6)
    depth = DepthMap(np.full((4, 6), 2.0, np.float32), np.ones((4, 6), bool), "metric", confidence, camera)
    told = {"model": "leadline-mono", "kind": "metric", "image": str(path), "camera": {"source": "x", **vars(camera)}}
    write_mono_result(tmp_path / "mono", image, depth, told)
    frame = open_viewed(tmp_path / "mono").load(0)
    assert frame.depth.camera == camera
    assert frame.has_points
    assert frame.expected_error[0, 0] == pytest.approx(2.0 * expected_relative_error(np.array([0.8]))[0])
    np.testing.assert_array_equal(frame.image, image)


def test_flow(tmp_path, write_image):
    path = write_image(tmp_path / "a.png", np.full((4, 6, 3), 90, np.uint8))
    flow = FlowMap(np.full((4, 6, 2), [1.5, -2.0], np.float32), np.ones((4, 6), bool))
    write_flow_result(tmp_path / "flow", flow, {"first": str(path)})
    frame = open_viewed(tmp_path / "flow").load(0)
    assert frame.flow.flow[0, 0].tolist() == [1.5, -2.0]
    assert not frame.has_points


def test_a_recording(tmp_path, scene):
    image, disparity = scene
    rig = StereoRig.from_focal(48, 64, 100.0, 0.1)
    with Recording(
        tmp_path / "run", describe_request([], {"source": "uvc:0", "model": "mine"}), 1.0, True
    ) as recording:
        for number in range(3):
            meta = FrameMeta(number, 0.0, "device")
            frame = StereoFrame(image, image, 7.0 + 0.5 * number, rig, meta)
            recording.add(LiveFrame(frame, disparity, disparity.to_depth(rig), 0.01, 0.01, number))
    with (tmp_path / "run" / "frames.jsonl").open("a") as file:
        file.write('{"number": 3, "na')  # killed while it wrote
    found = open_viewed(tmp_path / "run")
    assert [moment.time_s for moment in found.moments] == [0.0, 0.5, 1.0]
    frame = found.load(2)
    assert frame.depth.depth[20, 20] == 2.5
    assert frame.confidence[20, 20] == pytest.approx(0.9, abs=0.002)
    np.testing.assert_array_equal(frame.image, image)
    (tmp_path / "run" / "frames.jsonl").write_text('{"number": 0}\n')
    with pytest.raises(InputError, match="expected a recording of leadline in"):
        open_viewed(tmp_path / "run")


@pytest.mark.parametrize(("form", "tolerance"), [("png16", 1e-4), ("npz", 0.0)])
def test_a_film(leadline, tmp_path, write_image, texture, form, tolerance):
    for number in range(3):
        write_image(tmp_path / "frames" / f"{number}.png", texture[:64, number : 80 + number])
    out = tmp_path / "film"
    done = leadline("video", tmp_path / "frames", "--output", out, "--format", form, "--fps", 5)
    assert done.code == 0, done.err
    found = open_viewed(out)
    assert [(moment.name, moment.time_s) for moment in found.moments] == [("0", 0.0), ("1", 0.2), ("2", 0.4)]
    frame = found.load(2)
    np.testing.assert_array_equal(frame.image, texture[:64, 2:82])
    assert frame.depth.kind == "affine_inverse"
    summary = json.loads((out / "summary.json").read_text())
    assert frame.depth.depth.min() >= summary["least"] - 1e-6
    values = np.concatenate([found.load(index).depth.depth.ravel() for index in range(3)])
    span = summary["most"] - summary["least"]
    assert abs(values.max() - summary["most"]) <= tolerance * span + 1e-6
    assert abs(values.min() - summary["least"]) <= tolerance * span + 1e-6


def test_tracks(write, tmp_path):
    for name in ("0", "1"):
        write(f"run/{name}")
    entry = {"id": 4, "label": "person", "box_px": [1, 2, 3, 4], "position_m": [0, 0, 5]}
    moved = {**entry, "position_m": [0, 0, 4], "velocity_m_per_s": [0, 0, -1], "position_error_m": 0.2}
    by_name = {"frames": [{"name": "1", "objects": [moved]}, {"name": "0", "objects": [entry]}]}
    in_order = {"frames": [{"objects": [entry]}, {"objects": [moved]}]}
    for told in (by_name, in_order):
        (tmp_path / "tracks.json").write_text(json.dumps(told))
        (side,) = open_sides(tmp_path / "run", tracks=tmp_path / "tracks.json")
        (found,) = side.load(1).objects
        assert (found.number, found.label, found.box_px) == (4, "person", (1.0, 2.0, 3.0, 4.0))
        assert (found.position_m, found.trail_m) == ((0.0, 0.0, 4.0), ((0.0, 0.0, 5.0),))
        assert (found.velocity_m_per_s, found.error_m) == ((0.0, 0.0, -1.0), 0.2)
        assert ("tracks", "1") in side.facts


def test_tracks_as_the_command_writes_them(write, tmp_path):
    from leadline.tracking.form import TrackedFrame, tracks_as_json
    from leadline.tracking.tracker import Track

    fields = {
        "identity": 2, "label": "person", "score": 0.9, "box_px": (10.0, 12.0, 20.0, 36.0),
        "position_m": np.array([0.5, 0.0, 5.0]), "velocity_m_per_s": np.array([0.0, 0.0, 1.0]),
        "covariance": 0.01 * np.eye(6), "size_m": (0.5, 1.7), "frames": 3,
    }  # fmt: skip
    names = Track.__dataclass_fields__
    track = Track(**{name: fields[name] for name in names if name in fields})
    path = tmp_path / "tracks.json"
    path.write_text(json.dumps(tracks_as_json([TrackedFrame("result", 0.0, (track,))], True)))
    (found,) = open_sides(write(), tracks=path)[0].load(0).objects
    assert (found.number, found.label, found.box_px) == (2, "person", (10.0, 12.0, 10.0, 24.0))
    assert (found.position_m, found.size_m) == ((0.5, 0.0, 5.0), (0.5, 1.7, 0.5))
    assert found.error_m == pytest.approx(np.sqrt(3 * 0.01), abs=1e-4)


@pytest.fixture
def tracks_folder(tmp_path, write_image):
    """What `leadline tracks` writes of two images, in which a thing comes closer."""
    from leadline.geometry.boxes import LabelledBox
    from leadline.results.tracks import SeenFrame, TracksRun
    from leadline.tracking.detection import BoxDepth, detection_in_space
    from leadline.tracking.tracker import TrackerOptions

    def make(poses=(None, None)):
        camera = Pinhole(100.0, 100.0, 31.5, 23.5, 48, 64)
        paths = [write_image(tmp_path / f"{n}.png", np.full((48, 64, 3), 50 + n, np.uint8)) for n in range(2)]
        run = TracksRun(tmp_path / "run", describe_request(paths, {}), True, TrackerOptions(confirm=1))
        for number, (path, pose) in enumerate(zip(paths, poses, strict=True)):
            seen = LabelledBox((10.0, 10.0, 20.0, 30.0), 0.9, "person")
            found = (detection_in_space(seen, BoxDepth(5.0 - 0.1 * number, 0.05, 99), camera),)
            image = cv2.imread(str(path))[..., ::-1]
            run.add(SeenFrame(path.stem, 7.0 + 0.5 * number, image, found, pose), camera)
        run.finish({"model": "mine"})
        return tmp_path / "run"

    return make


def test_a_folder_of_tracks_is_a_result(tracks_folder, tmp_path):
    (side,) = open_sides(tracks_folder())
    assert [(moment.name, moment.time_s) for moment in side.moments] == [("0", 0.0), ("1", 0.5)]
    assert ("tracks", "1") in side.facts
    frame = side.load(1)
    assert (frame.image == 51).all()
    (found,) = frame.objects
    assert found.box_px == (10.0, 10.0, 10.0, 20.0)
    assert len(found.trail_m) == 1
    (tmp_path / "1.png").unlink()
    (side,) = open_sides(tmp_path / "run")
    pytest.importorskip("av", reason="the overlay is a film: leadline[video]")
    frame = side.load(1)
    assert frame.notes == ("the images are those of overlay.mp4",)
    assert frame.image.shape == (48, 64, 3)


def test_a_moving_camera_has_no_trail_of_its_earlier_places(tracks_folder):
    moved = np.eye(4)
    moved[2, 3] = 1.0
    (found,) = open_sides(tracks_folder((np.eye(4), moved)))[0].load(1).objects
    assert found.trail_m == ()


def test_tracks_without_frames_are_refused(tracks_folder):
    folder = tracks_folder()
    (folder / "tracks.json").write_text('{"frames": []}')
    with pytest.raises(InputError, match=r"expected frames in .*, got none; make the result again"):
        open_sides(folder)


def test_tracks_by_time(tmp_path, scene):
    from leadline.apps.web.view.frame import Moment
    from leadline.apps.web.view.series import Series
    from leadline.apps.web.view.tracks import read_tracks, with_tracks

    times = (0.0, 0.1, 0.2)
    series = Series("run", [Moment(str(time), time) for time in times], (), lambda index: None)
    frames = [{"time_s": 50.0 + time, "objects": [{"id": number}]} for number, time in enumerate((0.0, 0.21))]
    path = tmp_path / "tracks.json"
    path.write_text(json.dumps({"frames": frames}))
    tracked = with_tracks(series, read_tracks(path), path)
    assert [tuple(entry.number for entry in objects) for objects in tracked._objects] == [(0,), (), (1,)]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"frames": [{"objects": [{"label": "no id"}]}]}', "nonsense"])
def test_damaged_tracks(write, tmp_path, text):
    (tmp_path / "tracks.json").write_text(text or " ")
    with pytest.raises(InputError, match="expected tracks with"):
        open_sides(write(), tracks=tmp_path / "tracks.json")


def test_tracks_of_another_result(write, tmp_path):
    (tmp_path / "tracks.json").write_text(json.dumps({"frames": [{"objects": []}] * 3}))
    with pytest.raises(InputError, match="expected tracks of the 1 frames that are shown, got 3 others"):
        open_sides(write(), tracks=tmp_path / "tracks.json")


def test_single_files(write, tmp_path):
    cloud = open_viewed(write() / "cloud.ply").load(0)
    assert cloud.cloud is not None
    assert cloud.size is None
    assert open_viewed(tmp_path / "result" / "depth.pfm").title == "result"
    values = np.array([[1.0, np.inf], [2.0, 3.0]], np.float32)
    for name in ("my_depth", "inverse_depth", "disparity"):
        write_pfm(tmp_path / f"{name}.pfm", values)
    assert open_viewed(tmp_path / "my_depth.pfm").load(0).depth.kind == "metric"
    assert open_viewed(tmp_path / "inverse_depth.pfm").load(0).depth.kind == "affine_inverse"
    found = open_viewed(tmp_path / "disparity.pfm").load(0).disparity
    assert isinstance(found, DisparityMap)
    assert found.valid.tolist() == [[True, False], [True, True]]


def test_what_cannot_be_shown_is_named(tmp_path, write, write_image):
    with pytest.raises(InputError, match="got no such file or folder; check the name"):
        open_viewed(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"got .*empty with nothing in it"):
        open_viewed(tmp_path / "empty")
    for name in ("a.png", "b.png", "c.txt"):
        write_image(tmp_path / "other" / name.replace(".txt", ".jpg"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match=r"with 2 .png, 1 .jpg; name the folder of a result"):
        open_viewed(tmp_path / "other")
    with pytest.raises(InputError, match=r"expected a folder of leadline, a \.pfm or a \.ply, got the file"):
        open_viewed(tmp_path / "other" / "a.png")
    (write() / "summary.json").write_text("[")
    with pytest.raises(InputError, match="expected a summary of leadline in"):
        open_viewed(tmp_path / "result")
    with pytest.raises(InputError, match="expected a result of leadline at"):
        open_viewed(tmp_path / ("x" * 5000))


def test_the_command_says_it_in_one_line(leadline, tmp_path):
    done = leadline("view", tmp_path / "none")
    assert done.code == 2
    assert "expected a result of leadline at" in done.one_line
    done = leadline("view", "uvc:0", "--compare", tmp_path)
    assert (done.code, "got the source uvc:0" in done.one_line) == (2, True)


def test_a_port_in_use_is_one_line(leadline, write):
    import socket

    folder = write()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = leadline("view", folder, "--port", other.getsockname()[1])
    assert done.code == 2
    assert "address already in use" in done.one_line
