"""Findings: what the measurements of samples say is wrong, each with its kind, its weight and its figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from leadline.data.audit.duplicates import exact_copies, look_alikes

Kind = Literal[
    "damaged", "exact copy", "near copy", "swapped views", "misaligned views", "one image twice", "wrong truth",
    "left-right truth", "no truth", "constant image", "saturated image", "calibration", "unit", "exposure",
]  # fmt: skip
Weight = Literal["error", "warning"]

# Shares of 320x160 rendered pairs and of real pairs begin at 0.5; chance is 0.2; others' truth reaches 0.35.
_LEAST_SHARE: Final = 0.4
_SWAPPED_GAIN: Final = 0.15
_MISALIGNED_PX: Final = (0.75, 2.0)
"""Vertical offsets that are told, and that are errors."""
_SHIFTED_PX: Final = 0.75
_LEAST_GAIN: Final = 0.02
_LARGE_GAIN: Final = 0.1
_LEAST_CONSISTENT: Final = 0.85
_GAP_PX: Final = 0.3
_GAP: Final = 0.08
_LEAST_EDGES: Final = 2.7
"""Of 98 rendered images none has less; 95 % of them have less with another image's depth or their own one mirrored."""
_LEAST_EDGE_POINTS: Final = 300
_USUAL_EDGES: Final = 5.0
"""Median of a part whose depth jumps where its images have edges; that of sparse and noisy sensors does not."""
_MOST_OUTSIDE: Final = 0.02
_FLAT_LEVELS: Final = 4.0
_MOST_WHITE: Final = 0.5
_MOST_BLACK: Final = 0.7
_LEAST_KNOWN: Final = 0.1
"""Share of the part's median share of known pixels."""
_FOV_DEG: Final = (8.0, 165.0)
_CENTER: Final = (0.25, 0.75)
_BASELINE_M: Final = (0.003, 5.0)
_DEPTH_M: Final = (0.02, 2000.0)
_MEDIAN_DEPTH_M: Final = (0.05, 500.0)
_UNIT_FACTOR: Final = 30.0
_ALIKE: Final = 0.03
_LEAST_ALIKE: Final = 0.8
_FEWEST: Final = 8
_EXPOSURE_STOPS: Final = 1.5


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a sample.

    Args:
        kind: What.
        weight: An error makes the audit fail; a warning is only told.
        part: Name of the sample's part.
        key: Name of the sample.
        index: Number of the sample in its part; -1 for a shard that cannot be opened.
        message: One line with the figures.
        other: Part and key of the other sample, for copies.
    """

    kind: Kind
    weight: Weight
    part: str
    key: str
    index: int
    message: str
    other: tuple[str, str] | None = None


def findings(samples: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """What is wrong with samples.

    Args:
        samples: Measurements, each with its part, key and index.
    Returns:
        Errors first, then in the order of the samples.
    """
    medians = _medians(samples)
    found = list[Finding]()
    for sample in samples:
        for kind, weight, message in _of_one(sample, medians.get(sample["part"], {})):
            found.append(Finding(kind, weight, sample["part"], sample["key"], sample["index"], message))
    found += _copies(samples)
    order = {(sample["part"], sample["index"]): place for place, sample in enumerate(samples)}
    return sorted(found, key=lambda one: (one.weight != "error", order.get((one.part, one.index), -1)))


_Told = tuple[Kind, Weight, str]


def _of_one(sample: Mapping[str, Any], medians: Mapping[str, float]) -> Iterator[_Told]:
    if "damage" in sample:
        yield "damaged", "error", sample["damage"]
        return
    yield from _images(sample)
    flat = any(image["range"] < _FLAT_LEVELS for image in sample["images"])
    if not flat:
        yield from _order(sample)
    yield from _truth(sample, medians)
    yield from _calibration(sample, medians)


def _images(sample: Mapping[str, Any]) -> Iterator[_Told]:
    names = ("left image", "right image") if "pair" in sample else ("image", "second image")
    for name, image in zip(names, sample["images"], strict=False):
        if image["range"] < _FLAT_LEVELS:
            yield "constant image", "error", f"the {name} spans {image['range']:.0f} of 255 levels"
        elif image["white"] > _MOST_WHITE:
            yield "saturated image", "error", f"{image['white']:.0%} of the {name} is white"
        elif image["black"] > _MOST_BLACK:
            yield "saturated image", "error", f"{image['black']:.0%} of the {name} is black"
    pair = sample.get("pair", {})
    if abs(gap := pair.get("exposure_gap_stops") or 0.0) > _EXPOSURE_STOPS:
        yield "exposure", "warning", f"the right image differs by {gap:+.1f} stops"


def _order(sample: Mapping[str, Any]) -> Iterator[_Told]:
    """Views that are swapped, misaligned or the same; with truth, by truth, else by matched features."""
    pair, match = sample.get("pair", {}), sample.get("match")
    if pair.get("same_image"):
        yield "one image twice", "error", "both views are the same image, or nothing is within reach"
        return
    if match is None:
        if pair.get("swapped"):
            yield "swapped views", "error", pair["verdict"]
        elif pair.get("rectified") is False:
            offset = pair.get("median_abs_offset_px") or 0.0
            weight: Weight = "error" if offset > _MISALIGNED_PX[1] else "warning"
            yield "misaligned views", weight, pair["verdict"]
        return
    if _is_swapped(sample):
        other = max(_share(sample, "swapped_match"), _share(sample, "mirrored_match"))
        yield (
            "swapped views", "error",
            f"the truth explains {match['share']:.0%} of the points, {other:.0%} with the views exchanged",
        )  # fmt: skip
    elif match["share"] >= _LEAST_SHARE or _is_offset(match):
        offset = max(abs(match["offset_y_px"]), abs(match["tilt_px"]))
        if offset > _MISALIGNED_PX[0] and match["gain_y"] > _LEAST_GAIN and "pair" in sample:
            weight = "error" if offset > _MISALIGNED_PX[1] else "warning"
            yield (
                "misaligned views", weight,
                f"the right view lies {match['offset_y_px']:+.1f} px lower, {match['tilt_px']:+.1f} px more at its "
                "right end",
            )  # fmt: skip


def _is_offset(match: Mapping[str, Any]) -> bool:
    """Whether shifts along y explain much that the truth alone does not."""
    return max(abs(match["offset_y_px"]), abs(match["tilt_px"])) > _MISALIGNED_PX[0] and match["gain_y"] > _LARGE_GAIN


def _is_swapped(sample: Mapping[str, Any]) -> bool:
    match = sample["match"]
    return any(
        other is not None and other["share"] > match["share"] + _SWAPPED_GAIN and other["alike"] > match["alike"] + 0.1
        for other in (sample.get("swapped_match"), sample.get("mirrored_match"))
    )


def _share(sample: Mapping[str, Any], name: str) -> float:
    return sample[name]["share"] if sample.get(name) else 0.0


def _truth(sample: Mapping[str, Any], medians: Mapping[str, float]) -> Iterator[_Told]:
    truth = sample.get("truth")
    if truth is None:
        if medians.get("known", 0.0) > 0:
            yield "no truth", "error", "no pixel has truth, most samples have some"
        return
    if truth["known"] < _LEAST_KNOWN * medians["known"]:
        yield "no truth", "error", f"{truth['known']:.2%} of the pixels have truth, {medians['known']:.1%} elsewhere"
    elif truth["p99"] == truth["p1"] and truth["known"] > 0.5 and sample.get("match") is None:
        yield "wrong truth", "error", f"the truth is {truth['p50']:.4g} everywhere"
    yield from _contradictions(sample, medians)
    if sample.get("outside", 0.0) > _MOST_OUTSIDE:
        yield "wrong truth", "error", f"{sample['outside']:.0%} of the visible points lie outside the other view"
    if sample.get("annotation") == "metric":
        yield from _unit(truth, medians)


def _contradictions(sample: Mapping[str, Any], medians: Mapping[str, float]) -> Iterator[_Told]:
    match, consistent, edges = sample.get("match"), sample.get("consistent"), sample.get("edges")
    swapped = match is not None and _is_swapped(sample)
    if match is not None and not swapped:
        if match["share"] < _LEAST_SHARE and not _is_offset(match):
            yield (
                "wrong truth", "error",
                f"the truth explains {match['share']:.0%} of {match['points']} textured points; chance is 20 %",
            )  # fmt: skip
        elif abs(match["offset_x_px"]) > _SHIFTED_PX and match["gain"] > _LEAST_GAIN and not _is_offset(match):
            yield "wrong truth", "error", f"the images match {match['offset_x_px']:+.1f} px beside the truth"
    if consistent is not None and (
        consistent["share"] < _LEAST_CONSISTENT
        or (abs(consistent["gap_px"]) > _GAP_PX and abs(consistent["gap"]) > _GAP)
    ):
        yield (
            "left-right truth", "error",
            f"the right view's truth repeats {consistent['share']:.0%} of the left view's, "
            f"{consistent['gap_px']:+.2f} px off in the median",
        )  # fmt: skip
    sharp = medians.get("edges", 0.0) > _USUAL_EDGES
    if sharp and edges and edges["points"] >= _LEAST_EDGE_POINTS and edges["deviations"] < _LEAST_EDGES:
        yield (
            "wrong truth", "error",
            f"where depth jumps the image has no more edges than elsewhere ({edges['deviations']:.1f} deviations, "
            f"{medians['edges']:.1f} in the median)",
        )  # fmt: skip


def _unit(truth: Mapping[str, float], medians: Mapping[str, float]) -> Iterator[_Told]:
    middle, usual = truth["p50"], medians.get("depth", truth["p50"])
    if not _MEDIAN_DEPTH_M[0] < middle < _MEDIAN_DEPTH_M[1]:
        yield "unit", "error", f"the median depth is {middle:.4g} m; check the unit"
    elif not 1.0 / _UNIT_FACTOR < middle / usual < _UNIT_FACTOR:
        yield "unit", "error", f"the median depth is {middle:.4g} m, {usual:.4g} m elsewhere; check the unit"


def _calibration(sample: Mapping[str, Any], medians: Mapping[str, float]) -> Iterator[_Told]:
    if "camera_damage" in sample:
        yield "calibration", "error", sample["camera_damage"]
    camera = sample.get("camera")
    if camera is None:
        return
    height, width = sample["size"]
    if [camera["height"], camera["width"]] != [height, width]:
        size = f"{camera['width']}x{camera['height']}"
        yield "calibration", "error", f"it is for images of {size}, the images are {width}x{height}"
        return
    fov = field_of_view_deg(camera)
    center = camera["center_x_px"] / width, camera["center_y_px"] / height
    if not _FOV_DEG[0] < fov < _FOV_DEG[1]:
        yield "calibration", "error", f"the field of view would be {fov:.1f} degrees across"
    elif not all(_CENTER[0] < place < _CENTER[1] for place in center):
        yield (
            "calibration",
            "error",
            f"the principal point would lie at {center[0]:.0%} and {center[1]:.0%} of the image",
        )
    elif not 0.5 < camera["focal_x_px"] / camera["focal_y_px"] < 2.0:
        yield "calibration", "error", f"focal lengths {camera['focal_x_px']:.0f} and {camera['focal_y_px']:.0f} px"
    elif (usual := medians.get("focal")) and abs(camera["focal_x_px"] / width / usual - 1.0) > _ALIKE:
        yield (
            "calibration",
            "error",
            f"the focal length is {camera['focal_x_px'] / width / usual:.2f} times the others'",
        )
    else:
        yield from _baseline(sample, camera, medians)


def _baseline(sample: Mapping[str, Any], camera: Mapping[str, Any], medians: Mapping[str, float]) -> Iterator[_Told]:
    baseline, truth = camera["baseline_m"], sample.get("truth")
    if baseline is None:
        return
    if not _BASELINE_M[0] <= baseline <= _BASELINE_M[1]:
        yield "calibration", "error", f"the baseline would be {baseline:.4g} m; check its unit"
        return
    if (usual := medians.get("baseline")) and abs(baseline / usual - 1.0) > _ALIKE:
        yield "calibration", "error", f"the baseline is {baseline / usual:.2f} times the others'"
        return
    if truth is not None and truth["p99"] + camera["doffs_px"] > 0:
        depth = camera["focal_x_px"] * baseline / (truth["p99"] + camera["doffs_px"])
        if not _DEPTH_M[0] < depth < _DEPTH_M[1]:
            yield "calibration", "error", f"the nearest 1 % would be at {depth:.4g} m"


def field_of_view_deg(camera: Mapping[str, Any]) -> float:
    """Horizontal field of view.

    Example:
        >>> round(field_of_view_deg({"width": 200, "focal_x_px": 100.0}))
        90
    """
    return float(np.rad2deg(2.0 * np.arctan(camera["width"] / (2.0 * camera["focal_x_px"]))))


def _medians(samples: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """What is usual in each part: the share of known pixels, metric depth, and the camera if most share one."""
    found = dict[str, dict[str, float]]()
    for name in dict.fromkeys(sample["part"] for sample in samples):
        own = [sample for sample in samples if sample["part"] == name and "damage" not in sample]
        known = [sample["truth"]["known"] if "truth" in sample else 0.0 for sample in own]
        usual = {"known": float(np.median(known)) if known else 0.0}
        depth = [s["truth"]["p50"] for s in own if "truth" in s and s.get("annotation") == "metric"]
        if len(depth) >= _FEWEST:
            usual["depth"] = float(np.median(depth))
        edges = [sample["edges"]["deviations"] for sample in own if sample.get("edges")]
        if edges:
            usual["edges"] = float(np.median(edges))
        cameras = [sample["camera"] for sample in own if "camera" in sample]
        focal = [camera["focal_x_px"] / camera["width"] for camera in cameras]
        baseline = [camera["baseline_m"] for camera in cameras if camera["baseline_m"] is not None]
        for label, values in (("focal", focal), ("baseline", baseline)):
            if (shared := _shared(values)) is not None:
                usual[label] = shared
        found[name] = usual
    return found


def _shared(values: Sequence[float]) -> float | None:
    """The value that nearly all have, if there is one."""
    if len(values) < _FEWEST:
        return None
    middle = float(np.median(values))
    alike = np.abs(np.array(values) / middle - 1.0) < _ALIKE if middle > 0 else np.zeros(1, bool)
    return middle if float(alike.mean()) >= _LEAST_ALIKE else None


def _copies(samples: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for first, second, whole in exact_copies(samples):
        across = samples[first]["part"] != samples[second]["part"]
        same = "the same images" if whole else "the same first image, but another second one,"
        yield _copy(samples[first], samples[second], "exact copy", "error", same, across)
    for first, second in look_alikes(samples):
        across = samples[first]["part"] != samples[second]["part"]
        weight: Weight = "error" if across else "warning"
        yield _copy(samples[first], samples[second], "near copy", weight, "nearly the same image", across)


def _copy(
    first: Mapping[str, Any], second: Mapping[str, Any], kind: Kind, weight: Weight, same: str, across: bool
) -> Finding:
    place = f"{first['part']}, " if across else ""
    message = f"{same} as {place}{first['key']}"
    return Finding(kind, weight, second["part"], second["key"], second["index"], message, (first["part"], first["key"]))
