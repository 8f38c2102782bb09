"""Frames as torch batches, and the stream of them."""

from collections.abc import Sequence
from functools import partial
from typing import NotRequired, TypedDict

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from leadline.data.source import Source
from leadline.data.stream import Stream, as_tensors, draw_mono
from leadline.data.video.augment import VideoAugmentation, augment_video
from leadline.samples import VideoSample


class VideoBatch(TypedDict):
    """A collated batch of three frames each; the right views and their baseline where all samples have them."""

    previous: UInt8[Tensor, "b h w 3"]
    target: UInt8[Tensor, "b h w 3"]
    following: UInt8[Tensor, "b h w 3"]
    intrinsics: Float[Tensor, "b 3 3"]
    right: NotRequired[UInt8[Tensor, "b h w 3"]]
    baseline_m: NotRequired[Float[Tensor, " b"]]
    following_right: NotRequired[UInt8[Tensor, "b h w 3"]]


def to_tensors(sample: VideoSample) -> dict[str, Tensor]:
    """A sample as tensors; collate them into a `VideoBatch`.

    Example:
        >>> import numpy as np
        >>> from leadline.geometry.camera import Pinhole
        >>> frame = np.zeros((2, 3, 3), np.uint8)
        >>> sample = VideoSample("a", frame, frame, frame, Pinhole(9.0, 9.0, 1.0, 0.5, 2, 3))
        >>> tuple(to_tensors(sample)["intrinsics"].shape)
        (3, 3)
    """
    names = ("previous", "target", "following", "right", "following_right")
    layers = {name: getattr(sample, name) for name in names}
    tensors = as_tensors({name: layer for name, layer in layers.items() if layer is not None})
    tensors["intrinsics"] = torch.from_numpy(sample.camera.matrix).float()
    if sample.baseline_m is not None:
        tensors["baseline_m"] = torch.tensor(sample.baseline_m, dtype=torch.float32)
    return tensors


def video_stream(
    sources: Sequence[Source[VideoSample]],
    shares: Sequence[float],
    augmentation: VideoAugmentation,
    seed: int,
    start: int,
    count: int,
) -> Stream[VideoSample]:
    """The frames of one epoch; arguments as for `Stream`."""
    augment = partial(augment_video, options=augmentation)
    return Stream(sources, shares, augment, to_tensors, draw_mono, seed, start, count)
