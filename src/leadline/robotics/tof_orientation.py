"""Which way round the zones of a sensor are numbered, told by an image's depth: they are often mirrored or turned."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.maps import DepthMap
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_match import FusionView, ZoneMatch

ORIENTATIONS: Final[Mapping[str, tuple[int, bool]]] = MappingProxyType(
    {
        "as they are": (0, False),
        "mirrored left to right": (0, True),
        "mirrored top to bottom": (2, True),
        "turned by 180 degrees": (2, False),
        "turned by 90 degrees clockwise": (1, False),
        "turned by 90 degrees counter-clockwise": (3, False),
        "with rows and columns exchanged": (3, True),
        "with rows and columns exchanged and turned by 180 degrees": (1, True),
    }
)
"""Quarter turns clockwise after a flip, see `TofFrame.turned`, by what is done to the zones."""

QUESTIONED: Final = 0.1
"""Residual from which other orientations are tried."""
DOUBTED: Final = 0.15
_MUCH_BETTER: Final = 0.5


def orientation_residuals(
    relative: DepthMap, frame: TofFrame, view: FusionView, image: UInt8[np.ndarray, "h w 3"] | None = None
) -> dict[str, float]:
    """Median |log| of zones over the depth map, after scale and shift, in each of the eight orientations.

    Args:
        relative: What a network found.
        frame: Of the image's time.
        view: Where camera and sensor look.
        image: As for `ZoneMatch.prepare`.
    Example:
        >>> from leadline.geometry.camera import Pinhole
        >>> from leadline.robotics.tof_zones import TofZones
        >>> near_left = np.tile(np.where(np.arange(64) < 32, 1.0, 2.0), (64, 1)).astype(np.float32)
        >>> depth = DepthMap(near_left, np.ones((64, 64), bool), "up_to_scale")
        >>> given = TofFrame.from_status(np.where(np.arange(64).reshape(8, 8) % 8 < 4, 2.0, 1.0), np.full((8, 8), 5))
        >>> view = FusionView(Pinhole(77.0, 77.0, 31.5, 31.5, height=64, width=64), TofZones())
        >>> found = orientation_residuals(depth, given, view)
        >>> found["mirrored left to right"] < 0.02 < found["as they are"]
        True
    """
    return {name: orientation_residual(relative, frame.turned(*how), view, image) for name, how in ORIENTATIONS.items()}


def orientation_residual(
    relative: DepthMap, frame: TofFrame, view: FusionView, image: UInt8[np.ndarray, "h w 3"] | None = None
) -> float:
    """Median |log| of zones over the depth map after scale and shift; infinite where they cannot be fitted."""
    try:
        match = ZoneMatch.prepare(relative, frame, view, image)
        return float(np.median(np.abs(match.compare(*match.fit("line")).error)))
    except InputError:
        return float("inf")


def better_orientation(
    relative: DepthMap,
    frame: TofFrame,
    view: FusionView,
    image: UInt8[np.ndarray, "h w 3"] | None = None,
    now: float | None = None,
) -> tuple[str, float, float] | None:
    """The orientation in which zones fit the image far better than they do as they are, if there is one.

    Args:
        relative: As for `orientation_residuals`.
        frame: Likewise.
        view: Likewise.
        image: Likewise.
        now: Residual of the zones as they are, if it is known already.
    Returns:
        Its name, its residual, and that of the zones as they are.
    """
    now = orientation_residual(relative, frame, view, image) if now is None else now
    if now <= QUESTIONED:
        return None
    found = orientation_residuals(relative, frame, view, image)
    best = min(found, key=lambda name: found[name])
    return (best, found[best], now) if found[best] < min(_MUCH_BETTER * now, DOUBTED) else None
