"""Zones of a time-of-flight sensor against a depth map: what the sensor would report of it, and what it does report."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.robotics.tof_frame import NO_TARGET, TofFrame
from leadline.robotics.tof_sensor import TofSensor
from leadline.robotics.tof_zones import TofZones

NEAREST_M: Final = 0.05
FARTHEST_M: Final = 50.0
"""Depth between which a fused depth map lies; what is beyond is not valid."""
NETWORK_SHARE: Final = 0.12
"""Relative error of a network's depth at one zone, after scale and shift."""

_GRID_PX: Final = 128
"""Columns of the grid on which zones and depth are compared."""
_FEWEST_ZONES: Final = 4
_ROUNDS: Final = 3
_PRIOR_RATIO: Final = 0.28
_PRIOR_SIGMA: Final = 0.15
"""Inverse depth of a scene deviates from its median by 0.28 of it on average, and rarely by 0.15 more or less: 300
rendered rooms."""
_INDEPENDENT: Final = 16.0
"""Number of zones that the fit takes for independent at most: neighbours err alike."""
_SENSOR_SHARE: Final = 0.02
"""Error of a distance that does not shrink with the noise: offset and scale of the sensor, and the mean ray."""
_CAUCHY: Final = 2.0
_SAME_SURFACE: Final = 0.15
_EDGE_SHARE: Final = 0.5
"""Share of a zone's own spread of log depth that counts as its error."""
_LEAST_RATIO: Final = 0.02
_LEAST_SHARE: Final = 0.05
"""Share of a zone's pixels that a target of two must have in the depth map."""
_NO_CHANCE: Final = np.random.default_rng(0)
"""For a sensor without noise."""


@dataclass(frozen=True, eq=False)
class FusionView:
    """What the sensor and the camera see of each other, on a coarse grid of the image.

    Args:
        camera: Of the image.
        zones: Of the sensor.
        sensor_from_camera: Takes points of the camera's frame into the sensor's; the same frame if absent.
    Example:
        >>> view = FusionView(Pinhole(500.0, 500.0, 319.5, 239.5, height=480, width=640), TofZones())
        >>> view.grid.width, view.grid.height, view.grid.focal_x_px
        (128, 96, 100.0)
    """

    camera: Pinhole
    zones: TofZones
    sensor_from_camera: Float64[np.ndarray, "4 4"] | None = None

    @property
    def grid(self) -> Pinhole:
        """The camera of the coarse grid."""
        columns = min(_GRID_PX, self.camera.width)
        return self.camera.scaled(max(1, round(columns * self.camera.height / self.camera.width)), columns)


@dataclass(frozen=True, eq=False)
class SeenZones:
    """Zones that see the depth map, against it; a zone with two targets is there twice, once for each surface.

    Args:
        error: Log of the measured distance over what the sensor would report of the depth map.
        sigma: Standard deviation of that from the sensor and from edges in the zone.
        log_depth: Of the surface that the zone sees in the depth map, along the camera's axis.
        place: Where in the image it is, x / z and y / z.
        value: Its normalised inverse depth.
        metres: What was measured, along the camera's axis.
    """

    error: Float64[np.ndarray, " k"]
    sigma: Float64[np.ndarray, " k"]
    log_depth: Float64[np.ndarray, " k"]
    place: Float64[np.ndarray, "k 2"]
    value: Float64[np.ndarray, " k"]
    metres: Float64[np.ndarray, " k"]

    def only(self, which: Bool[np.ndarray, " k"]) -> "SeenZones":
        """Some of them.

        Args:
            which: A mask.
        """
        return SeenZones(*(getattr(self, name)[which] for name in SeenZones.__dataclass_fields__))

    def joined(self, other: "SeenZones") -> "SeenZones":
        """Both.

        Args:
            other: Likewise of this depth map.
        """
        names = SeenZones.__dataclass_fields__
        return SeenZones(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))


