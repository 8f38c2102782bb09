"""From whatever is known of the rig to a rectified pair with its cameras."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io.pairs import ImagePair
from leadline.results.rigs import RigGiven, RigMaker, length_unit, search_range

BASELINE_M, DEPTH_M, FOCAL = 0.1, 2.0, 300.0
K = np.array([[FOCAL, 0, 159.5], [0, FOCAL, 119.5], [0, 0, 1]])
TURN = np.asarray(cv2.Rodrigues(np.array([0.01, 0.02, 0.015]))[0])
MOVE = TURN @ np.array([[-BASELINE_M], [0.0], [0.0]])


def views() -> tuple[np.ndarray, np.ndarray]:
    """A textured wall 2 m in front of the left camera, seen by a right camera that is turned."""
    noise = np.random.default_rng(3).normal(size=(480, 640, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5) + cv2.GaussianBlur(noise, (0, 0), 5.0) * 4
    wall = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    shown = np.array([[1.0, 0, 160.0], [0, 1, 120.0], [0, 0, 1]])
    # The homography of a plane z = Z: K (R + t n^T / Z) K^-1.
    plane = K @ (TURN + np.outer(MOVE.ravel(), [0, 0, 1.0]) / DEPTH_M) @ np.linalg.inv(K)
    left = cv2.warpPerspective(wall, np.linalg.inv(shown), (320, 240))
    right = cv2.warpPerspective(wall, plane @ np.linalg.inv(shown), (320, 240))
    return np.asarray(left, np.uint8), np.asarray(right, np.uint8)


LEFT, RIGHT = views()


def numbers(values: np.ndarray) -> str:
    return "[" + ", ".join(repr(float(v)) for v in np.ravel(values)) + "]"


def raw_file(folder: Path, right_first: bool = False, extra: str = "") -> Path:
    turn, move = (TURN.T, -TURN.T @ MOVE) if right_first else (TURN, MOVE)
    path = folder / "raw.yml"
    path.write_text(
        f"M1: {numbers(K)}\nM2: {numbers(K)}\nD1: [0, 0, 0, 0, 0]\nD2: [0, 0, 0, 0, 0]\n"
        f"R: {numbers(turn)}\nT: {numbers(move)}\ntranslation_unit: m\n{extra}"
    )
    return path


def disparity_of_the_wall(left: np.ndarray, right: np.ndarray) -> float:
    from leadline.classical import ClassicalStereo

    found = ClassicalStereo("sgbm", 63)(left, right)
    return float(np.median(found.disparity[found.valid]))


@pytest.mark.parametrize("right_first", [False, True])
def test_raw_pairs_are_rectified_once(tmp_path: Path, right_first: bool):
    maker = RigMaker(RigGiven(raw_file(tmp_path, right_first)))
    first = maker.ready(ImagePair(LEFT, RIGHT))
    assert first.rig is not None
    assert first.seen is not None
    assert first.rig.baseline_m == pytest.approx(BASELINE_M)
    disparity = disparity_of_the_wall(first.left, first.right)
    depth = first.rig.left.focal_x_px * BASELINE_M / (disparity + first.rig.doffs_px)
    # The wall is upright in the left camera, which is turned by half of the 1.5 degrees to the rectified one.
    assert depth == pytest.approx(DEPTH_M, rel=0.03)
    assert any("rectified here" in note for note in first.notes)
    assert any("stands on the right" in note for note in first.notes) == right_first
    (tmp_path / "raw.yml").unlink()
    again = maker.ready(ImagePair(LEFT, RIGHT))  # neither file nor maps are made again
    assert np.array_equal(again.left, first.left)


def test_a_file_with_both_kinds_fits_the_images(tmp_path: Path):
    r1, r2, p1, p2, q = (
        np.asarray(x) for x in cv2.stereoRectify(K, np.zeros(5), K, np.zeros(5), (320, 240), TURN, MOVE)[:5]
    )
    maps = [
        cv2.initUndistortRectifyMap(K, np.zeros(5), r, p, (320, 240), cv2.CV_32FC1) for r, p in ((r1, p1), (r2, p2))
    ]
    straight = [
        np.asarray(cv2.remap(v, *m, cv2.INTER_CUBIC), np.uint8) for v, m in zip((LEFT, RIGHT), maps, strict=True)
    ]
    path = raw_file(tmp_path, extra=f"P1: {numbers(p1)}\nP2: {numbers(p2)}\nQ: {numbers(q)}\n")
    taken = RigMaker(RigGiven(path)).ready(ImagePair(straight[0], straight[1]))
    assert taken.seen is None
    assert any("rectified ones taken" in note for note in taken.notes)
    made = RigMaker(RigGiven(path)).ready(ImagePair(LEFT, RIGHT))
    assert made.seen is not None
    assert any("not on common rows" in note for note in made.notes)
    with pytest.raises(InputError, match="rectified already"):
        RigMaker(RigGiven(raw_file(tmp_path))).ready(ImagePair(straight[0], straight[1]))


def test_focal_length_or_field_of_view():
    ready = RigMaker(RigGiven(focal_px=300.0, baseline_m=0.1)).ready(ImagePair(LEFT, RIGHT))
    assert ready.rig is not None
    assert (ready.rig.left.focal_x_px, ready.rig.left.center_x_px, ready.rig.doffs_px) == (300.0, 159.5, 0.0)
    wide = RigMaker(RigGiven(fov_deg=90.0, baseline_m=0.1)).ready(ImagePair(LEFT, RIGHT))
    assert wide.rig is not None
    assert wide.rig.left.focal_x_px == pytest.approx(160.0)
    assert RigMaker(RigGiven()).ready(ImagePair(LEFT, RIGHT)).rig is None
    with pytest.raises(InputError, match="not in mm"):
        RigMaker(RigGiven(focal_px=4.0, baseline_m=0.1)).ready(ImagePair(LEFT, RIGHT))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"focal_px": 300.0}, "baseline together"),
        ({"baseline_m": 0.1}, "baseline together"),
        ({"focal_px": 300.0, "fov_deg": 60.0, "baseline_m": 0.1}, "got both"),
        ({"calibration": Path("a"), "baseline_m": 0.1}, "got both"),
        ({"fov_deg": 1.0, "baseline_m": 0.1}, "field of view from"),
        ({"fov_deg": 60.0, "baseline_m": 120.0}, "120 mm would be 0.12 m"),
        ({"fov_deg": 60.0, "baseline_m": 12.0}, "12 mm would be 0.012 m, 12 cm would be 0.12 m"),
        ({"fov_deg": 60.0, "baseline_m": 1e6}, "measure it"),
        ({"fov_deg": 60.0, "baseline_m": -1.0}, "above 0 m"),
        ({"baseline_m": 0.1, "both_views": True}, "baseline together"),
    ],
)
def test_contradictions(given: dict, words: str):
    with pytest.raises(InputError, match=words):
        RigGiven(**given)


def test_unusual_numbers_are_told_of():
    far = RigMaker(RigGiven(fov_deg=60.0, baseline_m=2.5)).ready(ImagePair(LEFT, RIGHT))
    assert far.notes[0].startswith("unusual baseline of 2.5 m")
    wide = RigMaker(RigGiven(focal_px=26.0, baseline_m=0.1)).ready(ImagePair(LEFT, RIGHT))
    # 2 atan(200 px / 26 px) over the diagonal of 320x240.
    assert "26 px is a field of view of 165 degrees" in wide.notes[0]


def test_a_stereo_photograph_has_the_baseline_of_eyes():
    ready = RigMaker(RigGiven(fov_deg=90.0, both_views=True)).ready(ImagePair(LEFT, RIGHT))
    assert ready.rig is not None
    assert (ready.rig.baseline_m, ready.rig.left.focal_x_px) == (0.065, pytest.approx(160.0))
    assert ready.notes[0].startswith("assumed: a baseline of 0.065 m")
    given = RigMaker(RigGiven(fov_deg=90.0, baseline_m=0.075, both_views=True)).ready(ImagePair(LEFT, RIGHT))
    assert given.rig is not None
    assert given.rig.baseline_m == 0.075


def test_units_of_the_user():
    assert length_unit(None, None) is None
    mm, squares = length_unit("mm", None), length_unit(None, 25.0)
    assert mm is not None
    assert squares is not None
    assert (mm.metres, squares.metres) == (0.001, 0.025)
    with pytest.raises(InputError, match="got both"):
        length_unit("mm", 25.0)
    with pytest.raises(InputError, match="positive unit"):
        length_unit(None, 0.0)
    with pytest.raises(InputError, match="got it alone"):
        RigGiven(unit=mm)


def test_search_range(tmp_path: Path):
    path = tmp_path / "calib.txt"
    lines = "cam0=[300 0 159.5; 0 300 119.5; 0 0 1]\nbaseline=100\nwidth=320\nheight=240\ndoffs={}\n"
    path.write_text(lines.format(20))
    ready = RigMaker(RigGiven(path)).ready(ImagePair(LEFT, RIGHT))
    assert search_range(ready, None, None)[:2] == (None, -20)
    assert ready.far_px == -20.0
    assert search_range(ready, 50, -5) == (50, -5, ())
    largest, _, notes = search_range(ready, 5000, 0)
    assert largest == 319  # a pixel of a 320 px wide image cannot have moved farther
    assert "beyond the images" in notes[0]
    path.write_text(lines.format(-20))
    assert search_range(RigMaker(RigGiven(path)).ready(ImagePair(LEFT, RIGHT)), None, None)[:2] == (None, 0)
    path.write_text(lines.format(20) + "ndisp=65\n")
    largest, smallest, notes = search_range(RigMaker(RigGiven(path)).ready(ImagePair(LEFT, RIGHT)), None, None)
    assert (largest, smallest) == (64, 0)
    assert "ndisp" in notes[0]


def test_turned_images_and_squeezed_ones_are_told_of(tmp_path: Path):
    path = tmp_path / "calib.txt"
    path.write_text("cam0=[300 0 159.5; 0 300 119.5; 0 0 1]\ndoffs=0\nbaseline=100\nwidth=320\nheight=240\n")
    ready = RigMaker(RigGiven(path)).ready(ImagePair(LEFT, RIGHT, (), turned=True))
    assert "orientation tag" in ready.notes[-1]
    half = np.ascontiguousarray(LEFT[:, ::2])
    with pytest.raises(InputError, match=r"got 160x240; .*half-side-by-side"):
        RigMaker(RigGiven(path)).ready(ImagePair(half, half))
    low = np.ascontiguousarray(LEFT[::2])
    with pytest.raises(InputError, match=r"got 320x120; .*half-over-under"):
        RigMaker(RigGiven(path)).ready(ImagePair(low, low))


def test_views_that_fit_only_when_exchanged_are_told(tmp_path: Path):
    """The turned camera's rows betray the order of the images."""
    wrong = RigMaker(RigGiven(raw_file(tmp_path))).ready(ImagePair(RIGHT, LEFT))
    doubt = next(note for note in wrong.notes if "off their rows" in note)
    assert "exchange LEFT and RIGHT" in doubt
    other = np.asarray(cv2.warpAffine(RIGHT, np.array([[1.0, 0.05, 0], [-0.08, 1.0, 9.0]]), (320, 240)), np.uint8)
    moved = RigMaker(RigGiven(raw_file(tmp_path))).ready(ImagePair(LEFT, other))
    assert any("not of these images" in note for note in moved.notes)
