"""Unlabelled pairs: found in three layouts, read as samples whose truth is unknown."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.data.stereo.pairs import StereoPairs, open_stereo
from leadline.data.stereo.shards import StereoShards
from leadline.errors import InputError
from leadline.io.pair_files import PairFiles, search_pairs
from leadline.io.shards import write_shard


def write(path: Path, grey: int, size: tuple[int, int] = (20, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*size, 3), grey, np.uint8))
    return path


@pytest.mark.parametrize("names", [("left", "right"), ("image_2", "image_3"), ("image_0", "image_1")])
def test_two_folders_are_paired_in_the_order_of_names(tmp_path: Path, names: tuple[str, str]):
    for side, other in zip(names, ((1, 2), (3, 4)), strict=True):
        for name, grey in zip(("b.png", "a.png"), other, strict=True):
            write(tmp_path / side / name, grey)
    found = search_pairs(tmp_path).pairs
    assert [(pair.left.name, pair.right and pair.right.parent.name) for pair in found] == [
        ("a.png", names[1]),
        ("b.png", names[1]),
    ]
    sample = StereoPairs(found)[0]
    assert (sample.left[0, 0, 0], sample.right[0, 0, 0]) == (2, 4)
    assert not sample.valid.any()
    assert sample.right_truth is not None
    assert not sample.right_truth.valid.any()
    assert StereoPairs(found, right_truth=False)[0].right_truth is None
    assert StereoPairs(found).key(1) == str(tmp_path / names[0] / "b.png")


def test_scene_folders_are_pairs_and_so_is_one_of_them(tmp_path: Path):
    for scene in ("x", "y"):
        write(tmp_path / scene / "im0.png", 1)
        write(tmp_path / scene / "im1.png", 2)
    assert [pair.name for pair in search_pairs(tmp_path).pairs] == ["x", "y"]
    assert search_pairs(tmp_path / "y").pairs == (
        PairFiles("y", tmp_path / "y" / "im0.png", tmp_path / "y" / "im1.png"),
    )
    (tmp_path / "x" / "im1.png").unlink()
    with pytest.raises(InputError, match=r"right image .*x/im1.png, found none"):
        search_pairs(tmp_path)


def test_files_that_hold_both_views_are_pairs(tmp_path: Path):
    both = np.hstack([np.full((8, 10, 3), 200, np.uint8), np.full((8, 10, 3), 50, np.uint8)])
    assert cv2.imwrite(str(tmp_path / "a.jpg"), both)
    (tmp_path / "a.jpg").rename(tmp_path / "a.jps")
    sample = StereoPairs(search_pairs(tmp_path).pairs)[0]
    # A .jps without its own header is right eye first.
    assert (sample.left.shape, sample.left.mean() < 60, sample.right.mean() > 190) == ((8, 10, 3), True, True)


def test_wide_pairs_are_shrunk(tmp_path: Path):
    files = [PairFiles("l", write(tmp_path / "l.png", 1), write(tmp_path / "r.png", 2))]
    assert StereoPairs(files, max_width=15)[0].left.shape == (10, 15, 3)
    assert StereoPairs(files, max_width=30)[0].right.shape == (20, 30, 3)


def test_no_pairs_and_lonely_images_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"expected images in .* got none"):
        search_pairs(tmp_path)
    write(tmp_path / "left" / "a.png", 1)
    (tmp_path / "right").mkdir()
    with pytest.raises(InputError, match=r"expected images in .*right .*got none"):
        search_pairs(tmp_path)


def test_views_of_two_sizes_are_refused(tmp_path: Path):
    pairs = StereoPairs([PairFiles("l", write(tmp_path / "l.png", 1), write(tmp_path / "r.png", 2, (20, 28)))])
    with pytest.raises(InputError, match=r"one size in .*l.png, got \(20, 30\) and \(20, 28\)"):
        pairs[0]


def test_a_folder_of_shards_is_opened_as_such(tmp_path: Path):
    write_shard(tmp_path / "a.tar", [("k", {"left.png": b""})])
    assert isinstance(open_stereo(tmp_path), StereoShards)
    write(tmp_path / "pairs" / "im0.png", 1)
    write(tmp_path / "pairs" / "im1.png", 1)
    assert isinstance(open_stereo(tmp_path / "pairs"), StereoPairs)
    with pytest.raises(InputError, match="expected shards"):
        open_stereo(tmp_path / "absent")
