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
        return _metric(network(_at(pixels[None].to(network.device), size)), image.shape[0], image.shape[1])

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
    seen: tuple[int, int],
) -> Float[Tensor, "b h w"]:
    """Metres by the network's own field of view, as one graph.

    A field of view that no image has is held at 1 or 179 degrees, for a batch cannot be refused half-way. What is
    resized is inverse depth: the mean of a wall's metres and the sky's is near neither.

    Args:
        network: The library's, which estimates the field of view.
        pixels: Normalised, of any size.
        seen: Height and width that the network sees.
    """
    height, width = pixels.shape[2:]
    outputs = network(_at(pixels, seen))
    inverse = _inverse_depth(outputs, outputs.field_of_view.clamp(_NARROWEST_DEG, _WIDEST_DEG))
    return _depth(_at(inverse[:, None], (height, width))[:, 0])


def _at(layers: Float[Tensor, "b c _ _"], size: tuple[int, int]) -> Float[Tensor, "b c _ _"]:
    # No antialiasing, as in training.
    same = tuple(layers.shape[2:]) == size
    return layers if same else functional.interpolate(layers, size, mode="bilinear", align_corners=False)


def _metric(outputs: Any, height: int, width: int) -> Estimate:  # noqa: ANN401 - the library's output
    """Metres, and the camera, of one image."""
    angle = math.radians(float(outputs.field_of_view.reshape(-1)[0]))
    if not 0.0 < angle < math.pi:
        raise InputError(
            f"expected a field of view between 0 and 180 degrees from Depth Pro, got {math.degrees(angle):g}; check "
            "the weights"
        )
    focal = 0.5 * width / math.tan(0.5 * angle)
    inverse = enlarged(_inverse_depth(outputs, outputs.field_of_view)[0], (height, width), "bilinear")
    camera = Pinhole(focal, focal, (width - 1) / 2.0, (height - 1) / 2.0, height, width)
    return Estimate(_depth(inverse).cpu().numpy(), camera)


def _inverse_depth(outputs: Any, fov_deg: Float[Tensor, " b"]) -> Float[Tensor, "b h w"]:  # noqa: ANN401 - as above
    """Inverse metres from canonical inverse depth C: 1 / Z = C width / focal, which is 2 C tan(fov / 2) at any width.

    Source: Bochkovskii et al., Depth Pro, arXiv:2410.02073, section 3.
    """
    share = 2.0 * torch.tan(torch.deg2rad(fov_deg.float()) / 2.0)
    return outputs.predicted_depth.float() * share[:, None, None]


def _depth(inverse: Float[Tensor, "*b h w"]) -> Float[Tensor, "*b h w"]:
    """Metres from inverse metres, up to ten kilometres."""
    return 1.0 / inverse.clamp(_FARTHEST_INVERSE, _NEAREST_INVERSE)
