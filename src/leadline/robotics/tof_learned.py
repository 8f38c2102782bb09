"""A small network that corrects fused depth and knows its error.

It sees 30 numbers of each pixel of a coarse grid (`EVIDENCE`), from the depth, the field of corrections and the zones
around it, such as zones without a target: they are far or dark. Its weights, tof_fusion.json, are fitted to rendered
rooms with a simulated sensor by `benchmarks/fit_tof_fusion.py`; no real image takes part.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64

from leadline.robotics.tof_field import CorrectionField
from leadline.robotics.tof_frame import NO_TARGET, TofFrame
from leadline.robotics.tof_match import SeenZones, ZoneMatch

WEIGHTS_FILE: Final = "tof_fusion.json"
EVIDENCE: Final = (
    *("log depth", "over median zone", "over farthest zone", "over nearest zone", "correction", "log sigma"),
    *("confidence", "without correction", "inverse depth", "scale", "shift", "valid share", "empty share"),
    *("residual left", "residual", "zone valid", "zone empty", "zone over depth", "valid around", "empty around"),
    *("zones around over depth", "zones around", "inside across", "inside down", "x", "y", "aside"),
    *("depth around", "depth far around", "brightness"),
)
"""What each of the network's numbers is, in order."""
_MOST_CORRECTION: Final = 1.0
_BOUND: Final = 5.0
"""Standard deviations beyond which evidence is taken for this many: unlike anything that the network was fitted to."""
_LEAST_ERROR: Final = 0.01
_SMOOTH_PX: Final = 3.0
"""Of the grid, over which corrections are smoothed: without it the zones' outlines show; the error stays the same."""


@dataclass(frozen=True, eq=False)
class LearnedCorrection:
    """What the network says of each pixel of the grid.

    Args:
        mean: Correction of log depth, on top of the field.
        error: Mean absolute error of log depth that is left.
    """

    mean: Float64[np.ndarray, "r c"]
    error: Float64[np.ndarray, "r c"]


@dataclass(frozen=True, eq=False)
class _Network:
    mean: Float32[np.ndarray, " f"]
    deviation: Float32[np.ndarray, " f"]
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    widening: float


def learned_correction(
    match: ZoneMatch, seen: SeenZones, field: CorrectionField, scale: float, shift: float
) -> LearnedCorrection:
    """The network's correction.

    Args:
        match: Zones and depth.
        seen: Their comparison at this scale and shift.
        field: Corrections so far.
        scale: Of normalised inverse depth.
        shift: Likewise.
    Example:
        >>> from leadline.geometry.camera import Pinhole
        >>> from leadline.maps import DepthMap
        >>> from leadline.robotics.tof_field import FieldSettings, correction_field
        >>> from leadline.robotics.tof_match import FusionView
        >>> from leadline.robotics.tof_zones import TofZones
        >>> camera = Pinhole(40.0, 40.0, 15.5, 11.5, height=24, width=32)
        >>> frame = TofFrame.from_status(np.full((8, 8), 2.0), np.full((8, 8), 5))
        >>> depth = DepthMap(np.full((24, 32), 1.0, np.float32), np.ones((24, 32), bool), "up_to_scale")
        >>> match = ZoneMatch.prepare(depth, frame, FusionView(camera, TofZones()), None)
        >>> line = match.fit("line")
        >>> seen = match.compare(*line)
        >>> field = correction_field(seen, match.log_depth(*line), match.places, FieldSettings())
        >>> learned_correction(match, seen, field, *line).mean.shape
        (24, 32)
    """
    network = _network()
    evidence = fusion_evidence(match, seen, field, scale, shift)
    values = np.clip((evidence - network.mean) / network.deviation, -_BOUND, _BOUND)
    for i, (weights, offset) in enumerate(network.layers):
        values = values @ weights + offset
        if i + 1 < len(network.layers):
            values = np.maximum(values, 0.0)
    mean = np.clip(values[..., 0], -_MOST_CORRECTION, _MOST_CORRECTION).astype(np.float64)
    error = (np.logaddexp(0.0, values[..., 1]) + _LEAST_ERROR).astype(np.float64) * network.widening
    mean, error = (cv2.GaussianBlur(layer, (0, 0), _SMOOTH_PX) for layer in (mean, error))
    return LearnedCorrection(np.asarray(mean, np.float64), np.asarray(error, np.float64))


