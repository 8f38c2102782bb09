"""`leadline check`: is this pair fit for stereo matching?"""

import json
import sys
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from leadline.apps.cli.words import with_options
from leadline.geometry.check import PairCheck, check_pair
from leadline.io.pairs import Layout, read_pair

_Line = tuple[str, float | None, str]


def check(
    left: str,
    right: str | None = None,
    /,
    *,
    swap: bool = False,
    layout: Layout | None = None,
    max_pixels: int | None = None,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Is this pair rectified, in order, and evenly exposed? Exit code 0 if it is fine, 1 if it is not.

    Features are matched between the views. Matches of a rectified pair lie on one row, and move to the left from the
    left to the right image.

    Args:
        left: Left image.
        right: Right image. Not needed where LEFT holds both views (.mpo, .jps, side by side).
        swap: Exchange the views.
        layout: How two views lie in one image.
        max_pixels: Largest image that is read.
        as_json: Print JSON.
    """
    pair = read_pair(left, right, swap, layout, max_pixels)
    found = check_pair(pair.left, pair.right)
    if as_json:
        print(json.dumps({**asdict(found), "notes": list(pair.notes)}, indent=1, allow_nan=False))
        return 0 if found.fine else 1
    for note in pair.notes:
        print(f"note: {with_options(note)}", file=sys.stderr)
    height, width = pair.left.shape[:2]
    print(f"{width}x{height}, {found.matches} matched features")
    for label, value, unit in _measurements(found):
        if value is not None:
            print(f"  {label:<30}{value:10.3f} {unit}".rstrip())
    # "cannot tell" stands in the verdict itself.
    print(found.verdict if found.status == "cannot_tell" else f"{found.status.replace('_', ' ')}: {found.verdict}")
    if found.mend:
        print(f"mend: {with_options(found.mend)}")
    return 0 if found.fine else 1


def _measurements(found: PairCheck) -> tuple[_Line, ...]:
    share = found.negative_share
    return (
        ("vertical offset, median |dy|", found.median_abs_offset_px, "px"),
        ("vertical offset, 95 % of |dy|", found.p95_abs_offset_px, "px"),
        ("vertical offset, median dy", found.median_offset_px, "px"),
        ("rotation", found.rotation_deg, "degrees"),
        ("vertical scale", found.vertical_scale, ""),
        ("negative disparities", None if share is None else 100.0 * share, "%"),
        ("disparity, 2nd percentile", found.min_disparity_px, "px"),
        ("disparity, 98th percentile", found.max_disparity_px, "px"),
        ("exposure gap", found.exposure_gap_stops, "stops"),
    )
