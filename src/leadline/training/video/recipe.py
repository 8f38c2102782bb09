"""Options that the methods which learn from frames share."""

from dataclasses import dataclass, field
from typing import Final

from leadline.data.catalog import SHARDS, datasets_for
from leadline.data.video.augment import VideoAugmentation
from leadline.errors import InputError
from leadline.training.mono.recipe import ENCODER_STRIDE, DepthNetworkRecipe
from leadline.training.recipe import DataShare, require_crop, require_range

_FRAMES: Final = tuple(datasets_for("video"))


def _working_size() -> VideoAugmentation:
    """Crops of about the area that networks for single images see when they are used."""
    return VideoAugmentation(crop=(128, 416))


@dataclass(frozen=True, kw_only=True)
class VideoRecipe(DepthNetworkRecipe):
    """Training from frames of a moving camera; truth is read only by the validation.

    Args:
        data: Shards of `leadline render video`; a folder of frames with a calibration, or of such folders, as
            `find_frame_folders` finds them; or a data set of frames.
        validation: Shards of `leadline render mono` or `leadline render video`, or a data set with metric depth.
        mix: Further frames.
        frame_stride: Frames between two frames of a sample: as many as the camera needs to move by some pixels.
        augmentation: How samples are changed.
    """

    mix: tuple[DataShare, ...] = ()
    frame_stride: int = 1
    augmentation: VideoAugmentation = field(default_factory=_working_size)

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_range(self, "frame_stride", least=1)
        require_crop(self.augmentation.crop, ENCODER_STRIDE)
        for place in (self.data, *(share.data for share in self.mix)):
            if not isinstance(place, str) and place.dataset not in (SHARDS, *_FRAMES):
                raise InputError(
                    f"expected a folder of frames or of shards, or a data set out of {', '.join(_FRAMES)}, as the "
                    f"recipe's data, got the data set {place.dataset}; name another"
                )
