"""Prompts in training: true depth as a coarse sensor would measure it."""

from typing import Final, NotRequired

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor

from leadline.data.mono.augment_fov import nearest_filled
from leadline.data.mono.stream import MonoBatch, to_tensors
from leadline.models.zoo.trainable import ZooNetwork
from leadline.samples import DepthSample

_LEAST_SPREAD: Final = 0.01


class PromptedBatch(MonoBatch):
    """A batch, with coarse depth of the same views in metres where the network takes it."""

    prompt_m: NotRequired[Float[Tensor, "b 1 rows columns"]]


def coarse_prompt(
    depth: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], grid: tuple[int, int]
) -> Float32[np.ndarray, "rows columns"]:
    """Mean depth in the cells of a grid, all of it known; a cell without truth has the depth of the nearest one.

    The network takes a prompt's least and greatest depth for its scale, so that one of a single depth is made to vary
    by a hundredth in one cell.

    Args:
        depth: Metres.
        valid: Where it is known.
        grid: Rows and columns of the sensor.
    """
    height, width = depth.shape
    rows, columns = grid
    cells = (np.arange(height) * rows // height)[:, None] * columns + np.arange(width) * columns // width
    count = np.bincount(cells[valid], minlength=rows * columns)
    total = np.bincount(cells[valid], depth[valid], minlength=rows * columns)
    mean = (total / np.maximum(count, 1)).astype(np.float32).reshape(grid)
    prompt = nearest_filled(mean, count.reshape(grid) > 0)
    if not prompt.min() < prompt.max():
        prompt[0, 0] *= 1.0 + _LEAST_SPREAD
    return prompt


def to_prompted_tensors(sample: DepthSample, grid: tuple[int, int]) -> dict[str, Tensor]:
    """A sample with metric depth and its prompt as tensors; collate them into a `PromptedBatch`."""
    prompt = coarse_prompt(sample.depth, sample.valid, grid)
    return {**to_tensors(sample), "prompt_m": torch.from_numpy(prompt)[None]}


def depth_with_truth(
    network: ZooNetwork,
    image: UInt8[Tensor, "h w 3"],
    depth: Float32[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"],
    grid: tuple[int, int],
) -> Float[Tensor, "h w"]:
    """Prediction for an image whose truth is known: only a network that takes a prompt is given any of it.

    Args:
        network: The network.
        image: RGB.
        depth: Metres.
        valid: Where it is known.
        grid: As for `coarse_prompt`.
    Returns:
        Numbers of the network's kind.
    """
    prompt = coarse_prompt(depth, valid, grid) if network.card.needs_prompt else None
    return network.depth(image, None if prompt is None else torch.from_numpy(prompt))
