"""Films and folders as sources: layouts, two films of different rates, time stamps in names, the real pace."""

import time

import cv2
import numpy as np
import pytest

from leadline.cameras import open_source
from leadline.errors import InputError
from leadline.io.film_writing import write_film


def write_folder(folder, images, names):
    folder.mkdir(parents=True)
    for name, image in zip(names, images, strict=True):
        assert cv2.imwrite(str(folder / name), image[..., ::-1])


@pytest.fixture(scope="module")
def film(tmp_path_factory, pair):
    path = tmp_path_factory.mktemp("film") / "both.mp4"
    write_film(path, [np.hstack(pair)] * 5, [0.0, 0.1, 0.2, 0.4, 0.5])
    return path


def test_a_film_with_both_views(film, pair):
    with open_source(f"file:{film}") as source:
        found = list(source)
    assert [round(frame.time_s, 3) for frame in found] == [0.0, 0.1, 0.2, 0.4, 0.5]
    for side in ("left", "right"):
        wanted = pair[0] if side == "left" else pair[1]
        assert np.abs(getattr(found[2], side).astype(int) - wanted).mean() < 6  # the film is lossy
    assert "two views side by side" in source.notes[0]


def test_a_film_of_one_view_is_refused(tmp_path, texture):
    other = np.random.default_rng(1).integers(0, 256, texture.shape, np.uint8)
    write_film(tmp_path / "one.mp4", [np.hstack([texture, other])] * 2)
    with pytest.raises(InputError, match="expected two views side by side"):
        open_source(str(tmp_path / "one.mp4"))


def test_two_films_are_paired_by_their_times(tmp_path, pair):
    left, right = pair
    write_film(tmp_path / "left.mp4", [left] * 6, [k / 10 for k in range(6)])
    write_film(tmp_path / "right.mp4", [right] * 3, [k / 5 for k in range(3)])
    with open_source(str(tmp_path / "left.mp4"), str(tmp_path / "right.mp4")) as source:
        assert [round(frame.time_s, 3) for frame in source] == [0.0, 0.2, 0.4]
        assert source.counts.unpaired in (2, 3)  # 0.5 waits at the end
    assert any("paired by their times" in note for note in source.notes)


def test_folders_have_the_times_of_their_names(tmp_path, pair):
    names = ["1403715273262142976.png", "1403715273312142976.png"]
    for side, image in zip(("left", "right"), pair, strict=True):
        write_folder(tmp_path / side, [image] * 2, names)
    with open_source(f"file:{tmp_path}") as source:
        found = list(source)
    assert found[1].time_s - found[0].time_s == pytest.approx(0.05, abs=1e-6)
    assert found[0].meta.clock == "unix"
    with open_source(f"file:{tmp_path}?fps=4") as source:
        assert [(frame.time_s, frame.meta.clock) for frame in source] == [(0.0, "recording"), (0.25, "recording")]


def test_the_real_pace_waits_and_can_be_interrupted(film):
    begun = time.monotonic()
    with open_source(f"file:{film}?pace=real") as source:
        assert source.is_live
        assert len(list(source)) == 5
    assert time.monotonic() - begun >= 0.5


def test_arguments_that_do_not_fit(film, tmp_path):
    with pytest.raises(InputError, match="expected no fps for a film"):
        open_source(f"file:{film}?fps=30")
    with pytest.raises(InputError, match="leave the layout out"):
        open_source(f"file:{film}?layout=over-under", str(film))
    write_folder(tmp_path / "right", [np.zeros((8, 8, 3), np.uint8)], ["0.png"])
    with pytest.raises(InputError, match="give both alike"):
        open_source(str(film), str(tmp_path / "right")).read()


def test_euroc_as_it_is(real_dir):
    with open_source(f"file:{real_dir / 'euroc_unrectified'}") as source:
        found = list(source)
    assert len(found) == 5
    assert found[1].time_s - found[0].time_s == pytest.approx(1.0, abs=1e-3)
