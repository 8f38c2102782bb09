"""Zones of time of flight fused with the depth that a network finds in rendered images: no model of its error."""

from dataclasses import dataclass, field, replace
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.robotics.sight import Sight, level_rays, sight_of_images, sight_of_zones
from leadline.robotics.simulation.bodies import Bodies
from leadline.robotics.simulation.eyes import Chances, TofEye, believed_attitude, seen_by_camera
from leadline.robotics.simulation.robots import RobotState
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_fusion import fuse_depth
from leadline.robotics.tof_match import FusionView

IMAGE_CAMERA: Final = Pinhole(166.28, 166.28, 95.5, 71.5, 144, 192)
"""60 degrees wide and 46.8 high."""
_ROWS, _COLUMNS = 3, 5


@runtime_checkable
class ImageDepth(Protocol):
    """A camera on each robot, and a network that finds relative depth in its images."""

    @property
    def errors(self) -> "LoopErrors":
        """What was wrong with the depth after it was fused; `LearnedEye` adds to it."""
        ...

    def see(
        self, robot: int, bodies: Bodies, place_m: np.ndarray, axes: Float64[np.ndarray, "3 3"]
    ) -> tuple[UInt8[np.ndarray, "h w 3"], DepthMap]:
        """The image of `IMAGE_CAMERA` and what the network says of it.

        Args:
            robot: Its number.
            bodies: Of its world alone, now.
            place_m: Of the camera.
            axes: Rows are its right, down and ahead.
        """
        ...


@dataclass
class LoopErrors:
    """Errors of fused depth during flights, as `FusedEye` models them: logarithms of depth over true depth.

    Args:
        inside: Means of the cells (3 x 5 of an image) at which zones look.
        beside: Means of the others.
        refused: Images for which too few zones were valid.
        images: All images.
    """

    inside: list[float] = field(default_factory=lambda: list[float]())
    beside: list[float] = field(default_factory=lambda: list[float]())
    refused: int = 0
    images: int = 0

    def add(self, error: Float64[np.ndarray, "h w"], edge: float) -> None:
        """Takes the error of an image, NaN where not known.

        Args:
            error: Logarithm of depth over true depth.
            edge: x / z at the border of the zones.
        """
        right = np.arange(error.shape[1], dtype=np.float64)
        across = np.abs((right - IMAGE_CAMERA.center_x_px) / IMAGE_CAMERA.focal_x_px)
        height, width = error.shape
        for row, column in np.ndindex(_ROWS, _COLUMNS):
            columns = slice(column * width // _COLUMNS, (column + 1) * width // _COLUMNS)
            cell = error[row * height // _ROWS : (row + 1) * height // _ROWS, columns]
            if np.isfinite(cell).mean() > 0.5:
                where = self.inside if float(across[columns].mean()) < edge else self.beside
                where.append(float(np.nanmean(cell)))

    def line(self) -> str:
        """The standard deviations in words."""
        parts = [
            f"{np.std(values):.3f} {where} ({len(values)} cells)" if values else f"none {where}"
            for values, where in ((self.inside, "where zones look"), (self.beside, "beside"))
        ]
        return (
            f"{self.images} images, {self.refused} without enough zones; standard deviation of log depth, means of "
            f"5x3 cells: {', '.join(parts)}"
        )


@dataclass(eq=False)
class LearnedEye:
    """Zones, and depth of a network on rendered images that is fused with them.

    As for `FusedEye`, the camera adds obstacles, and only zones say what is free.

    Args:
        tof: The zones.
        depth: Camera and network.
        every: Frames of the zones for each image.
    """

    tof: TofEye
    depth: ImageDepth
    every: int = 1
    _frames: dict[int, int] = field(default_factory=lambda: dict[int, int](), init=False, repr=False)

    def look(self, bodies: Bodies, state: RobotState, chances: Chances, which: np.ndarray) -> Sight:
        """As of `Eye`."""
        distances, status, valid = self.tof.measure(bodies, state, chances, which)
        attitude = believed_attitude(state, chances)
        zones = sight_of_zones(self.tof.zones, distances, valid, status, *attitude)
        shape = (len(chances), IMAGE_CAMERA.height, IMAGE_CAMERA.width)
        metres, known = np.zeros(shape, np.float32), np.zeros(shape, bool)
        for i, number in enumerate(which.tolist()):
            frame = self._frames.get(number, 0)
            self._frames[number] = frame + 1
            if frame % self.every == 0:
                found = self._fused(
                    number, bodies.only(np.array([i])), state.only(np.array([i])), distances[i], status[i]
                )
                if found is not None:
                    metres[i], known[i] = found.depth, found.valid
        seen = sight_of_images(metres, known, IMAGE_CAMERA, *attitude)
        return zones.joined(replace(seen, free_m=np.zeros_like(seen.free_m)))

    def _fused(
        self, number: int, bodies: Bodies, state: RobotState, distances: np.ndarray, status: np.ndarray
    ) -> DepthMap | None:
        """Fused depth of one robot's image; None where too few zones are valid."""
        level = level_rays(np.eye(3), state.roll_rad, state.pitch_rad)[0]
        sine, cosine = float(np.sin(state.yaw_rad[0])), float(np.cos(state.yaw_rad[0]))
        axes = level @ np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
        self.depth.errors.images += 1
        frame = TofFrame.from_status(distances, status)
        image, relative = self.depth.see(number, bodies, state.place_m[0], axes)
        try:
            fused = fuse_depth(relative, frame, FusionView(IMAGE_CAMERA, self.tof.zones), image=image).depth
        except InputError:  # too few zones, or zones that contradict the image: the robot flies by zones alone
            self.depth.errors.refused += 1
            return None
        truth = seen_by_camera(bodies, state, IMAGE_CAMERA).way.reshape(fused.depth.shape)
        use = fused.valid & np.isfinite(truth)
        error = np.log(np.where(use, fused.depth, 1.0) / np.where(use, truth, 1.0))
        self.depth.errors.add(np.where(use, error, np.nan).astype(np.float64), float(self.tof.zones.edges[-1]))
        return fused
