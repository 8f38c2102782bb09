"""Recipes of stereo training: the options that several methods share, and the supervised method's own."""

from dataclasses import dataclass, field

from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.synthetic.fresh import FreshWorlds
from leadline.training.named_loss import named_loss
from leadline.training.recipe import DataShare, NetworkRecipe, require_range


@dataclass(frozen=True, kw_only=True)
class StereoData(NetworkRecipe):
    """Options of every method that trains a stereo network for pairs.

    Args:
        enlarge: How much the inference network enlarges the images; augmentation.log2_scale should suit it.
        mix: Further folders of shards or unlabelled pairs, each with the weight by which it is drawn; `data` too may
            be either.
        augmentation: How samples are changed.
        fresh: Worlds that are rendered while the network trains, instead of `data` and `mix`; see `FreshWorlds`.
    """

    enlarge: float = 1.0
    mix: tuple[DataShare, ...] = ()
    augmentation: StereoAugmentation = field(default_factory=StereoAugmentation)
    fresh: FreshWorlds | None = None

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_range(self, "enlarge", least=1)


@dataclass(frozen=True, kw_only=True)
class DisparityLoss:
    """Options of a loss against disparities.

    Args:
        loss: Compares the disparities at each scale: name of a function in `leadline.losses` or
            `mypackage.module:function`, called with prediction, truth and weight.
        quarter_weight: Weight of the disparity at 1/4.
        half_weight: Weight of the disparity at 1/2.
        volume_weight: Weight of the cross-entropy on the cost volume.
        confidence_weight: Weight of the confidence's cross-entropy.
    """

    loss: str = "smooth_l1"
    quarter_weight: float = 0.3
    half_weight: float = 0.5
    volume_weight: float = 1.0
    confidence_weight: float = 0.3

    def __post_init__(self) -> None:
        """Refuses what cannot be learned from."""
        for name in ("quarter_weight", "half_weight", "volume_weight", "confidence_weight"):
            require_range(self, name, least=0)
        named_loss(self.loss)


@dataclass(frozen=True, kw_only=True)
class TruthLoss(DisparityLoss):
    """Options of a loss against the true disparity.

    Args:
        occluded_weight: Weight of a pixel that is hidden from the right view.
    """

    occluded_weight: float = 0.4

    def __post_init__(self) -> None:
        """Refuses what cannot be learned from."""
        super().__post_init__()
        require_range(self, "occluded_weight", least=0)


@dataclass(frozen=True, kw_only=True)
class StereoRecipe(StereoData, TruthLoss):
    """Supervised training of a stereo network.

    Args:
        encoder_rate: Share of the learning rate that an encoder inside the network's features learns with.
        frozen_blocks: How many of that encoder's first blocks, with its stem, stay as they are.
    """

    encoder_rate: float = 1.0
    frozen_blocks: int = 0

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        StereoData.__post_init__(self)
        TruthLoss.__post_init__(self)
        for name in ("encoder_rate", "frozen_blocks"):
            require_range(self, name, least=0)
