"""External networks as methods for single images, like leadline's own."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, final

import numpy as np
from jaxtyping import Float32, UInt8

from leadline.errors import InputError, MissingExtraError
from leadline.geometry.camera import Pinhole
from leadline.maps import DISTANCE_KINDS, DepthMap
from leadline.models.zoo.cards import Family, ZooCard, zoo_card
from leadline.models.zoo.estimate import DiffusionOptions, Estimator
from leadline.models.zoo.source import model_folder, require_licence
from leadline.runtime.images import as_rgb, require_8bit

_LOADERS: Final[Mapping[Family, str]] = MappingProxyType(
    {
        "depth_anything": "leadline.models.zoo.dense",
        "prompt_depth_anything": "leadline.models.zoo.dense",
        "dpt": "leadline.models.zoo.dense",
        "glpn": "leadline.models.zoo.dense",
        "zoedepth": "leadline.models.zoo.zoedepth",
        "depth_pro": "leadline.models.zoo.depth_pro",
        "marigold": "leadline.models.zoo.marigold",
    }
)
_LEAST_SIDE_PX: Final = 32
_MOST_ELONGATED: Final = 8


@final
class ZooDepth:
    """An external network for single images, loaded once and called often.

    Args:
        card: What is known of it.
        estimator: The network with its processing.
        device: Where it runs.
    """

    def __init__(self, card: ZooCard, estimator: Estimator, device: str) -> None:
        self.card = card
        self._estimator, self._device = estimator, device

    @property
    def description(self) -> dict[str, Any]:
        """Description of the model and how it runs, for a summary."""
        return {"model": self.card.name, "licence": self.card.licence, "device": self._device}

    def __call__(
        self, image: UInt8[np.ndarray, "h w *c"], prompt_m: Float32[np.ndarray, "_ _"] | None = None
    ) -> DepthMap:
        """Depth of the card's kind at the size of the image.

        Args:
            image: RGB or grey, 8 bit.
            prompt_m: Coarse depth of the same view for a network that needs a prompt, metres, all of it known.
        Returns:
            Depth, without a confidence; with a camera if the network estimates one. Distances that are not positive,
            which resizing can leave beside edges, are invalid.
        Raises:
            InputError: If the image is not 8-bit RGB or grey, shorter than 32 px or longer than 8 times its width;
                the prompt is missing, not wanted or not positive depth; or the network's answer is not finite.
        """
        import torch

        require_8bit(image, "the image")
        height, width = image.shape[:2]
        if min(height, width) < _LEAST_SIDE_PX or max(height, width) > _MOST_ELONGATED * min(height, width):
            raise InputError(
                f"expected an image of at least {_LEAST_SIDE_PX} px a side and at most {_MOST_ELONGATED} times longer "
                f"than wide for {self.card.name}, got {(height, width)}; crop or resize it"
            )
        self._check_prompt(prompt_m)
        with torch.inference_mode():
            depth, camera = self._estimator(np.ascontiguousarray(as_rgb(image)), prompt_m)
        if not np.isfinite(depth).all():
            raise InputError(f"expected finite depth from {self.card.name}, got NaN or inf; check the weights")
        valid = depth > 0 if self.card.kind in DISTANCE_KINDS else np.ones(depth.shape, dtype=bool)
        return DepthMap(depth, valid, self.card.kind, camera=camera)

    def with_camera(self, depth: DepthMap, camera: Pinhole) -> DepthMap:
        """Depth as the given camera makes it: of a network that estimated a focal length, metres go with the true one.

        Depth Pro gives canonical inverse depth C, and 1 / Z = C width / focal, so that Z is proportional to the focal
        length. Depth of other networks is returned as it is.

        Args:
            depth: What a call returned.
            camera: The camera that took the image.
        Source: Bochkovskii et al., Depth Pro, arXiv:2410.02073, section 3.
        """
        if depth.camera is None:
            return depth
        factor = np.float32(camera.focal_x_px / depth.camera.focal_x_px)
        return replace(depth, depth=depth.depth * factor, camera=camera)

    def _check_prompt(self, prompt_m: Float32[np.ndarray, "_ _"] | None) -> None:
        if (prompt_m is not None) != self.card.needs_prompt:
            wanted = "a prompt of coarse metric depth" if self.card.needs_prompt else "no prompt"
            got = "none" if prompt_m is None else "one"
            raise InputError(f"expected {wanted} for {self.card.name}, got {got}")
        if prompt_m is None:
            return
        # Its least and greatest value set the scale: a hole coded as 0 would spoil all of it, one value gives none.
        if not (np.isfinite(prompt_m).all() and 0.0 < prompt_m.min() < prompt_m.max()):
            raise InputError(
                f"expected a prompt of different depths in metres, all finite and above 0, for {self.card.name}, got "
                f"{prompt_m.min():g} to {prompt_m.max():g}; fill its holes first"
            )


def load_zoo(
    name: str,
    source: Path | str | None = None,
    accept_licence: bool = False,
    device: str = "cpu",
    diffusion: DiffusionOptions | None = None,
) -> ZooDepth:
    """An external network as a method for single images.

    Args:
        name: One of `ZOO`.
        source: Folder with the files of its repository; the hub's cache or the network if absent.
        accept_licence: Must be true for a licence with restrictions.
        device: As torch names it: cpu, cuda, mps.
        diffusion: How a diffusion network draws depth; its defaults if absent. For no other network.
    Raises:
        InputError: If there is no such network or device, its licence is not accepted, or its files are not to be had
            or not what they should be; or diffusion is given for another network.
        MissingExtraError: If a package is not installed.
    """
    card = zoo_card(name)
    require_licence(card, accept_licence)
    is_diffusion = card.family == "marigold"
    if diffusion is not None and not is_diffusion:
        raise InputError(f"expected no diffusion options for {name}, which draws nothing; leave them out")
    for package in ("torch", "transformers", "safetensors", *(("diffusers",) if is_diffusion else ())):
        if find_spec(package) is None:
            raise MissingExtraError(
                f'expected the package {package}, found none; install it with pip install "leadline[zoo]"'
            )
    folder = model_folder(card, source)
    load = import_module(_LOADERS[card.family]).load
    options = (diffusion or DiffusionOptions(),) if is_diffusion else ()
    return ZooDepth(card, load(folder, card, device, *options), device)
