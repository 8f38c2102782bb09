"""Sources of metric scale, each named by a word such as points:FILE.csv.

Distances known at some places, a stereo result, a time-of-flight frame, the camera's height, or two assumed planes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, cast, get_args

import numpy as np
from jaxtyping import Float64, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.known_depths import (
    UNIT_M,
    LengthUnit,
    read_known_points,
    require_reach,
)
from leadline.io.pfm import read_pfm
from leadline.maps import CONFIDENT, DepthMap
from leadline.robotics.tof_fusion import FusedDepth
from leadline.robotics.tof_orientation import ORIENTATIONS
from leadline.scale.fit import (
    KnownDepths,
    MetricFit,
    fit_camera_height,
    fit_ground,
    fit_known_depths,
    fit_planes,
    sample_nearest,
)
from leadline.scale.zones import ZoneOptions, fuse_zones, zone_frame, zone_values

Form = Literal["points", "stereo", "tof", "ground", "height", "planes"]

_FORMS: Final = (
    "points:FILE.csv, stereo:FOLDER or depth.pfm, tof:FILE.csv[@DEGREES], ground:METRES, height:METRES[@PITCH], or "
    "planes:NEAR:FAR"
)
_MUCH_BETTER: Final = 0.5
"""Share of the residual below which another order of the data is no chance."""
_DOUBTED: Final = 0.15
"""Median relative residual from which the order of the data is doubted: in a better one they are refused."""
_QUESTIONED: Final = 0.001
"""Median relative residual from which a better order is told of."""
_FEW: Final = 8
"""Distances below which another order fits better by chance, unless it is far better."""
_FAR_BETTER: Final = 0.1
_USUAL_HEIGHT_M: Final = (0.05, 30.0)
"""Of cameras over the ground: robots to masts."""
_HIGHEST_M: Final = 500.0
_MOST_PIXELS: Final = 4096
"""Of a stereo result that are fitted: neighbours err alike, so more would only feign certainty."""


@dataclass(frozen=True)
class ScaleSource:
    """One way to make relative depth metric.

    Args:
        text: As it was given.
        form: Which way.
        path: The file or folder, if it takes one.
        number: Metres of height, or of the near plane; degrees of a time-of-flight sensor, if given.
        far_m: Metres of the far plane.
        pitch_deg: How far the camera looks down, if given.
        unit: Of the distances in the file; what the file says, else metres, if absent.
        zones: How the zones of a time-of-flight sensor belong to the image.
    """

    text: str
    form: Form
    path: Path | None = None
    number: float | None = None
    pitch_deg: float | None = None
    unit: LengthUnit | None = None
    far_m: float | None = None
    zones: ZoneOptions = field(default_factory=ZoneOptions)

    @property
    def needs_camera(self) -> bool:
        """Whether the focal length must be known."""
        return self.form in ("ground", "height") or (self.form == "tof" and self.number is not None)

    def fit(self, relative: DepthMap, camera: Pinhole | None, name: str) -> MetricFit:
        """The scale, and the shift if need be, of one image's depth.

        Args:
            relative: What a network found.
            camera: The image's, if known.
            name: The image's, for folders that hold one file or folder for each image.
        Raises:
            InputError: If the camera is needed and not known, a file is missing or does not fit, or the distances do
                not determine the scale.
        """
        if self.needs_camera and camera is None:
            raise InputError(_no_focal(self))
        if self.form == "height":
            assert camera is not None
            assert self.number is not None
            return _noted(fit_camera_height(relative, camera, self.number, self.pitch_deg), _unusual(self.number))
        if self.form == "ground":
            assert camera is not None
            assert self.number is not None
            return _noted(fit_ground(relative, camera, self.number), _unusual(self.number))
        if self.form == "planes":
            assert self.number is not None
            assert self.far_m is not None
            return fit_planes(relative, self.number, self.far_m)
        assert self.path is not None
        if self.form == "points":
            return _fit_points(relative, _own(self.path, f"{name}.csv"), self.unit)
        if self.form == "stereo":
            known, assumption, notes = _stereo(relative, self.path, name, self.unit)
            return _noted(fit_known_depths(relative, known, assumption), notes)
        return _fit_zones(relative, _own(self.path, f"{name}.csv"), camera, self)

    def fuse(
        self, relative: DepthMap, camera: Pinhole | None, image: UInt8[np.ndarray, "h w 3"], name: str
    ) -> tuple[FusedDepth | None, MetricFit]:
        """As `fit`; of a log of zones and a known camera, depth that is corrected zone by zone, with an error bar.

        A bare grid of 8x8 distances, which knows no statuses, gives scale and shift alone.

        Args:
            relative: What a network found.
            camera: The image's, if known.
            image: The image.
            name: The image's, as for `fit`.
        Raises:
            InputError: As for `fit`.
        """
        if self.form != "tof" or relative.kind == "affine_depth":
            return None, self.fit(relative, camera, name)
        assert self.path is not None
        if self.needs_camera and camera is None:
            raise InputError(_no_focal(self))
        path = _own(self.path, f"{name}.csv")
        found = zone_frame(path, self.unit, self.number, self.zones)
        if found.log.grid or found.field_deg is None or camera is None:
            return None, self.fit(relative, camera, name)
        return fuse_zones(relative, found, camera, image, self.zones, path)


def _no_focal(source: ScaleSource) -> str:
    return (
        f"expected a known focal length for the scale from {source.text}, got none; "
        "give focal_px, fov_deg or a calibration"
    )


def parse_scale_source(text: str, unit: LengthUnit | None = None, zones: ZoneOptions | None = None) -> ScaleSource:
    """Reads a word such as points:FILE.csv or height:1.5@10.

    Args:
        text: The word.
        unit: Of the distances in the file, for points, tof and stereo.
        zones: How the zones of a time-of-flight sensor belong to the image, for tof.
    Raises:
        InputError: If it has no such form, or a unit or options of zones do not go with it.
    Example:
        >>> found = parse_scale_source("height:1.5@10")
        >>> found.form, found.number, found.pitch_deg
        ('height', 1.5, 10.0)
    """
    found = _parse(text)
    if unit is not None and found.form not in ("points", "tof", "stereo"):
        raise InputError(f"expected a unit for a file of distances, got {unit} for {text!r}; {found.form} is in metres")
    if zones is not None and found.form != "tof":
        raise InputError(f"expected tof:FILE for options of zones, got {text!r}; leave them out")
    return replace(found, unit=unit, zones=zones or found.zones)


def _parse(text: str) -> ScaleSource:
    form, _, rest = text.partition(":")
    body, _, tail = rest.rpartition("@")
    extra = _float(tail) if body else None
    if form == "height":
        height = _float(body or rest)
        if height is None or (body and extra is None) or not (np.isfinite(height) and height > 0):
            raise InputError(f"expected height:METRES or height:METRES@PITCH, got {text!r}")
        _require_height(height)
        return ScaleSource(text, "height", None, height, extra)
    if form == "ground":
        height = _float(rest)
        if height is None or not (np.isfinite(height) and height > 0):
            raise InputError(
                f"expected ground:METRES, the camera's height over the ground, got {text!r}; measure it: nothing in a "
                "image tells it"
            )
        _require_height(height)
        return ScaleSource(text, "ground", None, height)
    if form == "planes":
        near, far = (_float(part) for part in (rest.partition(":")[0], rest.partition(":")[2]))
        if near is None or far is None or not 0.0 < near < far < np.inf:
            raise InputError(f"expected planes:NEAR:FAR in metres with 0 < NEAR < FAR, got {text!r}")
        return ScaleSource(text, "planes", None, near, far_m=far)
    if form not in get_args(Form) or not rest:
        raise InputError(f"expected {_FORMS} as the source of scale, got {text!r}")
    if form == "tof" and extra is not None:
        if not 1.0 <= extra <= 170.0:
            raise InputError(f"expected a sensor's field of view from 1 to 170 degrees, got {text!r}")
        return ScaleSource(text, "tof", Path(body), extra)
    return ScaleSource(text, cast(Form, form), Path(rest))


def _require_height(height_m: float) -> None:
    """Refuses a camera's height that is no metres."""
    if height_m > _HIGHEST_M:
        raise InputError(
            f"expected the camera's height in metres, up to {_HIGHEST_M:g}, got {height_m:g}; {height_m:g} mm would be "
            f"{height_m / 1000.0:g} m"
        )


