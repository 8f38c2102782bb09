"""Inliers of depth inside and outside of objects that move by themselves.

Most outliers of methods that learn from films are on such objects. Any protocol takes the two metrics; the depth is
aligned on all pixels that count, moving or not.

>>> from leadline.protocols.mono.generic import GENERIC
>>> [metric.name for metric in with_moving_parts(GENERIC).metrics[-2:]]
['delta<1.25 moving', 'delta<1.25 still']
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from leadline.errors import InputError
from leadline.io.grey_png import read_grey8
from leadline.metrics.depth import delta
from leadline.protocols.metric import Metric
from leadline.protocols.mono.protocol import DepthMetric, DepthProtocol
from leadline.protocols.mono.scored import ScoredDepth
from leadline.samples import DepthSample


@runtime_checkable
class SceneFiles(Protocol):
    """A scene that is read when it is asked for."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def load(self) -> DepthSample:
        """Reads it."""
        ...


@dataclass(frozen=True)
class MaskedFiles:
    """A scene with a mask of what moves by itself.

    Args:
        files: The scene.
        mask: A grey 8-bit image; what is not 0 moves.
    """

    files: SceneFiles
    mask: Path

    @property
    def name(self) -> str:
        """The scene's name."""
        return self.files.name

    def load(self) -> DepthSample:
        """Reads scene and mask.

        Raises:
            InputError: If a file cannot be read, or the mask has another size than the image.
        """
        scene = self.files.load()
        moving = read_grey8(self.mask, "a mask of moving objects") > 0
        try:
            return replace(scene, moving=moving)
        except InputError as error:
            raise InputError(f"{error} ({self.mask})") from None


def with_masks(scenes: Sequence[SceneFiles], folder: Path) -> list[MaskedFiles]:
    """The scenes with their masks, all of them found before the first is scored.

    Args:
        scenes: What is scored.
        folder: Holds NAME.png for each scene.
    Raises:
        InputError: If it is no folder, or a mask is missing.
    """
    if not folder.is_dir():
        raise InputError(f"expected a folder of masks of moving objects, got {folder}; check the path")
    masked = [MaskedFiles(files, folder / f"{files.name}.png") for files in scenes]
    if missing := [each.mask.name for each in masked if not each.mask.is_file()]:
        raise InputError(
            f"expected a mask {missing[0]} in {folder} (0 still, else moving), got none for {len(missing)} of "
            f"{len(masked)} images; write a black one where nothing moves"
        )
    return masked


def with_moving_parts(protocol: DepthProtocol) -> DepthProtocol:
    """A protocol that also measures the probability of an inlier, delta < 1.25, where things move and elsewhere."""
    return replace(protocol, metrics=(*protocol.metrics, _inliers("moving"), _inliers("still")))


def _inliers(part: str) -> DepthMetric:
    def mask(pixels: ScoredDepth) -> Bool[np.ndarray, "h w"]:
        if pixels.moving is None:
            return np.zeros_like(pixels.mask)
        return pixels.mask & (pixels.moving if part == "moving" else ~pixels.moving)

    def score(pixels: ScoredDepth) -> float | None:
        counted = mask(pixels)
        return delta(pixels.depth, pixels.truth, counted) if counted.any() else None

    undefined = "nothing moves on these pixels" if part == "moving" else "everything moves on these pixels"
    return Metric(f"delta<1.25 {part}", "1", score, lambda pixels: int(mask(pixels).sum()), undefined)
