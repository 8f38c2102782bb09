"""ScanNet: indoor scans by a tablet with a depth sensor."""

from pathlib import Path
from typing import final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.data.datasets.files import find_files, name_in
from leadline.errors import InputError
from leadline.io.calib_values import pinhole
from leadline.io.grey_png import read_depth_png
from leadline.io.images import read_image
from leadline.io.text import read_matrix
from leadline.maps import DepthMap
from leadline.samples import DepthSample

_UNITS_PER_M = 1000.0
_MOST_STRETCH = 0.02


@final
class ScanNet:
    """Exported frames (SensReader's output): jpg colour, uint16 PNG depth, intrinsics as text.

    Annotation: metric. The depth PNGs are in millimetres; 0 is unknown. Depth is coarser than colour (640x480 against
    1296x968) and registered to it up to that scale, so the image is shrunk to the depth's size and the camera is the
    depth's.

    Licence: ScanNet terms of use, research only.
    Source: Dai et al., "ScanNet: Richly-annotated 3D Reconstructions of Indoor Scenes", CVPR 2017; scan-net.org.

    Args:
        root: A folder of scenes, each with color/NUMBER.jpg, depth/NUMBER.png and intrinsic/intrinsic_depth.txt (4x4).
    Raises:
        InputError: If there is no such folder or no colour image in it.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._images = root, find_files(root, "*/color/*.jpg")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._images)

    def key(self, index: int) -> str:
        """Name of a sample: SCENE/color/NUMBER."""
        return name_in(self._root, self._images[index])

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or image and depth differ in shape.
            CalibrationError: If the intrinsics are damaged.
        """
        path = self._images[index]
        scene = path.parents[1]
        depth, valid = read_depth_png(scene / "depth" / f"{path.stem}.png", _UNITS_PER_M)
        image = _shrink(read_image(path).pixels, depth.shape, path)
        intrinsics = scene / "intrinsic" / "intrinsic_depth.txt"
        camera = pinhole(read_matrix(intrinsics, 4, 4)[:3, :3], depth.shape, f"the intrinsics in {intrinsics}")
        return DepthSample(self.key(index), image, DepthMap(depth, valid, "metric"), camera)


def _shrink(image: UInt8[np.ndarray, "h w 3"], size: tuple[int, int], path: Path) -> UInt8[np.ndarray, "h2 w2 3"]:
    """The image at the depth's size, by area; a coarser image, or one of another shape, is refused."""
    scale_y, scale_x = (wanted / got for wanted, got in zip(size, image.shape[:2], strict=True))
    if max(scale_y, scale_x) > 1 or abs(scale_y / scale_x - 1) > _MOST_STRETCH:
        raise InputError(
            f"expected an image at least as fine as its depth {size} (height, width) and of the same shape, "
            f"got {image.shape[:2]} in {path}; export both again"
        )
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
