"""ReDWeb: stereo photographs from the web with relative depth from optical flow."""

from pathlib import Path
from typing import final

import numpy as np

from leadline.data.datasets.files import depth_sample, find_files, name_in
from leadline.io.grey_png import read_grey8
from leadline.io.images import read_image
from leadline.samples import DepthSample

_SKY = 255


@final
class ReDWeb:
    """JPEG images with 8-bit relative depth.

    Annotation: affine_inverse, dense. A relative depth map is inverse depth turned round, 0 nearest; it becomes
    1 - v/255, so that larger is nearer. 255 is sky and counts as unknown.

    Licence: none is stated; research only.
    Source: Xian et al., "Monocular Relative Depth Perception with Web Stereo Data Supervision", CVPR 2018; the meaning
    of the numbers and of 255 is that of Ranftl et al., "Towards Robust Monocular Depth Estimation", TPAMI 2022
    (isl-org/MiDaS, issue 16).

    Args:
        root: ReDWeb_V1: Imgs/NAME.jpg and RDs/NAME.png.
    Raises:
        InputError: If there is no such folder or no relative depth in it.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._depths = root, find_files(root, "RDs/*.png")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._depths)

    def key(self, index: int) -> str:
        """Name of a sample: its image's name without the suffix."""
        return name_in(self._root / "RDs", self._depths[index])

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        key, path = self.key(index), self._depths[index]
        image = read_image(self._root / "Imgs" / f"{key}.jpg").pixels
        coded = read_grey8(path, "relative depth")
        inverse = np.float32(1.0) - coded.astype(np.float32) / np.float32(255.0)
        return depth_sample(image, inverse, coded != _SKY, "affine_inverse", key, path)
