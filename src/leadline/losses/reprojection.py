"""What depth and camera motion cost: how badly other frames, warped into a frame, explain it."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from leadline.losses.photometric import auto_mask, minimum_reprojection
from leadline.losses.reduce import masked_mean
from leadline.ops.filters import at_least_float32


def least_reprojection(differences: Float[Tensor, "b s h w"], seen: Bool[Tensor, "b s h w"]) -> Float[Tensor, ""]:
    """Mean over the pixels that some source sees of the least difference over those sources.

    Args:
        differences: Photometric difference of each source warped into the target.
        seen: Which pixels a source sees.
    Source: Godard et al. 2019 (Monodepth2), the per-pixel minimum reprojection loss.
    """
    least = minimum_reprojection(differences.masked_fill(~seen, torch.inf))
    return masked_mean(least, seen.any(dim=1, keepdim=True).to(least.dtype))


def charged_unseen(
    differences: Float[Tensor, "b s h w"], unwarped: Float[Tensor, "b s h w"], seen: Bool[Tensor, "b s h w"]
) -> Float[Tensor, "b s h w"]:
    """Differences of which a pixel that a source does not see costs what it costs unwarped, which has no gradient.

    A mean over the seen pixels alone makes it cheap to lose what is hard to explain: depth comes so near, or the motion
    grows so large, that those pixels leave the image.

    Args:
        differences: Photometric difference of each source warped into the target.
        unwarped: Photometric difference of each source as it is.
        seen: Which pixels a source sees.
    Example:
        >>> charged_unseen(torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 1, 2), torch.tensor([[[[True, False]]]])).tolist()
        [[[[0.0, 1.0]]]]
    """
    return torch.where(seen, differences, unwarped)


def auto_masked_reprojection(
    differences: Float[Tensor, "b s h w"],
    unwarped: Float[Tensor, "b s h w"],
    seen: Bool[Tensor, "b s h w"],
    generator: torch.Generator,
) -> tuple[Float[Tensor, ""], Bool[Tensor, "b 1 h w"]]:
    """Mean over all pixels of the least difference of the warped and of the unwarped sources.

    A pixel that the unwarped sources explain better, or that no source sees, costs what it costs unwarped and so has no
    gradient; its cost still counts, else a motion that moves all pixels out of the image would be free.

    Args:
        differences: Photometric difference of each source warped into the target.
        unwarped: Photometric difference of each source as it is.
        seen: Which pixels a source sees.
        generator: As of `auto_mask`.
    Returns:
        The loss, and the pixels that the warped sources explain better.
    Source: Godard et al. 2019 (Monodepth2), minimum reprojection and auto-mask; all pixels in the mean as
        in its published program.
    """
    differences = differences.masked_fill(~seen, torch.inf)
    kept = auto_mask(differences, unwarped, generator)
    least = torch.where(kept, minimum_reprojection(differences), minimum_reprojection(unwarped))
    return masked_mean(least, torch.ones_like(least)), kept


def explained_reprojection(
    differences: Float[Tensor, "b s h w"], explainability_logit: Float[Tensor, "b s h w"], seen: Bool[Tensor, "b s h w"]
) -> Float[Tensor, ""]:
    """Mean over what the sources see of E |difference|, E being how far a network trusts a source at a pixel.

    Args:
        differences: Photometric difference of each source warped into the target.
        explainability_logit: Logit of E.
        seen: Which pixels a source sees.
    Source: Zhou et al. 2017 (SfMLearner), the view synthesis weighed by the explainability mask.
    """
    explained = explainability_logit.sigmoid() * differences
    return masked_mean(explained, seen.to(explained.dtype))


def explainability_regularisation(explainability_logit: Float[Tensor, "b s h w"]) -> Float[Tensor, ""]:
    """Cross-entropy of E with 1 everywhere, -log E: without it, to trust nothing would be best.

    Args:
        explainability_logit: Logit of E.
    Source: Zhou et al. 2017 (SfMLearner), the regularisation of the explainability mask.
    """
    cost = functional.softplus(-at_least_float32(explainability_logit))
    return masked_mean(cost, torch.ones_like(cost))
