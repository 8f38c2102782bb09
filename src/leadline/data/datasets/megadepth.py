"""MegaDepth: landmarks reconstructed from tourists' photographs."""

from pathlib import Path
from typing import final

import numpy as np

from leadline.data.datasets.files import depth_sample, find_files, first_file, name_in
from leadline.io.hdf5 import read_hdf5_plane
from leadline.io.images import read_image
from leadline.samples import DepthSample

_SUFFIXES = (".jpg", ".JPG", ".jpeg", ".png", ".PNG")


@final
class MegaDepth:
    """Undistorted photographs with multi-view stereo depth in HDF5.

    Annotation: up_to_scale (structure from motion), semi-dense. 0 is unknown. Maps with negative values carry ordinal
    labels of foreground and background instead of depth there: these too count as unknown.

    Licence: CC BY 4.0 for the reconstructions; the images are Flickr's, under their owners' terms.
    Source: Li and Snavely, "MegaDepth: Learning Single-View Depth Prediction from Internet Photos", CVPR 2018;
    cs.cornell.edu/projects/megadepth.

    Args:
        root: MegaDepth_v1: SCENE/dense0/imgs/NAME.jpg and SCENE/dense0/depths/NAME.h5 (with an array "depth").
    Raises:
        InputError: If there is no such folder or no depth in it.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._depths = root, find_files(root, "*/dense*/depths/*.h5")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._depths)

    def key(self, index: int) -> str:
        """Name of a sample: SCENE/dense0/NAME."""
        depth = self._depths[index]
        return f"{depth.parents[1].relative_to(self._root).as_posix()}/{name_in(depth.parent, depth)}"

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        path = self._depths[index]
        images = (path.parents[1] / "imgs" / f"{path.stem}{suffix}" for suffix in _SUFFIXES)
        image = read_image(first_file(images, "an image")).pixels
        depth = read_hdf5_plane(path, "depth")
        return depth_sample(image, depth, np.isfinite(depth) & (depth > 0), "up_to_scale", self.key(index), path)
