"""Part of the export that differs from task to task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import UInt8

STEREO_SIZES: Final = ((96, 160), (121, 203), (250, 371))
"""Heights and widths at which graphs of pairs are compared with torch."""


@dataclass(frozen=True, kw_only=True)
class ExportPart:
    """A task's part of an export; the rest is the same for all tasks.

    Args:
        example: Inputs of the network by name, in order, for a height and a width: the graph is traced with them and
            compared with torch.
        outputs: Names of what the network returns, in order; one that it leaves out is None.
        metadata: What the graph says of itself, under its task's key and others.
        trace_size: Height and width of the images that the graph is traced with.
        sizes: Heights and widths at which it is compared with torch.
        axes: Of an input, which of its axes are height and width; the first two if absent.
    """

    example: Callable[[Any, int, int], dict[str, np.ndarray]]
    outputs: Callable[[Any], tuple[str, ...]]
    metadata: Callable[[Any], Mapping[str, str]]
    trace_size: tuple[int, int]
    sizes: tuple[tuple[int, int], ...]
    axes: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])


def texture(rng: np.random.Generator, height: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
    """A random image, smooth as images are: in white noise nothing matches clearly, and ties break either way.

    Args:
        rng: Source of the noise.
        height: Rows.
        width: Columns.
    """
    noise = np.asarray(cv2.GaussianBlur(rng.random((height, width, 3), dtype=np.float32), (0, 0), 2.0))
    return (255.0 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


def shifted_pair(height: int, width: int) -> dict[str, np.ndarray]:
    """A smooth pair whose every disparity is 9 px.

    Args:
        height: Rows, which seed the noise as well.
        width: Columns.
    """
    wide = texture(np.random.default_rng(height), height, width + 9)
    return {"left": wide[:, :-9].copy(), "right": wide[:, 9:].copy()}
