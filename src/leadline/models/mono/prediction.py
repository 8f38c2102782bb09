"""Prediction of a network for single images, and the protocol of such networks."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class MonoPrediction:
    """Inverse depth of one forward pass, and what else the network says.

    Args:
        inverse_depth: a s/Z + t of each image with unknown s > 0 and t, so larger is closer; of a `DistanceModel`
            without t, > 0.
        confidence_logit: Logit of P(the depth is within 10 % of the truth once scale and shift are fitted), if the
            network judges itself.
    """

    inverse_depth: Float[Tensor, "b 1 h w"]
    confidence_logit: Float[Tensor, "b 1 h w"] | None = None


@runtime_checkable
class MonoModel(Protocol):
    """Any trainable network for single images."""

    input_stride: int

    def __call__(self, image: Float[Tensor, "b 3 h w"]) -> MonoPrediction:
        """Inverse depth of RGB images in [0, 1], sizes multiples of `input_stride`."""
        ...


@runtime_checkable
class DistanceModel(MonoModel, Protocol):
    """A network for single images whose inverse depth has no shift: its reciprocal is a distance.

    Where `canonical` is true that is canonical depth, which times `Pinhole.relative_focal` is in metres.
    """

    canonical: bool
