"""Frames of films, of folders and of patterns, one at a time and with their times."""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Protocol, final, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.io.files import read_bytes
from leadline.io.image_header import MAX_PIXELS
from leadline.io.images import decode_image, to_8bit
from leadline.io.pair_files import IMAGE_SUFFIXES, is_many, left_out, list_images, short_names
from leadline.io.pyav import load_pyav

VIDEO_SUFFIXES: Final = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".flv", ".3gp", ".ogv", ".mjpeg", ".mjpg", ".gif", ".h264", ".h265", ".hevc"),
)
"""Files that are taken for films, in lower case."""
_CONTAINERS: Final = (
    *("mov", "avi", "matroska", "mpeg", "mpegts", "mpegvideo", "asf", "flv", "ogg", "mjpeg", "mjpeg_2000", "gif"),
    *("h264", "hevc", "m4v", "ivf"),
)
"""Demuxers of FFmpeg that may read a film: none of a playlist, which names other files and addresses to be opened."""
_PROTECTED: Final = ("encv", "drmi")
"""Marks of streams of images in MP4 files that are encrypted.

Source: ISO/IEC 14496-12, 8.12 (encv); drmi is that of Apple's FairPlay.
"""
_WHOLE: Final = 0.9
"""Share of what a film states below which it is said to break off: rates and last frames are stated loosely."""
_SEEK_FROM: Final = 32
"""Frames ahead up to which decoding on is simpler than looking for the next key frame."""
_GROUP: Final = 300
"""Frames between two key frames, at most, in usual films."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a sequence.

    Args:
        name: Short, unique in its sequence, in the order of time: an image's name, or a number of six digits.
        pixels: RGB, upright.
        time_s: When it was taken, seconds, as the film says; of images only where the caller gave frames a second.
        notes: What was changed on the way, one line each, for the user.
    """

    name: str
    pixels: UInt8[np.ndarray, "h w 3"]
    time_s: float | None = None
    notes: tuple[str, ...] = ()


@runtime_checkable
class FrameSequence(Protocol):
    """Frames in the order of time. Only those of the last call are held in memory."""

    @property
    def source(self) -> str:
        """The film, folder or pattern."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """A short name for each frame."""
        ...

    @property
    def times_s(self) -> tuple[float, ...] | None:
        """Time of each frame, seconds, if known; they rise, but not always by the same step."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or assumed, one line each, for the user."""
        ...

    def files(self, *indices: int) -> tuple[Path, ...]:
        """The files that these frames come from."""
        ...

    def load(self, *indices: int) -> tuple[Frame, ...]:
        """Frames by their numbers from 0, brought to 8 bits together; cheapest if numbers rise from call to call.

        Raises:
            InputError: If one cannot be read.
        """
        ...

    def __len__(self) -> int:
        """How many frames there are."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """All frames, one in memory at a time."""
        ...


def is_film(source: str | Path) -> bool:
    """Whether a name is one of a film.

    >>> is_film("street.MP4"), is_film("street.png")
    (True, False)
    """
    return Path(source).suffix.lower() in VIDEO_SUFFIXES and not Path(source).is_dir()


def is_sequence(source: str | Path) -> bool:
    """Whether a name stands for many frames: a film, a folder or a pattern.

    >>> is_sequence("street.mp4"), is_sequence("frames/*.png"), is_sequence("street.png")
    (True, True, False)
    """
    return is_film(source) or is_many(str(source))


def open_frames(source: str | Path, fps: float | None = None, max_pixels: int | None = None) -> FrameSequence:
    """The frames of a film, of a folder of images, or of a pattern such as "frames/*.png".

    Args:
        source: A film needs PyAV: `pip install "leadline[video]"`. Images are taken in natural order: 2 before 10.
        fps: Frames a second of images, if known. A film's own times are taken as they are.
        max_pixels: Largest frame that is read; `MAX_PIXELS` if absent.
    Raises:
        InputError: If there is nothing, the film cannot be decoded or has no frame, or fps is not above 0 or is given
            for a film.
        MissingExtraError: If PyAV is not installed.
    Example:
        >>> import tempfile
        >>> from leadline.io.images import write_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for number in (10, 2):
        ...         write_image(f"{folder}/{number}.png", np.full((2, 3), number, np.uint8))
        ...     frames = open_frames(folder, fps=2.0)
        ...     [(frame.name, frame.time_s, int(frame.pixels.max())) for frame in frames]
        [('2', 0.0, 2), ('10', 0.5, 10)]
    """
    if fps is not None and not fps > 0:
        raise InputError(f"expected frames a second above 0, got {fps}")
    if not is_film(source):
        text = str(source)
        if not is_many(text):
            raise InputError(
                f"expected a film, a folder of images or a pattern, got {text}; films end in "
                f"{', '.join(VIDEO_SUFFIXES[:8])} ..."
            )
        return ImageFrames(list_images(text), fps, text, left_out(text, suffixes=IMAGE_SUFFIXES), max_pixels)
    if fps is not None:
        raise InputError(f"expected no frames a second for a film, got {fps}; {source} has times of its own")
    return FilmFrames(source, max_pixels)


@final
class ImageFrames:
    """Images as frames.

    Args:
        paths: In the order of time.
        fps: Frames a second, if known.
        source: The folder or pattern, for messages.
        notes: What was left out.
        max_pixels: Largest image that is read; `MAX_PIXELS` if absent.
    Raises:
        InputError: If two would have one name.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        fps: float | None = None,
        source: str = "",
        notes: tuple[str, ...] = (),
        max_pixels: int | None = None,
    ) -> None:
        self.paths = tuple(paths)
        self.names = tuple(short_names(list(paths)))
        self.source = source or str(self.paths[0].parent)
        self.times_s = None if fps is None else tuple(index / fps for index in range(len(self.paths)))
        self.notes = notes
        self._max_pixels = max_pixels

    def files(self, *indices: int) -> tuple[Path, ...]:
        """The images."""
        return tuple(self.paths[index] for index in indices)

    def load(self, *indices: int) -> tuple[Frame, ...]:
        """Reads images; those of 16 bits share one white, so that they keep their relative brightness.

        Raises:
            InputError: If one cannot be read.
        """
        paths = self.files(*indices)
        decoded = [decode_image(read_bytes(path, "an image"), str(path), self._max_pixels) for path in paths]
        times = self.times_s
        return tuple(
            Frame(self.names[index], image.pixels, None if times is None else times[index], image.notes)
            for index, image in zip(indices, to_8bit(decoded), strict=True)
        )

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        """All of them, each brought to 8 bits by itself."""
        return (self.load(index)[0] for index in range(len(self)))


