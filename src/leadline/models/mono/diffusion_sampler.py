"""A diffusion network as its users call it: an image of any size and its camera in, metric depth out."""

import math
from pathlib import Path
from typing import Any, Final, cast, final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from leadline.data.mono.augment_fov import tan_half_fov
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.models.blocks.diffusion import DIFFUSION_STEPS
from leadline.models.catalog import DIFFUSION_BUILDERS, build_model
from leadline.models.checkpoint import averaged_weights
from leadline.models.mono.diffusion_depth import draw
from leadline.models.mono.log_depth import LogDepthRange
from leadline.models.zoo.estimate import DiffusionOptions
from leadline.runtime.images import as_rgb, require_8bit

USUAL_STEPS: Final = 4
"""Of denoising, where nobody says another number."""
AGREEMENT: Final = 0.1
"""A draw agrees with the median if its depth is within this share of it."""
_USUAL_TAN_HALF_FOV: Final = math.tan(math.radians(55.0) / 2.0)


@final
class DiffusionSampler:
    """A diffusion network as a method for single images.

    Args:
        network: A `DiffusionDepth`.
        depth_range: What its code means.
        area_px: About how many pixels it sees of an image, whatever its size and shape.
        options: Steps (4 if absent), draws whose median is taken, and the seed of their noise.
    Raises:
        InputError: If there are more than 1000 steps.
    """

    def __init__(
        self, network: nn.Module, depth_range: LogDepthRange, area_px: int, options: DiffusionOptions | None = None
    ) -> None:
        self.network, self.depth_range, self.area_px = network, depth_range, area_px
        self.options = options or DiffusionOptions()
        if self.options.steps is not None and self.options.steps > DIFFUSION_STEPS:
            raise InputError(f"expected at most {DIFFUSION_STEPS} steps, got {self.options.steps}")

    def __call__(self, image: UInt8[np.ndarray, "h w *c"], camera: Pinhole | None = None) -> DepthMap:
        """Depth at the size of the image.

        Args:
            image: RGB or grey, 8 bit.
            camera: Who saw it.
        Returns:
            Metric depth; without a camera a vertical field of view of 55 degrees is assumed, and the depth is
            up_to_scale. Its confidence is the draws' agreement: the share of them within 10 % of their median depth. It
            is no calibrated probability: all draws can share an error. None from a single draw.
        Raises:
            InputError: If the image is not 8-bit RGB or grey, or the camera has another size.
        """
        require_8bit(image, "the image")
        size = (int(image.shape[0]), int(image.shape[1]))
        if camera is not None and (camera.height, camera.width) != size:
            raise InputError(
                f"expected a camera of the image's size {size}, got {(camera.height, camera.width)}; use "
                "camera.scaled(height, width)"
            )
        field = _USUAL_TAN_HALF_FOV if camera is None else tan_half_fov(camera)
        depths = self.draws(torch.from_numpy(np.ascontiguousarray(as_rgb(image))), field).cpu()
        depth = depths.quantile(0.5, dim=0)
        agreement = None
        if self.options.ensemble > 1:
            agreement = ((depths - depth).abs() < AGREEMENT * depth).float().mean(dim=0).numpy()
        kind = "up_to_scale" if camera is None else "metric"
        return DepthMap(depth.numpy(), np.ones(size, bool), kind, agreement, camera)

    @torch.no_grad()
    def draws(self, image: UInt8[Tensor, "h w 3"], field: float) -> Float[Tensor, "n h w"]:
        """Depth in metres, once for each draw.

        Args:
            image: RGB.
            field: Tangent of half the vertical field of view.
        """
        count, steps = self.options.ensemble, self.options.steps or USUAL_STEPS
        device = next(self.network.parameters()).device
        rgb = image.to(device).permute(2, 0, 1).unsqueeze(0).float() / 255.0
        height, width = image.shape[:2]
        side = math.sqrt(self.area_px / (height * width))
        stride: int = cast(Any, self.network).input_stride
        size = tuple(max(1, round(full * side / stride)) * stride for full in (height, width))
        rgb = functional.interpolate(rgb, size=size, mode="bilinear", align_corners=False, antialias=True)
        generator = torch.Generator().manual_seed(self.options.seed)
        fields = torch.full((count,), field, device=device)
        code = draw(self.network, rgb.expand(count, -1, -1, -1), fields, steps, generator)
        code = functional.interpolate(code, size=(height, width), mode="bilinear", align_corners=False)
        return self.depth_range.decode(code[:, 0])


def load_diffusion_sampler(
    checkpoint: Path, options: DiffusionOptions | None = None, device: str = "cpu"
) -> DiffusionSampler:
    """The averaged network of a run of the method `diffusion`.

    Args:
        checkpoint: What `leadline train` wrote.
        options: As for `DiffusionSampler`.
        device: As torch names it.
    Raises:
        InputError: If the file is not the checkpoint of such a run.
        MissingExtraError: If diffusers is not installed.
    """
    recipe, weights = averaged_weights(checkpoint)
    if recipe.get("method") != "diffusion" or recipe.get("model") not in DIFFUSION_BUILDERS:
        raise InputError(f"expected a run of method: diffusion in {checkpoint}, got {recipe.get('method')!r}")
    network = build_model(recipe["model"], recipe["model_options"])
    network.load_state_dict(weights)
    rows, columns = recipe["augmentation"]["crop"]
    return DiffusionSampler(network.to(device).eval(), LogDepthRange(**recipe["depth_range"]), rows * columns, options)
