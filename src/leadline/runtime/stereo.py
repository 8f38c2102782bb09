"""Any stereo method behind one call: our networks, an exported file of yours, or a classical matcher."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol, final, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.classical import MATCHERS, ClassicalStereo
from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.runtime.card import find_graph
from leadline.runtime.images import as_rgb, check_images
from leadline.runtime.pyramid import match_pyramid
from leadline.runtime.refine import REFINE_MODEL, RefinedMatcher
from leadline.runtime.session import GraphSession, Provider

DEFAULT_MODEL: Final = "leadline-fast"
_DISPARITY_SHARE: Final = 0.125
_LEAST_RANGE_PX: Final = 128
"""Where the caller names no range, a near thing may be shifted by this share of the width, and by this many pixels."""


@runtime_checkable
class StereoMethod(Protocol):
    """Left and right image to disparity."""

    def __call__(self, left: UInt8[np.ndarray, "h w *c"], right: UInt8[np.ndarray, "h w *c"]) -> DisparityMap:
        """Disparity of the left image of a rectified pair, RGB or grey."""
        ...


@final
class StereoSession:
    """A learned stereo network, loaded once and called often.

    Args:
        model: A bundled name or the path of an ONNX file that `leadline export` wrote.
        max_disparity: Largest disparity looked for, px; if absent, an eighth of the width, at least 128 px and the
            network's own range.
        threads: Threads to use; all processors if absent.
        provider: cpu, cuda, coreml or directml; never another one than asked for.
    Raises:
        InputError: If there is no such model, file or provider.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        max_disparity: int | None = None,
        threads: int | None = None,
        provider: Provider = "cpu",
    ) -> None:
        if max_disparity is not None and max_disparity < 1:
            raise InputError(f"expected a largest disparity of at least 1 px, got {max_disparity}")
        self.name, self.max_disparity = str(model), max_disparity
        self._graph = GraphSession(find_graph(model, "stereo", MATCHERS), threads, provider)

    @property
    def description(self) -> dict[str, Any]:
        """What ran and how, for a summary."""
        return {"model": self.name, "provider": self._graph.provider, "threads": self._graph.threads}

    def __call__(self, left: UInt8[np.ndarray, "h w *c"], right: UInt8[np.ndarray, "h w *c"]) -> DisparityMap:
        """Dense disparity and confidence of a rectified pair.

        Args:
            left: RGB or grey, 8 bit.
            right: The right image, of the same size.
        Raises:
            InputError: If the images are not 8-bit RGB or grey, differ in size, or are smaller than 16 px.
        """
        check_images(left, right)
        left, right = as_rgb(left), as_rgb(right)
        native = self._graph.max_disparity
        wanted = self.max_disparity or max(native, _LEAST_RANGE_PX, round(_DISPARITY_SHARE * left.shape[1]))
        disparity, confidence = match_pyramid(self._graph, left, right, native, wanted, self._graph.enlarge)
        valid = np.ones(disparity.shape, dtype=bool)
        return DisparityMap(disparity, valid, confidence if self._graph.has_confidence else None)


@final
class WithNegative:
    """A stereo method that looks for negative disparities too: those of far things, if the cameras toe in.

    The method sees the views moved apart, so that every disparity is positive there.

    Args:
        method: Looks for disparities from 0 on.
        min_disparity: Smallest disparity looked for, px; below 0.
    Raises:
        InputError: If it is not below 0.
    """

    def __init__(self, method: StereoMethod, min_disparity: int) -> None:
        if min_disparity >= 0:
            raise InputError(f"expected a smallest disparity below 0 px, got {min_disparity}; leave it out from 0 on")
        self.method, self.min_disparity = method, min_disparity

    def __call__(self, left: UInt8[np.ndarray, "h w *c"], right: UInt8[np.ndarray, "h w *c"]) -> DisparityMap:
        """Disparity and any confidence of a rectified pair.

        Raises:
            InputError: As for the method, or if the smallest disparity is as large as the images are wide.
        """
        check_images(left, right)
        margin = -self.min_disparity
        if margin >= left.shape[1]:
            raise InputError(
                f"expected a smallest disparity of more than {-left.shape[1]} px for images so wide, got "
                f"{self.min_disparity}; give what `leadline check` finds"
            )
        moved = cv2.copyMakeBorder(left, 0, 0, margin, 0, cv2.BORDER_REPLICATE)
        other = cv2.copyMakeBorder(right, 0, 0, 0, margin, cv2.BORDER_REPLICATE)
        found = self.method(np.asarray(moved), np.asarray(other))
        confidence = None if found.confidence is None else np.ascontiguousarray(found.confidence[:, margin:])
        disparity = found.disparity[:, margin:] - np.float32(margin)
        return DisparityMap(disparity, np.ascontiguousarray(found.valid[:, margin:]), confidence)


def stereo_method(
    name: str | Path = DEFAULT_MODEL,
    max_disparity: int | None = None,
    threads: int | None = None,
    provider: Provider = "cpu",
    min_disparity: int = 0,
) -> StereoMethod:
    """A stereo method by name: bundled network, ONNX file, or classical matcher.

    Args:
        name: `leadline-fast`, `leadline-accurate`, `leadline-refine` (SGBM-3WAY, mended by a network), a path ending in
            .onnx, or one of bm, sgbm, sgbm-3way, sgbm-hh.
        max_disparity: As for `StereoSession`; 192 px for a classical matcher and leadline-refine if absent.
        threads: As for `StereoSession`; OpenCV's threads for a classical matcher, for the whole process.
        provider: As for `StereoSession`; classical matchers only run on the cpu.
        min_disparity: Smallest disparity looked for, px: below 0 where the cameras toe in or the images are cropped.
    Raises:
        InputError: If there is no such method or provider, or a number is out of range.
    """
    if min_disparity != 0:
        if max_disparity is not None and max_disparity <= min_disparity:
            raise InputError(
                f"expected a largest disparity above the smallest, got {max_disparity} and {min_disparity}"
            )
        reach = None if max_disparity is None else max_disparity - min_disparity
        return WithNegative(stereo_method(name, reach, threads, provider), min_disparity)
    searched = 192 if max_disparity is None else max_disparity
    if name == REFINE_MODEL:
        return RefinedMatcher(searched, threads, provider)
    if str(name) not in MATCHERS:
        return StereoSession(name, max_disparity, threads, provider)
    if provider != "cpu":
        raise InputError(f"expected provider cpu for the classical matcher {name}, got {provider!r}")
    if threads is not None and threads < 1:
        raise InputError(f"expected at least 1 thread, got {threads}")
    matcher = ClassicalStereo(str(name), searched)
    if threads is not None:
        cv2.setNumThreads(threads)
    return matcher


@lru_cache(maxsize=4)
def _cached_method(model: str, max_disparity: int | None, min_disparity: int) -> StereoMethod:
    return stereo_method(model, max_disparity, min_disparity=min_disparity)


def stereo(
    left: UInt8[np.ndarray, "h w *c"],
    right: UInt8[np.ndarray, "h w *c"],
    model: str = DEFAULT_MODEL,
    max_disparity: int | None = None,
    min_disparity: int = 0,
) -> DisparityMap:
    """Disparity and confidence of a rectified pair; the network is loaded at the first call and kept.

    Args:
        left: RGB or grey, 8 bit.
        right: The right image, of the same size.
        model: A bundled name, an ONNX file of ours, or a classical matcher.
        max_disparity: Largest disparity looked for, px.
        min_disparity: As for `stereo_method`.
    Raises:
        InputError: If the images do not fit or there is no such model.
    """
    return _cached_method(model, max_disparity, min_disparity)(left, right)
