"""KITTI's raw recordings with the truth of Eigen's split: one Velodyne scan projected into the image."""

from pathlib import Path
from typing import Literal, final

import numpy as np
from jaxtyping import Bool, Float32, Float64

from leadline.data.datasets.files import require_size
from leadline.data.datasets.kitti_frames import read_kitti_frames
from leadline.io.images import read_image
from leadline.io.kitti_raw import read_kitti_camera, read_kitti_projection
from leadline.io.velodyne import read_velodyne
from leadline.maps import DepthMap
from leadline.samples import DepthSample

Distance = Literal["camera", "scanner"]
"""Along which axis a point's depth is measured."""


def project_velodyne(
    points: Float32[np.ndarray, "n 4"],
    image_from_velodyne: Float64[np.ndarray, "3 4"],
    height: int,
    width: int,
    distance: Distance = "camera",
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """A sparse depth map of one scan; where several points meet in a pixel the nearest stays.

    A point at (u, v) goes to column round(u) - 1 and row round(v) - 1: the development kit's Matlab counts pixels from
    1, and the field's scores are over these pixels, though u and v already count from 0. Points behind the scanner
    (x < 0) are left out, as published, and so are points behind the camera.

    Args:
        points: x forward, y left, z up in metres, and reflectance.
        image_from_velodyne: Takes (x, y, z, 1) to (u Z, v Z, Z).
        height: Rows of the image.
        width: Columns of the image.
        distance: camera is metres along the camera's optical axis. scanner is metres along the scanner's forward axis,
            0.27 m more: what the published truth of Eigen's split holds.
    Returns:
        Metres (0 where unknown), and where a point fell.
    Source: Eigen et al., NeurIPS 2014; Garg et al., "Unsupervised CNN for Single View Depth Estimation", ECCV 2016;
    Monodepth2's `generate_depth_map`, with vel_depth for the scanner's distance; its test for duplicates confuses
    some pixels, which this does not.
    Example:
        >>> ahead = np.array([[10.0, 0.0, 0.0, 1.0]], np.float32)  # x forward, y left, z up
        >>> image_from_velodyne = np.array([[3.0, -100, 0, 0], [2, 0, -100, 0], [1, 0, 0, 0]])
        >>> depth, valid = project_velodyne(ahead, image_from_velodyne, height=4, width=5)
        >>> np.argwhere(valid).tolist(), float(depth[valid][0])
        ([[1, 2]], 10.0)
    """
    ahead = points[(points[:, 0] >= 0) & np.isfinite(points).all(axis=1), :3].astype(np.float64)
    projected = ahead @ image_from_velodyne[:, :3].T + image_from_velodyne[:, 3]
    seen = projected[:, 2] > 0
    ahead, projected = ahead[seen], projected[seen]
    depth = projected[:, 2] if distance == "camera" else ahead[:, 0]
    columns, rows = np.round(projected[:, :2] / projected[:, 2:]).T - 1
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    nearest = np.full((height, width), np.inf)
    np.minimum.at(nearest, (rows[inside].astype(np.int64), columns[inside].astype(np.int64)), depth[inside])
    valid = np.isfinite(nearest)
    return np.where(valid, nearest, 0.0).astype(np.float32), valid


@final
class KittiLidar:
    """Images of the raw recordings with the scan of the same moment, projected as `project_velodyne` does.

    Annotation: metric, sparse (some 5 % of the pixels). Unknown pixels have no code: no point fell there.

    Licence: CC BY-NC-SA 3.0.
    Source: Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013; cvlibs.net, KITTI raw data.

    Args:
        root: The raw recordings: DATE/calib_cam_to_cam.txt, DATE/calib_velo_to_cam.txt,
            DATE/DRIVE/image_02/data/NUMBER.png (or .jpg) and DATE/DRIVE/velodyne_points/data/NUMBER.bin.
        split: A split list, as for `read_kitti_frames`.
        distance: scanner is the published truth of Eigen's split, on which the tables rest; camera is the depth that a
            metric network should give, as `project_velodyne` describes both.
    Raises:
        InputError: If the list is missing, or a line has another form.
    """

    def __init__(self, root: Path, split: Path, distance: Distance = "scanner") -> None:
        self._root, self._frames = root, read_kitti_frames(split)
        self._distance: Distance = distance

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._frames)

    def key(self, index: int) -> str:
        """Name of a sample: DATE/DRIVE/image_02/NUMBER."""
        return self._frames[index].key

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample and projects its scan.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the image's size is not the calibration's.
            CalibrationError: If the date's calibration is damaged.
        """
        frame = self._frames[index]
        date, path = self._root / frame.date, frame.image(self._root)
        image, camera = read_image(path).pixels, read_kitti_camera(date, frame.camera)
        require_size(path, image.shape[:2], (camera.height, camera.width))
        points = read_velodyne(date / frame.drive / "velodyne_points" / "data" / f"{frame.number:010d}.bin")
        projection = read_kitti_projection(date, frame.camera)
        depth, valid = project_velodyne(points, projection, camera.height, camera.width, self._distance)
        return DepthSample(frame.key, image, DepthMap(depth, valid, "metric"), camera)
