"""Parts of the protocols of all tasks: metrics, their units, and the averaging of scenes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Unit = Literal["%", "px", "m", "deg", "1"]

SceneAveraging = Literal["mean-over-scenes", "pixel-pooled"]
"""mean-over-scenes: each scene weighs the same. pixel-pooled: each scored pixel weighs the same."""


PixelsT = TypeVar("PixelsT")
"""The scored pixels of one scene, which a metric is given."""


@dataclass(frozen=True)
class Metric(Generic[PixelsT]):
    """One number of a protocol.

    Args:
        name: As the protocol publishes it.
        unit: Of the value; "1" has none.
        score: The value on one scene; None where it is undefined there and the scene must be left out.
        count: How many pixels it counts, if others than all that the protocol scores.
        undefined: Why a scene is left out where the value is undefined, in a few words; if absent, that there is no
            confidence, or nothing to tell it by.
    Example:
        >>> mean = Metric("mean", "px", lambda pixels: float(sum(pixels)) / len(pixels))
        >>> mean.score([1.0, 2.0])
        1.5
    """

    name: str
    unit: Unit
    score: Callable[[PixelsT], float | None]
    count: Callable[[PixelsT], int] | None = None
    undefined: str | None = None
