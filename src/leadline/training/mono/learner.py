"""The core of methods for single images: validation against depth, mixed data, and pretrained encoders."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.data import Dataset

from leadline.data.mono.stream import mono_stream, to_tensors
from leadline.data.stream import Stream
from leadline.data.synthetic.fresh import draw_fresh, fresh_depth
from leadline.errors import InputError
from leadline.maps import DepthKind
from leadline.models.mono.efficientnet_lite import EfficientNetLite0, imagenet_weights
from leadline.samples import DepthSample
from leadline.training.learner import Groups, Learner, Renaming, all_weights
from leadline.training.mono.recipe import DepthData
from leadline.training.mono.validation import MonoValidationItem, log_scores
from leadline.training.recipe import Recipe
from leadline.training.sources import depth_sources

M = TypeVar("M", bound=Recipe)


class Estimate(NamedTuple):
    """A network's answer for one image.

    Args:
        values: Depth or inverse depth, of the kind.
        confidence: P(the depth is within 10 % of the truth), if the network gives one.
        kind: Meaning of the values.
    """

    values: Float[Tensor, "h w"]
    confidence: Float[Tensor, "h w"] | None = None
    kind: DepthKind = "affine_inverse"


class MonoLearner(Learner[M], ABC):
    """Trains a network for single images; a subclass defines the loss of a batch, the samples and the estimate.

    Args:
        recipe: What to learn.
        model: The network, with the weights that it starts with.
        validation: Makes the images that the averaged network is validated on.
        groups: What the optimiser learns, and at which rates.
        renaming: Names that another network's weights get before they are adopted.
    """

    def __init__(
        self,
        recipe: M,
        model: nn.Module,
        validation: Callable[[], Dataset[MonoValidationItem]],
        groups: Groups = all_weights,
        renaming: Renaming = dict,
    ) -> None:
        super().__init__(recipe, model, groups, renaming)
        self._validation = validation

    @abstractmethod
    def estimate(self, item: MonoValidationItem) -> Estimate:
        """The averaged network's answer for one image of the validation."""

    def validation_images(self) -> Dataset[MonoValidationItem]:
        """Rendered images first, then the real scenes that are present."""
        return self._validation()

    def validation_step(self, batch: MonoValidationItem, batch_index: int) -> None:
        """Scores the averaged network on one image."""
        with torch.autocast(self.device.type, enabled=False):
            estimate = self.estimate(batch)
        log_scores(self, batch, *estimate)


def images_of(image: Tensor) -> Float[Tensor, "b 3 h w"]:
    """Images of a batch in [0, 1], as networks take them."""
    return image.permute(0, 3, 1, 2).float() / 255.0


def depth_stream(
    recipe: DepthData, start: int, count: int, convert: Callable[[DepthSample], dict[str, Tensor]] = to_tensors
) -> Stream[DepthSample]:
    """The samples of one epoch, from all folders of a recipe or from worlds rendered for it.

    Args:
        recipe: Which folders, and how samples are changed.
        start: Number of the epoch's first sample.
        count: Samples in the epoch.
        convert: Makes tensors of an augmented sample.
    Raises:
        InputError: If one of them cannot be read or learned from.
    """
    if recipe.fresh is not None:
        sources, shares = fresh_depth(recipe.fresh)
        return mono_stream(sources, shares, recipe.augmentation, recipe.seed, start, count, convert, draw_fresh)
    sources, shares = depth_sources(recipe, recipe.mix)
    return mono_stream(sources, shares, recipe.augmentation, recipe.seed, start, count, convert)


def pretrained(model: nn.Module, recipe: DepthData) -> Groups:
    """Loads ImageNet weights into a network's encoder if the recipe asks for them.

    Args:
        model: The network; it is changed.
        recipe: Whether, and how fast the encoder learns then.
    Returns:
        What the optimiser learns: a pretrained encoder with a share of the learning rate.
    Raises:
        InputError: If the network has another encoder.
    """
    if not recipe.imagenet:
        return all_weights
    encoder_of(model).load_state_dict(imagenet_weights())
    return lambda network: encoder_groups(network, recipe.learning_rate * recipe.encoder_rate)


def encoder_groups(model: nn.Module, rate: float) -> Sequence[dict[str, Any]]:
    """Parameter groups of the optimiser: all but the encoder at its own rate, the encoder at another one.

    Args:
        model: A network with an EfficientNet-Lite0 encoder.
        rate: Learning rate of the encoder.
    """
    encoder = list(encoder_of(model).parameters())
    known = set(map(id, encoder))
    rest = [weight for weight in model.parameters() if id(weight) not in known]
    return [{"params": rest}, {"params": encoder, "lr": rate}]


def encoder_of(model: nn.Module) -> nn.Module:
    """The encoder that ImageNet weights are for.

    Raises:
        InputError: If the network has another one.
    """
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, EfficientNetLite0):
        raise InputError(
            "expected a network with an EfficientNet-Lite0 encoder for ImageNet weights, got "
            f"{type(model).__name__}; set imagenet: false in the recipe"
        )
    return encoder


def with_backbone(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under their own names and, for networks around a backbone, under those of the backbone."""
    return {**{f"backbone.{name}": value for name, value in weights.items()}, **weights}
