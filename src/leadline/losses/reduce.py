"""The one masked reduction, and the sum over scales."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from leadline.ops.filters import at_least_float32


def masked_mean(values: Float[Tensor, "*shape"], weight: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Weighted mean over the pixels that count: sum(w v) / sum(w); 0 with zero gradient where no pixel counts.

    Args:
        values: Per-pixel losses; may be non-finite where the weight is 0.
        weight: Non-negative weights, 0 for pixels without truth.
    """
    # Half precision would overflow in the sums of a picture.
    safe, weight = at_least_float32(values).masked_fill(weight == 0, 0.0), at_least_float32(weight)
    return (safe * weight).sum() / weight.sum().clamp_min(1e-6)


def multi_scale_sum(
    loss: Callable[..., Float[Tensor, ""]], *maps: Float[Tensor, "b _ h w"], scales: int = 4
) -> Float[Tensor, ""]:
    """A loss of maps at full size plus that of every second pixel, every fourth, and so on.

    Taking pixels, where a mean would mix them, keeps depth edges sharp and a truth with holes true.

    Args:
        loss: Takes the maps, in their order.
        maps: Predictions, truths and weights of one size.
        scales: Number of scales, from the full one down.
    Source: As in Ranftl et al. 2020 (MiDaS), the multi-scale gradient term.
    """
    total = maps[0].new_zeros(())
    for level in range(scales):
        total = total + loss(*(values[..., :: 2**level, :: 2**level] for values in maps))
    return total
