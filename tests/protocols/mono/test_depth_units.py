"""The unit of depth images that nothing states: by layout, by name, by how far the depth would reach."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.protocols.mono.depth_units import one_unit, with_units
from leadline.protocols.mono.scenes import DepthFiles, find_depth_scenes

ROOM_M = np.linspace(0.8, 4.2, 48 * 64).reshape(48, 64)
"""A room: median 2.5 m."""
STREET_M = np.linspace(4.0, 70.0, 48 * 64).reshape(48, 64)
"""A street: median 37 m."""


def write(
    folder: Path, metres: np.ndarray, samples_per_m: float, stem: str = "0001", sparse: int = 1
) -> tuple[DepthFiles, ...]:
    """An RGB-D folder with one image; depth at each `sparse`-th column."""
    for child in ("rgb", "depth"):
        (folder / child).mkdir(parents=True, exist_ok=True)
    samples = np.zeros(metres.shape, np.uint16)
    samples[:, ::sparse] = np.rint(metres * samples_per_m)[:, ::sparse]
    cv2.imwrite(str(folder / "rgb" / f"{stem}.png"), np.zeros((*metres.shape, 3), np.uint8))
    cv2.imwrite(str(folder / "depth" / f"{stem}.png"), samples)
    return find_depth_scenes(folder)


def median_m(files: tuple[DepthFiles, ...]) -> float:
    truth = files[0].load().truth
    assert truth is not None
    return float(np.median(truth.depth[truth.valid]))


def test_millimetres_are_named_with_the_depth_that_they_give(tmp_path: Path) -> None:
    settled, notes = with_units(write(tmp_path / "scene", ROOM_M, 1000), None)
    assert median_m(settled) == pytest.approx(2.5, abs=0.01)
    assert notes == ("no unit is stated, the depth images are read as millimetres; median 2.5 m (0.5 m in 1/5000)",)


@pytest.mark.parametrize(
    ("name", "metres", "samples_per_m", "told"),
    [
        ("tum", ROOM_M, 5000, "TUM"),
        ("rgbd_dataset_freiburg1_desk", ROOM_M, 5000, "TUM"),
        ("kitti", STREET_M, 256, "KITTI"),
        ("2011_09_26_drive_0002_sync", STREET_M, 256, "KITTI"),
        ("vkitti_scene20", STREET_M, 100, "centimetres"),
        ("replica_office0", ROOM_M, 6553.5, "Replica"),
        ("mp3d_house", ROOM_M, 4000, "Matterport3D"),
    ],
)
def test_the_folder_names_the_data_set(tmp_path: Path, name, metres, samples_per_m, told) -> None:
    settled, notes = with_units(write(tmp_path / name, metres, samples_per_m), None)
    assert median_m(settled) == pytest.approx(float(np.median(metres)), rel=0.01)
    assert (len(notes), told in notes[0], "is in the name" in notes[0]) == (1, True, True)


@pytest.mark.parametrize("listed", ["rgb.txt", "associations.txt"])
def test_lists_of_time_stamps_are_tums(tmp_path: Path, listed: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / listed).write_text("1305031102.175304 rgb/1305031102.175304.png\n")
    settled, notes = with_units(write(tmp_path / "a", ROOM_M, 5000), None)
    assert median_m(settled) == pytest.approx(2.5, abs=0.01)
    assert f"1/5000 m, as TUM has it: {listed} lies beside" in notes[0]


def test_time_stamps_as_names_are_tums_where_the_samples_are(tmp_path: Path) -> None:
    stamp = "1305031102.160407"
    # A Kinect's whole millimetres, times five.
    settled, notes = with_units(write(tmp_path / "a", np.round(ROOM_M, 3), 5000, stamp), None)
    assert median_m(settled) == pytest.approx(2.5, abs=0.01)
    assert "named by time stamps" in notes[0]
    # Another recorder's millimetres under time stamps stay what they are.
    settled, notes = with_units(write(tmp_path / "b", ROOM_M, 1000, stamp), None)
    assert median_m(settled) == pytest.approx(2.5, abs=0.01)
    assert "read as millimetres" in notes[0]


def test_numbers_of_ten_digits_shape_and_sparse_depth(tmp_path: Path) -> None:
    wide = np.repeat(STREET_M, 3, axis=1)
    settled, notes = with_units(write(tmp_path / "a", wide, 256, "0000000005", sparse=4), None)
    assert median_m(settled) == pytest.approx(37, rel=0.03)
    assert "KITTI's" in notes[0]


@pytest.mark.parametrize(
    ("metres", "samples_per_m", "message"),
    [
        (ROOM_M, 5000, r"12\.5 m .* 2\.5 m if they are 1/5000 m, as TUM has it .*: state the unit, such as 1/5000"),
        (STREET_M, 400, r"14\.8 m .*57\.8 m if they are 1/256 m"),
        (ROOM_M, 20, r"0\.05 m .*0\.5 m if they are centimetres"),
    ],
)
def test_what_no_camera_sees_is_refused_with_the_plausible_units(
    tmp_path: Path, metres, samples_per_m, message
) -> None:
    with pytest.raises(InputError, match=message):
        with_units(write(tmp_path / "a", metres, samples_per_m), None)


def test_a_stated_unit_is_believed(tmp_path: Path) -> None:
    settled, notes = with_units(write(tmp_path / "tum", ROOM_M, 1000), "mm")
    assert (median_m(settled), notes) == (pytest.approx(2.5, abs=0.01), ())


def test_the_benchmarks_own_unit_is_checked_too(tmp_path: Path) -> None:
    settled, notes = with_units(write(tmp_path / "a", STREET_M, 256), None, 256.0, "kitti-eigen")
    assert (median_m(settled), "as kitti-eigen has it" in notes[0]) == (pytest.approx(37, rel=0.01), True)
    with pytest.raises(InputError, match=r"145 m .*37 m if they are millimetres or 7.4 m if they are 1/5000"):
        with_units(write(tmp_path / "b", np.minimum(STREET_M, 65.0), 1000), None, 256.0, "kitti-eigen")


def test_sparse_millimetres_are_doubted(tmp_path: Path) -> None:
    notes = with_units(write(tmp_path / "a", ROOM_M, 1000, sparse=4), None)[1]
    assert "only 25 % of the pixels have depth, as a scanner's" in notes[0]


def test_each_folder_has_its_own_unit(tmp_path: Path) -> None:
    write(tmp_path / "tum", ROOM_M, 5000)
    write(tmp_path / "own", ROOM_M, 1000)
    files = find_depth_scenes(tmp_path)
    settled, notes = with_units(files, None)
    assert [scene.samples_per_m for scene in settled] == [1000.0, 5000.0]
    assert len(notes) == 2
    with pytest.raises(InputError, match="of one unit, got 1/1000 m and 1/5000 m; put them into folders of their own"):
        one_unit(files, None)
    assert one_unit(files, "1/5000") == ("1/5000", ())
    assert one_unit(find_depth_scenes(tmp_path / "tum"), None)[0] == "1/5000"
    assert one_unit(find_depth_scenes(tmp_path / "own"), None)[0] == "mm"


def test_many_samples_at_full_scale_are_unknown(tmp_path: Path) -> None:
    files = write(tmp_path / "a", ROOM_M, 1000)
    assert files[0].depth is not None
    samples = cv2.imread(str(files[0].depth), cv2.IMREAD_UNCHANGED)
    samples[:8] = 65535
    cv2.imwrite(str(files[0].depth), samples)
    truth = files[0].load().truth
    assert truth is not None
    assert (truth.valid[:8].any(), truth.valid[8:].all()) == (False, True)


def test_damaged_and_few_samples_are_left_to_the_reader(tmp_path: Path) -> None:
    files = write(tmp_path / "a", ROOM_M, 1000)
    assert files[0].depth is not None
    files[0].depth.write_bytes(b"no image")
    assert with_units(files, None)[1] == ("no unit is stated, the depth images are read as millimetres",)
