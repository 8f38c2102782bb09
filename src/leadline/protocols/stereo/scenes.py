"""Finding and loading stereo scenes: Middlebury's folder layout and KITTI's two devkit layouts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32

from leadline.errors import InputError
from leadline.io.images import read_image
from leadline.io.kitti_png import read_kitti_disparity
from leadline.io.pairs import read_pair
from leadline.io.pfm import read_pfm
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

Layout = Literal["middlebury", "kitti"]

_KITTI_FOLDERS = (
    ("image_2", "image_3", "disp_occ_0", "disp_noc_0"),
    ("colored_0", "colored_1", "disp_occ", "disp_noc"),
    ("image_0", "image_1", "disp_occ", "disp_noc"),
)
"""Left, right, truth, non-occluded truth: KITTI 2015, then 2012 in colour, then 2012 in grey."""

_TRUTH_NAMES = ("disp0.pfm", "disp0GT.pfm")
_SEEN_BY_BOTH = 255


@dataclass(frozen=True)
class SceneFiles:
    """Places of the files of one scene.

    Args:
        name: The scene's folder, or the frame's number.
        left: Left image.
        right: Right image.
        truth: True disparity, if there is one.
        occlusion: Middlebury's mask0nocc.png or KITTI's non-occluded disparity, if there is one.
        layout: How truth and occlusion are encoded.
    """

    name: str
    left: Path
    right: Path
    truth: Path | None
    occlusion: Path | None
    layout: Layout

    def load(self) -> StereoSample:
        """Reads the files.

        Raises:
            InputError: If a file cannot be read or the sizes differ.
        """
        truth, occluded = self._load_kitti() if self.layout == "kitti" else self._load_middlebury()
        pair = read_pair(self.left, self.right)
        return StereoSample(self.name, pair.left, pair.right, truth, occluded)

    def _load_middlebury(self) -> tuple[DisparityMap | None, Bool[np.ndarray, "h w"] | None]:
        truth = None if self.truth is None else _known(read_pfm(self.truth))
        if self.occlusion is None:
            return truth, None
        return truth, read_image(self.occlusion).pixels[..., 0] != _SEEN_BY_BOTH

    def _load_kitti(self) -> tuple[DisparityMap | None, Bool[np.ndarray, "h w"] | None]:
        truth = None if self.truth is None else DisparityMap(*read_kitti_disparity(self.truth))
        # What both cameras see has a disparity in the non-occluded truth.
        occluded = None if self.occlusion is None else ~read_kitti_disparity(self.occlusion)[1]
        return truth, occluded


def find_scenes(root: Path) -> tuple[SceneFiles, ...]:
    """The stereo scenes under a folder, in the order of their names.

    Args:
        root: One scene folder (im0.png, im1.png, disp0.pfm or disp0GT.pfm, mask0nocc.png: 255 seen by both, 128
            occluded, 0 unknown); a folder of such folders; or a KITTI devkit folder (or one with it under training),
            of which the frames *_10.png are taken. Truth and masks may be absent.
    Raises:
        InputError: If there is no scene, or a left image has no right one.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scene = Path(folder, "Adirondack")
        ...     scene.mkdir()
        ...     for name in ("im0.png", "im1.png", "disp0.pfm"):
        ...         (scene / name).touch()
        ...     [(found.name, found.truth.name) for found in find_scenes(Path(folder))]
        [('Adirondack', 'disp0.pfm')]
    """
    if not root.is_dir():
        raise InputError(f"expected a folder of stereo scenes, got {root}, which is no folder; check the path")
    found = _kitti_scenes(root) or _kitti_scenes(root / "training")
    if not found:
        folders = [root] if (root / "im0.png").is_file() else sorted(root.iterdir())
        found = [_middlebury_scene(folder) for folder in folders if (folder / "im0.png").is_file()]
    if not found:
        raise InputError(
            f"expected scene folders with im0.png and im1.png, or KITTI's image_0/image_1 (2012) or image_2/image_3 "
            f"(2015) with *_10.png, found none in {root}; check the path"
        )
    for files in found:
        if not files.right.is_file():
            raise InputError(f"expected a right image {files.right}, found none; add it or remove {files.left.name}")
    return tuple(found)


def load_scenes(root: Path) -> Iterator[StereoSample]:
    """The scenes under a folder, each read from disk when its turn comes.

    Args:
        root: As for `find_scenes`.
    Raises:
        InputError: If there is no scene, or a file cannot be read.
    """
    return (files.load() for files in find_scenes(root))


def _middlebury_scene(folder: Path) -> SceneFiles:
    truth = next((folder / name for name in _TRUTH_NAMES if (folder / name).is_file()), None)
    return SceneFiles(
        name=folder.resolve().name,
        left=folder / "im0.png",
        right=folder / "im1.png",
        truth=truth,
        occlusion=_if_file(folder / "mask0nocc.png"),
        layout="middlebury",
    )


def _kitti_scenes(root: Path) -> list[SceneFiles]:
    for left, right, truth, noc in _KITTI_FOLDERS:
        frames = sorted((root / left).glob("*_10.png"))
        if frames and (root / right).is_dir():
            return [
                SceneFiles(
                    name=frame.stem,
                    left=frame,
                    right=root / right / frame.name,
                    truth=_if_file(root / truth / frame.name),
                    occlusion=_if_file(root / noc / frame.name),
                    layout="kitti",
                )
                for frame in frames
            ]
    return []


def _if_file(path: Path) -> Path | None:
    return path if path.is_file() else None


def _known(disparity: Float32[np.ndarray, "h w"]) -> DisparityMap:
    """Truth as a map: inf and NaN mean unknown."""
    known = np.isfinite(disparity)
    return DisparityMap(np.where(known, disparity, np.float32(0.0)), known)
