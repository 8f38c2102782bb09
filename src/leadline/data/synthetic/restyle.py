"""New appearance for rendered pairs: depth, disparity and occlusion stay, and what does not fit them is rejected."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.data.stereo.shards import StereoShards, write_stereo_shard
from leadline.errors import InputError
from leadline.io.atomic import atomic_write
from leadline.io.owned import owned_folder
from leadline.samples import StereoSample

_SHARD_SAMPLES: Final = 100
_DEPTH_STEP: Final = 0.15
"""Relative change of disparity from one pixel to the next that makes an edge of depth."""
_FEWEST_EDGES: Final = 50


@runtime_checkable
class Painter(Protocol):
    """What gives a scene a new appearance."""

    def paint(self, depth: UInt8[np.ndarray, "h w"], seed: int) -> UInt8[np.ndarray, "h w 3"]:
        """An image of a scene with this inverse depth, 255 at the nearest point."""
        ...

    def fill(
        self,
        image: UInt8[np.ndarray, "h w 3"],
        holes: Bool[np.ndarray, "h w"],
        depth: UInt8[np.ndarray, "h w"],
        seed: int,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The image with its holes painted; only these are used."""
        ...


@dataclass(frozen=True, kw_only=True)
class RestyleLimits:
    """What a new pair must keep of the truth.

    Args:
        residual: Largest mean difference of both views where both see a point, as a share of white.
        edge_support: Least strength of the left image's edges where depth has one, over its strength elsewhere.
    """

    residual: float = 0.03
    edge_support: float = 1.2

    def __post_init__(self) -> None:
        """Refuses limits that mean nothing."""
        if not (self.residual > 0 and self.edge_support >= 0):
            raise InputError(f"expected a positive residual and an edge support of at least 0, got {self}")


