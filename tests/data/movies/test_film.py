from fractions import Fraction

import numpy as np
import pytest

from leadline.data.movies.film import open_film
from leadline.data.movies.shots import find_shots
from leadline.errors import InputError
from leadline.io.film_facts import film_facts
from leadline.io.film_writing import write_film
from leadline.io.video import FilmFrames

SIZE = (144, 320)


def _differ(found, wanted):
    """Mean difference of brightness; compression halves the resolution of colours."""
    return np.abs(found.astype(float).mean(axis=-1) - wanted.astype(float).mean(axis=-1)).mean()


def _views(film, number=3):
    return next(film.views(number, number + 1))


@pytest.mark.parametrize("form", ["side-by-side", "half-side-by-side", "half-over-under"])
def test_views_are_unsqueezed_and_without_the_letter_box(painted_film, form):
    path, shots = painted_film(form=form, bar_px=12)
    film = open_film(str(path), "a")
    assert film.layout == form
    stored = 12 if not form.endswith("half-over-under") else 6
    assert film.bars[:2] == (stored, stored)
    height, width = SIZE
    # Nothing is enlarged: half of the columns, or of the rows, is what is left of squeezed views.
    assert film.size == ((height, width) if form == "side-by-side" else (height // 2, width // 2))
    views = _views(film)
    assert views.left.shape[:2] == views.right.shape[:2] == film.size
    shown = shots[0].views(3)[0]
    shrunk = shown.reshape(film.size[0], height // film.size[0], film.size[1], width // film.size[1], 3).mean((1, 3))
    assert _differ(views.left, shrunk) < 8.0


def test_width_limits_the_views(painted_film):
    assert open_film(str(painted_film()[0]), "a", width=200).size == (90, 200)


def test_views_are_exchanged_as_asked(painted_film):
    path, _ = painted_film()
    ordered, exchanged = (_views(open_film(str(path), "a", swap=swap)) for swap in (False, True))
    assert np.array_equal(ordered.left, exchanged.right)
    assert np.array_equal(ordered.right, exchanged.left)


def test_two_files_are_one_film(tmp_path, painted_film):
    _, shots = painted_film()
    for side, name in enumerate(("l", "r")):
        write_film(tmp_path / f"{name}.mp4", [shots[0].views(number)[side] for number in range(6)])
    film = open_film(f"{tmp_path}/l.mp4::{tmp_path}/r.mp4", "a")
    assert (film.layout, film.size, film.frames) == ("two-streams", SIZE, 6)
    assert _differ(_views(film).right, shots[0].views(3)[1]) < 8.0
    write_film(tmp_path / "small.mp4", [np.zeros((64, 64, 3), np.uint8)] * 2)
    with pytest.raises(InputError, match=r"two films of one size, got 320x144 .* and 64x64"):
        open_film(f"{tmp_path}/l.mp4::{tmp_path}/small.mp4", "a")


def _coded(path, frames, streams=1, **facts):
    import av

    with av.open(str(path), "w") as container:
        added = [container.add_stream("libx264", rate=24) for _ in range(streams)]
        for stream in added:
            stream.height, stream.width, stream.pix_fmt = *frames[0][0].shape[:2], "yuv420p"
            for name, value in facts.items():
                setattr(stream.codec_context, name, value)
        for views in frames:
            for stream, view in zip(added, views, strict=True):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(view), format="rgb24")))
        for stream in added:
            container.mux(stream.encode())


def test_two_streams_are_one_film(tmp_path, painted_film):
    _, shots = painted_film()
    _coded(tmp_path / "a.mkv", [shots[0].views(number) for number in range(5)], streams=2)
    film = open_film(str(tmp_path / "a.mkv"), "a")
    assert film.layout == "two-streams"
    assert _differ(_views(film).right, shots[0].views(3)[1]) < 8.0


