"""Options that several methods for single images share."""

from dataclasses import dataclass, field

from leadline.data.mono.augment import MonoAugmentation
from leadline.data.synthetic.fresh import FreshWorlds
from leadline.protocols.mono.scenes import samples_for_a_metre
from leadline.training.recipe import DataShare, NetworkRecipe, require_crop, require_range

ENCODER_STRIDE = 32
"""Sides of a crop are multiples of this for all networks with an EfficientNet-Lite0 encoder."""


@dataclass(frozen=True, kw_only=True)
class DepthNetworkRecipe(NetworkRecipe):
    """Options of every method that is validated on the depth of single images.

    Args:
        depth_unit: What a sample of the scenes' depth images stands for: mm, cm or 1/N of a metre; as the folder tells
            if absent.
    """

    depth_unit: str | None = None

    def __post_init__(self) -> None:
        """Refuses a unit that is none."""
        super().__post_init__()
        if self.depth_unit is not None:
            samples_for_a_metre(self.depth_unit)


@dataclass(frozen=True, kw_only=True)
class DepthData(DepthNetworkRecipe):
    """Options of every method that learns from single images with depth, with an encoder that may be pretrained.

    Args:
        mix: Further folders of shards, each with the weight by which it is drawn.
        imagenet: Whether the encoder starts with ImageNet weights.
        encoder_rate: Share of the learning rate that an encoder with ImageNet weights learns with.
        augmentation: How samples are changed.
        fresh: Worlds that are rendered while the network trains, instead of `data` and `mix`; see `FreshWorlds`.
    """

    mix: tuple[DataShare, ...] = ()
    imagenet: bool = True
    encoder_rate: float = 0.25
    augmentation: MonoAugmentation = field(default_factory=MonoAugmentation)
    fresh: FreshWorlds | None = None

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_range(self, "encoder_rate", least=0)
        require_crop(self.augmentation.crop, ENCODER_STRIDE)
