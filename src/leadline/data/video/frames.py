"""Folders of frames with a calibration, as samples of three neighbouring frames."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.images import image_size
from leadline.io.pair_files import IMAGE_SUFFIXES, list_images, match_files
from leadline.io.rigs import rectified_rig, single_camera
from leadline.io.video import ImageFrames
from leadline.results.monocular import CameraSource
from leadline.samples import VideoSample

_LOG = logging.getLogger(__name__)
_CALIBRATIONS: Final = ("calib.txt", "calibration.*", "camera.*", "K.txt", "intrinsics.*")
#: Across the width: between a telephone's main camera (about 65) and a drone's or film camera's normal lens.
_GUESSED_FOV_DEG: Final = 60.0
_LEFT_FOLDERS: Final = (".", "left", "frames", "rgb", "images", "image_2", "image_02/data", "image_0", "image_l")
_RIGHT_FOLDERS: Final = {
    "left": "right",
    "image_2": "image_3",
    "image_02/data": "image_03/data",
    "image_0": "image_1",
    "image_l": "image_r",
}


@dataclass(frozen=True)
class FrameFolder:
    """Frames of one camera in motion.

    Args:
        folder: Where they lie.
        frames: Images in the order of time.
        camera: The camera of all of them.
        rights: The right view of each frame; none of a single camera.
        baseline_m: How far the right camera stands to the right; None for a single camera.
    """

    folder: Path
    frames: tuple[Path, ...]
    camera: Pinhole
    rights: tuple[Path, ...] = ()
    baseline_m: float | None = None


def find_frame_folders(folder: Path | str) -> list[FrameFolder]:
    """The sequences of a folder: of itself if it holds a calibration, else of its folders that hold one.

    Where nothing is calibrated, the folder or its folders with images are taken as the frames of one camera each. Its
    focal length comes from the first frame's EXIF data, or is guessed, and a warning says so.

    A sequence is a folder with a calibration (calib.txt, calibration.*, camera.*, K.txt or intrinsics.*, in any form
    that `read_one_camera` reads) and at least three images: beside the calibration, or in left, frames, rgb, images,
    image_2, image_02/data, image_0 or image_l. A folder of as many right views beside left, image_2, image_02/data,
    image_0 or image_l makes it a stereo sequence, whose calibration then has to be that of a rectified pair.

    Args:
        folder: Of one sequence, or of folders of sequences.
    Raises:
        InputError: If there is none, or one has fewer than three frames or views that do not belong together.
        CalibrationError: If a calibration is unusable, or its images are not rectified.
    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from leadline.io.images import write_image
        >>> with tempfile.TemporaryDirectory() as place:
        ...     for number in range(3):
        ...         write_image(f"{place}/{number}.png", np.zeros((40, 60), np.uint8))
        ...     written = Path(place, "K.txt").write_text("50 0 29.5 0 50 19.5 0 0 1")
        ...     (sequence,) = find_frame_folders(place)
        >>> len(sequence.frames), sequence.camera.focal_x_px, sequence.baseline_m
        (3, 50.0, None)
    """
    path = Path(folder)
    if not path.is_dir():
        raise InputError(f"expected a folder of frames at {path}, got no folder; check the path")
    inner = sorted(each for each in path.iterdir() if each.is_dir())
    places = [path] if _calibration(path) else inner
    found = [_frame_folder(place, calibration) for place in places if (calibration := _calibration(place))]
    if not found:
        found = [_uncalibrated(place) for place in ([path] if _views(path) else inner) if _views(place)]
    if not found:
        raise InputError(f"expected frames in {path} or its folders, found no images; check the path")
    return found


@final
class FrameTriplets:
    """Random access to each frame that has a frame before it and one after it.

    Args:
        sequences: Where the frames are; the three frames of a sample are of one sequence.
        stride: Frames between two frames of a sample; more than 1 for a slow camera.
        right: How many right views to read: of no frame, of the target, or of the following frame as well.
    Raises:
        InputError: If no sequence has enough frames, or one has no right views to read.
    """

    def __init__(self, sequences: Sequence[FrameFolder], stride: int = 1, right: int = 0) -> None:
        self._stride, self._right = stride, right
        self._places = [(each, n) for each in sequences for n in range(stride, len(each.frames) - stride)]
        if not self._places:
            raise InputError(
                f"expected a sequence of at least {2 * stride + 1} frames for frames {stride} apart, got "
                f"{max((len(each.frames) for each in sequences), default=0)}; lower frame_stride in the recipe"
            )
        for each in sequences:
            if right and not each.rights:
                raise InputError(
                    f"expected right views beside the frames of {each.folder}, got none; add them, or "
                    "learn from one view"
                )

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._places)

    def key(self, index: int, /) -> str:
        """Path of the target frame."""
        sequence, number = self._places[index]
        return str(sequence.frames[number])

    def __getitem__(self, index: int, /) -> VideoSample:
        """Reads three frames, and the right views that are wanted.

        Raises:
            InputError: If an image cannot be read, or has another size than the sequence's first one.
        """
        sequence, number = self._places[index]
        around = (number - self._stride, number, number + self._stride)
        files = [sequence.frames[each] for each in around]
        files += [sequence.rights[each] for each in around[1 : 1 + self._right]]
        previous, target, following, *rights = (each.pixels for each in ImageFrames(files).load(*range(len(files))))
        right, following_right, *_ = (*rights, None, None)
        baseline_m = sequence.baseline_m if rights else None
        return VideoSample(
            self.key(index), previous, target, following, sequence.camera, right, baseline_m, following_right
        )


def _calibration(folder: Path) -> Path | None:
    """The calibration of a folder, the first of the known names; None if it holds none."""
    found = (path for pattern in _CALIBRATIONS for path in sorted(folder.glob(pattern)))
    return next((path for path in found if path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES), None)


def _uncalibrated(folder: Path) -> FrameFolder:
    """One camera's frames, with the focal length of the first one's EXIF data or a guess."""
    frames = _frames(folder, _views(folder) or ".")
    height, width = image_size(frames[0])
    found = CameraSource().camera(frames[0], height, width)
    if found.camera is None:
        found = CameraSource(fov_deg=_GUESSED_FOV_DEG).camera(frames[0], height, width)
        assert found.camera is not None, "a field of view gives a camera"
    _tell(
        (
            *found.notes,
            f"{folder}: no {', '.join(_CALIBRATIONS)}; its camera is taken to have {found.source}: where that is "
            "wrong, motion and depth are bent; write the camera's matrix to K.txt, nine numbers",
        )
    )
    return FrameFolder(folder, tuple(frames), found.camera)


def _views(folder: Path) -> str | None:
    """Name of the folder of one camera's images, None where there is none."""
    return next((name for name in _LEFT_FOLDERS if _has_images(folder / name)), None)


