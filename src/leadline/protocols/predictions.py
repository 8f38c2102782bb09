"""Predictions made beforehand: a folder with one file for each sample stands for a method."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float32

from leadline.errors import InputError
from leadline.io.flo import read_flo
from leadline.io.kitti_flow_png import read_kitti_flow
from leadline.io.npy import read_npy
from leadline.io.pfm import read_pfm
from leadline.maps import DISTANCE_KINDS, DepthKind, DepthMap, DisparityMap, FlowMap
from leadline.protocols.scoring import Keyed

VALUE_READERS: Final[Mapping[str, Callable[[Path], Any]]] = MappingProxyType({".pfm": read_pfm, ".npy": read_npy})
"""Suffix -> reader of predictions with one value a pixel."""
FLOW_READERS: Final[Mapping[str, Callable[[Path], Any]]] = MappingProxyType({".flo": read_flo, ".png": read_kitti_flow})
"""Suffix -> reader of predicted flow: (u, v), and where it is predicted."""

MapT = TypeVar("MapT")


@dataclass(frozen=True)
class Predictions(Generic[MapT]):
    """A method on samples that reads what was predicted for them.

    Args:
        paths: Files by the samples' keys, as of `find_predictions`.
        convert: Makes a map of a file's values.
        readers: Suffix -> reader of such a file.
    """

    paths: Mapping[str, Path]
    convert: Callable[[Any], MapT]
    readers: Mapping[str, Callable[[Path], Any]] = field(default_factory=lambda: VALUE_READERS)

    def __call__(self, sample: Keyed) -> MapT:
        """The map for a sample.

        Raises:
            InputError: If the file cannot be read or its values are refused.
        """
        path = self.paths[sample.key]
        try:
            return self.convert(self.readers[path.suffix](path))
        except InputError as error:
            raise error if str(path) in str(error) else InputError(f"{error} ({path})") from error


def find_predictions(
    folder: Path, keys: Sequence[str], suffixes: Iterable[str] = tuple(VALUE_READERS)
) -> dict[str, Path]:
    """The files of predictions, all of them found before the first is scored.

    Args:
        folder: Holds KEY.pfm or KEY.npy for each sample, or files of other suffixes.
        keys: The samples' keys.
        suffixes: Those of predictions of the task.
    Raises:
        InputError: If a prediction is missing.
    """
    found: dict[str, Path] = {}
    for key in keys:
        candidates = [folder / f"{key}{suffix}" for suffix in suffixes]
        present = [path for path in candidates if path.is_file()]
        if not present:
            names = " or ".join(path.name for path in candidates)
            raise InputError(f"expected a prediction {names} in {folder}, got no such file; predict every image")
        found[key] = present[0]
    return found


def predicted_disparity(values: Float32[np.ndarray, "h w"]) -> DisparityMap:
    """A disparity map of predicted values; NaN and inf are no prediction.

    Args:
        values: Pixels, x_left - x_right.
    Raises:
        InputError: If most of the values are negative.
    Example:
        >>> predicted_disparity(np.array([[3.5, np.inf]], np.float32)).valid.tolist()
        [[True, False]]
    """
    valid = np.isfinite(values)
    if valid.any() and float(np.median(values[valid])) < 0.0:
        raise InputError("expected positive disparities, x_left - x_right, got mostly negative ones; change their sign")
    return DisparityMap(np.where(valid, values, np.float32(0.0)), valid)


def predicted_depth(values: Float32[np.ndarray, "h w"], kind: DepthKind) -> DepthMap:
    """A depth map of predicted values; NaN and inf are no prediction, and neither is a distance that is not positive.

    Args:
        values: What the kind says.
        kind: What the numbers mean.
    Example:
        >>> predicted_depth(np.array([[3.5, -1.0]], np.float32), "metric").valid.tolist()
        [[True, False]]
    """
    valid = np.isfinite(values)
    if kind in DISTANCE_KINDS:
        valid &= values > 0
    return DepthMap(values, valid, kind)


def predicted_flow(values: tuple[Float32[np.ndarray, "h w 2"], Bool[np.ndarray, "h w"]]) -> FlowMap:
    """A flow map of a file's flow; where it is unknown it is no prediction.

    Args:
        values: (u, v) in pixels, and where they are known.
    Example:
        >>> found = predicted_flow((np.zeros((1, 2, 2), np.float32), np.array([[True, False]])))
        >>> np.isnan(found.flow[..., 0]).tolist()
        [[False, True]]
    """
    flow, known = values
    return FlowMap(np.where(known[..., None], flow, np.float32(np.nan)), known)
