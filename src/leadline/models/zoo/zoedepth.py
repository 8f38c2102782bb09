"""ZoeDepth: padded images, seen once as they are and once mirrored."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.zoo.cards import ZooCard
from leadline.models.zoo.estimate import Estimate, Estimator
from leadline.models.zoo.pretrained import enlarged, load_network, load_processor


def load(folder: Path, card: ZooCard, device: str) -> Estimator:
    """The network and its processing.

    Args:
        folder: Files of its repository.
        card: What it should be.
        device: As torch names it.
    Raises:
        InputError: If the folder does not hold that network.
    """
    network, processor = load_network(folder, card, device), load_processor(folder, card)

    def estimate(image: UInt8[np.ndarray, "h w 3"], _: Float32[np.ndarray, "_ _"] | None) -> Estimate:
        pixels = processor(image, return_tensors="pt")["pixel_values"].to(network.device)
        # Not as one batch: the network for two domains lets all images of a batch vote on theirs.
        straight = network(pixels).predicted_depth[0]
        mirrored = network(torch.flip(pixels, [3])).predicted_depth[0]
        depth = (straight + torch.flip(mirrored, [1])) / 2.0
        height, width = image.shape[:2]
        rows, columns = (_padding(height), _padding(width)) if processor.do_pad else (0, 0)
        depth = enlarged(depth, (height + 2 * rows, width + 2 * columns), "bicubic")
        return Estimate(depth[rows : rows + height, columns : columns + width].float().cpu().numpy())

    return estimate


def _padding(side: int) -> int:
    """Mirrored pixels on each end of a side, against artefacts at the border: 3 sqrt(side / 2)."""
    return int(np.sqrt(side / 2.0) * 3.0)


@contextmanager
def traceable(network: Any) -> Generator[None]:  # noqa: ANN401 - the library's classes have no common type
    """Inside the block a network gives the same by operations that one graph can hold, for one size of image.

    Args:
        network: The library's.
    """
    head, attention = network.metric_head, network.backbone.config._attn_implementation
    if hasattr(head, "mlp_classifier"):
        network.metric_head = _VotingHead(head)
    # The fused attention leaves its result in another order in memory than its parts do, which stops the exporter.
    network.backbone.set_attn_implementation("eager")
    try:
        yield
    finally:
        network.metric_head = head
        network.backbone.set_attn_implementation(attention)


@final
class _VotingHead(nn.Module):
    """The library's head for several domains, with the depth of all of them worked out before one is taken.

    The library reads the vote as a number and then runs that domain alone, which a graph cannot follow. The heads cost
    little beside the backbone.
    """

    def __init__(self, head: Any) -> None:  # noqa: ANN401 - as above
        super().__init__()
        self.head = head

    def forward(
        self, outconv_activation: Tensor, bottleneck: Tensor, feature_blocks: Sequence[Tensor], relative_depth: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Depth and the domains' logits, as the library's head gives them."""
        seed = self.head.conv2(bottleneck)
        logits = self.head.mlp_classifier(self.head.patch_transformer(seed)[:, 0])
        domains = [self._depth(bins, seed, outconv_activation, feature_blocks) for bins in self.head.bin_configurations]
        return torch.stack(domains)[logits.sum(0).argmax()], logits

    def _depth(
        self,
        bins: dict[str, Any],
        seed: Float[Tensor, "b _ _ _"],
        last: Float[Tensor, "b _ h w"],
        blocks: Sequence[Tensor],
    ) -> Float[Tensor, "b 1 h w"]:
        """Metres of one domain: the mean of its bin centres, which the attractors move from block to block."""
        head, name = self.head, bins["name"]
        centres = head.seed_bin_regressors[name](seed)[1]
        moved = centres
        if head.bin_centers_type == "normed":
            moved = (centres - bins["min_depth"]) / (bins["max_depth"] - bins["min_depth"])
        embedding = head.seed_projector(seed)
        for projector, attractor, block in zip(head.projectors, head.attractors[name], blocks, strict=False):
            earlier, embedding = embedding, projector(block)
            moved, centres = attractor(embedding, moved, earlier, interpolate=True)

        def enlarged_to_last(layer: Tensor) -> Tensor:
            return functional.interpolate(layer, last.shape[-2:], mode="bilinear", align_corners=True)

        shares = head.conditional_log_binomial[name](last, enlarged_to_last(embedding))
        return (shares * enlarged_to_last(centres)).sum(dim=1, keepdim=True)
