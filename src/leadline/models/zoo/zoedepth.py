"""ZoeDepth: padded pictures, seen once as they are and once mirrored."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8

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
        # Not as one batch: the network for two domains lets all pictures of a batch vote on theirs.
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
