"""Types that the families hand to the code that they share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole


class Estimate(NamedTuple):
    """A network's answer at the size of the image.

    Attributes:
        depth: In the unit of the card's kind.
        camera: If the network estimates it.
    """

    depth: Float32[np.ndarray, "h w"]
    camera: Pinhole | None = None


Estimator: TypeAlias = Callable[[UInt8[np.ndarray, "h w 3"], Float32[np.ndarray, "_ _"] | None], Estimate]
"""An RGB image, and the prompt where the network takes one, to its estimate."""


@dataclass(frozen=True)
class DiffusionOptions:
    """Options with which a diffusion network draws depth.

    Args:
        steps: Of denoising; one is enough for a draft. The network's own number if absent.
        ensemble: Draws whose aligned median is taken; 3 or more are steadier than one.
        seed: Of the noise; the same seed gives the same depth.
    Raises:
        InputError: If steps or ensemble is less than 1.
    """

    steps: int | None = None
    ensemble: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what draws nothing."""
        for name, value in (("steps", self.steps), ("ensemble", self.ensemble)):
            if value is not None and value < 1:
                raise InputError(f"expected {name} of at least 1, got {value}")
