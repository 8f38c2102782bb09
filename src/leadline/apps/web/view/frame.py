"""What the page shows of one moment, whichever result it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.geometry.rig import StereoRig
from leadline.geometry.unproject import PointCloud
from leadline.maps import DISTANCE_KINDS, DepthMap, DisparityMap, FlowMap


@dataclass(frozen=True)
class SeenObject:
    """An object with its box.

    Args:
        number: Identity; the same in all frames.
        label: What it is: "person".
        box_px: Left, top, width and height in the image, if known.
        position_m: Centre in the camera's frame (x right, y down, z forward), if known.
        size_m: Along x, y and z, if known.
        velocity_m_per_s: If known.
        error_m: What the position may be wrong by, if known.
        trail_m: Positions before, the oldest first.
        is_in_world: Whether the camera moves, so that earlier positions are of other places of it.
    """

    number: int
    label: str
    box_px: tuple[float, float, float, float] | None = None
    position_m: tuple[float, float, float] | None = None
    size_m: tuple[float, float, float] | None = None
    velocity_m_per_s: tuple[float, float, float] | None = None
    error_m: float | None = None
    trail_m: tuple[tuple[float, float, float], ...] = ()
    is_in_world: bool = False


@dataclass(frozen=True, eq=False)
class ViewFrame:
    """Layers of one moment; those that there are not are None.

    Args:
        name: Of the frame.
        image: RGB, of the layers' size.
        disparity: In px.
        depth: Of any kind; with a camera it becomes points.
        error: Expected error of the depth, in its unit, where the depth itself has none.
        flow: In px.
        motion: Length of a point's own motion, m.
        cloud: Points of a file that has no image.
        rig: The cameras, if known.
        time_s: When it was.
        objects: With their boxes.
        notes: What the user should know, one line each.
    """

    name: str
    image: UInt8[np.ndarray, "h w 3"] | None = None
    disparity: DisparityMap | None = None
    depth: DepthMap | None = None
    error: Float32[np.ndarray, "h w"] | None = None
    flow: FlowMap | None = None
    motion: Float32[np.ndarray, "h w"] | None = None
    cloud: PointCloud | None = None
    rig: StereoRig | None = None
    time_s: float | None = None
    objects: tuple[SeenObject, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of the layers."""
        layers = (self.disparity and self.disparity.valid, self.depth and self.depth.valid)
        layers += (self.flow and self.flow.valid, self.image)
        return next(((layer.shape[0], layer.shape[1]) for layer in layers if layer is not None), None)

    @property
    def valid(self) -> Bool[np.ndarray, "h w"] | None:
        """Where the method stands by its values."""
        maps = (self.depth, self.disparity, self.flow)
        return next((found.valid for found in maps if found is not None), None)

    @property
    def confidence(self) -> Float32[np.ndarray, "h w"] | None:
        """Confidence, if there is one."""
        maps = (self.depth, self.disparity, self.flow)
        return next((found.confidence for found in maps if found is not None and found.confidence is not None), None)

    @property
    def expected_error(self) -> Float32[np.ndarray, "h w"] | None:
        """Expected error of the depth in its own unit, if it can be told."""
        own = None if self.depth is None or self.confidence is None else self.depth.expected_error_m
        return own if own is not None else self.error

    @property
    def has_points(self) -> bool:
        """Whether the depth becomes points."""
        return self.depth is not None and self.depth.kind in DISTANCE_KINDS and self.depth.camera is not None


@dataclass(frozen=True)
class Moment:
    """A frame's place on the time line.

    Args:
        name: Of the frame.
        time_s: When it was, if known.
    """

    name: str
    time_s: float | None = None


@runtime_checkable
class Viewed(Protocol):
    """A result that the page shows: one frame, or many in the order of time."""

    @property
    def title(self) -> str:
        """A short name."""
        ...

    @property
    def moments(self) -> Sequence[Moment]:
        """The frames."""
        ...

    @property
    def facts(self) -> Sequence[tuple[str, str]]:
        """Names and values of what is known of the whole: the method, its speed, the cameras."""
        ...

    def load(self, index: int) -> ViewFrame:
        """A frame by its number.

        Raises:
            LeadlineError: If its files are damaged.
        """
        ...


def plain(value: Any) -> str:  # noqa: ANN401 - what JSON holds
    """A value of a summary in few characters.

    >>> plain(0.193001), plain(True), plain("sgbm")
    ('0.193', 'yes', 'sgbm')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}".rstrip() if isinstance(value, float) else str(value)
