"""Depth Anything, Prompt Depth Anything, DPT with MiDaS, and GLPN: the library has their processing complete."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from leadline.errors import InputError
from leadline.models.zoo.cards import Family, ZooCard
from leadline.models.zoo.estimate import Estimate, Estimator
from leadline.models.zoo.pretrained import load_network, load_processor

# DPT's published processing; the files of its repositories squeeze every image to a square instead.
_CHANGES: Final[Mapping[Family, Mapping[str, object]]] = MappingProxyType(
    {"dpt": {"keep_aspect_ratio": True, "ensure_multiple_of": 32}}
)


def load(folder: Path, card: ZooCard, device: str) -> Estimator:
    """The network and its processing.

    Args:
        folder: Files of its repository.
        card: What it should be.
        device: As torch names it.
    Raises:
        InputError: If the folder does not hold that network, or a Depth Anything of the other kind.
    """
    network, processor = load_parts(folder, card, device)

    def estimate(image: UInt8[np.ndarray, "h w 3"], prompt: Float32[np.ndarray, "_ _"] | None) -> Estimate:
        pixels = processor(image, return_tensors="pt")["pixel_values"].to(network.device)
        prompted = None if prompt is None else torch.from_numpy(prompt)[None, None].to(network.device)
        outputs = run_network(network, pixels, prompted)
        (result,) = processor.post_process_depth_estimation(outputs, target_sizes=[image.shape[:2]])
        return Estimate(result["predicted_depth"].float().cpu().numpy())

    return estimate


def load_parts(folder: Path, card: ZooCard, device: str) -> tuple[Any, Any]:
    """The library's network, ready for any size, and its processing.

    Args:
        folder: Files of its repository.
        card: What it should be.
        device: As torch names it.
    Raises:
        InputError: As for `load`.
    """
    network = load_network(folder, card, device)
    _require_kind(network.config, card, folder)
    processor = load_processor(folder, card, **_CHANGES.get(card.family, {}))
    if card.family == "dpt" and network.config.is_hybrid:
        network.dpt.embeddings.register_forward_pre_hook(_any_size, with_kwargs=True)
    return network, processor


def _require_kind(config: Any, card: ZooCard, folder: Path) -> None:  # noqa: ANN401 - any configuration of the library
    """Depth Anything V2 has one architecture for inverse depth and for metres; only the configuration tells."""
    stated = getattr(config, "depth_estimation_type", None)
    expected = "metric" if card.kind == "metric" else "relative"
    if card.family == "depth_anything" and stated != expected:
        raise InputError(f"expected a {expected} network for {card.name}, got a {stated} one in {folder}")


def run_network(
    network: Any,  # noqa: ANN401 - as above
    pixels: Float[Tensor, "b 3 h w"],
    prompt: Float[Tensor, "b 1 _ _"] | None,
) -> Any:  # noqa: ANN401 - as above
    """Prediction of a dense network for processed images.

    Args:
        network: As `load_parts` gives it.
        pixels: Normalised images; sides that the network can divide.
        prompt: Coarse depth in metres where the network takes it.
    """
    if prompt is not None:
        return network(pixels, prompt_depth=prompt)
    if network.config.model_type != "dpt":
        return network(pixels)
    # The library does not tell DPT's neck the grid of patches, which then takes every image for a square.
    grid = tuple(side // network.config.patch_size for side in pixels.shape[2:])
    handle = network.neck.register_forward_pre_hook(lambda _, args: (args[0], *grid))
    try:
        return network(pixels)
    finally:
        handle.remove()


def _any_size(_: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Lets the hybrid's embeddings take other sizes than the one it was trained at."""
    return args, {**kwargs, "interpolate_pos_encoding": True}
