"""From pictures to a summarised disparity map, as the command line does it."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8

from leadline.apps.results import CONFIDENT, describe_method, describe_rig, versions
from leadline.errors import InputError
from leadline.geometry.check import PairCheck, check_pair
from leadline.geometry.rig import StereoRig
from leadline.maps import DisparityMap
from leadline.runtime.pictures import check_pictures
from leadline.runtime.stereo import StereoMethod

Picture = UInt8[np.ndarray, "_ _ 3"]


@dataclass(frozen=True, eq=False)
class MatchedPair:
    """What a method and the check of the pair say.

    Args:
        disparity: Of the left picture.
        seconds: Matching alone, without reading, checking and writing.
        check: Whether the pair was fit for it.
    """

    disparity: DisparityMap
    seconds: float
    check: PairCheck


def refuse_hopeless(left: Picture, right: Picture) -> None:
    """Refuses pictures that no method can match.

    Raises:
        InputError: If the sizes differ, a picture is tiny or of one flat colour, or both are the same picture.
    """
    check_pictures(left, right)
    for picture, name in ((left, "left"), (right, "right")):
        if int(np.ptp(picture)) <= 1:
            raise InputError(
                f"expected pictures with texture, got a {name} picture of one flat colour; take the picture again"
            )
    if np.array_equal(left, right):
        raise InputError(
            "expected two views of a scene, got one picture twice; give the left and the right picture of a pair"
        )


def match_pair(method: StereoMethod, left: Picture, right: Picture) -> MatchedPair:
    """Checks and matches a pair.

    Raises:
        InputError: If the pictures are hopeless.
    """
    refuse_hopeless(left, right)
    check = check_pair(left, right)
    start = time.perf_counter()
    disparity = method(left, right)
    return MatchedPair(disparity, time.perf_counter() - start, check)


def warnings(check: PairCheck) -> tuple[str, ...]:
    """What the user must know before trusting the result: nothing, or one line."""
    if check.swapped:
        return (f"WARNING: THE VIEWS SEEM SWAPPED, the result is worthless if so: {check.verdict}; {check.mend}",)
    return () if check.fine else (f"warning: {check.verdict}; {check.mend}",)


def summarize(
    matched: MatchedPair, method: StereoMethod, name: str, rig: StereoRig | None, notes: tuple[str, ...]
) -> dict[str, Any]:
    """What summary.json says about how a result came about.

    Args:
        matched: The result.
        method: Who matched.
        name: Under which name.
        rig: The cameras, if known.
        notes: What was assumed or changed on the way.
    """
    if matched.disparity.confidence is None:
        notes += (f"{name} gives no confidence: no confidence files, and the cloud has every valid pixel",)
    height, width = matched.disparity.disparity.shape
    return {
        **describe_method(method, name),
        "height": height,
        "width": width,
        "seconds": matched.seconds,
        "cloud_min_confidence": None if matched.disparity.confidence is None else CONFIDENT,
        "rig": None if rig is None else describe_rig(rig),
        "check": asdict(matched.check),
        "notes": list(notes),
        "versions": versions(),
    }