def test_high_dynamic_range_is_refused(tmp_path, painted_film):
    _, shots = painted_film()
    _coded(tmp_path / "a.mp4", [(np.hstack(shots[0].views(0)),)] * 3, color_trc=16)
    with pytest.raises(InputError, match=r"standard dynamic range, got PQ \(HDR\)"):
        open_film(str(tmp_path / "a.mp4"), "a")


def test_copy_protection_is_refused(tmp_path, painted_film):
    path = tmp_path / "a.mp4"
    path.write_bytes(painted_film()[0].read_bytes().replace(b"avc1", b"encv"))
    with pytest.raises(InputError, match=r"got copy-protected images \(DRM\)"):
        open_film(str(path), "a")


def test_stated_pixel_aspect_is_taken(tmp_path, painted_film):
    _, shots = painted_film()
    _coded(tmp_path / "a.mp4", [(np.hstack(shots[0].views(0)),)] * 3, sample_aspect_ratio=Fraction(1, 2))
    assert film_facts(tmp_path / "a.mp4").pixel_aspect == 0.5


def test_what_is_no_film_is_refused(tmp_path, painted_film):
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(InputError, match="expected a film that FFmpeg decodes"):
        open_film(str(tmp_path / "text.mp4"), "a")
    with pytest.raises(InputError, match="got no such file"):
        open_film(str(tmp_path / "none.mp4"), "a")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(InputError, match="expected a film"):
        open_film(str(tmp_path / "empty.mp4"), "a")
    import av

    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(InputError, match="got a file without moving images"):
        open_film(str(tmp_path / "sound.mp4"), "a")
    with pytest.raises(InputError, match=r"no stream|1 streams of moving images, not one of number 1"):
        FilmFrames(painted_film()[0], stream=1)
    with pytest.raises(InputError, match=r"expected two streams of moving images of one size in .*, got 1"):
        open_film(str(painted_film()[0]), "a", "two-streams")


def test_tiny_views_are_refused(tmp_path):
    write_film(tmp_path / "a.mp4", [np.zeros((48, 96, 3), np.uint8)] * 2)
    with pytest.raises(InputError, match=r"expected views of at least 64 px a side .*, got 48x48"):
        open_film(str(tmp_path / "a.mp4"), "a", "side-by-side")


def test_odd_sizes_lose_their_middle_line(tmp_path, painted_pair):
    pair = painted_pair(2, (143, 321))
    # H.264 has even sizes: 642 columns of two views of 321, and 142 rows.
    write_film(tmp_path / "a.mp4", [np.hstack([pair.left, pair.right])] * 3)
    film = open_film(str(tmp_path / "a.mp4"), "a", "side-by-side")
    assert film.size == (142, 321)


def test_damaged_tail_is_left_out(tmp_path, painted_film):
    path, _ = painted_film()
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 8
    length = int.from_bytes(content[start - 12 : start - 8], "big")
    content[start + length * 2 // 3 : start + length - 16] = bytes(length - 16 - length * 2 // 3)
    (tmp_path / "a.mp4").write_bytes(content)
    film = open_film(str(tmp_path / "a.mp4"), "a", "side-by-side")
    seen = [views.number for views in film.views(0, film.frames)]
    assert 0 < len(seen) <= film.frames
    assert find_shots(film)[0].first == 0


def test_cuts_are_found_with_a_variable_rate(tmp_path, painted_film):
    _, shots = painted_film(("stereo", "stereo", "stereo"))
    frames = [np.hstack(shot.views(number)) for shot in shots for number in range(shot.first, shot.last)]
    times = np.cumsum([0.0] + [0.03 if number % 5 else 0.08 for number in range(len(frames) - 1)])
    write_film(tmp_path / "a.mp4", frames, times.tolist())
    found = find_shots(open_film(str(tmp_path / "a.mp4"), "a", "side-by-side"))
    assert [tuple(shot) for shot in found] == [(0, 14), (14, 28), (28, 42)]
