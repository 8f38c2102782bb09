"""Frames of films, folders and patterns: order, times, rotation, damage; a film's levels tell its frames apart."""

import builtins
import re
import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError, MissingExtraError
from leadline.io import pyav, video
from leadline.io.images import write_image
from leadline.io.video import FilmFrames, FrameSequence, ImageFrames, is_sequence, open_frames

av = pytest.importorskip("av", reason='no PyAV: pip install "leadline[video]"')


def level(index: int) -> int:
    return 20 + 3 * index


def write_film(path: Path, frames, stamps=None, codec="mpeg4", unit=Fraction(1, 25), **options) -> Path:
    """A film of RGB frames, at the given multiples of the unit."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.time_base, stream.codec_context.time_base = unit, unit
        stream.bit_rate = 2_000_000
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = (index if stamps is None else stamps[index]), unit
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path


def grey(count: int, size=(48, 64)) -> list[np.ndarray]:
    return [np.full((*size, 3), level(index), np.uint8) for index in range(count)]


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """70 frames with B-frames and a key frame each 12."""
    return write_film(tmp_path_factory.mktemp("film") / "a.mp4", grey(70), codec="libx264", g="12", bf="2")


def levels(frames) -> list[int]:
    return [round((float(frame.pixels.mean()) - 20) / 3) for frame in frames]


def test_a_film_gives_its_frames_in_order_with_its_times(film):
    frames = open_frames(film)
    assert isinstance(frames, FrameSequence)
    assert isinstance(frames, FilmFrames)
    assert len(frames) == 70
    assert levels(frames) == list(range(70))
    np.testing.assert_allclose(frames.times_s, np.arange(70) / 25, atol=1e-9)
    assert frames.names[12] == "000012"
    assert next(iter(frames)).pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("wanted", [(50, 51), (69,), (3, 2), (40, 5, 66)])
def test_any_frame_can_be_asked_for(film, wanted):
    frames = open_frames(film)
    frames.load(30)
    assert tuple(levels(frames.load(*wanted))) == wanted
    assert [frame.time_s for frame in frames.load(*wanted)] == pytest.approx([index / 25 for index in wanted])


def test_pairs_decode_each_frame_once(film, monkeypatch):
    frames, decoded = open_frames(film), []
    convert = video._pixels
    monkeypatch.setattr(video, "_pixels", lambda frame: decoded.append(1) or convert(frame))
    for index in range(20):
        assert tuple(levels(frames.load(index, index + 1))) == (index, index + 1)
        assert len(frames._kept) == 2
    assert len(decoded) == 21


def test_times_are_the_files_own(tmp_path):
    stamps = [0, 1, 2, 10, 11, 40]
    frames = open_frames(write_film(tmp_path / "a.mkv", grey(6), stamps))
    np.testing.assert_allclose(frames.times_s, np.array(stamps) / 25, atol=1e-3)
    assert levels(frames) == list(range(6))


def test_a_film_without_times_says_so(tmp_path):
    frames = open_frames(write_film(tmp_path / "a.h264", grey(5), codec="libx264", bf="0"))
    assert levels(frames) == list(range(5))
    assert levels(frames.load(2, 3)) == [2, 3]
    assert len(frames.times_s or ()) == 5
    assert frames.notes == () or "states no times" in frames.notes[0]


def test_uncompressed_and_avi(tmp_path):
    for name, codec in (("a.avi", "mpeg4"), ("b.mkv", "ffv1"), ("c.webm", "libvpx-vp9")):
        frames = open_frames(write_film(tmp_path / name, grey(4), codec=codec))
        assert levels(frames) == [0, 1, 2, 3], name


def corners() -> np.ndarray:
    """Red in the upper left corner, green in the lower right one."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:16, :16, 0] = 255
    pixels[32:, 48:, 1] = 255
    return pixels


def with_matrix(path: Path, *matrix: int) -> Path:
    """The film with another display matrix (a, b, c, d) in its track header."""
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 4 + 4 + 20 + 16
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    turned = path.with_name("_".join(map(str, matrix)) + ".mp4")
    turned.write_bytes(bytes(data))
    return turned


@pytest.mark.parametrize("matrix", [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)])
def test_a_phones_rotation_is_undone_as_opencv_does(tmp_path, matrix):
    path = with_matrix(write_film(tmp_path / "a.mp4", [corners()] * 2), *matrix)
    (found,) = open_frames(path).load(1)
    capture = cv2.VideoCapture(str(path))
    _, wanted = capture.read()
    capture.release()
    np.testing.assert_allclose(found.pixels, wanted[..., ::-1], atol=12)


def test_a_mirrored_film_is_mirrored(tmp_path):
    (found,) = open_frames(with_matrix(write_film(tmp_path / "a.mp4", [corners()] * 2), -1, 0, 0, 1)).load(0)
    assert found.pixels[8, 56, 0] > 200
    assert found.pixels[40, 8, 1] > 200


def test_images_come_in_natural_order_with_one_white(tmp_path):
    for name, white in (("f10.png", 4000), ("f2.png", 400)):
        write_image(tmp_path / name, np.linspace(0, white, 64 * 48).reshape(48, 64).astype(np.uint16))
    (tmp_path / "notes.doc").write_text("x")
    frames = open_frames(tmp_path, fps=10.0)
    assert isinstance(frames, ImageFrames)
    assert frames.names == ("f2", "f10")
    assert frames.times_s == (0.0, 0.1)
    assert "notes.doc left out" in frames.notes[0]
    dark, bright = frames.load(0, 1)
    assert int(bright.pixels.max()) == round(255 * 4000 / 4095)
    assert int(dark.pixels.max()) == round(255 * 400 / 4095)
    assert "4095 taken as white" in dark.notes[0]
    assert [frame.name for frame in frames] == ["f2", "f10"]
    assert open_frames(str(tmp_path / "*.png")).times_s is None
    assert frames.files(1, 0) == (tmp_path / "f10.png", tmp_path / "f2.png")


