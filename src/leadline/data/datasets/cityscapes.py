"""Cityscapes: streets seen by a stereo camera, with disparity by semi-global matching."""

from pathlib import Path
from typing import Literal, final

import numpy as np

from leadline.data.datasets.files import find_files, name_in, require_size
from leadline.data.datasets.occlusion import leaves_frame
from leadline.io.grey_png import read_png16
from leadline.io.images import read_image
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

_DISPARITY = "_disparity.png"


@final
class Cityscapes:
    """Pairs with the left view's precomputed disparity.

    Disparity: semi-dense, an estimate and no measurement: (p - 1) / 256 px for a uint16 p; 0 is unknown. What the right
    view does not see is not published: only pixels that fall outside the right image are marked as occluded.

    Licence: Cityscapes terms, non-commercial research.
    Source: Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016;
    cityscapes-dataset.com, github.com/mcordts/cityscapesScripts.

    Args:
        root: leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png, rightImg8bit/SPLIT/CITY/NAME_rightImg8bit.png and
            disparity/SPLIT/CITY/NAME_disparity.png.
        split: train, val, test or train_extra.
    Raises:
        InputError: If there is no such folder or no disparity in it.
    """

    def __init__(self, root: Path, split: Literal["train", "val", "test", "train_extra"] = "train") -> None:
        self._root, self._split = root, split
        self._disparities = find_files(root / "disparity", f"{split}/*/*{_DISPARITY}")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._disparities)

    def key(self, index: int) -> str:
        """Name of a sample: SPLIT/CITY/CITY_000000_000019."""
        return name_in(self._root / "disparity", self._disparities[index]).removesuffix("_disparity")

    def __getitem__(self, index: int) -> StereoSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        key, path = self.key(index), self._disparities[index]
        left, right = (self._root / f"{side}Img8bit" / f"{key}_{side}Img8bit.png" for side in ("left", "right"))
        image, other = read_image(left).pixels, read_image(right).pixels
        coded = read_png16(path, "(p - 1) / 256 px of disparity")
        require_size(right, other.shape[:2], image.shape[:2])
        require_size(path, coded.shape, image.shape[:2])
        valid = coded > 0
        disparity = np.where(valid, (coded.astype(np.float32) - np.float32(1.0)) / np.float32(256.0), np.float32(0.0))
        truth = DisparityMap(disparity, valid)
        return StereoSample(self.key(index), image, other, truth, leaves_frame(disparity, valid))
