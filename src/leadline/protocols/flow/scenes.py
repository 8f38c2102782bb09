"""Pairs of frames with true flow, in the folder layouts of Middlebury, MPI Sintel and KITTI."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool

from leadline.errors import InputError
from leadline.io.flo import read_flo
from leadline.io.grey_png import read_grey8
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
        objects: KITTI 2015's map of objects that move by themselves, if there is one.
    """

    group: str
    name: str
    first: Path
    second: Path
    flow: Path
    occlusion: Path | None = None
    invalid: Path | None = None
    objects: Path | None = None

    def load(self) -> FlowSample:
        """Reads the pair.

        Raises:
            InputError: If a file is damaged, or sizes differ.
        """
        first, second = read_image(self.first).pixels, read_image(self.second).pixels
        truth = FlowMap(*(read_kitti_flow(self.flow) if self.group == "kitti" else read_flo(self.flow)))
        moving = None if self.objects is None else read_grey8(self.objects, "KITTI's objects") > 0
        return FlowSample(self.name, first, second, truth, self._occluded(truth.valid), foreground=moving)

    def _occluded(self, valid: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
        if self.occlusion is None:
            return None
        if self.group == "kitti":
            return valid & ~read_kitti_flow(self.occlusion)[1]
        hidden = read_image(self.occlusion).pixels[..., 0] > 127
        return hidden if self.invalid is None else hidden | (read_image(self.invalid).pixels[..., 0] > 127)


def find_flow_scenes(folder: Path) -> list[FlowFiles]:
    """All pairs with truth in a folder.

    Args:
        folder: KITTI's folder with flow_occ (or one with it under training); folders with frame10.png, frame11.png and
            flow10.flo, and for Sintel's pairs occlusions.png and invalid.png; Middlebury's other-data beside
            other-gt-flow; or MPI Sintel's clean or final beside flow.
    Raises:
        InputError: If it is no folder, or there is no pair.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scene = Path(folder, "Urban2")
        ...     scene.mkdir()
        ...     for name in ("frame10.png", "frame11.png", "flow10.flo"):
        ...         (scene / name).touch()
        ...     [(found.group, found.name) for found in find_flow_scenes(Path(folder))]
        [('middlebury', 'Urban2')]
    """
    if not folder.is_dir():
        raise InputError(f"expected a folder of pairs with true flow, got {folder}, which is no folder; check the path")
    for place in (folder, folder / "training"):
        if (place / "flow_occ").is_dir():
            return _kitti(place)
    found = _sintel(folder) or _single_pairs(folder)
    if not found:
        raise InputError(
            "expected folders with frame10.png, frame11.png and flow10.flo, KITTI's flow_occ, or MPI Sintel's clean or "
            f"final beside flow, found none in {folder}; check the path"
        )
    return found


def _single_pairs(folder: Path) -> list[FlowFiles]:
    """Middlebury's pairs, and others in the same form."""
    truths = folder.parent / folder.name.replace("data", "gt-flow") if "data" in folder.name else folder
    found: list[FlowFiles] = []
    for place in sorted(path.parent for path in folder.glob("*/frame10.png")):
        truth = next((at for at in (place / "flow10.flo", truths / place.name / "flow10.flo") if at.is_file()), None)
        if truth is None:
            continue
        hidden, outside = (_if_file(place / name) for name in ("occlusions.png", "invalid.png"))
        group = "middlebury" if hidden is None else "sintel"
        frames = (place / "frame10.png", place / "frame11.png")
        found.append(FlowFiles(group, place.name, *frames, truth, hidden, outside))
    return found


def _sintel(folder: Path) -> list[FlowFiles]:
    """Pairs of MPI Sintel's own layout: PASS/FILM/frame_0001.png beside flow, occlusions and invalid."""
    root = folder.parent
    found: list[FlowFiles] = []
    for truth in sorted((root / "flow").glob("*/frame_*.flo")) if folder.name in ("clean", "final") else []:
        film, number = truth.parent.name, int(truth.stem.removeprefix("frame_"))
        first, second = (folder / film / f"frame_{at:04d}.png" for at in (number, number + 1))
        hidden, outside = (_if_file(root / kind / film / f"{truth.stem}.png") for kind in ("occlusions", "invalid"))
        found.append(FlowFiles("sintel", f"{film}_{number:04d}", first, second, truth, hidden, outside))
    return found


def _kitti(folder: Path) -> list[FlowFiles]:
    images = next((folder / name for name in _KITTI_IMAGES if (folder / name).is_dir()), None)
    if images is None:
        raise InputError(f"expected frames in one of {', '.join(_KITTI_IMAGES)} in {folder}, found none")
    found: list[FlowFiles] = []
    for flow in sorted((folder / "flow_occ").glob("*_10.png")):
        number = flow.name.removesuffix("_10.png")
        visible, objects = (_if_file(folder / name / flow.name) for name in ("flow_noc", "obj_map"))
        frames = (images / flow.name, images / f"{number}_11.png")
        found.append(FlowFiles("kitti", number, *frames, flow, visible, objects=objects))
    return found


def _if_file(path: Path) -> Path | None:
    return path if path.is_file() else None
