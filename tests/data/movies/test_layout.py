import cv2
import numpy as np
import pytest

from leadline.data.movies.layout import find_layout, shown_aspect, split_views
from leadline.errors import InputError
from leadline.io.film_facts import FilmFacts


@pytest.fixture
def frame_of(painted_pair):
    return lambda form, seed=3: _frame(form, painted_pair(seed, (180, 320)))


def _frame(form, pair):
    views, shape = [pair.left, pair.right], pair.left.shape
    if form.startswith("half"):
        size = (shape[1] // 2, shape[0]) if form.endswith("side-by-side") else (shape[1], shape[0] // 2)
        views = [cv2.resize(view, size, interpolation=cv2.INTER_AREA) for view in views]
    return np.concatenate(views, axis=1 if form.endswith("side-by-side") else 0)


def _facts(frame, **facts):
    return FilmFacts(height=frame.shape[0], width=frame.shape[1], **facts)


@pytest.mark.parametrize("form", ["side-by-side", "half-side-by-side", "over-under", "half-over-under"])
def test_layout_is_found_from_the_frames(form, frame_of):
    frame = frame_of(form)
    found = find_layout([frame, frame_of(form, 4)], _facts(frame), "a.mp4")
    assert (found.layout, found.right_first) == (form, False)
    assert "features of one half" in found.because


def test_layout_that_the_file_states_gives_the_order(frame_of):
    frame = frame_of("half-side-by-side")
    facts = _facts(frame, views="side-by-side", right_first=True)
    assert find_layout([frame], facts, "a.mkv").right_first
    wrong = _facts(frame, views="over-under", right_first=True)
    assert not find_layout([frame], wrong, "a.mkv").right_first


def test_two_streams_of_one_size_are_two_views():
    assert find_layout([], FilmFacts(height=90, width=160, streams=2), "a.mkv").layout == "two-streams"


def test_film_of_one_view_is_refused_with_the_measure(painted_pair):
    frame = painted_pair(5, (180, 320)).left
    with pytest.raises(InputError, match=r"expected a 3D film in a.mp4.*features.*\d+ side-by-side, \d+ over-under"):
        find_layout([frame], _facts(frame), "a.mp4")
    with pytest.raises(InputError, match="it is MVC, of which FFmpeg decodes one view only"):
        find_layout([frame], _facts(frame, multiview=True), "a.mp4")


@pytest.mark.parametrize("left_channels", [[0], [1]])
def test_anaglyph_is_refused_with_a_reason(left_channels, painted_pair):
    pair = painted_pair(6, (240, 400))
    left, right = (cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in (pair.left, pair.right))
    frame = np.stack([left if channel in left_channels else right for channel in range(3)], axis=-1)
    with pytest.raises(InputError, match=r"got an anaglyph \(in 100% of its frames"):
        find_layout([frame], _facts(frame), "a.mp4")


@pytest.mark.parametrize(
    ("size", "layout", "pixel_aspect", "wanted"),
    [
        ((1080, 1920), "half-side-by-side", 1.0, 16 / 9),
        ((1080, 3840), "side-by-side", 1.0, 16 / 9),
        ((2160, 1920), "over-under", 1.0, 16 / 9),
        ((1080, 1920), "half-over-under", 1.0, 16 / 9),
        ((2205, 1920), "over-under", 1.0, 16 / 9),  # HDMI 1.4a: 1080 + 45 + 1080 rows
        ((1080, 1920), "side-by-side", 2.0, 16 / 9),  # squeezed, but the file says that its pixels are wide
        ((576, 720), "two-streams", 16 / 15, 4 / 3),
    ],
)
def test_shape_of_a_view_as_it_is_shown(size, layout, pixel_aspect, wanted):
    assert shown_aspect(*size, layout, pixel_aspect) == pytest.approx(wanted)


def test_views_of_a_packed_frame_leave_out_the_rows_between():
    frame = np.repeat(np.arange(1470, dtype=np.uint16)[:, None, None] % 251, 3, axis=2).astype(np.uint8)
    frame = np.broadcast_to(frame, (1470, 1280, 3))
    first, second = split_views(frame, "over-under")
    assert first.shape == second.shape == (720, 1280, 3)
    assert second[0, 0, 0] == 750 % 251
