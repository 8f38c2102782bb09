"""Stereo pairs at two times with truth, in the layouts of KITTI's development kits."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool

from leadline.errors import InputError
from leadline.geometry.rig import StereoRig
from leadline.io.grey_png import read_grey8
from leadline.io.images import read_image
from leadline.io.kitti_flow_png import read_kitti_flow
from leadline.io.kitti_png import read_kitti_disparity
from leadline.io.rigs import fitted_rig
from leadline.maps import DisparityMap, FlowMap
from leadline.samples import SceneFlowSample

_FOLDERS: Final = (("image_2", "image_3"), ("colored_0", "colored_1"), ("image_0", "image_1"))
_GREY: Final = "image_0"
_DISPARITIES: Final = ("disp_occ_0", "disp_occ")
_CALIBRATIONS: Final = ("calib", "calib_cam_to_cam")


@dataclass(frozen=True)
class SceneFlowFiles:
    """Files of a scene.

    Args:
        name: The frame's number.
        images: Left and right at the first time, left and right at the second.
        calibration: Of the cameras, if there is one.
        disparity: Truth at the first time, if there is one.
        next_disparity: Truth at the second time, if there is one.
        flow: Truth, if there is one.
        visible: True flow of what both frames show, if there is one.
        objects: Map of objects that move by themselves, if there is one.
    """

    name: str
    images: tuple[Path, Path, Path, Path]
    calibration: Path | None = None
    disparity: Path | None = None
    next_disparity: Path | None = None
    flow: Path | None = None
    visible: Path | None = None
    objects: Path | None = None

    def load(self) -> SceneFlowSample:
        """Reads the files.

        Raises:
            InputError: If one cannot be read or sizes differ.
            CalibrationError: If the calibration is unusable.
        """
        first_left, first_right, second_left, second_right = (read_image(path).pixels for path in self.images)
        flow = None if self.flow is None else FlowMap(*read_kitti_flow(self.flow))
        return SceneFlowSample(
            self.name,
            (first_left, first_right, second_left, second_right),
            self._rig((first_left.shape[0], first_left.shape[1])),
            _disparity(self.disparity),
            _disparity(self.next_disparity),
            flow,
            self._occluded(flow),
            None if self.objects is None else read_grey8(self.objects, "KITTI's objects") > 0,
        )

    def _rig(self, size: tuple[int, int]) -> StereoRig | None:
        if self.calibration is None:
            return None
        grey = self.images[0].parent.name == _GREY
        return fitted_rig(self.calibration, (size, size), grey=grey).rectified

    def _occluded(self, flow: FlowMap | None) -> Bool[np.ndarray, "h w"] | None:
        if flow is None or self.visible is None:
            return None
        return flow.valid & ~read_kitti_flow(self.visible)[1]


def find_scene_flow_scenes(root: Path) -> tuple[SceneFlowFiles, ...]:
    """The scenes of a KITTI development kit.

    Args:
        root: Folder with image_2 and image_3 (2015), colored_0 and colored_1 or image_0 and image_1 (2012), or one with
            it under training. The frames *_10.png with a next frame *_11.png count.
    Raises:
        InputError: If there is none.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for place in ("image_2", "image_3"):
        ...         Path(folder, place).mkdir()
        ...         for name in ("000000_10.png", "000000_11.png"):
        ...             Path(folder, place, name).touch()
        ...     [found.name for found in find_scene_flow_scenes(Path(folder))]
        ['000000']
    """
    for place in (root, root / "training"):
        for left, right in _FOLDERS:
            numbers = [path.name.removesuffix("_10.png") for path in sorted((place / left).glob("*_10.png"))]
            found = [_files(place, left, right, number) for number in numbers]
            if whole := tuple(files for files in found if all(image.is_file() for image in files.images)):
                return whole
    raise InputError(
        "expected KITTI's image_2 and image_3 (2015), or image_0 and image_1 (2012), with *_10.png and *_11.png, found "
        f"none in {root}; check the path"
    )


def _files(root: Path, left: str, right: str, number: str) -> SceneFlowFiles:
    name = f"{number}_10.png"
    images = tuple(root / side / f"{number}_{time}.png" for time in (10, 11) for side in (left, right))
    calibration = _first(root / place / f"{number}.txt" for place in _CALIBRATIONS)
    return SceneFlowFiles(
        number,
        (images[0], images[1], images[2], images[3]),
        calibration,
        _first(root / place / name for place in _DISPARITIES),
        _first([root / "disp_occ_1" / name]),
        _first([root / "flow_occ" / name]),
        _first([root / "flow_noc" / name]),
        _first([root / "obj_map" / name]),
    )


def _first(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _disparity(path: Path | None) -> DisparityMap | None:
    return None if path is None else DisparityMap(*read_kitti_disparity(path))