def _unusual(height_m: float) -> tuple[str, ...]:
    """A note on a camera's height that may be in another unit."""
    if _USUAL_HEIGHT_M[0] <= height_m <= _USUAL_HEIGHT_M[1]:
        return ()
    others = [f"{height_m * metres:g} m if it is in {unit}" for unit, metres in UNIT_M.items() if unit != "m"]
    fitting = others if height_m > _USUAL_HEIGHT_M[1] else []
    return ("; ".join((f"a camera {height_m:g} m above the ground is unusual", *fitting)),)


def _noted(fit: MetricFit, notes: tuple[str, ...]) -> MetricFit:
    return replace(fit, notes=(*fit.notes, *notes))


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _own(path: Path, name: str) -> Path:
    """The image's own file in a folder, or the file that serves all."""
    return path / name if path.is_dir() else path


def _known(values: np.ndarray, depths_m: np.ndarray) -> KnownDepths:
    usable = np.isfinite(values) & np.isfinite(depths_m)
    return KnownDepths(values[usable].astype(np.float64), depths_m[usable].astype(np.float64))


def _fit_points(relative: DepthMap, path: Path, unit: LengthUnit | None) -> MetricFit:
    height, width = relative.depth.shape
    found = read_known_points(path, height, width, unit)
    x, y, metres = (np.asarray(column, dtype=np.float64) for column in found.points.T)
    known = _known(sample_nearest(relative, x, y), metres)
    orders: dict[str, KnownDepths] = {}
    if x.max() <= height - 0.5 and y.max() <= width - 0.5:
        orders["as row, column: exchange the first two columns"] = _known(sample_nearest(relative, y, x), metres)
    fit = _fit_in_order(relative, known, orders, "the points' metres are along the optical axis", path)
    return fit if found.stated else _noted(fit, (_unstated(path),))


