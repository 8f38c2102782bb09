import cv2
import numpy as np
import pytest

from leadline.data.movies.alignment import Alignment, levelled, measure_alignment
from leadline.data.movies.choice import choose_frames, difference_hash, is_credits, shows_nothing
from leadline.data.movies.film import open_film
from leadline.data.movies.masks import text_mask
from leadline.data.movies.options import MineOptions
from leadline.data.movies.order import OrderCues, occlusion_votes, order_cues
from leadline.data.movies.shot import both_ways
from leadline.data.movies.shots import Shot, find_shots
from leadline.errors import InputError, MissingExtraError


def test_rows_are_levelled_by_offset_roll_and_scale(painted_pair):
    pair = painted_pair(1)
    height, width = pair.left.shape[:2]
    rows = np.array([[1.0, 0.0, 0.0], [0.006, 1.01, 2.0]])
    lower = cv2.warpAffine(pair.right, rows, (width, height), borderMode=cv2.BORDER_REPLICATE)
    found = measure_alignment([(pair.left, lower)])
    # In the middle: y' = 0.006 x + 1.01 y + 2.
    x, y = (width - 1) / 2, (height - 1) / 2
    assert found.offset_px == pytest.approx(0.006 * x + 0.01 * y + 2.0, abs=0.35)
    level, inside = levelled(lower, found)
    after = measure_alignment([(pair.left, level)])
    assert after.largest_offset_px < 0.35
    assert inside.mean() > 0.95
    assert (after.farthest_px, after.nearest_px) == pytest.approx((4.0, 16.0), abs=0.6)


def test_search_range_holds_the_features_and_stops_at_the_share():
    found = Alignment(matches=99, farthest_px=-12.0, nearest_px=20.0)
    low, high = found.searched(640, 0.15)
    assert low <= -12 - 0.3 * 32 - 4
    assert high >= 20 + 0.3 * 32 + 4
    assert found.searched(200, 0.1) == (-20, 20)
    assert Alignment(matches=99, farthest_px=30.0, nearest_px=40.0).searched(640, 0.15)[0] < 0


def test_parallax_leaves_out_what_few_matches_say():
    from leadline.data.movies.shot import _is_flat, _misaligned

    # Repetitive texture: both views show one image, but some matches are a pixel off.
    one_view = Alignment(matches=400, farthest_px=-0.9, nearest_px=1.1, parallax_px=0.9)
    assert _misaligned(one_view, (200, 480)) == "mono"
    assert _misaligned(Alignment(matches=400, nearest_px=3.0, parallax_px=1.3), (200, 480)) == ""
    assert not _is_flat([])


def test_exchanged_views_turn_the_vote_of_what_is_hidden(painted_pair):
    pair = painted_pair(2)
    votes = occlusion_votes(pair.left, pair.disparity, ~pair.occluded)
    assert votes.mean() > 0.6
    # Views exchanged: the right view stands for the left one, and all disparities are negative.
    exchanged = occlusion_votes(pair.right, -pair.right_truth.disparity, ~_hidden_in_left(pair))
    assert exchanged.mean() < -0.6


def _hidden_in_left(pair):
    # Mirrored, the right view is the left one of a pair.
    from leadline.data.synthetic.stereo import occluded_left

    mirrored = occluded_left(pair.right_truth.disparity[:, ::-1], pair.disparity[:, ::-1])
    return np.ascontiguousarray(mirrored[:, ::-1])


def test_perspective_tells_the_order_where_nothing_is_hidden():
    depth = np.repeat(np.linspace(0.0, 9.0, 40, dtype=np.float32)[:, None], 60, axis=1)
    image, everywhere = np.zeros((40, 60, 3), np.uint8), np.ones((40, 60), bool)
    cues = [order_cues([(image, sign * depth, everywhere)], look=lambda _: depth) for sign in (1.0, -1.0)]
    assert [cue.refused for cue in cues] == ["", "swapped"]
    assert cues[0].occlusion is None
    assert cues[0].perspective == pytest.approx(1.0)
    assert OrderCues(occlusion=0.3, perspective=-0.3).refused == "order"


def test_disparity_without_a_way_back_is_refused():
    left, right = np.full((2, 20), 3.0, np.float32), np.full((2, 20), 3.0, np.float32)
    right[:, 5:9] = 9.0
    kept = both_ways(left, right)[0]
    # Left columns 8 to 11 land on right columns 5 to 8, which point elsewhere; 0 to 2 land outside.
    assert np.flatnonzero(~kept).tolist() == [0, 1, 2, 8, 9, 10, 11]


def test_bright_bar_is_no_text():
    image = np.full((120, 320, 3), 60, np.uint8)
    cv2.rectangle(image, (40, 90), (280, 94), (250, 250, 250), -1)
    assert not text_mask(image).any()


def test_credits_and_black_frames_are_known(painted_film, painted_pair):
    _, shots = painted_film(("credits", "black"))
    assert is_credits(shots[0].views(3)[0])
    assert not shows_nothing(shots[0].views(3)[0])
    assert shows_nothing(shots[1].views(20)[0])
    image = painted_pair(3).left
    assert not is_credits(image)
    assert not shows_nothing(image)


def test_frames_that_are_alike_are_taken_once(tmp_path, painted_pair):
    from leadline.io.film_writing import write_film

    pair = painted_pair(4, (144, 320))
    still = np.hstack([pair.left, pair.right])
    write_film(tmp_path / "a.mp4", [still] * 40)
    film = open_film(str(tmp_path / "a.mp4"), "a", "side-by-side")
    chosen = choose_frames(film, Shot(0, 40), MineOptions(frames_per_s=5.0))
    assert len(chosen.frames) == 1
    assert chosen.rejected["duplicate"] == chosen.looked_at - 1 > 3


def test_the_sharpest_frame_of_a_stretch_is_taken(tmp_path, painted_pair):
    from leadline.io.film_writing import write_film

    sharp = painted_pair(5, (144, 320))
    frames = []
    for number in range(24):
        views = [sharp.left, sharp.right]
        if number != 13:
            views = [cv2.GaussianBlur(view, (0, 0), 2.5) for view in views]
        frames.append(np.hstack(views))
    write_film(tmp_path / "a.mp4", frames)
    film = open_film(str(tmp_path / "a.mp4"), "a", "side-by-side")
    (kept,) = choose_frames(film, Shot(0, 24), MineOptions(frames_per_s=1.0)).frames
    assert kept.number == 13


def test_hash_outlives_compression_and_tells_images_apart(painted_pair):
    images = [painted_pair(seed).left for seed in (6, 7)]
    blurred = cv2.GaussianBlur(images[0], (0, 0), 1.0)
    assert (difference_hash(images[0]) ^ difference_hash(blurred)).bit_count() < 5
    assert (difference_hash(images[0]) ^ difference_hash(images[1])).bit_count() > 15


def test_options_out_of_range_are_refused():
    with pytest.raises(InputError, match="expected width from 64 to 8192, got 8"):
        MineOptions(width=8)


def test_missing_scenedetect_names_the_extra(monkeypatch, painted_film):
    import sys

    film = open_film(str(painted_film()[0]), "a", "side-by-side")
    monkeypatch.setitem(sys.modules, "scenedetect.detectors", None)
    with pytest.raises(MissingExtraError, match=r'pip install "leadline\[movies\]"'):
        find_shots(film)
