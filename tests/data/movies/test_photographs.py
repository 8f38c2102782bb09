"""Folders of stereo photographs are mined like films whose shots have one frame."""

import cv2
import numpy as np
import pytest

from leadline.data.mono.shards import DepthShards
from leadline.data.movies.film import open_film
from leadline.data.movies.mine import MineRequest, mine_films
from leadline.data.movies.options import MineOptions
from leadline.data.movies.shots import find_shots
from leadline.errors import InputError
from leadline.loading import load_signed_matcher


@pytest.fixture
def folder(tmp_path, painted_pair):
    """Three JPS photographs, of which the second is upright, and a damaged one."""
    place = tmp_path / "holiday"
    place.mkdir()
    for number in range(3):
        pair = painted_pair(number)
        left, right = (np.rot90(v) if number == 1 else v for v in (pair.left, pair.right))
        # The right view comes first in a file of this kind.
        both = np.hstack([right, left])[..., ::-1]
        (place / f"{number}.jps").write_bytes(cv2.imencode(".jpg", both, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes())
    (place / "3.mpo").write_bytes(b"no photograph")
    (place / "notes.txt").write_text("of the holiday")
    return place


def test_each_photograph_of_the_first_one_s_shape_is_a_shot(folder, painted_pair):
    film = open_film(str(folder), "holiday", width=320)
    assert (film.layout, film.frames, film.fps) == ("photographs", 4, 1.0)
    height, width = painted_pair(0).left.shape[:2]
    assert film.size == (round(height * 320 / width), 320)
    assert find_shots(film) == [(number, number + 1) for number in range(4)]
    assert [views.number for views in film.views(0, 4)] == [0, 2]
    assert [views.number for views in film.views(1, 2)] == []
    swapped = open_film(str(folder), "holiday", swap=True, width=320)
    np.testing.assert_array_equal(next(film.views(2, 3)).left, next(swapped.views(2, 3)).right)


def test_disparities_of_photographs_are_true(folder, painted_pair, tmp_path):
    options = MineOptions(model="sgbm", width=8192)
    request = MineRequest(films=(str(folder),), output=tmp_path / "mined", options=options, load=load_signed_matcher)
    (film,) = mine_films(request)
    assert film["frames"] == 2
    samples = DepthShards(tmp_path / "mined" / "train")
    for index in range(2):
        number = samples.notes(index)["frame"]
        truth = painted_pair(number).truth.disparity
        sample = samples[index]
        error = np.abs(sample.depth - truth)[sample.valid]
        assert np.median(error) < 0.5
        assert sample.valid.mean() > 0.4


def test_other_folders_and_layouts_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match="no layout for a folder of photographs, got side-by-side"):
        open_film(str(folder), "a", "side-by-side")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"stereo photographs \(\.mpo, \.jps\) in the folder .*empty, got none"):
        open_film(str(tmp_path / "empty"), "a")
    (tmp_path / "empty" / "1.mpo").write_bytes(b"no photograph")
    with pytest.raises(InputError, match=r"photographs with two views in .*empty, got none"):
        open_film(str(tmp_path / "empty"), "a")