def _fit_in_order(
    relative: DepthMap, known: KnownDepths, orders: Mapping[str, KnownDepths], assumption: str, path: Path
) -> MetricFit:
    """The fit of the data as they are; refused if they fit far better in another order, which a user then exchanges."""
    fit: MetricFit | None = None
    refusal: InputError | None = None
    try:
        fit = fit_known_depths(relative, known, assumption)
    except InputError as error:
        refusal = error
    off, better = np.inf if fit is None else fit.median_relative_residual, ""
    if off > _QUESTIONED:
        others = {_residual(relative, other): name for name, other in orders.items()}
        least = min(others, default=np.inf)
        if least < min(_MUCH_BETTER * off, _DOUBTED):
            by_chance = len(known.values) < _FEW and least > _FAR_BETTER * off
            if off > _DOUBTED:
                now = "not at all" if fit is None else f"by {100 * off:.0f} %"
                raise InputError(
                    f"expected distances in the image's order in {path}, which are off {now}; they fit (off by "
                    f"{100 * least:.0f} %) {others[least]}"
                )
            if not by_chance:
                better = f"warning: {path}: its distances fit better (off by {100 * least:.1f} %) {others[least]}"
    if fit is None:
        assert refusal is not None, "without a fit there was an error"
        raise refusal
    return _noted(fit, (better,)) if better else fit


def _residual(relative: DepthMap, known: KnownDepths) -> float:
    try:
        return fit_known_depths(relative, known, "").median_relative_residual
    except InputError:
        return np.inf


def _stereo(
    relative: DepthMap, path: Path, name: str, unit: LengthUnit | None
) -> tuple[KnownDepths, str, tuple[str, ...]]:
    """Distances of a stereo result, what is assumed of it, and notes on their unit."""
    if path.is_dir():
        folder = path / name if (path / name / "depth.pfm").exists() else path
        path = folder / "depth.pfm"
    depth = read_pfm(path)
    stated = unit is not None or (path.name == "depth.pfm" and path.with_name("summary.json").is_file())
    known = depth[np.isfinite(depth) & (depth > 0)].astype(np.float64)
    if known.size:
        require_reach(known, unit or "m", stated, path)
    depth = depth * np.float32(UNIT_M[unit or "m"])
    usable = np.isfinite(depth) & (depth > 0)
    confidence = path.with_name("confidence.pfm")
    if path.name == "depth.pfm" and confidence.is_file():
        sure = read_pfm(confidence)
        if sure.shape != depth.shape:
            raise InputError(f"expected {confidence} of the size of {path}, got {sure.shape} and {depth.shape}")
        usable &= sure >= CONFIDENT
    (height, width), (rows, columns) = relative.depth.shape, depth.shape
    # Resizing rounds a side to whole pixels.
    if abs(rows * width / columns - height) > max(1.0, width / columns):
        raise InputError(f"expected depth of the image's shape {width}x{height}, got {columns}x{rows} in {path}")
    y, x = np.nonzero(usable)
    chosen = np.unique(np.linspace(0, max(len(y) - 1, 0), min(len(y), _MOST_PIXELS)).round().astype(np.int64))
    y, x = y[chosen], x[chosen]
    values = sample_nearest(relative, (x + 0.5) * (width / columns) - 0.5, (y + 0.5) * (height / rows) - 0.5)
    notes = () if stated else (_unstated(path),)
    return _known(values, depth[y, x]), f"{path} is the depth of this very image in metres", notes


def _fit_zones(relative: DepthMap, path: Path, camera: Pinhole | None, source: ScaleSource) -> MetricFit:
    found = zone_frame(path, source.unit, source.number, source.zones)
    if found.field_deg is not None and camera is None:
        raise InputError(_no_focal(source))
    metres = np.where(found.frame.valid, found.frame.distances_m, np.nan).astype(np.float64)
    values, covered = zone_values(relative, camera, found.field_deg, found.frame.size)
    orders = {name: _known(values.ravel(), turned.ravel()) for name, turned in _turned(metres).items()}
    size = found.frame.size
    assumption = f"the {size}x{size} zones cover {covered}, as the camera sees it; metres along the optical axis"
    fit = _fit_in_order(relative, _known(values.ravel(), metres.ravel()), orders, assumption, path)
    fit = _noted(fit, found.log.notes)
    return fit if found.log.stated or not found.log.grid else _noted(fit, (_unstated(path),))


def _unstated(path: Path) -> str:
    return f"{path}: no unit is stated, its distances are taken for metres"


def _turned(zones: Float64[np.ndarray, "n n"]) -> dict[str, Float64[np.ndarray, "n n"]]:
    """The seven other ways in which a sensor can be mounted or its zones be numbered."""
    ways = {name: way for name, way in ORIENTATIONS.items() if way != (0, False)}
    return {name: np.rot90(zones[:, ::-1] if flip else zones, -turns) for name, (turns, flip) in ways.items()}
