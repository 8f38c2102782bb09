"""Partners: by name, by time, in natural order; never silently by position."""

from pathlib import Path

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io.pair_files import left_out, list_images, match_files, search_pairs


def files(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return [folder / name for name in names]


def partners(lefts: list[Path], rights: list[Path]) -> list[tuple[str, str]]:
    return [(left.name, right.name) for left, right in match_files(lefts, rights, "here")[0]]


def test_natural_order(tmp_path: Path):
    files(tmp_path, "img10.png", "img2.png", "img1.PNG", ".hidden.png", "a.txt")
    assert [path.name for path in list_images(tmp_path)] == ["img1.PNG", "img2.png", "img10.png"]


def test_every_form_that_is_read_is_found(tmp_path: Path):
    files(tmp_path, "a.bmp", "b.webp", "c.avif", "d.tiff")
    assert len(list_images(tmp_path)) == 4
    files(tmp_path / "none", "a.gif")
    with pytest.raises(InputError, match=r"\.bmp, \.webp"):
        list_images(tmp_path / "none")


def test_equal_names_of_dropped_frames(tmp_path: Path):
    lefts = files(tmp_path / "l", "1.png", "3.png", "4.png", "5.png", "6.png")
    rights = files(tmp_path / "r", "1.png", "2.png", "4.png", "5.png", "6.png")
    pairs, notes = match_files(lefts, rights, "here")
    assert [(left.name, right.name) for left, right in pairs] == [(n, n) for n in ("1.png", "4.png", "5.png", "6.png")]
    assert any("3.png left out: no right image" in note for note in notes)
    assert any("2.png left out: no left image" in note for note in notes)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left_{}.png", "right_{}.png"),
        ("{}_L.jpg", "{}_R.jpg"),
        ("cam0_{}.png", "cam1_{}.png"),
        ("frame{}-left.tif", "frame{}-right.tif"),
        ("image_02_{}.png", "image_03_{}.png"),
    ],
)
def test_the_words_of_a_side_do_not_count(tmp_path: Path, left: str, right: str):
    lefts = files(tmp_path, *(left.format(n) for n in (7, 8, 10, 11)))
    rights = files(tmp_path, *(right.format(n) for n in (8, 9, 10, 11)))
    assert partners(lefts, rights) == [(left.format(n), right.format(n)) for n in (8, 10, 11)]


def test_scenes_by_their_folder(tmp_path: Path):
    lefts = [files(tmp_path / name, "im0.png")[0] for name in ("a", "b", "c")]
    rights = [files(tmp_path / name, "im1.png")[0] for name in ("a", "b", "c")]
    pairs, notes = match_files(lefts, rights, "here")
    assert pairs == list(zip(lefts, rights, strict=True))
    assert notes == ()


def test_time_stamps_within_a_quarter_of_a_frame(tmp_path: Path):
    start, step = 1403636579763555584, 50_000_000
    lefts = files(tmp_path / "l", *(f"{start + i * step}.png" for i in (0, 1, 3, 4, 5)))
    rights = files(tmp_path / "r", *(f"{start + i * step + 4_000_000}.png" for i in (0, 2, 3, 4, 5)))
    expected = [(f"{start + i * step}.png", f"{start + i * step + 4_000_000}.png") for i in (0, 3, 4, 5)]
    assert partners(lefts, rights) == expected
    late = files(tmp_path / "late", *(f"{start + i * step + 20_000_000}.png" for i in range(5)))
    with pytest.raises(InputError, match=r"do not tell|time stamps match"):
        match_files(lefts[:4], late, "here")


def test_unlike_names_are_paired_in_order_and_said(tmp_path: Path):
    lefts, rights = files(tmp_path / "l", "a.png", "b.png"), files(tmp_path / "r", "x.png", "y.png")
    pairs, notes = match_files(lefts, rights, "here")
    assert pairs == list(zip(lefts, rights, strict=True))
    assert "paired in order, a.png with x.png" in notes[0]
    with pytest.raises(InputError, match="as many right images as left ones, got 1 and 2"):
        match_files(lefts[:1], rights, "here")


def test_few_matching_names_are_no_proof(tmp_path: Path):
    lefts = files(tmp_path / "l", *(f"{n}.png" for n in range(10)))
    rights = files(tmp_path / "r", *(f"{n}.png" for n in range(8, 18)))
    with pytest.raises(InputError, match="got 2 of 10"):
        match_files(lefts, rights, "here")


def test_files_left_out_are_named(tmp_path: Path):
    files(tmp_path, "a.png", "b.CR2", "c.gif", "notes.txt", "d.mov", "e.psd")
    assert "b.CR2, c.gif, d.mov and 1 more left out" in left_out(str(tmp_path), None, "no-folder")[0]
    found = search_pairs(str(tmp_path), None)
    assert [pair.name for pair in found.pairs] == ["a"]
    assert len(found.notes) == 1


def test_random_drops_never_shift_a_pair(tmp_path: Path):
    """10,000 frames over many recordings with random drops: every pair is of one moment."""
    rng = np.random.default_rng(3)
    for trial in range(25):
        stamps = 1_700_000_000_000 + np.cumsum(rng.integers(30, 36, 400))
        sides = []
        for side in ("l", "r"):
            kept = stamps[rng.random(len(stamps)) > 0.1]
            shift = rng.integers(-2, 3, len(kept)) if trial % 2 else 0
            sides.append([tmp_path / side / f"{stamp}.png" for stamp in kept + shift])
        pairs, _ = match_files(*sides, "here")
        assert len(pairs) > 250
        assert all(abs(int(left.stem) - int(right.stem)) <= 4 for left, right in pairs)


def test_two_files_are_one_pair(tmp_path: Path):
    pairs = search_pairs(tmp_path / "a.png", tmp_path / "b.png").pairs
    assert (pairs[0].name, pairs[0].right) == ("a", tmp_path / "b.png")


def test_zeros_before_a_number_do_not_count(tmp_path: Path):
    lefts = files(tmp_path / "l", "frame_1.png", "frame_2.png", "frame_10.png")
    rights = files(tmp_path / "r", "frame_002.png", "frame_010.png", "frame_011.png")
    assert partners(lefts, rights) == [("frame_2.png", "frame_002.png"), ("frame_10.png", "frame_010.png")]
    # Where both forms are there, they are two frames.
    both = [files(tmp_path / side, "1.png", "01.png", "2.png") for side in ("a", "b")]
    assert partners(*both) == [(name, name) for name in ("1.png", "01.png", "2.png")]


def test_dates_with_a_time_of_day_are_time_stamps(tmp_path: Path):
    """Over a full minute; the left camera lost its first frame, the right one its last."""
    lefts = files(tmp_path / "l", *(f"2024-01-01_10-{time}.jpg" for time in ("00-59.900", "01-00.000", "01-00.100")))
    rights = files(tmp_path / "r", *(f"20240101T10{time}.jpg" for time in ("0059803", "0059903", "0100003")))
    assert partners(lefts, rights) == [
        ("2024-01-01_10-00-59.900.jpg", "20240101T100059903.jpg"),
        ("2024-01-01_10-01-00.000.jpg", "20240101T100100003.jpg"),
    ]


def test_a_date_that_is_none_is_no_time_stamp(tmp_path: Path):
    lefts = files(tmp_path / "l", "2024-13-01_10-00-00.jpg", "2024-13-01_10-00-01.jpg")
    rights = files(tmp_path / "r", "2024-14-01_10-00-00.jpg", "2024-14-01_10-00-01.jpg")
    assert "paired in order" in match_files(lefts, rights, "here")[1][0]
