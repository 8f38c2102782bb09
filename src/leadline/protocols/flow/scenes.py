"""Pairs of frames with true flow, in the folder layouts of Middlebury, Sintel as single pairs, and KITTI."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool

from leadline.errors import InputError
from leadline.io.flo import read_flo
from leadline.io.images import read_image
from leadline.io.kitti_flow_png import read_kitti_flow
from leadline.maps import FlowMap
from leadline.samples import FlowSample

_KITTI_IMAGES: Final = ("image_2", "colored_0", "image_0")


@dataclass(frozen=True)
class FlowFiles:
    """Files of a pair.

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

    def load(self) -> FlowSample:
        """Reads the pair.

        Raises:
            InputError: If a file is damaged, or sizes differ.
        """
        first, second = read_image(self.first).pixels, read_image(self.second).pixels
        truth = FlowMap(*(read_kitti_flow(self.flow) if self.group == "kitti" else read_flo(self.flow)))
        return FlowSample(self.name, first, second, truth, self._occluded(truth.valid))

    def _occluded(self, valid: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        if self.occlusion is None:
            return None
        if self.group == "kitti":
            return valid & ~read_kitti_flow(self.occlusion)[1]
        hidden = read_image(self.occlusion).pixels[..., 0] > 127
        return hidden if self.invalid is None else hidden | (read_image(self.invalid).pixels[..., 0] > 127)


def find_flow_scenes(folder: Path) -> list[FlowFiles]:
    """All pairs with truth below a folder: a KITTI folder, or folders with frame10, frame11 and flow10.flo.

    Args:
        folder: Where to look.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scene = Path(folder, "Urban2")
        ...     scene.mkdir()
        ...     (scene / "flow10.flo").touch()
        ...     [(found.group, found.name) for found in find_flow_scenes(Path(folder))]
        [('middlebury', 'Urban2')]
    """
    if (folder / "flow_occ").is_dir():
        return _kitti(folder)
    found: list[FlowFiles] = []
    for place in sorted(path.parent for path in folder.glob("*/flow10.flo")):
        hidden, outside = (
            mask if mask.exists() else None for mask in (place / "occlusions.png", place / "invalid.png")
        )
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