@final
class FilmFrames:
    """The frames of a film, upright, with the times that it states for them.

    The file is read through once, without decoding, to know the number and the times of its frames.

    Args:
        path: A file that FFmpeg decodes.
        max_pixels: Largest frame that is read; `MAX_PIXELS` if absent.
        stream: Which of its streams of moving images, from 0.
    Raises:
        InputError: If it is missing, no film, has no such stream or no frame, or too large ones.
        MissingExtraError: If PyAV is not installed.
    """

    def __init__(self, path: Path | str, max_pixels: int | None = None, stream: int = 0) -> None:
        self.path, self.source, self.stream = Path(path), str(path), stream
        self._max_pixels = MAX_PIXELS if max_pixels is None else max_pixels
        if not self.path.is_file():
            raise InputError(f"expected a film at {path}, got no such file; check the name")
        stamps, unit, rate, cut = self._stamps()
        self._stamped = stamps if rate is None else []
        self._order = {stamp: index for index, stamp in enumerate(self._stamped)}
        self.names = tuple(f"{index:06d}" for index in range(len(stamps)))
        self.times_s = tuple(float(stamp * unit) for stamp in stamps)
        untimed = () if rate is None else (f"{path}: it states no times; {float(rate):g} frames a second are taken",)
        self.notes = (*untimed, *cut)
        self._kept: dict[int, Frame] = {}
        self._running: Iterator[tuple[int, Any]] = iter(())
        self._at = len(stamps)

    def files(self, *_: int) -> tuple[Path, ...]:
        """The film."""
        return (self.path,)

    def load(self, *indices: int) -> tuple[Frame, ...]:
        """Decodes frames; those of the call before are still at hand.

        Raises:
            InputError: If one cannot be decoded.
        """
        found = {index: self._kept[index] for index in indices if index in self._kept}
        for index in sorted(set(indices) - set(found)):
            found[index] = self._decoded(index)
        self._kept = found
        return tuple(found[index] for index in indices)

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self.names)

    def __iter__(self) -> Iterator[Frame]:
        """All of them."""
        return (self.load(index)[0] for index in range(len(self)))

    def readable(self, first: int, last: int) -> Iterator[Frame]:
        """Frames from one number up to but not including another, in order; those that cannot be decoded are left out.

        Args:
            first: Number of the first frame.
            last: Number behind the last.
        """
        for number, frame in self._from(first if first > _SEEK_FROM and self._stamped else 0):
            if number >= last:
                return
            if number >= first:
                yield Frame(self.names[number], _pixels(frame), self.times_s[number])

    def picked(self, numbers: Sequence[int]) -> Iterator[Frame]:
        """Some frames in order, or the next that can be decoded where one cannot.

        Args:
            numbers: Rising.
        """
        running, at = self._from(0), -1
        for wanted in numbers:
            if wanted > at + _GROUP and self._stamped:
                running = self._from(wanted)
            for number, frame in running:
                at = number
                if number >= wanted:
                    yield Frame(self.names[number], _pixels(frame), self.times_s[number])
                    break

    def opened(self) -> tuple[Any, Any]:
        """PyAV's container, which the caller closes, and its stream of moving images.

        Raises:
            InputError: If it is no film or has no such stream.
        """
        av = load_pyav(self.path)
        try:
            container = av.open(self.source, container_options={"format_whitelist": ",".join(_CONTAINERS)})
        except (av.error.FFmpegError, OSError) as error:
            raise self._undecodable(str(getattr(error, "strerror", None) or error).lower()) from error
        # A cover is stored as a film of one image.
        streams = [stream for stream in container.streams.video if not _is_cover(av, stream)]
        if not streams:
            raise self._undecodable("a file without moving images")
        if self.stream >= len(streams):
            raise self._undecodable(f"{len(streams)} streams of moving images, not one of number {self.stream}")
        stream = streams[self.stream]
        if stream.codec_context is None or stream.codec_context.codec_tag in _PROTECTED:
            protected = _is_protected(self.path)
            raise InputError(
                f"expected a film that FFmpeg decodes at {self.path}, got "
                + (
                    "copy-protected images (DRM), which are not read; take a film without"
                    if protected
                    else "images of an unknown codec; convert it to MP4 (H.264)"
                )
            )
        height, width = (getattr(stream.codec_context, side, 0) for side in ("height", "width"))
        if height * width > self._max_pixels:
            raise InputError(
                f"expected a film of at most {self._max_pixels} pixels a frame at {self.path}, got {width}x{height}; "
                "make it smaller, or allow more pixels"
            )
        stream.thread_type = "AUTO"
        return container, stream

    def _undecodable(self, found: str) -> InputError:
        return InputError(f"expected a film that FFmpeg decodes at {self.path}, got {found}; convert it to MP4 (H.264)")

    def _stamps(self) -> tuple[list[int], Fraction, Fraction | None, tuple[str, ...]]:
        """Time stamps in rising order, their unit in seconds, the frames a second if there are no stamps, and notes."""
        container, stream = self.opened()
        with container:
            stamps, read = _shown(container, stream)
            unit: Fraction = stream.time_base or Fraction(1)
            rate: Fraction = stream.average_rate or stream.guessed_rate or Fraction(25)
            if not stamps:
                raise self._undecodable("no frame in it")
            known = sorted({stamp for stamp in stamps if stamp is not None})
            timed = len(known) == len(stamps)
            end_s = float((known[-1] - known[0]) * unit + 1 / rate) if timed else float(len(stamps) / rate)
            cut = _breaks_off(container, stream, read, end_s)
        notes = () if cut is None else (f"{self.path}: it breaks off after {cut} that its head states",)
        return (known, unit, None, notes) if timed else (list(range(len(stamps))), 1 / rate, rate, notes)

    def _decoded(self, index: int) -> Frame:
        if not 0 <= index < len(self):
            raise InputError(f"expected a frame from 0 to {len(self) - 1} of {self.path}, got {index}")
        if not self._at < index <= self._at + _SEEK_FROM:
            self._running = self._from(index if index > _SEEK_FROM and self._stamped else 0)
        for attempt in (1, 2):
            for number, frame in self._running:
                self._at = number
                if number == index:
                    return Frame(self.names[index], _pixels(frame), self.times_s[index])
                if number > index:
                    break
            if attempt == 1:
                # Some forms have no exact places to go to.
                self._running = self._from(0)
        self._at = len(self)
        raise InputError(
            f"expected frame {index} of {len(self)} in {self.path}, got data that cannot be decoded there; it is "
            "damaged or cut off: fetch it again"
        )

    def _from(self, index: int) -> Iterator[tuple[int, Any]]:
        """Frames with their numbers, from a key frame at or before a number on; what is damaged is passed over."""
        container, stream = self.opened()
        if index > 0:
            container.seek(self._stamped[index], stream=stream, backward=True)
        number = -1
        with container:
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except (OSError, ValueError):  # PyAV's errors are both
                    continue
                for frame in frames:
                    number = self._order.get(frame.pts if frame.pts is not None else -1, number + 1)
                    if not frame.is_corrupt:
                        yield number, frame


