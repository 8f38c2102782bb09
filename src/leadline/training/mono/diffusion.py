"""Diffusion training of metric depth from single images with a known field of view."""

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.data.mono.augment_fov import FovAugmentation
from leadline.data.mono.stream import FovBatch, fov_stream
from leadline.data.stream import Stream
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.losses import l1
from leadline.models.blocks.diffusion import DIFFUSION_STEPS, clean_from_velocity, noise_schedule
from leadline.models.catalog import build_model
from leadline.models.mono.diffusion_depth import DiffusionDepth
from leadline.models.mono.diffusion_sampler import DiffusionSampler
from leadline.models.mono.log_depth import LogDepthRange
from leadline.models.zoo.estimate import DiffusionOptions
from leadline.samples import DepthSample
from leadline.training.mono.learner import Estimate, MonoLearner, images_of
from leadline.training.mono.recipe import DepthNetworkRecipe
from leadline.training.mono.validation import MonoValidation, MonoValidationItem
from leadline.training.processes import process_rank
from leadline.training.recipe import require_crop, require_range
from leadline.training.sources import depth_sources, require_no_sky


@dataclass(frozen=True, kw_only=True)
class DiffusionRecipe(DepthNetworkRecipe):
    """Training of a network that draws metric depth.

    Args:
        depth_range: Depths between which the network draws.
        sky_weight: Weight of a pixel of the image without truth, against the depth that stands there instead. Above 0
            only where augmentation.missing is right about it.
        unroll: Share of the steps that denoise the network's own depth instead of the true one, as drawing does.
        draw: How validation draws.
        augmentation: How samples are changed.
    """

    depth_range: LogDepthRange = field(default_factory=LogDepthRange)
    sky_weight: float = 0.0
    unroll: float = 0.0
    draw: DiffusionOptions = field(default_factory=lambda: DiffusionOptions(steps=4, ensemble=5))
    augmentation: FovAugmentation = field(default_factory=FovAugmentation)

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_range(self, "sky_weight", least=0)
        require_no_sky(self.sky_weight, [self.data])
        if not 0.0 <= self.unroll <= 1.0:
            raise InputError(f"expected unroll in [0, 1] in the recipe, got {self.unroll}")


@final
class DiffusionLearner(MonoLearner[DiffusionRecipe]):
    """Learns to denoise coded depth; validates the depth that a moving average of the weights draws."""

    def __init__(self, recipe: DiffusionRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not isinstance(model, DiffusionDepth):
            raise InputError(f"expected the model diffusion-depth for this method, got {recipe.model}")
        require_crop(recipe.augmentation.crop, model.input_stride)
        super().__init__(recipe, model, partial(MonoValidation, recipe))
        self.noise = noise_schedule()

    @property
    def sampler(self) -> DiffusionSampler:
        """The averaged network as users call it."""
        rows, columns = self.recipe.augmentation.crop
        return DiffusionSampler(self.averaged, self.recipe.depth_range, rows * columns, self.recipe.draw)

    def training_step(self, batch: FovBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch; its noise is a function of seed and step, so that a resumed run draws the same."""
        seed = np.random.SeedSequence((self.recipe.seed, 3, self.global_step, process_rank())).generate_state(1)
        generator = torch.Generator().manual_seed(int(seed[0]))
        return self.checked(diffusion_terms(self.model, self.noise, batch, self.recipe, generator))

    def samples(self, start: int, count: int) -> Stream[DepthSample]:
        """The samples of one epoch with their fields of view."""
        recipe = self.recipe
        (source,), _ = depth_sources(recipe)
        return fov_stream(source, recipe.augmentation, recipe.seed, start, count)

    def estimate(self, item: MonoValidationItem) -> Estimate:
        """Depth that the averaged network draws of one image; in metres if its field of view is known."""
        image = item["image"].cpu().numpy()
        camera = _camera(item["relative_focal"], *image.shape[:2]) if "relative_focal" in item else None
        drawn = self.sampler(image, camera)
        confidence = None if drawn.confidence is None else torch.from_numpy(drawn.confidence)
        return Estimate(torch.from_numpy(drawn.depth), confidence, drawn.kind)


def _camera(relative_focal: float, height: int, width: int) -> Pinhole:
    """The camera with square pixels that `Pinhole.relative_focal` describes."""
    focal = relative_focal * math.sqrt(height * width)
    return Pinhole(focal, focal, (width - 1) / 2.0, (height - 1) / 2.0, height, width)


def diffusion_terms(
    model: nn.Module,
    schedule: Any,  # noqa: ANN401 - diffusers' DDIMScheduler
    batch: FovBatch,
    recipe: DiffusionRecipe,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """The loss of one batch by name: of the velocity, or of the depth that an unrolled step denoises to.

    Args:
        model: A `DiffusionDepth`.
        schedule: As `noise_schedule` gives it.
        batch: Images with depth everywhere; what is not known to be true has no weight.
        recipe: Weights.
        generator: Of steps and noise, on the CPU.
    Source: Saxena et al. 2023 (DMD): L1 on the velocity, and step-unrolled denoising. Unrolled, the noise is added to
        the network's own depth; the velocity back to the truth would grow without bound as the noise vanishes, so that
        the denoised depth is compared instead.
    """
    image = images_of(batch["image"])
    clean = recipe.depth_range.encode(batch["depth"]).unsqueeze(1)
    weight = batch["valid"].float() + recipe.sky_weight * (batch["inside"] & ~batch["valid"]).float()
    weight = weight.unsqueeze(1)
    field_of_view = batch["tan_half_fov"]
    step = torch.randint(0, DIFFUSION_STEPS, (len(image),), generator=generator).to(image.device)
    noise, again = (torch.randn(clean.shape, generator=generator).to(clean) for _ in range(2))
    unrolled = float(torch.rand((), generator=generator)) < recipe.unroll

    noisy = schedule.add_noise(clean, noise, step)
    if not unrolled:
        velocity = cast(Tensor, model(image, noisy, step, field_of_view))
        return {"velocity": l1(velocity, schedule.get_velocity(clean, noise, step), weight)}
    with torch.no_grad():
        own = clean_from_velocity(schedule, noisy, cast(Tensor, model(image, noisy, step, field_of_view)), step)
    noisy = schedule.add_noise(own.clamp(-1.0, 1.0), again, step)
    velocity = cast(Tensor, model(image, noisy, step, field_of_view))
    return {"unrolled": l1(clean_from_velocity(schedule, noisy, velocity, step), clean, weight)}
