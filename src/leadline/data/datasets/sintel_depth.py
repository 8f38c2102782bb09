"""MPI Sintel: frames of an animated film with its exact depth."""

from dataclasses import replace
from pathlib import Path
from typing import Literal, final

import numpy as np

from leadline.data.datasets.files import depth_sample, find_files, name_in
from leadline.io.dpt import read_dpt, read_sintel_camera
from leadline.io.images import read_image
from leadline.samples import DepthSample


@final
class SintelDepth:
    """Rendered frames with depth (.dpt) and camera (.cam).

    Annotation: metric, dense; the unit is that of the film's scenes, which are modelled in metres. The sky has a depth
    too, absurdly large: protocols cap it. Values that are not positive and finite are unknown.

    Licence: images CC BY 3.0 (Blender Foundation, durian.blender.org); depth and cameras published for research.
    Source: Butler et al., "A Naturalistic Open Source Movie for Optical Flow Evaluation", ECCV 2012; Wulff et al., 2015
    (depth and camera motion); sintel.is.tue.mpg.de.

    Args:
        root: Where both the images and the depth were unpacked: training/PASS/SCENE/frame_0001.png,
            training/depth/SCENE/frame_0001.dpt and training/camdata_left/SCENE/frame_0001.cam.
        render_pass: clean, or final with its blur and haze.
    Raises:
        InputError: If there is no such folder or no depth in it.
    """

    def __init__(self, root: Path, render_pass: Literal["clean", "final"] = "final") -> None:
        self._training, self._pass = root / "training", render_pass
        self._depths = find_files(self._training, "depth/*/*.dpt")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._depths)

    def key(self, index: int) -> str:
        """Name of a sample: SCENE/frame_0001."""
        return name_in(self._training / "depth", self._depths[index])

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
            CalibrationError: If the camera cannot exist.
        """
        key, path = self.key(index), self._depths[index]
        image = read_image(self._training / self._pass / f"{key}.png").pixels
        depth = read_dpt(path)
        sample = depth_sample(image, depth, np.isfinite(depth) & (depth > 0), "metric", key, path)
        camera = read_sintel_camera(self._training / "camdata_left" / f"{key}.cam", depth.shape)
        return replace(sample, camera=camera)