def _is_protected(path: Path) -> bool:
    """Whether a file names an encrypted stream of images; it may be many gigabytes."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(mark.encode()) >= 0 for mark in _PROTECTED)


def _is_cover(av: Any, stream: Any) -> bool:  # noqa: ANN401 - PyAV's
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _shown(container: Any, stream: Any) -> tuple[list[int | None], int]:  # noqa: ANN401 - PyAV's
    """Time stamp of each packet that is shown, and the number of all; of a file that is cut off, of those before."""
    found: list[int | None] = []
    read = 0
    try:
        for packet in container.demux(stream):
            read += bool(packet.size)
            if packet.size and not packet.is_discard:
                found.append(packet.dts if packet.pts is None else packet.pts)
    except (OSError, ValueError):  # PyAV's errors are both
        return found, read
    return found, read


def _breaks_off(container: Any, stream: Any, read: int, end_s: float) -> str | None:  # noqa: ANN401 - PyAV's
    """How a file ends before its head says that it does; None if it does not, or its head says nothing certain.

    Args:
        container: Of the file.
        stream: Its moving images.
        read: Their packets that were found.
        end_s: How long those last.
    """
    if "matroska" in container.format.name:
        # The container's figure is that of its longest stream.
        stated_s = container.duration / 1e6 if container.duration and len(container.streams) == 1 else 0.0
        return f"{end_s:.2f} s of {stated_s:.2f} s" if end_s < _WHOLE * stated_s else None
    return f"{read} frames of {stream.frames}" if read < _WHOLE * stream.frames else None


def _pixels(frame: Any) -> UInt8[np.ndarray, "h w 3"]:  # noqa: ANN401 - PyAV's
    """RGB, turned upright by the frame's display matrix.

    Source: ISO/IEC 14496-12, 6.2.2: (p, q) of the stored image is shown at (a p + c q, b p + d q).
    """
    pixels: np.ndarray = frame.to_ndarray(format="rgb24")
    side = frame.side_data.get("DISPLAYMATRIX")
    if side is None:
        return np.ascontiguousarray(pixels, np.uint8)
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(side), np.int32)[:5])
    turned = abs(b) > abs(a)
    if turned:
        pixels = pixels.transpose(1, 0, 2)
    if (c if turned else a) < 0:
        pixels = pixels[:, ::-1]
    if (b if turned else d) < 0:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels, np.uint8)


def read_frame(path: Path, number: int) -> UInt8[np.ndarray, "h w 3"]:
    """One frame of a video.

    Args:
        path: A file that OpenCV's FFmpeg reads.
        number: Counted from 0.
    Returns:
        RGB.
    Raises:
        InputError: If the file is missing or no video, or has no such frame.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     film = cv2.VideoWriter(f"{folder}/a.avi", cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
        ...     for level in (0, 100):
        ...         written = film.write(np.full((48, 64, 3), level, np.uint8))
        ...     film.release()
        ...     frame = read_frame(Path(folder, "a.avi"), 1)
        >>> frame.shape, bool(abs(frame.mean() - 100.0) < 3.0)
        ((48, 64, 3), True)
    """
    if not path.is_file():
        raise InputError(f"expected a video at {path}, got no such file; check the path")
    capture = cv2.VideoCapture(str(path))
    try:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        found, frame = capture.read()
        # A frame beyond the end leaves the position where it was, and another one comes.
        at_place = round(capture.get(cv2.CAP_PROP_POS_FRAMES)) == number + 1
        if not found or not at_place:
            count = max(0, round(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            raise InputError(f"expected frame {number} in {path}, got a file with {count} frames; download it again")
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    finally:
        capture.release()
