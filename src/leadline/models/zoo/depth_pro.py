"""Depth Pro: canonical inverse depth and the field of view, together metres and a camera.

The library has its processing for torchvision only; this one is the same on torch alone.
"""

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor
from torch.nn import functional

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.models.zoo.cards import ZooCard
from leadline.models.zoo.estimate import Estimate, Estimator
from leadline.models.zoo.pretrained import enlarged, load_network, one_line, read_settings

_NEAREST_INVERSE: Final = 1e4
_FARTHEST_INVERSE: Final = 1e-4
_NARROWEST_DEG: Final = 1.0
_WIDEST_DEG: Final = 179.0


def load(folder: Path, card: ZooCard, device: str) -> Estimator:
    """The network and its processing.

    Args:
        folder: Files of its repository.
        card: What it should be.
        device: As torch names it.
    Raises:
        InputError: If the folder does not hold that network, or it does not estimate the field of view.
    """
    network, size, mean, deviation = load_parts(folder, card, device)

    def estimate(image: UInt8[np.ndarray, "h w 3"], _: Float32[np.ndarray, "_ _"] | None) -> Estimate:
        pixels = (torch.from_numpy(image).permute(2, 0, 1) / 255.0 - mean) / deviation
        # No antialiasing, as in training.
        pixels = functional.interpolate(pixels[None], size=size, mode="bilinear", align_corners=False)
        return _metric(network(pixels.to(network.device)), image.shape[0], image.shape[1])

    return estimate


def load_parts(
    folder: Path, card: ZooCard, device: str
) -> tuple[Any, tuple[int, int], Float[Tensor, "3 1 1"], Float[Tensor, "3 1 1"]]:
    """The library's network, the height and width that it sees, and the mean and deviation of RGB in [0, 1].

    Args:
        folder: Files of its repository.
        card: What it should be.
        device: As torch names it, for the network.
    Raises:
        InputError: As for `load`.
    """
    settings = read_settings(folder, "preprocessor_config.json", card)
    with one_line(f"a size, image_mean and image_std of {card.hub_id} in {folder}/preprocessor_config.json"):
        size = int(settings["size"]["height"]), int(settings["size"]["width"])
        mean, deviation = (
            torch.tensor(settings[key], dtype=torch.float32).reshape(3, 1, 1) for key in ("image_mean", "image_std")
        )
    network = load_network(folder, card, device)
    if not network.use_fov_model:
        raise InputError(
            f"expected a Depth Pro that estimates the field of view, got one without in {folder}; its depth"
            " has no scale"
        )
    return network, size, mean, deviation


def metres(
    network: Any,  # noqa: ANN401 - the library's classes have no common type
    pixels: Float[Tensor, "b 3 h w"],
) -> Float[Tensor, "b h w"]:
    """Metres from canonical inverse depth C and the field of view, for any width: 1 / Z = C width / f = 2 C tan(fov / 2).

    A field of view that no picture has is held at 1 or 179 degrees, for a batch cannot be refused half-way.

    Args:
        network: The library's, which estimates the field of view.
        pixels: Normalised, at the size that the network sees.
    Source: Bochkovskii et al., Depth Pro, arXiv:2410.02073, section 3.
    """
    outputs = network(pixels)
    half_rad = torch.deg2rad(outputs.field_of_view.float().clamp(_NARROWEST_DEG, _WIDEST_DEG)) / 2.0
    inverse = outputs.predicted_depth.float() * (2.0 * torch.tan(half_rad))[:, None, None]
    return 1.0 / inverse.clamp(_FARTHEST_INVERSE, _NEAREST_INVERSE)


def _metric(outputs: Any, height: int, width: int) -> Estimate:  # noqa: ANN401 - the library's output
    """Metres from canonical inverse depth C: 1 / Z = C width / focal.

    Source: Bochkovskii et al., Depth Pro, arXiv:2410.02073, section 3.
    """
    angle = math.radians(float(outputs.field_of_view.reshape(-1)[0]))
    if not 0.0 < angle < math.pi:
        raise InputError(
            f"expected a field of view between 0 and 180 degrees from Depth Pro, got {math.degrees(angle):g}; check "
            "the weights"
        )
    focal = 0.5 * width / math.tan(0.5 * angle)
    inverse: Tensor = enlarged(outputs.predicted_depth[0].float() * (width / focal), (height, width), "bilinear")
    depth = 1.0 / inverse.clamp(_FARTHEST_INVERSE, _NEAREST_INVERSE)
    camera = Pinhole(focal, focal, (width - 1) / 2.0, (height - 1) / 2.0, height, width)
    return Estimate(depth.cpu().numpy(), camera)
