"""FlyingThings3D: rendered stereo pairs of flying objects, in its full and its subset layout."""

from pathlib import Path
from typing import Literal, final

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.data.datasets.files import find_files, name_in, require_size
from leadline.data.datasets.occlusion import hidden_from_left, hidden_from_right
from leadline.errors import InputError
from leadline.io.grey_png import read_grey8
from leadline.io.images import read_image
from leadline.io.pfm import read_pfm
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

_Known = tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]


@final
class FlyingThings3D:
    """The full set.

    Disparity: dense, of both views, in pixels as PFM; NaN and inf are unknown. Which pixels the other view does not see
    is not published and is worked out from both disparities.

    Licence: research only.
    Source: Mayer et al., "A Large Dataset to Train Convolutional Networks for Disparity, Optical Flow, and Scene Flow
    Estimation", CVPR 2016; lmb.informatik.uni-freiburg.de, Scene Flow datasets.

    Args:
        root: frames_cleanpass/TRAIN/A/0000/left/0006.png, disparity/TRAIN/A/0000/left/0006.pfm, and right likewise.
        split: TRAIN or TEST.
        render_pass: clean, or final with its blur.
    Raises:
        InputError: If there is no such folder or no disparity in it.
    """

    def __init__(
        self, root: Path, split: Literal["TRAIN", "TEST"] = "TRAIN", render_pass: Literal["clean", "final"] = "clean"
    ) -> None:
        self._frames, self._truth = root / f"frames_{render_pass}pass", root / "disparity"
        self._disparities = find_files(self._truth, f"{split}/*/*/left/*.pfm")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._disparities)

    def key(self, index: int) -> str:
        """Name of a sample: TRAIN/A/0000/left/0006."""
        return name_in(self._truth, self._disparities[index])

    def __getitem__(self, index: int) -> StereoSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, the sizes differ, or the signs within a map do.
        """
        path = self._disparities[index]
        folder = self._frames / path.parents[1].relative_to(self._truth)
        left, right = (read_image(folder / side / f"{path.stem}.png").pixels for side in ("left", "right"))
        truth, right_truth = _read_truth(path, left), _read_truth(path.parents[1] / "right" / path.name, left)
        require_size(folder / "right" / f"{path.stem}.png", right.shape[:2], left.shape[:2])
        hidden, right_hidden = hidden_from_right(*truth, *right_truth), hidden_from_left(*right_truth, *truth)
        maps = DisparityMap(*truth), DisparityMap(*right_truth)
        return StereoSample(self.key(index), left, right, maps[0], hidden, maps[1], right_hidden)


@final
class FlyingThings3DSubset:
    """The subset that DispNet and FlowNet 2.0 were trained on.

    Disparity: dense, of both views, in pixels as PFM, with a minus in one view; NaN and inf are unknown. Masks of what
    the other view does not see are published (not 0 where it does not).

    Licence: research only.
    Source: Mayer et al., CVPR 2016; Ilg et al., "Occlusions, Motion and Depth Boundaries with a Generic Network", ECCV
    2018; lmb.informatik.uni-freiburg.de, Scene Flow datasets.

    Args:
        root: FlyingThings3D_subset: train/image_clean/left/0000000.png, train/disparity/left/0000000.pfm,
            train/disparity_occlusions/left/0000000.png, and right likewise.
        split: train or val.
    Raises:
        InputError: If there is no such folder or no disparity in it.
    """

    def __init__(self, root: Path, split: Literal["train", "val"] = "train") -> None:
        self._folder = root / split
        self._disparities = find_files(self._folder, "disparity/left/*.pfm")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._disparities)

    def key(self, index: int) -> str:
        """Name of a sample: train/0000000."""
        return f"{self._folder.name}/{self._disparities[index].stem}"

    def __getitem__(self, index: int) -> StereoSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, the sizes differ, or the signs within a map do.
        """
        name = self._disparities[index].stem
        images = [self._folder / "image_clean" / side / f"{name}.png" for side in ("left", "right")]
        left, right = (read_image(path).pixels for path in images)
        require_size(images[1], right.shape[:2], left.shape[:2])
        views = [self._view(side, name, left) for side in ("left", "right")]
        return StereoSample(self.key(index), left, right, *views[0], *views[1])

    def _view(
        self, side: str, name: str, image: UInt8[np.ndarray, "h w 3"]
    ) -> tuple[DisparityMap, Bool[np.ndarray, "h w"]]:
        """Disparity of one view, and which pixels the other view does not see."""
        mask = self._folder / "disparity_occlusions" / side / f"{name}.png"
        hidden = read_grey8(mask, "an occlusion mask") > 0
        require_size(mask, hidden.shape, image.shape[:2])
        return DisparityMap(*_read_truth(self._folder / "disparity" / side / f"{name}.pfm", image)), hidden


def _read_truth(path: Path, image: UInt8[np.ndarray, "h w 3"]) -> _Known:
    """Positive disparity and where it is known; a map may have either sign, but only one."""
    coded = read_pfm(path)
    require_size(path, coded.shape, image.shape[:2])
    valid = np.isfinite(coded)
    if (coded[valid] > 0).any() and (coded[valid] < 0).any():
        raise InputError(f"expected disparities of one sign, got both in {path}; fetch the original file")
    return np.where(valid, np.abs(coded), np.float32(0.0)), valid
