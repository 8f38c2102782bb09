"""Single images with depth as torch batches, and the streams of them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from leadline.data.mono.augment import MonoAugmentation, augment_mono
from leadline.data.mono.augment_fov import FovAugmentation, FovSample, augment_fov, tan_half_fov
from leadline.data.source import Source
from leadline.data.stream import Draw, Stream, as_tensors, draw_fov, draw_mono
from leadline.errors import InputError
from leadline.samples import DepthSample


class MonoBatch(TypedDict):
    """A collated batch of single images with inverse depth, 0 where not valid: 1/m, or up to scale (and shift)."""

    image: UInt8[Tensor, "b h w 3"]
    inverse_depth: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]


class CanonicalBatch(TypedDict):
    """A collated batch of single images with canonical depth, 1 where not valid."""

    image: UInt8[Tensor, "b h w 3"]
    canonical_depth: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]


class FovBatch(TypedDict):
    """A collated batch of `FovSample`, depth in metres."""

    image: UInt8[Tensor, "b h w 3"]
    depth: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]
    inside: Bool[Tensor, "b h w"]
    tan_half_fov: Float[Tensor, " b"]


def to_tensors(sample: DepthSample) -> dict[str, Tensor]:
    """A sample as tensors; collate them into a `MonoBatch`.

    Metric depth gives inverse depth in 1/m, depth up to scale a multiple of it; affine inverse depth stays as it is.

    Raises:
        InputError: If the sample is affine in depth, whose inverse is unknown.
    Example:
        >>> from leadline.maps import DepthMap
        >>> truth = DepthMap(np.array([[4.0, 9.0]], np.float32), np.array([[True, False]]), "metric")
        >>> to_tensors(DepthSample("a", np.zeros((1, 2, 3), np.uint8), truth))["inverse_depth"].tolist()
        [[0.25, 0.0]]
    """
    if sample.annotation == "affine_depth":
        raise InputError(
            f"expected metric or inverse depth to learn from, got affine_depth in {sample.key}; leave it out"
        )
    if sample.annotation == "affine_inverse":
        inverse = np.where(sample.valid, sample.depth, 0.0)
    else:
        inverse = 1.0 / np.where(sample.valid, sample.depth, np.inf)
    return as_tensors({"image": sample.image, "inverse_depth": inverse.astype(np.float32), "valid": sample.valid})


def to_canonical_tensors(sample: DepthSample) -> dict[str, Tensor]:
    """A sample with its depth as a camera of relative focal length 1 would see it; collate into a `CanonicalBatch`.

    A camera with twice the focal length sees the same image of a scene that is twice as far, so metres can be told
    from an image only once the focal length is taken out of them: canonical depth is Z / `Pinhole.relative_focal`.

    Raises:
        InputError: If the sample's camera is not known.
    Source: Yin et al. 2023 (Metric3D), the canonical camera transformation of labels.
    """
    if sample.camera is None:
        raise InputError(
            f"expected samples with a camera for metric depth, got none of {sample.key}; take method: mono for it"
        )
    depth = np.where(sample.valid, sample.depth / sample.camera.relative_focal, 1.0)
    return as_tensors({"image": sample.image, "canonical_depth": depth.astype(np.float32), "valid": sample.valid})


def to_fov_tensors(sample: FovSample) -> dict[str, Tensor]:
    """A sample as tensors; collate them into a `FovBatch`."""
    layers = {name: torch.from_numpy(getattr(sample, name)) for name in ("image", "depth", "valid", "inside")}
    return {**layers, "tan_half_fov": torch.tensor(tan_half_fov(sample.camera), dtype=torch.float32)}


def mono_stream(
    sources: Sequence[Source[DepthSample]],
    shares: Sequence[float],
    augmentation: MonoAugmentation,
    seed: int,
    start: int,
    count: int,
    convert: Callable[[DepthSample], dict[str, Tensor]] = to_tensors,
    draw: Draw = draw_mono,
) -> Stream[DepthSample]:
    """The samples of one epoch with depth from single images; arguments as for `Stream`."""
    augment = partial(augment_mono, options=augmentation)
    return Stream(sources, shares, augment, convert, draw, seed, start, count)


def fov_stream(
    source: Source[DepthSample], augmentation: FovAugmentation, seed: int, start: int, count: int
) -> Stream[DepthSample]:
    """The samples of one epoch with metric depth and a known field of view; arguments as for `Stream`."""
    augment = partial(augment_fov, options=augmentation)
    return Stream([source], [1.0], augment, to_fov_tensors, draw_fov, seed, start, count)
