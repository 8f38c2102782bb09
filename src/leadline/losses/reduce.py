"""The one masked reduction, and the sum over scales."""

from collections.abc import Callable
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, distributed

from leadline.ops.filters import at_least_float32


def masked_mean(values: Float[Tensor, "*shape"], weight: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Weighted mean over the pixels that count: sum(w v) / sum(w); 0 with zero gradient where no pixel counts.

    Where several processes share a batch and gradients are recorded, both sums are over the whole batch: the mean of
    the processes' means would weigh a pixel by how few others its process has. So every process must call it, too;
    a statistic of one image is `image_means`.

    Args:
        values: Per-pixel losses; may be non-finite where the weight is 0.
        weight: Non-negative weights, 0 for pixels without truth.
    """
    total, count = _sums(values, weight)
    if torch.is_grad_enabled() and distributed.is_available() and distributed.is_initialized():
        both = cast(Tensor, _SumOverProcesses.apply(torch.stack([total, count])))  # pyright: ignore[reportUnknownMemberType]
        total, count = both[0], both[1]
    return total / count.clamp_min(1e-6)


def image_means(values: Float[Tensor, "b *shape"], weight: Float[Tensor, "b *shape"]) -> Float[Tensor, " b"]:
    """`masked_mean` of each image by itself.

    Args:
        values: Per-pixel values; may be non-finite where the weight is 0.
        weight: Non-negative weights, 0 for pixels without truth.
    """
    sums = [_sums(*image) for image in zip(values, weight, strict=True)]
    if not sums:  # empty as well, and still part of the graph
        return at_least_float32(values).flatten(1).sum(dim=1)
    return torch.stack([total / count.clamp_min(1e-6) for total, count in sums])


def batch_mean(values: Float[Tensor, "b *shape"]) -> Float[Tensor, ""]:
    """Mean over the images of a batch; 0 for a batch without any."""
    return values.sum() / max(1, values.numel())


def _sums(values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    # Half precision would overflow in the sums of an image.
    safe, weight = at_least_float32(values).masked_fill(weight == 0, 0.0), at_least_float32(weight)
    return (safe * weight).sum(), weight.sum()


class _SumOverProcesses(torch.autograd.Function):
    """A sum over all processes. Its gradient is one too, which data-parallel training divides by their number."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ANN401 - autograd's context
        total = values.detach().clone()
        distributed.all_reduce(total)  # pyright: ignore[reportUnknownMemberType]
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401 - autograd's context
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)  # pyright: ignore[reportUnknownMemberType]
        return total


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
