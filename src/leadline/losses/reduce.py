"""The one masked reduction."""

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
