"""Frames of two views: partners by name, by time stamp, and films that must keep step."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io.images import write_image
from leadline.io.two_views import open_views


def write(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for number, name in enumerate(names):
        write_image(folder / name, np.full((4, 6), number, np.uint8))
    return folder


def test_partners_by_name_whatever_their_order(tmp_path: Path) -> None:
    left = write(tmp_path / "a", ["x_left_1.png", "y_left_2.png"])
    right = write(tmp_path / "b", ["right_x_1.png", "right_y_2.png"])
    lefts, rights, notes = open_views(left, right)
    assert [path.name for path in rights.files(0, 1)] == ["right_x_1.png", "right_y_2.png"]
    assert (len(lefts), notes) == (2, ())


def test_partners_by_time_stamp(tmp_path: Path) -> None:
    left = write(tmp_path / "a", ["1403636579763555584.png", "1403636579813555456.png", "1403636579863555584.png"])
    right = write(tmp_path / "b", ["1403636579763600000.png", "1403636579813500000.png", "1403636579863600000.png"])
    assert open_views(left, right)[2] == ()


def test_frames_dropped_on_either_side_are_named(tmp_path: Path) -> None:
    left = write(tmp_path / "a", ["1.png", "2.png", "3.png"])
    right = write(tmp_path / "b", ["2.png", "3.png", "4.png"])
    with pytest.raises(InputError, match=r"got none for 1\.png in .* and 4\.png alone"):
        open_views(left, right)


def test_names_that_say_nothing_are_paired_in_order_and_told(tmp_path: Path) -> None:
    left, right = write(tmp_path / "a", ["p.png", "q.png"]), write(tmp_path / "b", ["r.png", "s.png"])
    assert "paired in order" in open_views(left, right)[2][0]


@pytest.mark.parametrize(("stamps", "fits"), [((0, 1, 2, 3), True), ((0, 1, 3, 4), False)])
def test_films_keep_step(tmp_path: Path, stamps: tuple[int, ...], fits: bool) -> None:
    av = pytest.importorskip("av")

    def film(name: str, stamps: tuple[int, ...]) -> Path:
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, 25)
            for stamp in stamps:
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
                frame.pts, frame.time_base = stamp, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return tmp_path / name

    left, right = film("l.mp4", (0, 1, 2, 3)), film("r.mp4", stamps)
    if fits:
        assert open_views(left, right)[2] == ()
        with pytest.raises(InputError, match=r"at most 100 pixels a frame"):
            open_views(left, right, max_pixels=100)
    else:
        with pytest.raises(InputError, match=r"got frame 2 at 0\.080 s .* and at 0\.120 s"):
            open_views(left, right)
    mixed = write(tmp_path / "images", [f"{number}.png" for number in range(4)])
    assert "paired in order" in open_views(left, mixed)[2][0]


def test_two_views_of_the_command_line_heed_the_pixel_limit(tmp_path: Path) -> None:
    left, right = write(tmp_path / "a", ["1.png"]), write(tmp_path / "b", ["1.png"])
    with pytest.raises(InputError, match="at most 20 pixels"):
        open_views(left, right, max_pixels=20)[0].load(0)
