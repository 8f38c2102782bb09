"""Fine-tuning of the zoo's networks on metric depth, all of it or parts, in full or with low-rank adapters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, cast, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.data.mono.augment import MonoAugmentation
from leadline.data.mono.stream import MonoBatch, mono_stream, to_tensors
from leadline.data.stream import Stream
from leadline.errors import InputError
from leadline.losses import (
    gradient_matching,
    root_scale_invariant_log,
    scale_and_shift_invariant,
    scale_invariant_log,
    standardised,
    trimmed_scale_and_shift_invariant,
)
from leadline.maps import DepthKind
from leadline.models.checkpoint import averaged_weights
from leadline.models.zoo.cards import ZooCard, zoo_card
from leadline.models.zoo.source import model_folder, require_licence
from leadline.models.zoo.trainable import ZooNetwork, load_trainable, require_trainable, with_lora
from leadline.protocols.mono.scenes import samples_for_a_metre
from leadline.samples import DepthSample
from leadline.training.finetune.data import DepthPart, FinetuneValidation, split
from leadline.training.finetune.prompt import PromptedBatch, depth_with_truth, to_prompted_tensors
from leadline.training.mono.learner import Estimate, MonoLearner, images_of
from leadline.training.mono.validation import MonoValidationItem
from leadline.training.recipe import Recipe, changed_keys, require_range

FinetuneLoss = Literal["scale-shift-invariant", "trimmed-scale-shift-invariant", "silog", "squared-silog"]

LOSSES: Final[Mapping[DepthKind, tuple[FinetuneLoss, ...]]] = {
    "affine_inverse": ("scale-shift-invariant", "trimmed-scale-shift-invariant"),
    "metric": ("silog", "squared-silog"),
}
"""Losses for networks of a kind; the first if nothing is asked for."""
_LEAST_PIXELS: Final = 16
"""An image with truth on fewer pixels does not count: its own scale and shift mean nothing."""
_MAY_CHANGE: Final = frozenset(
    {"steps", "warmup_steps", "decay_steps", "epoch_steps", "validate_epochs", "workers", "accept_licence"}
)
_MOST_LOOKED_AT: Final = 200
"""Images whose size is looked at, evenly spaced ones if there are more."""
_NEAREST_M: Final = 1e-3
_FARTHEST_INVERSE: Final = 1e-6


@dataclass(frozen=True, kw_only=True)
class FinetuneRecipe(Recipe):
    """Fine-tuning of a network of the zoo; `model` is its name there.

    `data` and `validation` are shards or folders of images with depth; an empty `validation` holds back every tenth
    image of the data.

    Args:
        source: Folder with the files of the network's repository; the hub's cache or the network if absent.
        accept_licence: Accepts a licence with restrictions.
        depth_unit: What a sample of a folder's depth images stands for: mm, cm, or 1/N of a metre.
        loss: Of `LOSSES`, that of the network's kind if absent. scale-shift-invariant: MiDaS in disparity;
            trimmed-scale-shift-invariant leaves out the worst fifth of each image, for truth with outliers. silog:
            root of the scale-invariant logarithmic error with balance 0.5, as Depth Anything V2 and GLPN train;
            squared-silog: without the root, image by image, as Eigen et al. 2014 have it.
        gradient_weight: Of the difference of gradients over four scales, for inverse depth.
        lora: Rank of low-rank adapters in the backbone, which alone are trained; 0 trains everything.
        backbone_rate: Share of the learning rate that the backbone learns with in full fine-tuning.
        prompt_grid: Rows and columns of the prompt that a network which takes one is given; it is the mean of the true
            depth in each cell. The default is the grid of points that a phone's laser casts; 8 x 8 is that of a
            time-of-flight chip, 192 x 256 that of the depth that a phone makes of its points.
        augmentation: How samples are changed. For metric depth, scale must be [1, 1] and log2_stretch 0: another
            focal length with the same metres would teach nonsense.
    """

    steps: int = 500
    batch_size: int = 4
    learning_rate: float = 5e-5
    warmup_steps: int = 20
    decay_steps: int = 250
    weight_decay: float = 0.01
    ema_decay: float = 0.98
    epoch_steps: int = 50
    validate_epochs: int = 2
    compile: bool = False
    workers: int = 0
    precision: Literal["bf16-mixed", "32-true"] = "32-true"
    source: str | None = None
    accept_licence: bool = False
    depth_unit: str = "mm"
    loss: FinetuneLoss | None = None
    gradient_weight: float = 0.5
    lora: int = 0
    backbone_rate: float = 0.1
    prompt_grid: tuple[int, int] = (24, 24)
    augmentation: MonoAugmentation = field(default_factory=MonoAugmentation)

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        for name in ("gradient_weight", "backbone_rate"):
            require_range(self, name, least=0)
        samples_for_a_metre(self.depth_unit)
        if self.lora < 0:
            raise InputError(f"expected a rank of at least 0 for lora in the recipe, got {self.lora}")
        if min(self.prompt_grid) < 2:
            raise InputError(f"expected a prompt_grid of at least 2 x 2 in the recipe, got {self.prompt_grid}")


@final
class FinetunedZoo(MonoLearner[FinetuneRecipe]):
    """Learns depth of the network's own kind; validates a moving average of the weights."""

    def __init__(self, recipe: FinetuneRecipe) -> None:
        network = start_network(recipe)
        loss = chosen_loss(network.card, recipe.loss)
        _require_views(recipe, network)
        samples_per_m = samples_for_a_metre(recipe.depth_unit)
        parts = split(recipe.data, recipe.validation, network.farthest_m, samples_per_m)
        if recipe.lora:
            network = with_lora(network, recipe.lora)
        # Lightning warns of networks that are not in this mode; each step sets the other one.
        judged = partial(FinetuneValidation, parts[1], recipe.validation_pairs)
        super().__init__(recipe, network.train(), judged, partial(_groups, recipe=recipe))
        self.loss: FinetuneLoss = loss
        self.learned, self.judged = parts

    @property
    def network(self) -> ZooNetwork:
        """The network that learns."""
        return cast(ZooNetwork, self.model)

    @property
    def averaged_network(self) -> ZooNetwork:
        """The network with averaged weights."""
        return cast(ZooNetwork, self.averaged)

    def training_step(self, batch: PromptedBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        # Statistics of a few images are worse than those that the network came with.
        self.model.eval()
        depth = self.network(images_of(batch["image"]), batch.get("prompt_m"))
        with torch.autocast(depth.device.type, enabled=False):
            terms = finetune_terms(depth.float(), batch, self.loss, self.recipe.gradient_weight)
        return self.checked(terms)

    def samples(self, start: int, count: int) -> Stream[DepthSample]:
        """The samples of one epoch, with a prompt for a network that takes one."""
        recipe = self.recipe
        prompted = partial(to_prompted_tensors, grid=recipe.prompt_grid)
        convert = prompted if self.network.card.needs_prompt else to_tensors
        return mono_stream([self.learned], [1.0], recipe.augmentation, recipe.seed, start, count, convert)

    def estimate(self, item: MonoValidationItem) -> Estimate:
        """Depth of one image, of the network's kind."""
        network, truth = self.averaged_network, (item["depth"].cpu().numpy(), item["valid"].cpu().numpy())
        depth = depth_with_truth(network, item["image"], *truth, self.recipe.prompt_grid)
        return Estimate(depth, None, network.kind)


def _groups(model: nn.Module, recipe: FinetuneRecipe) -> Sequence[dict[str, Any]]:
    """The adapters alone, or all: the backbone with a share of the learning rate."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    if recipe.lora:
        return [{"params": trained}]
    backbone = set(map(id, cast(ZooNetwork, model).backbone().parameters()))
    slow = [weight for weight in trained if id(weight) in backbone]
    rest = [weight for weight in trained if id(weight) not in backbone]
    return [{"params": rest}, {"params": slow, "lr": recipe.learning_rate * recipe.backbone_rate}]


def start_network(recipe: FinetuneRecipe) -> ZooNetwork:
    """The network that a fine-tuning starts from.

    Args:
        recipe: Its name, source and licence.
    Raises:
        InputError: If there is no such network, it cannot be trained, its licence is not accepted, or its files are
            not to be had or not what they should be.
        MissingExtraError: If transformers is not installed.
    """
    card = zoo_card(recipe.model)
    require_trainable(card)
    require_licence(card, recipe.accept_licence)
    return load_trainable(network_folder(recipe), card)


def network_folder(recipe: FinetuneRecipe) -> Path:
    """Folder of the network that a fine-tuning starts from.

    Raises:
        InputError: If they are not to be had.
    """
    return model_folder(zoo_card(recipe.model), recipe.source)


def require_same_run(recipe: FinetuneRecipe, checkpoint: Path) -> None:
    """Refuses to go on from the checkpoint of a run that learns something else; its length may change.

    Args:
        recipe: What to learn.
        checkpoint: Of the earlier run.
    Raises:
        InputError: If it is another run's, or no checkpoint.
    """
    kept = averaged_weights(checkpoint)[0]
    if other := [name for name in changed_keys(kept, recipe) if name not in _MAY_CHANGE]:
        raise InputError(
            f"expected a checkpoint of the same run in {checkpoint}, got another {other[0]} ({kept.get(other[0])!r}); "
            "choose another output folder, or overwrite it"
        )


def chosen_loss(card: ZooCard, wanted: FinetuneLoss | None) -> FinetuneLoss:
    """The loss that suits a network's kind.

    Args:
        card: The network.
        wanted: What is asked for; the usual one if absent.
    Raises:
        InputError: If that is for another kind.
    """
    suitable = LOSSES[card.kind]
    if wanted is None:
        return suitable[0]
    if wanted not in suitable:
        raise InputError(
            f"expected a loss out of {', '.join(suitable)} for {card.name}, whose depth is {card.kind}, got {wanted}; "
            "leave it out or choose another network"
        )
    return wanted


def usual_augmentation(network: ZooNetwork, part: DepthPart) -> MonoAugmentation:
    """Views as the network will see the images; for metres with the focal length that they have there.

    For metres the views are squares with the shorter side that the network will see: a portrait and a landscape of one
    camera then have one focal length in them, which views of one of the two shapes would change. A network that
    squeezes all images into one size is given whole ones, which it squeezes itself.

    Args:
        network: The network that learns.
        part: The images.
    Raises:
        InputError: If the images have several sizes, and the network takes metres from images of their own size.
    """
    height, width = part[0].image.shape[:2]
    crop = (height, width) if network.size.side == "exact" else network.size.applied(height, width)
    if network.kind != "metric":
        return MonoAugmentation(crop=crop)
    if network.size.side == "native":
        _require_one_size(part, network.card.name)
    elif network.size.side != "exact":
        crop = (min(crop), min(crop))
    return MonoAugmentation(crop=crop, scale=(1.0, 1.0), log2_stretch=0.0)


def _require_one_size(part: DepthPart, name: str) -> None:
    """Refuses images of several sizes: views of one size would have another focal length than the network will see."""
    first = part[0].image.shape[:2]
    for index in range(0, len(part), max(1, len(part) // _MOST_LOOKED_AT)):
        if (size := part[index].image.shape[:2]) != first:
            raise InputError(
                f"expected images of one size for the metres of {name}, got {first[1]}x{first[0]} and "
                f"{size[1]}x{size[0]} ({part.key(index)}); bring them to one size, or learn from one size at a time"
            )


def finetune_terms(
    depth: Float[Tensor, "b h w"],
    batch: MonoBatch,
    loss: FinetuneLoss,
    gradient_weight: float,
) -> dict[str, Float[Tensor, ""]]:
    """The weighted terms of the loss, by name; pixels without truth have no part in them.

    Args:
        depth: What the network says, in its unit.
        batch: The truth.
        loss: Which.
        gradient_weight: Of the difference of gradients, for inverse depth.
    Source: As the losses' own; Ranftl et al. 2020 (MiDaS), equation 11, for the gradients.
    """
    values, inverse = depth.unsqueeze(1), batch["inverse_depth"].unsqueeze(1)
    known = batch["valid"].unsqueeze(1)
    if loss in LOSSES["metric"]:
        metres = 1.0 / inverse.clamp_min(_FARTHEST_INVERSE)
        values, weight = values.clamp_min(_NEAREST_M), known.float()
        if loss == "silog":
            return {"silog": root_scale_invariant_log(values, metres, weight, balance=0.5, gain=1.0)}
        return {"squared_silog": scale_invariant_log(values, metres, weight)}
    weight = known.float() * (known.sum(dim=(1, 2, 3), keepdim=True) >= _LEAST_PIXELS)
    aligned = scale_and_shift_invariant if loss == "scale-shift-invariant" else trimmed_scale_and_shift_invariant
    ours, theirs = standardised(values, weight), standardised(inverse.masked_fill(~known, 0.0), weight)
    return {
        "invariant": aligned(values, inverse, weight),
        "gradient": gradient_weight * gradient_matching(ours, theirs, weight),
    }


def _require_views(recipe: FinetuneRecipe, network: ZooNetwork) -> None:
    """Refuses views that the network cannot see or that would teach it wrong metres."""
    options, multiple = recipe.augmentation, network.size.multiple_of
    if any(side % multiple or side < multiple for side in options.crop):
        raise InputError(f"expected a crop of multiples of {multiple} for {recipe.model}, got {options.crop}")
    if network.kind == "metric" and replace(options, scale=(1.0, 1.0), log2_stretch=0.0) != options:
        raise InputError(
            f"expected an augmentation with scale [1, 1] and log2_stretch 0 for the metres of {recipe.model}, got "
            f"{list(options.scale)} and {options.log2_stretch:g}"
        )
