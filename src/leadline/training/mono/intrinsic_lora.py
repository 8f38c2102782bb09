"""Training of adapters that bring depth out of an image generator, from a few hundred labelled images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, cast, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.data.mono.augment import MonoAugmentation
from leadline.data.mono.stream import MonoBatch, mono_stream
from leadline.data.source import Part
from leadline.data.stream import Stream
from leadline.errors import InputError
from leadline.losses import l2
from leadline.models.catalog import build_model
from leadline.models.mono.inference import MonoInference
from leadline.models.mono.intrinsic_lora import IntrinsicLora, write_adapters
from leadline.models.mono.intrinsic_lora_base import GENERATOR
from leadline.samples import DepthSample
from leadline.training.mono.learner import Estimate, MonoLearner, images_of
from leadline.training.mono.recipe import DepthNetworkRecipe
from leadline.training.mono.validation import MonoValidation, MonoValidationItem
from leadline.training.recipe import require_crop, require_range
from leadline.training.sources import depth_sources, require_no_sky

ADAPTERS_NAME: Final = "adapters.safetensors"
_LEAST_KNOWN: Final = 0.1
"""An image with truth on a smaller share of its pixels does not count: its own range means nothing."""
_NEARLY_ALL: Final = (0.02, 0.98)


@dataclass(frozen=True, kw_only=True)
class IntrinsicLoraRecipe(DepthNetworkRecipe):
    """Training of low-rank adapters on an image generator; model_options say which and of what rank.

    Args:
        labels: How many samples are learnt from, the data's first ones.
        sky_weight: Weight of a latent over pixels without truth, which are taken to be infinitely far away: right
            for rendered images, where only the sky has none.
        augmentation: How samples are changed.
    """

    labels: int = 250
    sky_weight: float = 0.0
    augmentation: MonoAugmentation = field(default_factory=lambda: MonoAugmentation(crop=(448, 576)))

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_range(self, "sky_weight", least=0)
        require_no_sky(self.sky_weight, [self.data])
        if self.labels < 1:
            raise InputError(f"expected labels of at least 1 in the recipe, got {self.labels}")


@final
class IntrinsicLoraLearner(MonoLearner[IntrinsicLoraRecipe]):
    """Learns the latent of inverse depth, and only the adapters for it; validates a moving average of them."""

    def __init__(self, recipe: IntrinsicLoraRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not isinstance(model, IntrinsicLora):
            raise InputError(f"expected the model intrinsic-lora for this method, got {recipe.model}")
        require_crop(recipe.augmentation.crop, model.input_stride)
        super().__init__(recipe, model, partial(MonoValidation, recipe), _adapters)

    @property
    def inference(self) -> MonoInference:
        """The averaged network as users call it."""
        rows, columns = self.recipe.augmentation.crop
        return MonoInference(cast(Any, self.averaged), (rows * columns,)).eval()

    def training_step(self, batch: MonoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        model = cast(IntrinsicLora, self.model)
        image = images_of(batch["image"])
        truth = model.latent(unit_range(batch["inverse_depth"], batch["valid"]).unsqueeze(1).expand(-1, 3, -1, -1))
        weight = latent_weight(batch["valid"], model.latent_stride, self.recipe.sky_weight)
        latent = model.depth_latent(image)
        with torch.autocast(image.device.type, enabled=False):
            return self.checked({"latent": l2(latent.float(), truth.float(), weight.expand_as(truth))})

    def samples(self, start: int, count: int) -> Stream[DepthSample]:
        """The samples of one epoch, out of the data's first ones."""
        recipe = self.recipe
        (whole,), _ = depth_sources(recipe)
        source = Part(whole, range(min(recipe.labels, len(whole))))
        return mono_stream([source], [1.0], recipe.augmentation, recipe.seed, start, count)

    def estimate(self, item: MonoValidationItem) -> Estimate:
        """Inverse depth of one image."""
        return Estimate(*self.inference(item["image"]))

    def on_fit_end(self) -> None:
        """Writes the averaged adapters beside the checkpoint."""
        if self.trainer.is_global_zero:
            average = cast(IntrinsicLora, self.average.module)
            write_adapters(average, Path(self.trainer.default_root_dir) / ADAPTERS_NAME, {"generator": GENERATOR.name})


def _adapters(model: nn.Module) -> Sequence[dict[str, Any]]:
    """One parameter group of the adapters alone."""
    return [{"params": [weight for _, weight in cast(IntrinsicLora, model).adapters()]}]


def unit_range(inverse_depth: Float[Tensor, "b h w"], valid: Bool[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    """Inverse depth with its 2nd and 98th percentile at -1 and 1, as far as it is known; beyond them, their end.

    Args:
        inverse_depth: 1/m; 0, infinitely far away, where it is not known.
        valid: Where it is known.
    """
    scaled: list[Tensor] = []
    for image, known in zip(inverse_depth, valid, strict=True):
        values = image[known] if known.any() else image.flatten()
        low, high = values.quantile(torch.tensor(_NEARLY_ALL, device=values.device))
        scaled.append(2.0 * (image - low) / (high - low).clamp_min(1e-6) - 1.0)
    return torch.stack(scaled).clamp(-1.0, 1.0)


def latent_weight(valid: Bool[Tensor, "b h w"], stride: int, sky_weight: float) -> Float[Tensor, "b 1 hl wl"]:
    """1 for a latent whose pixels are all known, sky_weight for another; 0 in an image of which too little is known.

    Args:
        valid: Where the truth is known.
        stride: Pixels a side that a latent stands for.
        sky_weight: As in the recipe.
    """
    known = valid.unsqueeze(1).float()
    whole = -functional.max_pool2d(-known, stride)
    counts = (known.mean(dim=(1, 2, 3), keepdim=True) >= _LEAST_KNOWN).float()
    return (whole + sky_weight * (1.0 - whole)) * counts
