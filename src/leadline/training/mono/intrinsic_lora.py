"""Training of adapters that bring depth out of an image generator, from a few hundred labelled images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from leadline.data.mono.augment import MonoAugmentation
from leadline.data.mono.stream import MonoBatch, mono_stream
from leadline.data.source import Part
from leadline.errors import InputError
from leadline.losses import l2
from leadline.models.catalog import build_model
from leadline.models.mono.inference import MonoInference
from leadline.models.mono.intrinsic_lora import IntrinsicLora, write_adapters
from leadline.models.mono.intrinsic_lora_base import GENERATOR
from leadline.training.learner import Learner
from leadline.training.mono.validation import MonoValidation, MonoValidationItem, log_scores
from leadline.training.recipe import Recipe, require_crop
from leadline.training.sources import depth_sources, require_no_sky

ADAPTERS_NAME: Final = "adapters.safetensors"
_LEAST_KNOWN: Final = 0.1
"""An image with truth on a smaller share of its pixels does not count: its own range means nothing."""
_NEARLY_ALL: Final = (0.02, 0.98)


@dataclass(frozen=True)
class IntrinsicLoraRecipe(Recipe):
    """Training of low-rank adapters on an image generator; model_options say which and of what rank.

    Args:
        labels: How many samples are learnt from, the data's first ones.
        sky_weight: Weight of a latent that sees pixels without truth, which are taken to be infinitely far away: right
            for rendered images, where only the sky has none.
        augmentation: How samples are changed.
    """

    labels: int = 250
    sky_weight: float = 0.0
    augmentation: MonoAugmentation = field(default_factory=lambda: MonoAugmentation(crop=(448, 576)))

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_no_sky(self.sky_weight, [self.data])
        if self.labels < 1:
            raise InputError(f"expected labels of at least 1 in the recipe, got {self.labels}")


@final
class IntrinsicLoraLearner(Learner):
    """Learns the latent of inverse depth, and only the adapters for it; validates a moving average of them."""

    def __init__(self, recipe: IntrinsicLoraRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not isinstance(model, IntrinsicLora):
            raise InputError(f"expected the model intrinsic-lora for this method, got {recipe.model}")
        require_crop(recipe.augmentation.crop, model.input_stride)
        super().__init__(recipe, model)
        self.recipe = recipe

    @property
    def inference(self) -> MonoInference:
        """The averaged network as users call it."""
        rows, columns = self.recipe.augmentation.crop
        return MonoInference(cast(Any, self.average.module), (rows * columns,)).eval()

    def parameter_groups(self) -> Sequence[dict[str, Any]]:
        """The adapters."""
        return [{"params": [weight for _, weight in cast(IntrinsicLora, self.model).adapters()]}]

    def training_step(self, batch: MonoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        model = cast(IntrinsicLora, self.model)
        image = batch["image"].permute(0, 3, 1, 2).float() / 255.0
        truth = model.latent(unit_range(batch["inverse_depth"], batch["valid"]).unsqueeze(1).expand(-1, 3, -1, -1))
        weight = latent_weight(batch["valid"], model.latent_stride, self.recipe.sky_weight)
        latent = model.depth_latent(image)
        with torch.autocast(image.device.type, enabled=False):
            return self.checked({"latent": l2(latent.float(), truth.float(), weight.expand_as(truth))})

    def validation_step(self, batch: MonoValidationItem, batch_index: int) -> None:
        """Scores the averaged network on one image."""
        with torch.autocast(self.device.type, enabled=False):
            inverse_depth, confidence = self.inference(batch["image"])
        log_scores(self, batch, inverse_depth, confidence)

    def on_fit_end(self) -> None:
        """Writes the averaged adapters beside the checkpoint."""
        if self.trainer.is_global_zero:
            average = cast(IntrinsicLora, self.average.module)
            write_adapters(average, Path(self.trainer.default_root_dir) / ADAPTERS_NAME, {"generator": GENERATOR.name})

    def train_dataloader(self) -> DataLoader[MonoBatch]:
        """The samples of this epoch; made anew for each, so that a resumed run sees what it would have seen."""
        recipe = self.recipe
        count = recipe.epoch_steps * recipe.batch_size
        (whole,), _ = depth_sources(recipe)
        source = Part(whole, range(min(recipe.labels, len(whole))))
        return self.loader(mono_stream([source], [1.0], recipe.augmentation, recipe.seed, self.samples_seen, count))

    def val_dataloader(self) -> DataLoader[MonoValidationItem]:
        """Rendered images first, then the real scenes that are present."""
        return self.validation_loader(MonoValidation(self.recipe))


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
