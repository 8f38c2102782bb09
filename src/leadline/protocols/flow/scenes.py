"""Pairs of frames with true flow, in the folder layouts of Middlebury, Sintel as single pairs, and KITTI."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.errors import InputError
from leadline.io.flo import read_flo
from leadline.io.images import read_image
from leadline.io.kitti_flow_png import read_kitti_flow

_KITTI_IMAGES: Final = ("image_2", "colored_0", "image_0")


@dataclass(frozen=True)
class FlowScene:
    """Two frames with what is known of the motion between them.

    Attributes:
        name: The pair's name.
        first: First frame, RGB.
        second: Second frame, RGB.
        flow: True motion (u, v) of the first frame's pixels, px; 0 where not ``valid``.
        valid: Where it is known.
        occluded: Pixels that the second frame does not show, where that is told.
    """

    name: str
    first: UInt8[np.ndarray, "h w 3"]
    second: UInt8[np.ndarray, "h w 3"]
    flow: Float32[np.ndarray, "h w 2"]
    valid: Bool[np.ndarray, "h w"]
    occluded: Bool[np.ndarray, "h w"] | None


@dataclass(frozen=True)
class FlowFiles:
    """Where a pair's files lie.

    Attributes:
        group: Which benchmark's layout it has: middlebury, sintel or kitti.
        name: The pair's name.
        first: First frame.
        second: Second frame.
        flow: Truth on all pixels.
        occlusion: Sintel's occlusion mask, or KITTI's truth on visible pixels alone, if there is one.
        invalid: Sintel's mask of pixels that leave the frame, if there is one.
    """

    group: str
    name: str
    first: Path
    second: Path
    flow: Path
    occlusion: Path | None = None
    invalid: Path | None = None

    def load(self) -> FlowScene:
        """Reads the pair.

        Raises:
            InputError: If a file is damaged, or sizes differ.
        """
        first, second = read_image(self.first), read_image(self.second)
        flow, valid = read_kitti_flow(self.flow) if self.group == "kitti" else read_flo(self.flow)
        if not first.shape == second.shape == (*valid.shape, 3):
            raise InputError(
                f"expected frames and flow of one size in {self.name}, got {first.shape[:2]}, {second.shape[:2]} and "
                f"{valid.shape} (height, width); pair the right files"
            )
        return FlowScene(self.name, first, second, flow, valid, self._occluded(valid))

    def _occluded(self, valid: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        if self.occlusion is None:
            return None
        if self.group == "kitti":
            return valid & ~read_kitti_flow(self.occlusion)[1]
        hidden = read_image(self.occlusion)[..., 0] > 127
        return hidden if self.invalid is None else hidden | (read_image(self.invalid)[..., 0] > 127)


def find_flow_scenes(folder: Path) -> list[FlowFiles]:
    """All pairs with truth below a folder: a KITTI folder, or folders with frame10, frame11 and flow10.flo.

    Args:
        folder: Where to look.
    """
    if (folder / "flow_occ").is_dir():
        return _kitti(folder)
    found: list[FlowFiles] = []
    for place in sorted(path.parent for path in folder.glob("*/flow10.flo")):
        hidden, outside = (mask if mask.exists() else None for mask in (place / "occlusions.png", place / "invalid.png"))
        group = "middlebury" if hidden is None else "sintel"
        files = (place / "frame10.png", place / "frame11.png", place / "flow10.flo")
        found.append(FlowFiles(group, place.name, *files, hidden, outside))
    return found


def _kitti(folder: Path) -> list[FlowFiles]:
    images = next((folder / name for name in _KITTI_IMAGES if (folder / name).is_dir()), None)
    if images is None:
        raise InputError(f"expected frames in one of {', '.join(_KITTI_IMAGES)} in {folder}, found none")
    found: list[FlowFiles] = []
    for flow in sorted((folder / "flow_occ").glob("*_10.png")):
        number = flow.name.removesuffix("_10.png")
        visible = folder / "flow_noc" / flow.name
        frames = (images / flow.name, images / f"{number}_11.png")
        found.append(FlowFiles("kitti", number, *frames, flow, visible if visible.exists() else None))
    return found
