"""Torch networks as methods: arrays in, maps out."""

from collections.abc import Sequence
from typing import Any, Final, final

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from leadline.classical.flow_prior import flow_prior
from leadline.errors import InputError
from leadline.lazy import load_attribute
from leadline.maps import DISTANCE_KINDS, DepthMap, DisparityMap, FlowMap
from leadline.runtime.images import as_rgb, require_8bit, require_sides
from leadline.runtime.prior import sgbm_prior
from leadline.tasks import Task

_ATTRIBUTES: Final = ("input_stride",)
"""What the exported module of every task reads of a network."""


@final
class TorchMethod:
    """A network in torch as a method, without export.

    Args:
        name: For messages and summaries.
        task: What it is for.
        network: A `StereoModel`, `MonoModel` or another network of the task.
    Raises:
        InputError: If it lacks what the task's networks have.
    """

    def __init__(self, name: str, task: Task, network: nn.Module) -> None:
        if missing := [attribute for attribute in _ATTRIBUTES if not hasattr(network, attribute)]:
            raise InputError(
                f"expected a network with the attribute {missing[0]} as {name}, found none; add it, as the networks in "
                "leadline.models have it, or write a function from arrays to a map"
            )
        self.name, self.task = name, task
        self._inference: nn.Module = load_attribute(task.inference)(network).eval()
        self._to_map = load_attribute(task.to_map)

    @property
    def description(self) -> dict[str, Any]:
        """Description of the model and how it runs, for a summary."""
        return {"model": self.name, "provider": "cpu", "threads": torch.get_num_threads()}

    def __call__(self, *images: UInt8[np.ndarray, "_ _ *c"]) -> Any:  # noqa: ANN401 - the task's map
        """The map of images, RGB or grey, 8 bit.

        Raises:
            InputError: If the images are not 8-bit RGB or grey, or smaller than 16 px.
        """
        for image in images:
            require_8bit(image, "the image")
            require_sides(image)
        arrays = [np.ascontiguousarray(as_rgb(image)) for image in images]
        if getattr(self._inference, "guided", False):
            arrays += load_attribute(self.task.prior)(self._inference, *arrays)
        with torch.inference_mode():
            layers = self._inference(*(torch.from_numpy(array) for array in arrays))
        return self._to_map(self._inference, layers)


def stereo_prior(inference: Any, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:  # noqa: ANN401 - a StereoInference
    """What SGBM finds in a pair, as a guided network takes it."""
    return list(sgbm_prior(left, right, int(inference.max_disparity)))


def flow_priors(_: nn.Module, first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """What classical flow finds in a pair, as a guided network takes it."""
    return [flow_prior(first, second)]


def disparity_map(_: nn.Module, layers: Sequence[Tensor | None]) -> DisparityMap:
    """Disparity, and its confidence if the network has one."""
    disparity, confidence = (None if layer is None else layer.numpy() for layer in layers)
    assert disparity is not None, "only the confidence may be missing"
    return DisparityMap(disparity, np.ones(disparity.shape, dtype=bool), confidence)


def flow_map(_: nn.Module, layers: Sequence[Tensor | None]) -> FlowMap:
    """Flow, and its confidence if the network has one."""
    flow, confidence = (None if layer is None else layer.numpy() for layer in layers)
    assert flow is not None, "only the confidence may be missing"
    return FlowMap(flow, np.ones(flow.shape[:2], dtype=bool), confidence)


def depth_map(inference: Any, layers: Sequence[Tensor | None]) -> DepthMap:  # noqa: ANN401 - a MonoInference
    """Depth of the network's kind, and its confidence if the network has one; no distance is negative."""
    depth, confidence = (None if layer is None else layer.numpy() for layer in layers)
    assert depth is not None, "only the confidence may be missing"
    valid = depth > 0 if inference.kind in DISTANCE_KINDS else np.ones(depth.shape, dtype=bool)
    return DepthMap(depth, valid, inference.kind, confidence)
