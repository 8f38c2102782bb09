"""The recipe of optical flow."""

from dataclasses import dataclass, field

from leadline.data.flow.augment import FlowAugmentation
from leadline.data.synthetic.fresh import FreshWorlds
from leadline.training.recipe import DataShare, NetworkRecipe, require_crop


@dataclass(frozen=True, kw_only=True)
class FlowData(NetworkRecipe):
    """What an optical-flow network learns from.

    Args:
        mix: Further folders of shards or data sets, each with the weight by which it is drawn.
        augmentation: How samples are changed.
        fresh: Worlds that are rendered while the network trains, instead of `data` and `mix`; see `FreshWorlds`.
    """

    mix: tuple[DataShare, ...] = ()
    augmentation: FlowAugmentation = field(default_factory=FlowAugmentation)
    fresh: FreshWorlds | None = None

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_crop(self.augmentation.crop, 32)


@dataclass(frozen=True, kw_only=True)
class FlowRecipe(FlowData):
    """Supervised training of an optical-flow network.

    Args:
        match_weight: Of the cross-entropy of the matching at 1/16.
        coarse_decay: Weight of an earlier flow relative to the next later one.
        robust_shape: Barron's alpha of the loss on flows: 1 is Charbonnier's, less forgives large errors.
        robust_scale_px: Error at which the loss's bowl ends.
        confidence_weight: Of the confidence's cross-entropy.
        largest_px: Pixels that move at least so far do not count.
    """

    match_weight: float = 0.5
    coarse_decay: float = 0.7
    robust_shape: float = 1.0
    robust_scale_px: float = 0.5
    confidence_weight: float = 0.3
    largest_px: float = 400.0