def test_what_is_a_sequence(tmp_path):
    assert is_sequence(tmp_path)
    assert is_sequence("a.MOV")
    assert not is_sequence("a.png")


def test_what_is_no_film_is_refused_in_one_line(tmp_path, film):
    with pytest.raises(InputError, match=r"expected a film at .*none\.mp4, got no such file"):
        open_frames(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no film at all" * 99)
    with pytest.raises(InputError, match=r"expected a film that FFmpeg decodes at .*text\.mp4"):
        open_frames(tmp_path / "text.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(InputError, match="FFmpeg decodes"):
        open_frames(tmp_path / "empty.mp4")
    (tmp_path / "cut.mp4").write_bytes(film.read_bytes()[:900])
    with pytest.raises(InputError, match="FFmpeg decodes"):
        open_frames(tmp_path / "cut.mp4")
    with pytest.raises(InputError, match="expected a film, a folder of images or a pattern"):
        open_frames(tmp_path / "a.png")
    (tmp_path / "bare").mkdir()
    with pytest.raises(InputError, match="expected images in"):
        open_frames(tmp_path / "bare")
    with pytest.raises(InputError, match="above 0"):
        open_frames(tmp_path, fps=0.0)
    with pytest.raises(InputError, match="times of its own"):
        open_frames(film, fps=25.0)
    with pytest.raises(InputError, match=r"from 0 to 69 of .*, got 70"):
        open_frames(film).load(70)


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".ts"])
@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile 'other.ts'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/other.ts\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_opens_no_other_file(tmp_path, monkeypatch, playlist, suffix):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(12)]
    assert len(open_frames(write_film(tmp_path / "other.ts", noise, codec="mpeg2video"))) == 12
    (tmp_path / f"list{suffix}").write_text(playlist)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="FFmpeg decodes at list"):
        open_frames(f"list{suffix}")


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("a.mov", "mpeg4"), ("a.mkv", "mpeg4"), ("a.mpg", "mpeg2video"), ("a.ts", "mpeg2video"), ("a.flv", "flv")),
        *(("a.wmv", "wmv2"), ("a.3gp", "mpeg4"), ("a.webm", "libvpx"), ("a.gif", "gif"), ("a.mjpeg", "mjpeg")),
    ],
)
def test_common_containers(tmp_path, name, codec):
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV comes without {codec}")
    form = {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, form
        rng = np.random.default_rng(0)
        for pixels in (rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(12)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=form)))
        container.mux(stream.encode())
    assert open_frames(tmp_path / name).load(1)[0].pixels.shape == (48, 64, 3)


def test_frames_of_absurd_size_are_refused_before_they_are_decoded(film, monkeypatch):
    monkeypatch.setattr(video, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(InputError, match=r"at most 3071 pixels a frame .*, got 64x48"):
        open_frames(film)


def test_sound_alone_is_no_film(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as sound:
        stream = sound.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        sound.mux(stream.encode(frame))
        sound.mux(stream.encode())
    with pytest.raises(InputError, match="without moving images"):
        open_frames(tmp_path / "a.mkv")


def test_damage_costs_the_frames_it_hits_alone(tmp_path):
    """The data of the third of six whole frames are overwritten."""
    path = write_film(tmp_path / "a.mkv", [corners() // 2 + np.uint8(index) for index in range(6)], codec="mjpeg")
    with av.open(str(path)) as whole:
        packets = [bytes(packet) for packet in whole.demux(video=0) if packet.size]
    data = path.read_bytes()
    at = -1
    for _ in range(3):
        at = data.find(packets[2], at + 1)
    path.write_bytes(data[:at] + bytes(len(packets[2])) + data[at + len(packets[2]) :])
    frames = open_frames(path)
    assert len(frames) == 6
    with pytest.raises(InputError, match=r"frame 2 of 6 in .* cannot be decoded there"):
        frames.load(2)
    for index in (0, 1, 3, 4, 5):
        assert frames.load(index)[0].pixels[8, 8, 0] > 100


def test_a_cut_matroska_film_keeps_what_is_there(tmp_path):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(10)]
    path = write_film(tmp_path / "a.mkv", noise, codec="ffv1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = open_frames(path)
    assert 2 <= len(frames) < 10
    assert len(frames.load(0, 1)) == 2
    (note,) = frames.notes
    assert re.search(r"a.mkv: it breaks off after 0\.\d\d s of 0\.40 s that its head states", note)


def test_a_cut_mp4_says_where_it_ends(tmp_path):
    """An MP4 with its table of frames in front, of which the last half of the data is gone."""
    path = tmp_path / "a.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            noise = rng.integers(0, 256, (48, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode())
    assert open_frames(path).notes == ()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = open_frames(path)
    assert frames.notes == (f"{path}: it breaks off after {len(frames)} frames of 10 that its head states",)


def test_without_pyav_the_extra_is_named(film, monkeypatch):
    def refuse(name):
        if name == "av":
            raise ModuleNotFoundError("No module named 'av'", name="av")
        return builtins.__import__(name)

    monkeypatch.setattr(pyav, "import_module", refuse)
    with pytest.raises(MissingExtraError, match=r'pip install "leadline\[video\]"'):
        open_frames(film)

    def broken(_):
        raise ModuleNotFoundError("No module named 'other'", name="other")

    monkeypatch.setattr(pyav, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="other"):
        open_frames(film)
