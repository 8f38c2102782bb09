"""Prediction of an optical-flow network, and the protocol of such networks."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class FlowPrediction:
    """Flows of one forward pass, from coarse to fine, and what else the network says.

    Args:
        flow: Final motion (u, v) of the first frame's pixels, in input pixels.
        confidence_logit: Logit of P(error < 1 px), if the network judges itself.
        scores: Log-probabilities, up to a constant a row, that a coarse pixel of the first frame (row) is one of the
            second (column), row by row of the image, if the network compares all of them.
        score_stride: Input pixels between two coarse pixels of ``scores``.
        coarse: Earlier flows at lower resolution, in input pixels, coarsest first.
    """

    flow: Float[Tensor, "b 2 h w"]
    confidence_logit: Float[Tensor, "b 1 h w"] | None = None
    scores: Float[Tensor, "b n n"] | None = None
    score_stride: int = 16
    coarse: tuple[Float[Tensor, "b 2 _ _"], ...] = ()


@runtime_checkable
class FlowModel(Protocol):
    """Any trainable optical-flow network."""

    input_stride: int

    def __call__(self, first: Float[Tensor, "b 3 h w"], second: Float[Tensor, "b 3 h w"]) -> FlowPrediction:
        """Flow between two RGB frames in [0, 1], sizes multiples of `input_stride`."""
        ...
