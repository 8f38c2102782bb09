"""NYU Depth v2: indoor rooms seen by a Kinect."""

import re
from dataclasses import replace
from pathlib import Path
from typing import final

from leadline.data.datasets.files import camera_if_fitting, read_entries, read_rgbd
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.samples import DepthSample

_CAMERA = Pinhole(518.857901, 519.469611, 325.582449, 253.736166, 480, 640)
"""The colour camera of the toolbox's camera_params.m."""

_UNITS_PER_M = 1000.0


@final
class NyuV2:
    """Images (jpg or png) with uint16 PNG depth, as the split lists of BTS and DenseDepth name them.

    Annotation: metric. The depth PNGs are in millimetres; 0 is unknown. The camera is given for whole images of
    640x480; they are not undistorted.

    The official labelled file (nyu_depth_v2_labeled.mat, HDF5) is not read: unpack it to this layout first.
    DenseDepth's 8-bit training maps are refused: their steps are 4 cm wide.

    Licence: none is stated; published for research.
    Source: Silberman et al., "Indoor Segmentation and Support Inference from RGBD Images", ECCV 2012; cs.nyu.edu
    (Silberman, NYU Depth V2); lists: Lee et al., "From Big to Small" (BTS), 2019, and Alhashim and Wonka, "High Quality
    Monocular Depth Estimation via Transfer Learning" (DenseDepth), 2018.

    Args:
        root: The folder that the list's paths start from.
        split: The list: image and depth in each line, apart by blanks (BTS) or a comma (DenseDepth); further fields,
            such as BTS's focal length, are passed over, and so is a leading slash.
    Raises:
        InputError: If the list is missing, or a line names less than two files.
    """

    def __init__(self, root: Path, split: Path) -> None:
        self._root = root
        self._frames: list[tuple[str, str]] = []
        for line in read_entries(split, "a split list"):
            fields = [field.lstrip("/") for field in re.split(r"[,\s]+", line)]
            if len(fields) < 2:
                raise InputError(f"expected an image and its depth in each line, got {line[:60]!r} in {split}")
            self._frames.append((fields[0], fields[1]))

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._frames)

    def key(self, index: int) -> str:
        """Name of a sample: its image's path without the suffix."""
        return Path(self._frames[index][0]).with_suffix("").as_posix()

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        image, depth = self._frames[index]
        sample = read_rgbd(self._root / image, self._root / depth, _UNITS_PER_M, self.key(index))
        return replace(sample, camera=camera_if_fitting(_CAMERA, sample.image))
