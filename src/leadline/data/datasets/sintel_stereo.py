"""MPI Sintel stereo: frames of an animated film rendered for both eyes."""

from pathlib import Path
from typing import Literal, final

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.data.datasets.files import find_files, name_in, require_size
from leadline.io.grey_png import read_grey8
from leadline.io.images import read_image
from leadline.maps import DisparityMap
from leadline.samples import StereoSample


def decode_sintel_disparity(coded: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """Pixels from the three bytes of a disparity image: 4 R + G / 2^6 + B / 2^14.

    Args:
        coded: The image, RGB.
    Source: MPI Sintel stereo training data, `sintel_io.disparity_read`.
    Example:
        >>> decode_sintel_disparity(np.array([[[2, 32, 0]]], np.uint8)).tolist()  # 4 x 2 + 32 / 64
        [[8.5]]
    """
    red, green, blue = np.moveaxis(coded.astype(np.float32), -1, 0)
    return red * np.float32(4.0) + green / np.float32(2**6) + blue / np.float32(2**14)


@final
class SintelStereo:
    """Rendered pairs with the left view's disparity and masks.

    Disparity: dense, in pixels, coded in the three channels of an 8-bit PNG; every pixel is known. The masks of
    occluded pixels and of pixels out of the right frame (not 0 where so) are joined.

    Licence: images CC BY 3.0 (Blender Foundation, durian.blender.org); disparities published for research.
    Source: Butler et al., "A Naturalistic Open Source Movie for Optical Flow Evaluation", ECCV 2012;
    sintel.is.tue.mpg.de/stereo.

    Args:
        root: training/final_left/SCENE/frame_0001.png, and final_right, disparities, occlusions and outofframe
            likewise.
        render_pass: clean, or final with its blur.
    Raises:
        InputError: If there is no such folder or no disparity in it.
    """

    def __init__(self, root: Path, render_pass: Literal["clean", "final"] = "final") -> None:
        self._training, self._pass = root / "training", render_pass
        self._disparities = find_files(self._training, "disparities/*/*.png")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._disparities)

    def key(self, index: int) -> str:
        """Name of a sample: SCENE/frame_0001."""
        return name_in(self._training / "disparities", self._disparities[index])

    def __getitem__(self, index: int) -> StereoSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        name = f"{self.key(index)}.png"
        left, right = (self._training / f"{self._pass}_{side}" / name for side in ("left", "right"))
        image, other, coded = (read_image(path).pixels for path in (left, right, self._disparities[index]))
        require_size(right, other.shape[:2], image.shape[:2])
        require_size(self._disparities[index], coded.shape[:2], image.shape[:2])
        hidden = self._mask("occlusions", name, image) | self._mask("outofframe", name, image)
        truth = DisparityMap(decode_sintel_disparity(coded), np.ones(coded.shape[:2], dtype=bool))
        return StereoSample(self.key(index), image, other, truth, hidden)

    def _mask(self, kind: str, name: str, image: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "h w"]:
        path = self._training / kind / name
        mask = read_grey8(path, "a mask") > 0
        require_size(path, mask.shape, image.shape[:2])
        return mask