def inverse_depth_image(
    disparity: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w"]:
    """Disparity as a grey image, 255 at the nearest point and 0 where it is not known.

    Example:
        >>> inverse_depth_image(np.array([[2.0, 1.0, 9.0]], np.float32), np.array([[True, True, False]])).tolist()
        [[255, 128, 0]]
    """
    top = float(np.where(valid, disparity, 0.0).max())
    return np.rint(255.0 * np.where(valid, disparity, 0.0) / max(top, 1e-6)).astype(np.uint8)


def right_from_left(
    left: UInt8[np.ndarray, "h w 3"], sample: StereoSample
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """The right view of a new left one, by the right view's true disparity; and its holes.

    Args:
        left: The new left view.
        sample: The rendered pair.
    Raises:
        InputError: If the pair lacks the right view's truth.
    """
    if sample.right_truth is None or sample.right_occluded is None:
        raise InputError(f"expected the right view's truth to restyle {sample.key}, got none; render the shards anew")
    height, width = left.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    there = x + sample.right_truth.disparity
    holes = ~sample.right_truth.valid | sample.right_occluded | (there > width - 1)
    seen = cv2.remap(left, np.where(holes, 0, there).astype(np.float32), y, cv2.INTER_LINEAR)
    return np.where(holes[..., None], np.uint8(0), seen).astype(np.uint8), holes


def residual(left: UInt8[np.ndarray, "h w 3"], right: UInt8[np.ndarray, "h w 3"], sample: StereoSample) -> float:
    """Mean difference of both views at the truth, where both see a point, as a share of white; inf if none is seen."""
    y, x = np.mgrid[: left.shape[0], : left.shape[1]].astype(np.float32)
    there = x - sample.disparity
    both = sample.valid & (there >= 0)
    if sample.occluded is not None:
        both &= ~sample.occluded
    warped = cv2.remap(right, np.where(both, there, 0).astype(np.float32), y, cv2.INTER_LINEAR)
    difference = np.abs(left.astype(np.float32) - warped).mean(axis=-1)
    return float(difference[both].mean() / 255.0) if both.any() else np.inf


def edge_support(left: UInt8[np.ndarray, "h w 3"], sample: StereoSample) -> float:
    """Mean gradient of an image at edges of depth over that elsewhere; inf where depth has hardly any edges."""
    disparity = np.where(sample.valid, sample.disparity, 0.0).astype(np.float32)
    near = np.maximum(disparity, 1.0)
    edges = np.zeros(disparity.shape, bool)
    edges[:, 1:] |= np.abs(np.diff(disparity, axis=1)) > _DEPTH_STEP * near[:, 1:] + 0.5
    edges[1:] |= np.abs(np.diff(disparity, axis=0)) > _DEPTH_STEP * near[1:] + 0.5
    edges = cv2.dilate(edges.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if edges.sum() < _FEWEST_EDGES or edges.all():
        return np.inf
    grey = cv2.cvtColor(left, cv2.COLOR_RGB2GRAY)
    steps = [cv2.Sobel(grey, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1))]
    strength = np.hypot(*steps)
    return float(strength[edges].mean() / max(float(strength[~edges].mean()), 1e-6))


def restyle_pair(
    sample: StereoSample, painter: Painter, seed: int, limits: RestyleLimits
) -> tuple[StereoSample | None, dict[str, float | str]]:
    """A pair with a new appearance and the truth of the rendered one; None if it does not keep the truth.

    Args:
        sample: The rendered pair, with the truth of both views.
        painter: What paints.
        seed: Of its randomness.
        limits: What must be kept.
    Returns:
        The pair, and its residual and edge support, with the reason of a rejection.
    Raises:
        InputError: If the pair lacks the right view's truth.
    """
    left = painter.paint(inverse_depth_image(sample.disparity, sample.valid), seed)
    right, holes = right_from_left(left, sample)
    assert sample.right_truth is not None, "right_from_left needs it"
    depth = inverse_depth_image(sample.right_truth.disparity, sample.right_truth.valid)
    filled = painter.fill(right, holes, depth, seed + 1) if holes.any() else right
    right = np.where(holes[..., None], filled, right)
    found: dict[str, float | str] = {
        "residual": residual(left, right, sample), "edge_support": edge_support(left, sample)
    }  # fmt: skip
    if not float(found["residual"]) <= limits.residual:
        return None, {**found, "rejected": "views differ"}
    if float(found["edge_support"]) < limits.edge_support:
        return None, {**found, "rejected": "edges of depth are not seen"}
    made = StereoSample(
        sample.key, left, right, sample.truth, sample.occluded, sample.right_truth, sample.right_occluded
    )
    return made, found


def restyle_shards(
    source: Path, output: Path, painter: Painter, seed: int, limits: RestyleLimits, style: dict[str, object]
) -> Counter[str]:
    """Shards of restyled pairs; finished ones are kept, and `restyle.json` counts what was rejected and why.

    Args:
        source: Folder of rendered shards.
        output: Folder for the new ones.
        painter: What paints.
        seed: Of the first pair; the others follow two by two.
        limits: What must be kept.
        style: Notes on the painter, written beside each pair.
    Returns:
        How many pairs were kept and rejected, by reason, in this run.
    Raises:
        InputError: If the shards cannot be read, or lack the right view's truth.
        OutputError: If the folder cannot be written, or another process does so.
    """
    shards, counts = StereoShards(source), Counter[str]()
    with owned_folder(output) as folder:
        for start in range(0, len(shards), _SHARD_SAMPLES):
            path = folder / f"restyled-{start:08d}.tar"
            if path.exists():
                continue

            def pairs(start: int = start) -> Iterator[tuple[StereoSample, dict[str, object]]]:
                for index in range(start, min(start + _SHARD_SAMPLES, len(shards))):
                    made, found = restyle_pair(shards[index], painter, seed + 2 * index, limits)
                    counts[str(found.get("rejected", "kept"))] += 1
                    if made is not None:
                        yield made, {**shards.notes(index), "restyle": {**style, **found}}

            write_stereo_shard(path, pairs())
        with atomic_write(folder / "restyle.json") as file:
            file.write(json.dumps({**style, "counts": dict(counts)}, indent=1).encode())
    return counts
