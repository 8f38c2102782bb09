"""Mending the disparity of another matcher: fills it, sharpens it and says how sure one may be of it."""

from pathlib import Path
from typing import Any, Final, final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from leadline.classical import ClassicalStereo
from leadline.classical.fill import fill_background
from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.runtime.card import calibration_of, find_graph
from leadline.runtime.graph import OnnxGraph, require_names
from leadline.runtime.images import as_rgb, check_images
from leadline.runtime.onnx_session import Provider
from leadline.runtime.pyramid import MARGIN_PX, WHOLE_PX, cuts, ramp

REFINE_MODEL: Final = "leadline-refine"
_MATCHER: Final = "sgbm-3way"

_Image = UInt8[np.ndarray, "h w *c"]


@final
class RefineSession:
    """A network that mends disparities, loaded once and called often.

    Args:
        model: A bundled name or the path of an ONNX file that `leadline export` wrote.
        threads: Threads to use; all processors if absent.
        provider: cpu, cuda, coreml or directml; never another one than asked for.
    Raises:
        InputError: If there is no such model, file or provider.
    """

    def __init__(
        self, model: str | Path = REFINE_MODEL, threads: int | None = None, provider: Provider = "cpu"
    ) -> None:
        self.name = str(model)
        self._graph = OnnxGraph(find_graph(model, "refine"), "refine", threads, provider)
        self._calibration = calibration_of(model)
        require_names(self._graph, ("left", "right", "prior", "prior_valid"), ("disparity", "confidence"))

    @property
    def description(self) -> dict[str, Any]:
        """Description of the model and how it runs, for a summary."""
        return {"model": self.name, "provider": self._graph.provider, "threads": self._graph.threads}

    def __call__(self, left: _Image, right: _Image, prior: DisparityMap) -> DisparityMap:
        """Dense disparity and confidence.

        Args:
            left: RGB or grey, 8 bit.
            right: The right image, of the same size.
            prior: What a matcher or a sensor measured in the left image; what is not valid is filled from the
                background first. A confidence it has is not looked at.
        Raises:
            InputError: If the images are not 8-bit RGB or grey, are smaller than 16 px, differ in size, or the
                disparity's size is another.
        """
        check_images(left, right)
        if prior.disparity.shape != left.shape[:2]:
            raise InputError(
                f"expected a disparity of the images' size {left.shape[:2]} (height, width), got "
                f"{prior.disparity.shape}; a disparity that is resized must be multiplied by the same factor"
            )
        usable = np.isfinite(prior.disparity) & (prior.disparity >= 0)
        valid = prior.valid & usable
        disparity = prior.disparity if usable.all() else fill_background(prior.disparity, valid)
        mended, confidence = self._in_bands(as_rgb(left), as_rgb(right), disparity, valid.astype(np.uint8))
        return DisparityMap(mended, np.ones(mended.shape, dtype=bool), self._calibration(confidence, left, right))

    def _in_bands(
        self,
        left: UInt8[np.ndarray, "h w 3"],
        right: UInt8[np.ndarray, "h w 3"],
        disparity: Float32[np.ndarray, "h w"],
        valid: UInt8[np.ndarray, "h w"],
    ) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
        """A large image in bands of whole rows, each blended with the next one."""
        layers = {"left": left, "right": right, "prior": disparity, "prior_valid": valid}
        height, width = disparity.shape
        if height * width <= WHOLE_PX:
            mended, confidence = self._graph.run(["disparity", "confidence"], layers)
            return mended, confidence
        totals = np.zeros((3, height, width), np.float32)
        for top, bottom in cuts(height, max(MARGIN_PX, WHOLE_PX // width)):
            first, last = max(top - MARGIN_PX, 0), min(bottom + MARGIN_PX, height)
            weight = ramp(first, last, top, bottom, height)[:, None]
            band = self._graph.run(
                ["disparity", "confidence"], {name: layer[first:last] for name, layer in layers.items()}
            )
            for total, layer in zip(totals, (*band, np.ones_like(band[0])), strict=True):
                total[first:last] += weight * layer
        return totals[0] / totals[2], totals[1] / totals[2]


@final
class RefinedMatcher:
    """SGBM-3WAY, mended: a stereo method like any other.

    Args:
        max_disparity: Largest disparity that SGBM searches, px.
        threads: Threads of the network, and of OpenCV for the whole process; all processors if absent.
        provider: Where the network runs; SGBM always runs on the cpu.
        model: As for `RefineSession`.
    Raises:
        InputError: As for `RefineSession` and `ClassicalStereo`.

    >>> texture = np.random.default_rng(0).integers(0, 256, (60, 107, 3), dtype=np.uint8)
    >>> found = RefinedMatcher(31, threads=1)(texture[:, :100], texture[:, 7:])
    >>> bool(abs(found.disparity[30, 50] - 7.0) < 0.5), found.confidence is not None
    (True, True)
    """

    def __init__(
        self,
        max_disparity: int = 192,
        threads: int | None = None,
        provider: Provider = "cpu",
        model: str | Path = REFINE_MODEL,
    ) -> None:
        self.max_disparity = max_disparity
        self._matcher = ClassicalStereo(_MATCHER, max_disparity)
        self._session = RefineSession(model, threads, provider)
        if threads is not None:
            cv2.setNumThreads(threads)

    @property
    def description(self) -> dict[str, Any]:
        """Description of the model and how it runs, for a summary."""
        return {**self._session.description, "matcher": self._matcher.name}

    def __call__(self, left: _Image, right: _Image) -> DisparityMap:
        """Dense disparity and confidence of a rectified pair, RGB or grey, 8 bit.

        Raises:
            InputError: If the images are not 8-bit RGB or grey, differ in size, or are smaller than 16 px.
        """
        check_images(left, right)
        return self._session(left, right, self._matcher(left, right))