def fusion_evidence(
    match: ZoneMatch, seen: SeenZones, field: CorrectionField, scale: float, shift: float
) -> Float32[np.ndarray, "r c f"]:
    """The network's numbers, see `EVIDENCE`.

    Args:
        match: As for `learned_correction`.
        seen: Likewise.
        field: Likewise.
        scale: Likewise.
        shift: Likewise.
    """
    plain = match.log_depth(scale, shift)
    depth = plain + field.mean
    around = _around(match, depth)
    frame = match.frame
    known = np.log(np.maximum(frame.distances_m[frame.valid].astype(np.float64), 0.02))
    middle, nearest, farthest = float(np.median(known)), float(known.min()), float(known.max())
    edge = float(match.view.zones.edges[-1])
    x, y = match.places[..., 0], match.places[..., 1]
    confidence = match.confidence

    def everywhere(value: float) -> np.ndarray:
        return np.full(depth.shape, value)

    layers: list[np.ndarray] = [
        depth,
        depth - middle,
        depth - farthest,
        depth - nearest,
        field.mean,
        np.log(field.sigma),
        confidence,
        plain - depth,
        match.values,
        everywhere(scale * np.exp(middle)),
        everywhere(shift * np.exp(middle)),
        everywhere(float(frame.valid.mean())),
        everywhere(float((frame.status == NO_TARGET).mean())),
        everywhere(float(np.median(np.abs(field.left)))),
        everywhere(float(np.median(np.abs(seen.error)))),
        *around,
        np.clip(1.0 - np.abs(x) / edge, -1.0, 1.0),
        np.clip(1.0 - np.abs(y) / edge, -1.0, 1.0),
        x,
        y,
        np.abs(x),
        cv2.GaussianBlur(depth, (0, 0), 2.0) - depth,
        cv2.GaussianBlur(depth, (0, 0), 8.0) - depth,
        match.grey,
    ]
    return np.stack([np.asarray(layer, np.float32) for layer in layers], axis=-1)


def _around(match: ZoneMatch, depth: Float64[np.ndarray, "r c"]) -> list[np.ndarray]:
    """Seven layers of the zones at each pixel, and around it; beyond the field, of the zone at its border."""
    frame: TofFrame = match.frame
    n, edge = match.view.zones.size, float(match.view.zones.edges[-1])
    x = np.clip((match.places[..., 0] / edge + 1.0) * n / 2.0 - 0.5, 0.0, n - 1.0).astype(np.float32)
    y = np.clip((match.places[..., 1] / edge + 1.0) * n / 2.0 - 0.5, 0.0, n - 1.0).astype(np.float32)

    def at(zones: np.ndarray, how: int = cv2.INTER_LINEAR) -> np.ndarray:
        return cv2.remap(zones.astype(np.float32), x, y, how)

    valid, empty = frame.valid.astype(np.float32), (frame.status == NO_TARGET).astype(np.float32)
    logs = np.where(frame.valid, np.log(np.maximum(frame.distances_m, 0.02)), 0.0).astype(np.float32)
    blur = 1.2 * n / 8.0
    weight = cv2.GaussianBlur(valid, (0, 0), blur)
    mean = at(cv2.GaussianBlur(logs * valid, (0, 0), blur) / np.maximum(weight, 1e-3))
    many, here = at(weight), at(valid, cv2.INTER_NEAREST)
    return [
        here,
        at(empty, cv2.INTER_NEAREST),
        np.clip(at(logs, cv2.INTER_NEAREST) - depth, -1.0, 1.0) * here,
        at(valid),
        at(empty),
        np.clip(mean - depth, -1.0, 1.0) * (many > 0.05),
        many,
    ]


@lru_cache(maxsize=1)
def _network() -> _Network:
    data = json.loads((files("leadline.robotics") / WEIGHTS_FILE).read_text())
    assert tuple(data["evidence"]) == EVIDENCE, "the weights were fitted to other evidence"
    layers = tuple(
        (np.array(layer["weights"], np.float32), np.array(layer["offset"], np.float32)) for layer in data["layers"]
    )
    mean, deviation = (np.array(data[name], np.float32) for name in ("mean", "deviation"))
    return _Network(mean, deviation, layers, float(data["widening"]))
