"""Films, folders and single files of stereo pairs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast, final

import numpy as np
from jaxtyping import UInt8

from leadline.cameras.address import Address
from leadline.cameras.frame import Clock, FrameMeta, StereoFrame
from leadline.cameras.pace import PACES, Pace
from leadline.cameras.pairing import TimePairs
from leadline.cameras.uvc import LAYOUTS
from leadline.errors import InputError
from leadline.io.pair_files import search_pairs, stamp_s
from leadline.io.pairs import Layout, read_pair, split_views
from leadline.io.video import FrameSequence, is_film, open_frames

_ASSUMED_FPS: Final = 25.0
Pixels = UInt8[np.ndarray, "h w 3"]


@final
class RecordedPairs:
    """Pairs of a film with both views, of two films, of two folders or patterns, or of files with both views.

    Args:
        address: `file:PLACE`, with layout, fps (of images) and pace (free: every frame; real: each at its moment).
        right: The right view, if it has a film, folder or pattern of its own.
    Raises:
        InputError: If there is nothing, or left and right do not fit.
        MissingExtraError: If it is a film and PyAV is not installed.
    Example:
        >>> import tempfile
        >>> from leadline.cameras.address import parse_address
        >>> from leadline.io.images import write_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("left.png", "right.png"):
        ...         write_image(f"{folder}/{name}", np.full((2, 3), 9, np.uint8))
        ...     pairs = RecordedPairs(parse_address(f"file:{folder}/left.png"), f"{folder}/right.png")
        ...     pairs.grab().left.shape, pairs.grab()
        ((2, 3, 3), None)
    """

    def __init__(self, address: Address, right: str | None = None) -> None:
        layout: Layout | None = cast(Layout | None, address.choice("layout", LAYOUTS))
        self._pace = Pace(address.choice("pace", PACES) == "real")
        self._pairs = TimePairs[int]()
        self._notes = list[str]()
        fps = address.rate()
        if is_film(address.place):
            if right is not None and layout is not None:
                raise InputError("expected one film with both views for a layout, got two films; leave the layout out")
            if fps is not None:
                raise InputError(f"expected no fps for a film, got {fps:g}; {address.place} has times of its own")
            self._frames = self._of_films(address.place, right, layout)
        else:
            self._frames = self._of_files(address.place, right, layout, fps)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or assumed."""
        return tuple(self._notes)

    @property
    def unpaired(self) -> int:
        """Frames of two films that have no partner of their moment."""
        return self._pairs.unpaired

    def grab(self) -> StereoFrame | None:
        """The next pair, when it is due; None at the end.

        Raises:
            InputError: If it cannot be read.
        """
        return next(self._frames, None)

    def interrupt(self) -> None:
        """Ends waiting for the next moment."""
        self._pace.close()

    def close(self) -> None:
        """Ends waiting for the next moment."""
        self._pace.close()

    def _frame(
        self, left: Pixels, right: Pixels, time_s: float, number: int, clock: Clock, right_time_s: float | None = None
    ) -> StereoFrame:
        self._pace.wait(time_s)
        return StereoFrame(left, right, time_s, None, FrameMeta(number, time.monotonic(), clock, right_time_s))

    def _of_films(self, place: str, right: str | None, layout: Layout | None) -> Iterator[StereoFrame]:
        films = [open_frames(place)] if right is None else [open_frames(place), open_frames(right)]
        for film in films:
            self._notes += film.notes
        if right is None:
            how = "side by side" if layout is None else layout
            self._notes.append(f"{place}: two views {how}, left view first; if they are exchanged, swap them")
            # The first frame tells whether the halves are two views.
            split_views(films[0].load(0)[0].pixels, place, layout)
            return self._split(films[0], layout)
        return self._beside(films[0], films[1])

    def _split(self, film: FrameSequence, layout: Layout | None) -> Iterator[StereoFrame]:
        times = film.times_s or ()
        for number in range(len(film)):
            views = split_views(film.load(number)[0].pixels, film.source, layout, check=False)
            yield self._frame(*views, times[number], number, "recording")

    def _beside(self, left: FrameSequence, right: FrameSequence) -> Iterator[StereoFrame]:
        """Frames of two films, paired by their times; both begin at the same moment."""
        if left.times_s is None or right.times_s is None:
            raise InputError(f"expected two films, got {left.source} and {right.source}; give both alike")
        if len(left) != len(right):
            self._notes.append(
                f"{left.source} has {len(left)} frames and {right.source} {len(right)}: paired by their times"
            )
        moments = [(time_s - film.times_s[0], side, index)
                   for side, film in enumerate((left, right)) if film.times_s is not None
                   for index, time_s in enumerate(film.times_s)]  # fmt: skip
        for time_s, side, index in sorted(moments):
            for moment, first, other_moment, second in self._pairs.add(side, time_s, index):
                views = left.load(first)[0].pixels, right.load(second)[0].pixels
                yield self._frame(*views, moment, first, "recording", other_moment)
        self._pairs.rest()

    def _of_files(
        self, place: str, right: str | None, layout: Layout | None, fps: float | None
    ) -> Iterator[StereoFrame]:
        if not place:
            raise InputError("expected file: with the name of a film, a folder or a pattern behind it, got none")
        found = search_pairs(place, right)
        self._notes += found.notes
        stamps = [stamp_s(pair.left) for pair in found.pairs]
        known = [stamp for stamp in stamps if stamp is not None]
        stamped = fps is None and len(known) == len(stamps) and known == sorted(set(known))
        clock: Clock = "unix" if stamped else "recording" if fps is not None else "assumed"
        step = 1.0 / (fps or _ASSUMED_FPS)

        def frames() -> Iterator[StereoFrame]:
            said = False
            for number, files in enumerate(found.pairs):
                pair = read_pair(files.left, files.right, layout=layout)
                if not said:
                    self._notes.extend(pair.notes)
                    said = True
                moment = known[number] if stamped else number * step
                other = None if files.right is None or not stamped else stamp_s(Path(files.right))
                yield self._frame(pair.left, pair.right, moment, number, clock, other)

        return frames()
