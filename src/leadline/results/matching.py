"""Matching of a pair, and its summary, as the command line does it."""

import time
from dataclasses import asdict, dataclass
from math import floor
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from leadline.errors import InputError
from leadline.geometry.check import MAX_NEGATIVE_SHARE, PairCheck, check_pair
from leadline.geometry.rig import StereoRig
from leadline.maps import DisparityMap
from leadline.results.stereo import CloudLimits, describe_method, describe_rig, versions
from leadline.runtime.images import check_images
from leadline.runtime.stereo import StereoMethod
from leadline.runtime.validity import judged

Image = UInt8[np.ndarray, "_ _ 3"]
Mask = Bool[np.ndarray, "_ _"]


@dataclass(frozen=True, eq=False)
class MatchedPair:
    """Disparity of a pair, and the check of the pair.

    Args:
        disparity: Of the left image.
        seconds: Matching alone, without reading, checking and writing.
        check: Whether the pair was fit for it.
    """

    disparity: DisparityMap
    seconds: float
    check: PairCheck


def refuse_hopeless(left: Image, right: Image) -> None:
    """Refuses images that no method can match.

    Raises:
        InputError: If the sizes differ, an image is tiny or of one flat colour, or both are the same image.
    Example:
        >>> image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
        >>> refuse_hopeless(image, image)
        Traceback (most recent call last):
        leadline.errors.InputError: expected two views of a scene, got one image twice; ...
    """
    check_images(left, right)
    for image, name in ((left, "left"), (right, "right")):
        if int(np.ptp(image)) <= 1:
            raise InputError(
                f"expected images with texture, got a {name} image of one flat colour; take the image again"
            )
    if np.array_equal(left, right):
        raise InputError(
            "expected two views of a scene, got one image twice; give the left and the right image of a pair"
        )


def match_pair(
    method: StereoMethod,
    left: Image,
    right: Image,
    seen: tuple[Mask, Mask] | None = None,
    smallest_px: float = 0.0,
    check: PairCheck | None = None,
) -> MatchedPair:
    """Checks and matches a pair; what no camera saw is invalid, as `judged` says.

    Args:
        method: Who matches.
        left: The left image.
        right: The right image.
        seen: Where each image shows what its camera saw, if known.
        smallest_px: Disparity of what is infinitely far away: -doffs.
        check: Result of checking another pair of these cameras; this pair is checked if absent.
    Raises:
        InputError: If the images are hopeless, or the camera only turned between them.
    Example:
        >>> from leadline.classical import ClassicalStereo
        >>> left = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
        >>> matched = match_pair(ClassicalStereo("sgbm", 32), left, np.roll(left, -8, axis=1))
        >>> round(float(np.median(matched.disparity.disparity[matched.disparity.valid])))
        8
    """
    refuse_hopeless(left, right)
    check = check or check_pair(left, right, smallest_px)
    if check.only_turned:
        raise InputError(f"expected two images from two places, got one: {check.verdict}; {check.mend}")
    start = time.perf_counter()
    disparity = method(left, right)
    seconds = time.perf_counter() - start
    return MatchedPair(judged(disparity, left, right, seen), seconds, check)


def pair_warnings(left: Image, right: Image, smallest_px: float = 0.0) -> tuple[str, ...]:
    """Warnings of two views that are matched by other means than `match_pair`: nothing, or one line.

    Args:
        left: The left image.
        right: The right image.
        smallest_px: Disparity of what is infinitely far away: -doffs.
    Example:
        >>> left = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
        >>> pair_warnings(np.roll(left, -8, axis=1), left)[0][:32]
        'WARNING: THE VIEWS SEEM SWAPPED,'
    """
    check = check_pair(left, right, smallest_px)
    if check.swapped:
        words = "the result is worthless if so"
        return (f"WARNING: THE VIEWS SEEM SWAPPED, {words}: {check.verdict}; give the left view first",)
    return () if check.fine else (f"warning: {check.verdict}; {check.mend}",)


def warnings(check: PairCheck) -> tuple[str, ...]:
    """Warnings that the user must know before trusting the result: nothing, or one line."""
    toed_in = ""
    if check.min_disparity_px is not None and (check.negative_share or 0.0) > MAX_NEGATIVE_SHARE:
        smallest = floor(check.min_disparity_px) - 1
        toed_in = f"; if the views are in order, search for disparities from {smallest} px on"
    if check.swapped:
        words = f"WARNING: THE VIEWS SEEM SWAPPED, the result is worthless if so: {check.verdict}; {check.mend}"
        return (words + toed_in,)
    return () if check.fine else (f"warning: {check.verdict}; {check.mend}{toed_in}",)


def summarize(
    matched: MatchedPair,
    method: StereoMethod,
    name: str,
    rig: StereoRig | None,
    notes: tuple[str, ...],
    limits: CloudLimits | None = None,
) -> dict[str, Any]:
    """Content of summary.json on how a result came about.

    Args:
        matched: The result.
        method: Who matched.
        name: Under which name.
        rig: The cameras, if known.
        notes: What was assumed or changed on the way.
        limits: Which pixels become points of the cloud.
    """
    limits = limits or CloudLimits()
    if matched.disparity.confidence is None:
        notes += (f"{name} gives no confidence: no confidence files, and the cloud has every valid pixel",)
    height, width = matched.disparity.disparity.shape
    return {
        **describe_method(method, name, width),
        "height": height,
        "width": width,
        "seconds": matched.seconds,
        "cloud_min_confidence": None if matched.disparity.confidence is None else limits.min_confidence,
        "cloud_max_depth_m": limits.max_depth_m,
        "cloud_max_relative_error": limits.max_relative_error,
        "rig": None if rig is None else describe_rig(rig),
        "check": asdict(matched.check),
        "notes": list(notes),
        "versions": versions(),
    }