def _frames(folder: Path, name: str) -> list[Path]:
    frames = list_images(folder / name)
    if len(frames) < 3:
        raise InputError(f"expected at least 3 frames in {folder / name}, got {len(frames)}; leave the folder out")
    return frames


def _frame_folder(folder: Path, calibration: Path) -> FrameFolder:
    name = _views(folder) or "."
    frames = _frames(folder, name)
    size = image_size(frames[0])
    right = folder / _RIGHT_FOLDERS[name] if name in _RIGHT_FOLDERS else None
    if right is None or not _has_images(right):
        camera, notes = single_camera(calibration, size)
        _tell(notes)
        return FrameFolder(folder, tuple(frames), camera)
    rights = list_images(right)
    pairs, notes = match_files(frames, rights, f"{folder / name} and {right}")
    if len(pairs) != len(frames):
        raise InputError(
            f"expected a right view in {right} for each of {len(frames)} frames in {folder / name}, got "
            f"{len(pairs)}; remove what has no partner"
        )
    # KITTI's calibration has a grey pair, cameras 0 and 1, and a colour pair.
    rig, more = rectified_rig(calibration, size, grey=name == "image_0")
    _tell((*notes, *more))
    return FrameFolder(folder, tuple(frames), rig.left, tuple(seen for _, seen in pairs), rig.baseline_m)


def _tell(notes: Sequence[str]) -> None:
    for note in notes:
        _LOG.warning("%s", note)


def _has_images(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())
