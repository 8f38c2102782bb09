"""DIODE: indoor and outdoor scenes seen by one laser scanner."""

from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np

from leadline.data.datasets.files import camera_if_fitting, depth_sample, find_files, name_in, require_size
from leadline.geometry.camera import Pinhole
from leadline.io.images import read_image
from leadline.io.npy import read_npy_plane
from leadline.samples import DepthSample

_CAMERA = Pinhole(886.81, 927.06, 512.0, 384.0, 768, 1024)
_DEPTH = "_depth.npy"


@final
class Diode:
    """PNG images with depth and its validity as numpy arrays.

    Annotation: metric. NAME_depth.npy is in metres, of shape (h, w, 1); NAME_depth_mask.npy is 1 where the scanner had
    a return, else 0. The camera is given for whole images of 1024x768.

    Licence: MIT.
    Source: Vasiljevic et al., "DIODE: A Dense Indoor and Outdoor DEpth Dataset", 2019; diode-dataset.org.

    Args:
        root: A folder that holds NAME.png, NAME_depth.npy and NAME_depth_mask.npy at any depth, such as val or
            val/indoors (val/indoors/scene_00019/scan_00183/00019_00183_indoors_000_010.png).
    Raises:
        InputError: If there is no such folder or no depth in it.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._depths = root, find_files(root, f"**/*{_DEPTH}")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._depths)

    def key(self, index: int) -> str:
        """Name of a sample: its image's path without the suffix."""
        return name_in(self._root, self._named(index, ".png"))

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        image = read_image(self._named(index, ".png")).pixels
        mask_path = self._named(index, "_depth_mask.npy")
        depth, mask = read_npy_plane(self._depths[index]), read_npy_plane(mask_path)
        require_size(mask_path, mask.shape, depth.shape)
        valid = (mask > 0) & np.isfinite(depth) & (depth > 0)
        sample = depth_sample(image, depth, valid, "metric", self.key(index), self._depths[index])
        return replace(sample, camera=camera_if_fitting(_CAMERA, image))

    def _named(self, index: int, ending: str) -> Path:
        depth = self._depths[index]
        return depth.with_name(depth.name.removesuffix(_DEPTH) + ending)
