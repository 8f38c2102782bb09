"""The recipe of supervised stereo training."""

from dataclasses import dataclass, field

from leadline.data.stereo.augment import StereoAugmentation
from leadline.errors import InputError
from leadline.training.recipe import DataShare, Recipe


@dataclass(frozen=True)
class StereoRecipe(Recipe):
    """Supervised training of a stereo network.

    Args:
        enlarge: How much larger the inference network sees the images; augmentation.log2_scale should suit it.
        occluded_weight: Weight of a pixel that the right view does not see.
        quarter_weight: Of the disparity at 1/4.
        half_weight: Of the disparity at 1/2.
        volume_weight: Of the cross-entropy on the cost volume.
        confidence_weight: Of the confidence's cross-entropy.
        encoder_rate: Share of the learning rate that an encoder inside the network's features learns with.
        frozen_blocks: How many of that encoder's first blocks, with its stem, stay as they are.
        mix: Further folders of shards, each with the weight by which it is drawn.
        augmentation: How samples are changed.
    """

    enlarge: float = 1.0
    occluded_weight: float = 0.4
    quarter_weight: float = 0.3
    half_weight: float = 0.5
    volume_weight: float = 1.0
    confidence_weight: float = 0.3
    encoder_rate: float = 1.0
    frozen_blocks: int = 0
    mix: tuple[DataShare, ...] = ()
    augmentation: StereoAugmentation = field(default_factory=StereoAugmentation)

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        if self.enlarge < 1:
            raise InputError(f"expected enlarge of at least 1 in the recipe, got {self.enlarge}")
