"""Stereo methods: what they have in common, our networks, and the search for negative disparities."""

from pathlib import Path
from typing import Any, Final, Protocol, final, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.classical import MATCHERS
from leadline.errors import InputError, require_whole
from leadline.maps import DisparityMap
from leadline.runtime.border import extend_to_border
from leadline.runtime.card import calibration_of, find_graph
from leadline.runtime.graph import StereoGraph
from leadline.runtime.images import as_rgb, check_images
from leadline.runtime.onnx_session import Provider
from leadline.runtime.pyramid import match_pyramid

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
        max_disparity: Largest disparity looked for, px, after being cut to the width of the images; if absent, an
            eighth of the width, at least 128 px and the network's own range.
        threads: Threads to use; all processors if absent.
        provider: cpu, cuda, coreml or directml; never another one than asked for.
    Raises:
        InputError: If there is no such model, file or provider.

    >>> texture = np.random.default_rng(0).integers(0, 256, (60, 107, 3), dtype=np.uint8)
    >>> session = StereoSession("leadline-fast", threads=1)
    >>> session(texture[:, :100], texture[:, 7:]).disparity.shape
    (60, 100)
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        max_disparity: int | None = None,
        threads: int | None = None,
        provider: Provider = "cpu",
    ) -> None:
        if max_disparity is not None:
            require_whole(max_disparity, "max_disparity")
        if max_disparity is not None and not max_disparity >= 1:
            raise InputError(f"expected a largest disparity of at least 1 px, got {max_disparity}")
        self.name, self.max_disparity = str(model), max_disparity
        self._graph = StereoGraph(find_graph(model, "stereo", MATCHERS), threads, provider)
        self._calibration = calibration_of(model)

    @property
    def description(self) -> dict[str, Any]:
        """Description of the model and how it runs, for a summary."""
        return {"model": self.name, "provider": self._graph.provider, "threads": self._graph.threads}

    def searched_px(self, width: int) -> int:
        """The largest disparity that is looked for in images of a width, px; some larger ones may be found."""
        if self.max_disparity is not None:
            # A match can be no farther away than the image is wide.
            return min(self.max_disparity, width)
        return max(self._graph.max_disparity, _LEAST_RANGE_PX, round(_DISPARITY_SHARE * width))

    def __call__(self, left: UInt8[np.ndarray, "h w *c"], right: UInt8[np.ndarray, "h w *c"]) -> DisparityMap:
        """Dense disparity and confidence of a rectified pair.

        Args:
            left: RGB or grey, 8 bit.
            right: The right image, of the same size.
        Returns:
            Disparity; where a largest one is asked for, what lies beyond the width of the images is invalid.
        Raises:
            InputError: If the images are not 8-bit RGB or grey, differ in size, or are smaller than 16 px; or the
                network's answer is not finite.
        """
        check_images(left, right)
        left, right = as_rgb(left), as_rgb(right)
        native, wanted = self._graph.max_disparity, self.searched_px(left.shape[1])
        disparity, confidence = match_pyramid(self._graph, left, right, native, wanted, self._graph.enlarge)
        if self._graph.has_confidence:
            disparity, confidence = extend_to_border(left, disparity, confidence)
            confidence = self._calibration(confidence, left, right)
        valid = np.ones(disparity.shape, dtype=bool) if self.max_disparity is None else disparity < left.shape[1]
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

    >>> from leadline.classical import ClassicalStereo
    >>> texture = np.random.default_rng(0).integers(0, 256, (60, 107), dtype=np.uint8)
    >>> method = WithNegative(ClassicalStereo("sgbm", max_disparity=31), min_disparity=-16)
    >>> float(method(texture[:, 7:], texture[:, :100]).disparity[30, 50])
    -7.0
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
