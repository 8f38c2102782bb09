"""Prediction of a stereo network, and the protocol of such networks."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class StereoPrediction:
    """Disparities of one forward pass, from coarse to fine, and what else the network says.

    Args:
        disparity: Final left-view disparity in input pixels.
        confidence_logit: Logit of P(|error| < 1 px), if the network judges itself.
        scores: Unnormalised log-probabilities of the disparities 0, s, 2s, ... at stride s, in input pixels, if the
            network scores them.
        coarse: Earlier disparities at lower resolution, in input pixels, coarsest first.
        edges_logit: Logit of P(there is an edge) in the left image, if the network looks for edges.
    """

    disparity: Float[Tensor, "b 1 h w"]
    confidence_logit: Float[Tensor, "b 1 h w"] | None = None
    scores: Float[Tensor, "b d hs ws"] | None = None
    coarse: tuple[Float[Tensor, "b 1 _ _"], ...] = ()
    edges_logit: Float[Tensor, "b 1 h w"] | None = None


@runtime_checkable
class StereoModel(Protocol):
    """Any trainable stereo network."""

    max_disparity: int
    input_stride: int

    def __call__(self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> StereoPrediction:
        """Disparity of a rectified pair of RGB images in [0, 1], sizes multiples of `input_stride`."""
        ...
