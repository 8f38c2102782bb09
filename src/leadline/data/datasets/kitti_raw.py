"""KITTI's raw recordings as frames of a moving camera, to learn depth from without truth."""

import logging
from pathlib import Path
from typing import final

from leadline.data.datasets.files import require_size
from leadline.data.datasets.kitti_frames import KittiFrame, read_kitti_frames
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.kitti_raw import read_kitti_baseline_m, read_kitti_camera
from leadline.io.video import ImageFrames
from leadline.samples import VideoSample

_LOG = logging.getLogger(__name__)


@final
class KittiRaw:
    """Frames of the split's list, each with its neighbours in time, and its other view if it is wanted.

    Annotation: none. Frames at the ends of a drive, which have no neighbour, are left out.

    Licence: CC BY-NC-SA 3.0.
    Source: Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013; cvlibs.net, KITTI raw data.

    Args:
        root: The raw recordings: DATE/calib_cam_to_cam.txt and DATE/DRIVE/image_02/data/NUMBER.png (or .jpg), image_03
            likewise; scans and oxts are not read.
        split: A split list of target frames, as for `read_kitti_frames`: Zhou's for training leaves out what hardly
            moves. A line of the right camera has the left camera as its other view.
        stride: Frames between two frames of a sample.
        right: How many other views to read: of no frame, of the target, or of the following frame as well.
    Raises:
        InputError: If the list is missing, a line has another form, or no frame has neighbours.
    """

    def __init__(self, root: Path, split: Path, stride: int = 1, right: int = 0) -> None:
        self._root, self._stride, self._right = root, stride, right
        listed = read_kitti_frames(split)
        self._frames = [frame for frame in listed if self._has_neighbours(frame)]
        if not self._frames:
            raise InputError(
                f"expected frames of {split} with neighbours {stride} apart in {root}, found none of {len(listed)}; "
                "check the folder and the list, or lower frame_stride"
            )
        if len(self._frames) < len(listed):
            _LOG.warning("%d of %d frames have no neighbours: left out", len(listed) - len(self._frames), len(listed))
        self._cameras: dict[tuple[str, int], Pinhole] = {}

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._frames)

    def key(self, index: int, /) -> str:
        """Name of a sample: DATE/DRIVE/image_02/NUMBER."""
        return self._frames[index].key

    def __getitem__(self, index: int, /) -> VideoSample:
        """Reads three frames, and the other views that are wanted.

        Raises:
            InputError: If a file is missing or damaged, or its size is not the calibration's.
            CalibrationError: If the date's calibration is damaged.
        """
        frame = self._frames[index]
        around = [self._moved(frame, -self._stride), frame, self._moved(frame, self._stride)]
        files = [each.image(self._root) for each in around]
        files += [
            KittiFrame(each.date, each.drive, 5 - each.camera, each.number).image(self._root)
            for each in around[1 : 1 + self._right]
        ]
        previous, target, following, *others = (each.pixels for each in ImageFrames(files).load(*range(len(files))))
        camera = self._camera(frame)
        require_size(files[1], target.shape[:2], (camera.height, camera.width))
        baseline_m = None
        if others:
            baseline_m = read_kitti_baseline_m(self._root / frame.date, frame.camera, 5 - frame.camera)
        other, later, *_ = (*others, None, None)
        return VideoSample(frame.key, previous, target, following, camera, other, baseline_m, later)

    def _camera(self, frame: KittiFrame) -> Pinhole:
        place = (frame.date, frame.camera)
        if place not in self._cameras:
            self._cameras[place] = read_kitti_camera(self._root / frame.date, frame.camera)
        return self._cameras[place]

    def _moved(self, frame: KittiFrame, by: int) -> KittiFrame:
        return KittiFrame(frame.date, frame.drive, frame.camera, frame.number + by)

    def _has_neighbours(self, frame: KittiFrame) -> bool:
        around = (self._moved(frame, by) for by in (-self._stride, self._stride))
        return all(each.number >= 0 and each.found(self._root) is not None for each in around)
