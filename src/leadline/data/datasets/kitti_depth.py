"""KITTI's depth benchmark: truth accumulated over eleven scans and cleaned by stereo (the "improved" truth)."""

from dataclasses import replace
from pathlib import Path
from typing import final

from leadline.data.datasets.files import first_file, read_rgbd, require_size
from leadline.data.datasets.kitti_frames import KittiFrame, read_kitti_frames
from leadline.io.kitti_raw import read_kitti_camera
from leadline.samples import DepthSample

_UNITS_PER_M = 256.0


@final
class KittiDepth:
    """Images of the raw recordings with the annotated depth maps of the depth completion and prediction benchmarks.

    Annotation: metric, semi-dense. The depth PNGs are uint16 in 1/256 m; 0 is unknown. 45 of the 697 frames of Eigen's
    test list have no such map: take a list without them, or one that names None for them, as BTS's do.

    Licence: CC BY-NC-SA 3.0.
    Source: Uhrig et al., "Sparsity Invariant CNNs", 3DV 2017; cvlibs.net, KITTI depth evaluation.

    Args:
        raw: The raw recordings: DATE/calib_cam_to_cam.txt and DATE/DRIVE/image_02/data/NUMBER.png (or .jpg).
        truth: The annotated depth maps: train/DRIVE/proj_depth/groundtruth/image_02/NUMBER.png and val/... likewise,
            or the drives without that level.
        split: A split list, as for `read_kitti_frames`.
    Raises:
        InputError: If the list is missing, or a line has another form.
    """

    def __init__(self, raw: Path, truth: Path, split: Path) -> None:
        self._raw, self._truth, self._frames = raw, truth, read_kitti_frames(split, annotated=True)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._frames)

    def key(self, index: int) -> str:
        """Name of a sample: DATE/DRIVE/image_02/NUMBER."""
        return self._frames[index].key

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
            CalibrationError: If the date's calibration is damaged.
        """
        frame = self._frames[index]
        depth = self._depth(frame)
        sample = read_rgbd(frame.image(self._raw), depth, _UNITS_PER_M, frame.key)
        camera = read_kitti_camera(self._raw / frame.date, frame.camera)
        require_size(depth, sample.depth.shape, (camera.height, camera.width))
        return replace(sample, camera=camera)

    def _depth(self, frame: KittiFrame) -> Path:
        inner = Path(frame.drive, "proj_depth", "groundtruth", f"image_{frame.camera:02d}", f"{frame.number:010d}.png")
        return first_file((self._truth / part / inner for part in ("train", "val", ".")), "KITTI's annotated depth")
