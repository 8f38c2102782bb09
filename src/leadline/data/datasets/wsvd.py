"""WSVD: stereo videos from the web, whose disparity is left to a matcher of ours."""

from pathlib import Path
from typing import Final, final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.classical import ClassicalStereo
from leadline.errors import InputError
from leadline.io.plain_pickle import read_plain_pickle
from leadline.io.video import read_frame
from leadline.maps import DepthMap
from leadline.runtime.stereo import StereoMethod
from leadline.samples import DepthSample

_SUFFIXES: Final = (".mp4", ".webm", ".mkv")
_SURE: Final = 0.5
_MOST_FRAMES: Final = 20_000_000
"""Far more than the published lists name; a list may name one clip many times."""
_View = UInt8[np.ndarray, "h w 3"]


@final
class Wsvd:
    """Frames of side-by-side stereo videos; the disparity comes from a matcher, not from the publication.

    Annotation: affine_inverse. Published are lists of YouTube videos with the numbers of good frames; the authors'
    disparity, horizontal flow of FlowNet2, is not. The matcher's disparity takes its place, valid where the matcher
    stands by it (where it tells its confidence, from one half on). Baseline, focal length and convergence are not
    known, so it is inverse depth up to scale and shift, an estimate with the matcher's errors, no measurement.

    A frame holds both eyes' views, the right eye's first where the list's label is -1. A view that is narrower than
    high was squeezed to half its width and is widened again.

    Licence: none is stated for the lists; the videos are their owners', under YouTube's terms.
    Source: Wang et al., "Web Stereo Video Supervision for Depth Prediction from Dynamic Scenes", 3DV 2019;
    sites.google.com/view/wsvd.

    Args:
        root: Folder of the videos, each under its name in the list or its YouTube number alone: ID.mp4, .webm or .mkv.
        clips: wsvd_train_clip_frame_ids.pkl or wsvd_test_clip_frame_ids.pkl.
        matcher: Such as `ClassicalStereo("sgbm-3way", 128)`.
        behind_screen_px: How far behind the screen things lie at most. There their disparity is negative, which a
            matcher does not look for: the left view then loses so many columns at its right border.
    Attributes:
        missing: Names in the list whose video is not in the folder: many are no longer to be had.
    Raises:
        InputError: If the folder or the list is missing, the list has another form, no video is there, or
            behind_screen_px is negative.
    """

    def __init__(self, root: Path, clips: Path, matcher: StereoMethod, behind_screen_px: int = 0) -> None:
        if behind_screen_px < 0:
            raise InputError(f"expected behind_screen_px of at least 0, got {behind_screen_px}")
        if not root.is_dir():
            raise InputError(f"expected a dataset's folder at {root}, got no folder; check the path")
        self._matcher, self._behind_px = matcher, behind_screen_px
        self._frames: list[tuple[Path, int, bool]] = []
        missing: list[str] = []
        for name, numbers, swapped in _read_clips(clips):
            video = _video(root, name)
            if video is None:
                missing.append(name)
                continue
            self._frames += [(video, int(number), swapped) for number in numbers]
        self.missing = tuple(dict.fromkeys(missing))
        if not self._frames:
            raise InputError(f"expected videos of {clips} in {root}, found none; fetch some, such as {_any(missing)}")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._frames)

    def key(self, index: int) -> str:
        """Name of a sample: its video's name and the frame's number."""
        video, number, _ = self._frames[index]
        return f"{video.stem}/{number:06d}"

    def __getitem__(self, index: int) -> DepthSample:
        """Reads and matches one sample.

        Raises:
            InputError: If the video is damaged or has no such frame, or is narrower than behind_screen_px.
        """
        video, number, swapped = self._frames[index]
        left, right = _views(read_frame(video, number), swapped)
        width, shift = left.shape[1], self._behind_px
        if width <= shift:
            raise InputError(f"expected views wider than behind_screen_px {shift}, got {width} px in {video}")
        # x_right loses `shift`, so that each disparity gains it.
        left, right = np.ascontiguousarray(left[:, : width - shift]), np.ascontiguousarray(right[:, shift:])
        found = self._matcher(left, right)
        valid = found.valid if found.confidence is None else found.valid & (found.confidence >= _SURE)
        disparity = np.where(valid, found.disparity - np.float32(shift), np.float32(0.0))
        return DepthSample(self.key(index), left, DepthMap(disparity, valid, "affine_inverse"))


def _views(frame: _View, swapped: bool) -> tuple[UInt8[np.ndarray, "h view_w 3"], UInt8[np.ndarray, "h view_w 3"]]:
    """Left and right eye's view."""
    height, half = frame.shape[0], frame.shape[1] // 2
    first, second = frame[:, :half], frame[:, half : 2 * half]
    if half < height:
        first, second = (np.asarray(cv2.resize(view, (2 * half, height))) for view in (first, second))
    return (second, first) if swapped else (first, second)


def _video(root: Path, name: str) -> Path | None:
    """Some names end in the format that was downloaded, such as .f137."""
    stems = dict.fromkeys((name, name.partition(".")[0]))
    paths = (root / f"{stem}{suffix}" for stem in stems for suffix in _SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _any(names: list[str]) -> str:
    return f"{names[0]}{_SUFFIXES[0]}" if names else "those of another list"


def _read_clips(path: Path) -> list[tuple[str, list[int], bool]]:
    """(video's name, frames, whether the views are swapped) of each clip."""
    if not path.is_file():
        raise InputError(f"expected a list of WSVD's clips at {path}, got no such file; check the path")
    clips: list[tuple[str, list[int], int]] = []
    left = _MOST_FRAMES
    try:
        for video in read_plain_pickle(path.read_bytes()):
            for clip in video["clips"]:
                frames = np.asarray(clip["frames"], dtype=np.int64).reshape(-1)
                left -= len(frames) + 1
                if left < 0:
                    raise ValueError(f"more than {_MOST_FRAMES} frames")
                clips.append((str(video["name"]), frames.tolist(), int(clip["label"])))
    except (OSError, ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(
            f"expected wsvd_train_clip_frame_ids.pkl or the test part's, could not read {path} ({type(error).__name__}:"
            f" {reason}); fetch it again"
        ) from None
    for name, frames, label in clips:
        if label not in (-1, 1) or min(frames, default=0) < 0 or Path(name).name != name:
            raise InputError(
                f"expected clips with a label of 1 or -1 and frames from 0, got {label} for {name} in {path}"
            )
    return [(name, frames, label == -1) for name, frames, label in clips]


def open_wsvd(
    root: Path, clips: Path, matcher: str = "sgbm-3way", matcher_range_px: int = 128, behind_screen_px: int = 0
) -> Wsvd:
    """The data set with a classical matcher.

    Args:
        root: As for `Wsvd`.
        clips: Likewise.
        matcher: Name of a matcher of `ClassicalStereo`.
        matcher_range_px: Largest disparity that it looks for.
        behind_screen_px: As for `Wsvd`.
    Raises:
        InputError: As `Wsvd`, or if there is no such matcher.
    """
    return Wsvd(root, clips, ClassicalStereo(matcher, matcher_range_px), behind_screen_px)
