"""Middlebury stereo, 2001 to 2021: every generation's folders of scenes."""

from pathlib import Path
from typing import Final, NamedTuple, final

import numpy as np
from jaxtyping import Bool

from leadline.data.datasets.files import find_files, require_size
from leadline.data.datasets.occlusion import hidden_from_left, hidden_from_right
from leadline.errors import InputError
from leadline.io.grey_png import read_grey8
from leadline.io.images import read_image
from leadline.io.pfm import read_pfm
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

_SEEN_BY_BOTH: Final = 255


class _Form(NamedTuple):
    """File names of one generation."""

    left: str
    right: str
    truth: str
    right_truth: str


_CODED: Final = (
    _Form("view1.png", "view5.png", "disp1.png", "disp5.png"),
    _Form("im2.png", "im6.png", "disp2.png", "disp6.png"),
    _Form("im2.ppm", "im6.ppm", "disp2.pgm", "disp6.pgm"),
)
"""2005 and 2006; 2003; 2001. Views 1 and 5, or 2 and 6, are the reference pair; 8-bit truth, 0 unknown."""
_FLOATING: Final = (
    _Form("im0.png", "im1.png", "disp0.pfm", "disp1.pfm"),
    _Form("im0.png", "im1.png", "disp0GT.pfm", "disp1GT.pfm"),
)
"""2014 and 2021, and the training set of the benchmark's third version; inf is unknown."""


@final
class Middlebury:
    """Pairs of Middlebury's scenes.

    Annotation: disparity of the left view, and of the right one where it is published. 2014 and 2021 publish floats.
    Before, 8 bits hold the disparity times a factor: 8 in 2001; 4 in 2003 at quarter size; in 2005 and 2006 1 at full
    size, 2 at half and 3 at third size. Each folder of one generation, size and exposure is opened by itself.

    Licence: none is stated; published for research.
    Source: Scharstein and Szeliski 2002 and 2003; Scharstein and Pal 2007; Hirschmueller and Scharstein 2007;
    Scharstein et al. 2014; vision.middlebury.edu/stereo/data.

    Args:
        root: A folder of scene folders (Adirondack, Aloe ...), which hold im0.png, im1.png and disp0.pfm; or view1.png,
            view5.png and disp1.png; or im2, im6 and disp2.
        factor: 8-bit truth is the disparity times this; needed for scenes before 2014.
    Raises:
        InputError: If there is no such folder or scene, or the factor is missing or not positive.
    """

    def __init__(self, root: Path, factor: int | None = None) -> None:
        if factor is not None and factor < 1:
            raise InputError(f"expected a factor of at least 1 for Middlebury's 8-bit truth, got {factor}")
        self._root, self._factor = root, factor or 1
        self._scenes: list[tuple[Path, _Form]] = []
        for form in (*_FLOATING, *_CODED):
            self._scenes += [
                (path.parent, form)
                for path in sorted(root.rglob(form.truth))
                if (path.parent / form.left).is_file() and (path.parent / form.right).is_file()
            ]
        if not self._scenes:
            find_files(root, "*/disp0.pfm")
            raise InputError(f"expected scenes with both views and truth in {root}, found none; unpack them there")
        self._scenes.sort(key=lambda scene: scene[0])
        coded = [folder for folder, form in self._scenes if form in _CODED]
        if factor is None and coded:
            raise InputError(
                f"expected the factor of the 8-bit truth in {coded[0]}: 8 for 2001, 4 for 2003, and 1, 2 or 3 for "
                "full, half or third size of 2005 and 2006; give factor"
            )

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._scenes)

    def key(self, index: int) -> str:
        """Name of a sample: its scene's folder."""
        folder = self._scenes[index][0]
        return folder.relative_to(self._root).as_posix() if folder != self._root else folder.name

    def __getitem__(self, index: int) -> StereoSample:
        """Reads one pair.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        folder, form = self._scenes[index]
        left, right = (read_image(folder / name).pixels for name in (form.left, form.right))
        truth = self._truth(folder / form.truth, left)
        other = folder / form.right_truth
        right_truth = self._truth(other, right) if other.is_file() else None
        occluded = _occluded(folder, truth, right_truth)
        if right_truth is None:
            return StereoSample(self.key(index), left, right, truth, occluded)
        hidden = hidden_from_left(right_truth.disparity, right_truth.valid, truth.disparity, truth.valid)
        return StereoSample(self.key(index), left, right, truth, occluded, right_truth, np.ascontiguousarray(hidden))

    def _truth(self, path: Path, image: np.ndarray) -> DisparityMap:
        if path.suffix == ".pfm":
            found = read_pfm(path)
            known = np.isfinite(found)
        else:
            coded = read_grey8(path, "disparity")
            found, known = coded.astype(np.float32) / np.float32(self._factor), coded > 0
        require_size(path, found.shape, image.shape[:2])
        return DisparityMap(np.where(known, found, np.float32(0.0)), known)


def _occluded(folder: Path, truth: DisparityMap, right_truth: DisparityMap | None) -> Bool[np.ndarray, "h w"] | None:
    """Left pixels that the right view hides: by the published mask, else by both views' truth."""
    mask = folder / "mask0nocc.png"
    if mask.is_file():
        return read_image(mask).pixels[..., 0] != _SEEN_BY_BOTH
    if right_truth is None:
        return None
    return hidden_from_right(truth.disparity, truth.valid, right_truth.disparity, right_truth.valid)