@dataclass(frozen=True, eq=False)
class ZoneMatch:
    """An image's relative depth on a coarse grid, and the zones that it is compared with.

    Args:
        values: Normalised inverse depth, (inverse - middle) * unit: of median 0 and mean deviation 1 where a shift is
            unknown, else of median 1.
        usable: Where it is valid.
        full: The same at the image's size.
        grey: Reflectance that the image suggests.
        confidence: Of the relative depth.
        places: Directions of the pixels, x / z and y / z.
        grid: The camera of the grid.
        view: Where camera and sensor look.
        frame: What the sensor reports.
        middle: Of the normalisation.
        unit: Of the normalisation.
        shifted: Whether the shift is unknown.
    """

    values: Float64[np.ndarray, "r c"]
    usable: Bool[np.ndarray, "r c"]
    full: Float32[np.ndarray, "h w"]
    grey: Float32[np.ndarray, "r c"]
    confidence: Float32[np.ndarray, "r c"]
    places: Float64[np.ndarray, "r c 2"]
    grid: Pinhole
    view: FusionView
    frame: TofFrame
    middle: float
    unit: float
    shifted: bool

    @classmethod
    def prepare(
        cls, relative: DepthMap, frame: TofFrame, view: FusionView, image: UInt8[np.ndarray, "h2 w2 3"] | None
    ) -> "ZoneMatch":
        """Normalises and samples.

        Args:
            relative: Of any kind but affine_depth.
            frame: Of as many zones as the view's.
            view: Where camera and sensor look.
            image: Its brightness tells what a zone on an edge sees; all surfaces are alike if absent.
        Raises:
            InputError: If sizes differ, or no depth is valid.
        """
        shape = relative.depth.shape
        sizes = [("camera", (view.camera.height, view.camera.width))]
        sizes += [] if image is None else [("image", image.shape[:2])]
        for name, size in sizes:
            if size != shape:
                raise InputError(f"expected {name} and depth of one (height, width), got {size} and {shape}; scale one")
        full, middle, unit = _normalised(relative)
        grid = view.grid
        some = np.ix_(_sampled(shape[0], grid.height), _sampled(shape[1], grid.width))
        grey = np.full((grid.height, grid.width), 0.5)
        if image is not None:
            grey = 0.05 + np.square(image[some].mean(axis=-1) / 255.0)
        sure = np.full(grey.shape, 0.5) if relative.confidence is None else relative.confidence[some]
        x = (np.arange(grid.width) - grid.center_x_px) / grid.focal_x_px
        y = (np.arange(grid.height) - grid.center_y_px) / grid.focal_y_px
        return cls(
            full[some].astype(np.float64),
            relative.valid[some],
            full,
            grey.astype(np.float32),
            sure.astype(np.float32),
            np.stack(np.meshgrid(x, y), axis=-1),
            grid,
            view,
            frame,
            middle,
            unit,
            relative.kind == "affine_inverse",
        )

    def log_depth(self, scale: float, shift: float) -> Float64[np.ndarray, "r c"]:
        """Logarithm of depth at a scale and a shift of the normalised inverse depth."""
        return -np.log(np.clip(scale * self.values + shift, 1.0 / FARTHEST_M, 1.0 / NEAREST_M))

    def fit(self, form: Literal["scale", "line"]) -> tuple[float, float]:
        """Scale and shift of normalised inverse depth, robust against a third of wrong zones."""
        shifted = self.shifted
        known = self.frame.distances_m[self.frame.valid].astype(np.float64)
        middle = float(np.median(1.0 / known))
        if form == "scale":
            least = float(np.quantile(self.values[self.usable], 0.01)) if shifted else 0.0
            scale, offset = middle / max(float(np.median(self.values[self.usable])) - least, 1e-6), least
            for _ in range(_ROUNDS):
                seen = self._require(self.compare(scale, -scale * offset))
                scale *= float(np.exp(-np.median(seen.error)))
            return scale, -scale * offset
        scale, shift = (_PRIOR_RATIO * middle, middle) if shifted else (middle, 0.0)
        for _ in range(_ROUNDS):
            scale, shift = self._line(self._require(self.compare(scale, shift)), scale, shift, shifted)
        return scale, shift

    def _require(self, seen: SeenZones) -> SeenZones:
        if len(seen.error) < _FEWEST_ZONES:
            raise InputError(
                f"expected at least {_FEWEST_ZONES} valid zones that see the image, got {len(seen.error)}; check the "
                "field of view, the calibration and the statuses"
            )
        return seen

    def _line(self, seen: SeenZones, scale: float, shift: float, shifted: bool) -> tuple[float, float]:
        """One step of weighted least squares in relative error: z (scale * d + shift) = 1."""
        error = np.log(seen.metres) + np.log(np.maximum(scale * seen.value + shift, 1.0 / FARTHEST_M))
        sigma = np.hypot(seen.sigma, NETWORK_SHARE)
        weight = np.sqrt(1.0 / (np.square(sigma) * (1.0 + np.square(error / (_CAUCHY * sigma)))))
        if not shifted:
            top = float(np.sum(np.square(weight) * seen.metres * seen.value))
            return top / float(np.sum(np.square(weight * seen.metres * seen.value))), 0.0
        rows = np.stack([seen.value * seen.metres, seen.metres], axis=1) * weight[:, None]
        goal = weight
        # Neighbouring zones err alike: they count as a few, so the prior keeps some say.
        share = np.sqrt(min(1.0, _INDEPENDENT / len(goal)))
        middle = float(np.median(1.0 / seen.metres))
        prior = np.array([[1.0, -_PRIOR_RATIO]]) / (_PRIOR_SIGMA * middle)
        design = np.concatenate([share * rows, prior])
        found = np.linalg.lstsq(design, np.concatenate([share * goal, np.zeros(1)]), rcond=None)[0]
        floor = _LEAST_RATIO * middle
        return max(float(found[0]), floor), float(found[1])

    def compare(self, scale: float, shift: float) -> SeenZones:
        """What the sensor would report of the depth map, against what it does.

        Args:
            scale: Of normalised inverse depth.
            shift: Likewise.
        """
        log_depth = self.log_depth(scale, shift)
        depth = np.where(self.usable, np.exp(log_depth), 0.0)
        sensor = TofSensor(self.view.zones, farthest_m=FARTHEST_M, leak=0.0, noisy=False, ambient=0.0)
        report = sensor.measure(
            depth[None], self.grid, self.grey[None], rng=_NO_CHANCE, sensor_from_camera=self.view.sensor_from_camera
        )
        expected = report.distances_m[0].astype(np.float64).ravel()
        cell, inside = self._cells(depth)
        index, flat = cell[inside], np.flatnonzero(inside.ravel())
        log_z = np.log(np.maximum(self._sensor_depth(depth).ravel()[flat], NEAREST_M))
        # The surface of each zone: the pixels at about the expected distance.
        near = np.abs(log_z - np.log(np.maximum(expected[index], NEAREST_M))) < _SAME_SURFACE
        count = np.bincount(index, near, len(expected))
        known = self.frame.valid.ravel() & (report.status[0].ravel() != NO_TARGET) & (expected > 0) & (count > 0)
        chosen = np.flatnonzero(known)

        def mean(values: np.ndarray) -> np.ndarray:
            return (np.bincount(index, near * values, len(expected)) / np.maximum(count, 1))[chosen]

        metres = self.frame.distances_m.ravel()[chosen].astype(np.float64)
        # What the camera's place adds to the logarithm of the sensor's z.
        ratio = mean(log_depth.ravel()[flat] - log_z)
        single = SeenZones(
            error=np.log(metres / expected[chosen]),
            sigma=np.hypot(self._sigma(chosen), _EDGE_SHARE * _spread(index, log_z, len(expected))[chosen]),
            log_depth=np.log(expected[chosen]) + ratio,
            place=np.stack([mean(self.places[..., axis].ravel()[flat]) for axis in (0, 1)], axis=1),
            value=mean(self.values.ravel()[flat]),
            metres=metres * np.exp(ratio),
        )
        if self.frame.second_m is None or not np.isfinite(self.frame.second_m).any():
            return single
        mixed = np.isfinite(self.frame.second_m.ravel())
        pixels = (index, flat, log_z, log_depth.ravel()[flat])
        return single.only(~mixed[chosen]).joined(
            self._mixtures(pixels, np.flatnonzero(mixed & self.frame.valid.ravel()))
        )

    def _mixtures(
        self, pixels: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], zones: Int64[np.ndarray, " m"]
    ) -> SeenZones:
        """Zones with two targets: the depth map's surfaces in each are a mixture of two, and each target has its own.

        A pixel belongs to the target that is nearer to its logarithm of depth. A target without a twentieth of the
        zone's pixels is left out: the depth map does not show it.

        Args:
            pixels: Zone, place in the grid, log of the sensor's z and log depth of each pixel that zones see.
            zones: Numbers of the zones.
        """
        index, flat, log_z, log_depth = pixels
        assert self.frame.second_m is not None
        measured = np.stack([self.frame.distances_m.ravel(), self.frame.second_m.ravel()], axis=1).astype(np.float64)
        inside = np.isin(index, zones)
        index, flat, log_z, log_depth = (each[inside] for each in pixels)
        logs = np.log(np.maximum(measured, NEAREST_M))
        nearer = np.abs(log_z[:, None] - logs[index]).argmin(axis=1)
        cells = 2 * index + nearer
        light = self.grey.ravel()[flat] * np.exp(-2.0 * log_z)
        total = np.bincount(cells, light, measured.size)
        share = np.bincount(cells, minlength=measured.size) / np.maximum(
            np.repeat(np.bincount(index, minlength=len(measured)), 2), 1
        )
        chosen = np.flatnonzero((share >= _LEAST_SHARE) & (total > 0.0))

        def mean(values: np.ndarray) -> np.ndarray:
            return np.bincount(cells, light * values, measured.size)[chosen] / total[chosen]

        seen, ratio = mean(log_z), mean(log_depth - log_z)
        spread = np.sqrt(np.maximum(mean(np.square(log_z)) - np.square(seen), 0.0))
        metres = measured.ravel()[chosen]
        return SeenZones(
            error=np.log(metres) - seen,
            sigma=np.hypot(self._sigma(chosen // 2), _EDGE_SHARE * spread),
            log_depth=seen + ratio,
            place=np.stack([mean(self.places[..., axis].ravel()[flat]) for axis in (0, 1)], axis=1),
            value=mean(self.values.ravel()[flat]),
            metres=metres * np.exp(ratio),
        )

    def _sigma(self, chosen: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
        """Relative error of the distances of zones, by what the sensor states and their status."""
        metres = self.frame.distances_m.ravel()[chosen].astype(np.float64)
        stated = np.zeros_like(metres) if self.frame.sigma_m is None else self.frame.sigma_m.ravel()[chosen] / metres
        return np.hypot(stated, _SENSOR_SHARE) / np.maximum(self.frame.confidence.ravel()[chosen], 0.25)

    def _sensor_depth(self, depth: Float64[np.ndarray, "r c"]) -> Float64[np.ndarray, "r c"]:
        if self.view.sensor_from_camera is None:
            return depth
        m = self.view.sensor_from_camera
        return depth * (self.places @ m[2, :2] + m[2, 2]) + m[2, 3]

    def _cells(self, depth: Float64[np.ndarray, "r c"]) -> tuple[Int64[np.ndarray, "r c"], Bool[np.ndarray, "r c"]]:
        """Which zone sees each pixel."""
        ahead = np.concatenate([self.places, np.ones((*depth.shape, 1))], axis=-1) * depth[..., None]
        if self.view.sensor_from_camera is not None:
            ahead = ahead @ self.view.sensor_from_camera[:3, :3].T + self.view.sensor_from_camera[:3, 3]
        n, edge = self.view.zones.size, float(self.view.zones.edges[-1])
        z = ahead[..., 2]
        inside = self.usable & (z > NEAREST_M)
        safe = np.where(inside, z, 1.0)
        columns = np.floor((ahead[..., 0] / safe + edge) * (n / (2.0 * edge))).astype(np.int64)
        rows = np.floor((ahead[..., 1] / safe + edge) * (n / (2.0 * edge))).astype(np.int64)
        inside &= (columns >= 0) & (columns < n) & (rows >= 0) & (rows < n)
        return rows * n + columns, inside


def _normalised(relative: DepthMap) -> tuple[Float32[np.ndarray, "h w"], float, float]:
    """Inverse depth of median 0 and mean deviation 1 where its shift is unknown, else of median 1."""
    inverse = relative.depth.astype(np.float64)
    if relative.kind != "affine_inverse":
        inverse = 1.0 / np.where(relative.valid, np.maximum(inverse, 1e-6), 1.0)
    known = inverse[relative.valid]
    if known.size == 0:
        raise InputError("expected depth to fuse, got none that is valid")
    middle = float(np.median(known))
    if relative.kind != "affine_inverse":
        unit = 1.0 / max(middle, 1e-9)
        return (inverse * unit).astype(np.float32), 0.0, unit
    unit = 1.0 / max(float(np.mean(np.abs(known - middle))), 1e-9)
    return ((inverse - middle) * unit).astype(np.float32), middle, unit


def _sampled(side: int, count: int) -> Int64[np.ndarray, " count"]:
    """Nearest pixels of a side to the cells of a coarser one."""
    return np.clip(((np.arange(count) + 0.5) * side / count).astype(np.int64), 0, side - 1)


def _spread(index: Int64[np.ndarray, " p"], values: Float64[np.ndarray, " p"], cells: int) -> Float64[np.ndarray, " z"]:
    """Standard deviation of the values in each cell."""
    total = np.maximum(np.bincount(index, minlength=cells), 1)
    mean = np.bincount(index, values, cells) / total
    return np.sqrt(np.maximum(np.bincount(index, np.square(values), cells) / total - np.square(mean), 0.0))
