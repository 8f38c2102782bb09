"""What a segmentation into still and moving costs, when a rigid scene and optical flow compete to explain a frame."""

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from leadline.losses.reduce import masked_mean
from leadline.ops.filters import at_least_float32


def consensus(
    rigid_difference: Float[Tensor, "b s h w"],
    flow_difference: Float[Tensor, "b s h w"],
    disagreement_px: Float[Tensor, "b s h w"],
    threshold_px: float,
) -> Bool[Tensor, "b s h w"]:
    """Pixels that count as still: a rigid scene explains them better than optical flow, or both say the same motion.

    Args:
        rigid_difference: Photometric difference of each source warped by depth and camera motion.
        flow_difference: That of each source warped by optical flow.
        disagreement_px: Length of the difference between both motions.
        threshold_px: Below which both motions are the same.
    Source: Ranjan et al. 2019 (Competitive Collaboration), the consensus loss.
    """
    return (rigid_difference < flow_difference) | (disagreement_px < threshold_px)


def consensus_mask(
    still_logit: Float[Tensor, "b s h w"], still: Bool[Tensor, "b s h w"], seen: Bool[Tensor, "b s h w"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy of the segmentation with the consensus, over what the sources see.

    Args:
        still_logit: Logit of the probability that a pixel is still.
        still: Of `consensus`.
        seen: Which pixels a source sees by both motions.
    Source: Ranjan et al. 2019 (Competitive Collaboration), the consensus loss.
    """
    logit = at_least_float32(still_logit)
    cost = functional.binary_cross_entropy_with_logits(logit, still.to(logit.dtype), reduction="none")
    return masked_mean(cost, seen.to(logit.dtype))


def moving_pixels(
    still_logit: Float[Tensor, "b s h w"], disagreement_px: Float[Tensor, "b s h w"], threshold_px: float
) -> Bool[Tensor, "b 1 h w"]:
    """Pixels that move by themselves: the segmentation says so for the sources together, and the motions disagree.

    Args:
        still_logit: Logit of the probability that a pixel is still, towards each source.
        disagreement_px: Length of the difference between rigid flow and optical flow, towards each source.
        threshold_px: Mean over the sources below which both motions are the same.
    Source: Ranjan et al. 2019 (Competitive Collaboration), the segmentation after training.
    """
    still = still_logit.sigmoid().prod(dim=1, keepdim=True) > 0.5
    same = disagreement_px.mean(dim=1, keepdim=True) < threshold_px
    return ~(still | same)
