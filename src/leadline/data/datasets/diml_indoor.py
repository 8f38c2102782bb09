"""DIML/CVL RGB-D, indoor part: rooms seen by a Kinect v2."""

from pathlib import Path
from typing import final

from leadline.data.datasets.files import find_files, name_in, read_rgbd
from leadline.samples import DepthSample

_UNITS_PER_M = 1000.0
_COLOR = "_c.png"


@final
class DimlIndoor:
    """PNG colour with uint16 PNG depth, whose holes the authors have filled.

    Annotation: metric, dense. The depth PNGs are in millimetres; 0 is unknown.

    Licence: none is stated; research only.
    Source: Cho et al., "DIML/CVL RGB-D Dataset: 2M RGB-D Images of Natural Indoor and Outdoor Scenes", 2021;
    dimlrgbd.github.io.

    Args:
        root: A folder that holds PLACE/color/NAME_c.png and PLACE/depth_filled/NAME_depth_filled.png at any depth, such
            as the samples' indoor/train/HR.
    Raises:
        InputError: If there is no such folder or no colour image in it.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._images = root, find_files(root, f"**/color/*{_COLOR}")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._images)

    def key(self, index: int) -> str:
        """Name of a sample: its image's path without the suffix."""
        return name_in(self._root, self._images[index])

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        image = self._images[index]
        name = image.name.removesuffix(_COLOR)
        depth = image.parents[1] / "depth_filled" / f"{name}_depth_filled.png"
        return read_rgbd(image, depth, _UNITS_PER_M, self.key(index))
