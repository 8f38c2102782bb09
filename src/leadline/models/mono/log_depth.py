"""Depth as a diffusion network sees it: its logarithm, between -1 and 1."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from leadline.errors import InputError


@dataclass(frozen=True)
class LogDepthRange:
    """Logarithmic code of metric depth: -1 is the nearest depth, 1 the farthest, so rooms and streets share it evenly.

    Args:
        nearest_m: Depth whose code is -1.
        farthest_m: Depth whose code is 1.
    Raises:
        InputError: If they are not positive, finite and in this order.
    Source: Saxena et al. 2023 (DMD), the log-scale depth of section 3: log(d / d_min) / log(d_max / d_min).
    """

    nearest_m: float = 0.5
    farthest_m: float = 80.0

    def __post_init__(self) -> None:
        """Refuses what is no range."""
        if not 0.0 < self.nearest_m < self.farthest_m < math.inf:
            raise InputError(
                f"expected 0 < nearest_m < farthest_m of the depth range, got {self.nearest_m} and {self.farthest_m}"
            )

    def encode(self, depth: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The code of depth in metres, > 0; beyond the range, that of its end."""
        span = math.log(self.farthest_m / self.nearest_m)
        return (2.0 / span * (depth / self.nearest_m).log() - 1.0).clamp(-1.0, 1.0)

    def decode(self, code: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Metres of a code in [-1, 1]."""
        span = math.log(self.farthest_m / self.nearest_m)
        return self.nearest_m * (span * (code + 1.0) / 2.0).exp()
