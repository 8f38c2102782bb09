"""Simulation of a multi-zone time-of-flight sensor: what it would report of a scene whose depth is known.

Each zone collects the light of all surfaces in its frustum in a histogram of distances. The strongest peak is what the
sensor reports, so a zone on an edge reports the brighter surface, or a mixture where two are closer than its pulse.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.robotics.tof_frame import FARTHEST_M, NO_TARGET, TofFrame
from leadline.robotics.tof_zones import TofZones

_BIN_M: Final = 0.05
_BINS: Final = 120
_PULSE_BINS: Final = 6
"""Half width of the triangular pulse: surfaces less than 0.3 m apart are one target, beyond 0.6 m they are two."""
_COUNTS: Final = 1000.0
"""Photons of a white surface at 1 m. With `_AMBIENT` and `_LEAST_SNR` it gives 4 m on 88 % reflectance in the dark."""
_AMBIENT: Final = 50.0
_LEAST_SNR: Final = 4.5
_SNR_SPREAD: Final = 0.5
_FLOOR_M: Final = 0.004
_NOISE_M: Final = 0.115
"""Standard deviation at a signal-to-noise ratio of 1; with the floor it gives 5 mm at 0.9 m and 25 mm at 3.3 m."""
_LARGE_PULSE_M: Final = 0.12
_NEAREST_M: Final = 0.02
_LEAST_COVER: Final = 0.5
_AT_ONCE: Final = 32
"""Frames whose histograms are held at once: more are slower, as they leave the processor's cache."""


@dataclass(frozen=True, eq=False)
class TofReturns:
    """What a sensor reports in several frames; layers as of `TofFrame`, with the frames as first axis.

    Of sensors that report one target a zone, second_m is NaN.
    """

    distances_m: Float32[np.ndarray, "f n n"]
    status: UInt8[np.ndarray, "f n n"]
    sigma_m: Float32[np.ndarray, "f n n"]
    reflectance: Float32[np.ndarray, "f n n"]
    ambient: Float32[np.ndarray, "f n n"]
    targets: UInt8[np.ndarray, "f n n"]
    second_m: Float32[np.ndarray, "f n n"]

    def frames(self, times_s: Iterable[float] | None = None) -> list[TofFrame]:
        """The frames one by one.

        Args:
            times_s: One for each frame; all 0 if absent.
        """
        times = [0.0] * len(self.status) if times_s is None else times_s
        return [
            TofFrame.from_status(
                self.distances_m[i],
                self.status[i],
                sigma_m=self.sigma_m[i],
                reflectance=self.reflectance[i],
                ambient=self.ambient[i],
                targets=self.targets[i],
                second_m=None if np.isnan(self.second_m[i]).all() else self.second_m[i],
                time_s=float(time),
            )
            for i, time in enumerate(times)
        ]


@dataclass(frozen=True)
class TofSensor:
    """A simulated sensor.

    Noise grows as the signal falls: sigma^2 = floor^2 + (noise / SNR)^2, SNR = S / sqrt(S + A), S = reflectance / r^2
    but for a factor. The constants follow the data sheet (reach on white and grey targets) and the spread of recorded
    flights (5 mm at 0.9 m, 10 mm at 1.5 m, 18 mm at 2.7 m, 25 mm at 3.3 m).

    Args:
        zones: Where it looks.
        ambient: Light of the surroundings; 1 is a room, 20 is daylight near a window.
        farthest_m: Distance from which it reports nothing.
        leak: Share of a zone's light that falls into each of its four neighbours (optical cross-talk).
        outliers: Share of valid zones whose distance is anywhere.
        noisy: Whether distances have noise, outliers and missing targets by chance.
        both: Whether it reports a second target of a zone, too: the strongest light more than 0.6 m from the first.
    Raises:
        InputError: If a number is negative, or a share is 0.25 or more.
    Example:
        >>> camera = Pinhole(77.25, 77.25, 31.5, 31.5, height=64, width=64)
        >>> wall = np.full((1, 64, 64), 2.0, np.float32)
        >>> frame = TofSensor(noisy=False).measure(wall, camera, rng=np.random.default_rng(0)).frames()[0]
        >>> bool(frame.valid.all()), round(float(np.median(frame.distances_m)), 2)
        (True, 2.0)
    """

    zones: TofZones = field(default_factory=TofZones)
    ambient: float = 1.0
    farthest_m: float = FARTHEST_M
    leak: float = 0.005
    outliers: float = 0.003
    noisy: bool = True
    both: bool = False

    def __post_init__(self) -> None:
        """Refuses sensors that cannot be."""
        for name in ("ambient", "farthest_m", "leak", "outliers"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0.0):
                raise InputError(f"expected {name} from 0 on, got {getattr(self, name)}")
        if max(self.leak, self.outliers) >= 0.25:
            raise InputError(f"expected leak and outliers below 0.25, got {self.leak} and {self.outliers}")

    def measure(
        self,
        depth_m: Float[np.ndarray, "f h w"],
        camera: Pinhole,
        reflectance: Float[np.ndarray, "f h w"] | float = 0.5,
        *,
        rng: np.random.Generator,
        sensor_from_camera: Float64[np.ndarray, "4 4"] | None = None,
        glass_m: Float[np.ndarray, "f h w"] | None = None,
        glass_reflectance: float = 0.04,
        seen_before: Bool[np.ndarray, "f n n"] | None = None,
    ) -> TofReturns:
        """Reports of as many frames as there are depth maps; they do not depend on one another.

        Args:
            depth_m: Depth along the camera's optical axis; what is not finite or not above 0 returns no light.
            camera: That the depth maps belong to; 8 or more pixels across each zone are enough.
            reflectance: Of the surfaces, at the sensor's wavelength.
            rng: Source of chance.
            sensor_from_camera: Takes points of the camera's frame into the sensor's; the same frame if absent. What is
                hidden from the camera is hidden from the sensor, too.
            glass_m: Depth of glass in front of the surfaces; not finite where there is none.
            glass_reflectance: Share of the light that it sends back.
            seen_before: Zones that had a target in the frame before: others report status 10 for one; all if absent.
        Raises:
            InputError: If the camera is of another size than the depth maps, or there are none.
        """
        if len(depth_m) == 0:
            raise InputError("expected at least one depth map, got none")
        if depth_m.shape[1:] != (camera.height, camera.width):
            raise InputError(
                f"expected a camera for depth of {depth_m.shape[1:]} (height, width), got "
                f"{(camera.height, camera.width)}; use camera.scaled(height, width)"
            )
        grey = np.broadcast_to(np.asarray(reflectance, np.float32), depth_m.shape)
        parts: list[TofReturns] = []
        for start in range(0, len(depth_m), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            light = _Histogram.empty(len(depth_m[some]), self.zones, camera)
            glass = None if glass_m is None else (glass_m[some], glass_reflectance)
            _add_surfaces(light, depth_m[some], camera, grey[some], sensor_from_camera, glass)
            parts.append(self._report(light, rng, None if seen_before is None else seen_before[some]))
        names = TofReturns.__dataclass_fields__
        return TofReturns(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def _report(
        self, light: "_Histogram", rng: np.random.Generator, seen_before: Bool[np.ndarray, "f n n"] | None
    ) -> TofReturns:
        peak = light.peaks(self.leak)
        n, frames = self.zones.size, light.frames
        shape = (frames, n, n)
        cosine = self.zones.rays[..., 2]
        signal, ranges = peak.signal.reshape(shape), peak.range_m.reshape(shape)
        ambient = _AMBIENT * self.ambient
        ratio = signal / np.sqrt(signal + ambient + 1e-12)
        sigma = np.hypot(_FLOOR_M, _NOISE_M / np.maximum(ratio, 0.1))
        truth = ranges * cosine
        metres = truth.copy()
        bound = np.full(shape, _LEAST_SNR)
        if self.noisy:
            metres += rng.normal(size=shape) * sigma
            bound += _SNR_SPREAD * rng.normal(size=shape)
            astray = rng.random(shape) < self.outliers
            metres[astray] = rng.uniform(0.1, self.farthest_m, int(astray.sum()))
        status = np.full(shape, 5, np.uint8)
        status[peak.spread_m.reshape(shape) > _LARGE_PULSE_M] = 9
        if seen_before is not None:
            status[~seen_before] = 10
        status[ratio < bound] = 4
        gone = (ratio < 0.7 * bound) | (truth > self.farthest_m) | (metres < _NEAREST_M)
        gone |= light.cover < _LEAST_COVER
        status[gone] = NO_TARGET
        known = ~gone
        second = np.full(shape, np.nan)
        if self.both:
            second = self._second(peak, np.where(known, bound, np.inf), rng)
        shine = signal * np.square(ranges) / _COUNTS
        return TofReturns(
            np.where(known, metres, 0.0).astype(np.float32),
            status,
            np.where(known, sigma, 0.0).astype(np.float32),
            np.where(known, shine, 0.0).astype(np.float32),
            np.full(shape, self.ambient, np.float32),
            np.where(known, np.maximum(peak.targets.reshape(shape), 1), 0).astype(np.uint8),
            second.astype(np.float32),
        )

    def _second(
        self, peak: "_Peaks", bound: Float64[np.ndarray, "f n n"], rng: np.random.Generator
    ) -> Float64[np.ndarray, "f n n"]:
        """Distances of second targets, NaN where their light is too weak."""
        signal, ranges = peak.second_signal.reshape(bound.shape), peak.second_m.reshape(bound.shape)
        ratio = signal / np.sqrt(signal + _AMBIENT * self.ambient + 1e-12)
        metres = ranges * self.zones.rays[..., 2]
        if self.noisy:
            metres = metres + rng.normal(size=bound.shape) * np.hypot(_FLOOR_M, _NOISE_M / np.maximum(ratio, 0.1))
        good = (ratio >= bound) & (metres >= _NEAREST_M) & (metres <= self.farthest_m)
        return np.where(good, metres, np.nan)


def _add_surfaces(
    light: "_Histogram",
    depth_m: Float[np.ndarray, "f h w"],
    camera: Pinhole,
    reflectance: Float[np.ndarray, "f h w"],
    sensor_from_camera: Float64[np.ndarray, "4 4"] | None,
    glass: tuple[Float[np.ndarray, "f h w"], float] | None,
) -> None:
    """Adds the surfaces, and glass in front of them: it sends little light back and lets the rest pass twice."""
    if glass is None:
        light.add(depth_m, camera, reflectance, sensor_from_camera)
        return
    glass_m, share = glass
    there = np.isfinite(glass_m) & (glass_m > 0) & ~(depth_m < glass_m)
    through = np.where(there, (1.0 - share) ** 2, 1.0).astype(np.float32)
    light.add(depth_m, camera, reflectance * through, sensor_from_camera)
    front = np.where(there, glass_m, 0.0).astype(np.float32)
    light.add(front, camera, np.full_like(reflectance, share), sensor_from_camera)


@dataclass(frozen=True, eq=False)
class _Peaks:
    """The strongest target of each zone, and the strongest beyond two pulses from it."""

    signal: Float64[np.ndarray, " z"]
    range_m: Float64[np.ndarray, " z"]
    spread_m: Float64[np.ndarray, " z"]
    targets: Int64[np.ndarray, " z"]
    second_signal: Float64[np.ndarray, " z"]
    second_m: Float64[np.ndarray, " z"]


@dataclass(frozen=True, eq=False)
class _Histogram:
    """Light of all zones of all frames by distance along the ray, and its first two moments within each bin."""

    frames: int
    zones: TofZones
    share: float
    moments: Float64[np.ndarray, "3 z b"]
    cover: Float64[np.ndarray, "f n n"]

    @classmethod
    def empty(cls, frames: int, zones: TofZones, camera: Pinhole) -> "_Histogram":
        width = float(zones.edges[1] - zones.edges[0])
        share = 1.0 / (width * width * camera.focal_x_px * camera.focal_y_px)
        cells = frames * zones.size**2
        cover = np.zeros((frames, zones.size, zones.size))
        return cls(frames, zones, share, np.zeros((3, cells, _BINS)), cover)

    def add(
        self,
        depth_m: Float[np.ndarray, "f h w"],
        camera: Pinhole,
        reflectance: Float[np.ndarray, "f h w"],
        sensor_from_camera: Float64[np.ndarray, "4 4"] | None,
    ) -> None:
        """Adds the light of one surface for each pixel. A zone counts as covered by pixels, with light or without."""
        x, y, z = _points(depth_m, camera, sensor_from_camera)
        n, edge = self.zones.size, float(self.zones.edges[-1])
        ahead = np.maximum(z, 1e-6)
        columns = np.floor((x / ahead + edge) * (n / (2.0 * edge))).astype(np.int64)
        rows = np.floor((y / ahead + edge) * (n / (2.0 * edge))).astype(np.int64)
        inside = (z > 0.0) & (columns >= 0) & (columns < n) & (rows >= 0) & (rows < n)
        frame = np.broadcast_to(np.arange(self.frames)[:, None, None], depth_m.shape)
        cell = ((frame * n + rows) * n + columns)[inside]
        self.cover.ravel()[:] += np.bincount(cell, minlength=self.cover.size) * self.share
        lit = np.isfinite(depth_m) & (depth_m > 0.0)
        use = inside & lit
        x, y, z = x[use], y[use], z[use]
        ranges = np.sqrt(x * x + y * y + z * z)
        cell, bins = ((frame * n + rows) * n + columns)[use], (ranges / _BIN_M).astype(np.int64)
        near = bins < _BINS
        cell, bins, ranges = cell[near], bins[near], ranges[near]
        weight = reflectance[use][near] * (_COUNTS * self.share) / np.square(np.maximum(ranges, _NEAREST_M))
        for power in range(3):
            sums = np.bincount(cell * _BINS + bins, weight * ranges**power, minlength=self.moments[0].size)
            self.moments[power] += sums.reshape(self.moments[0].shape)

    def peaks(self, leak: float) -> _Peaks:
        """The strongest target of each zone, after cross-talk and the pulse's width."""
        moments = self.moments
        if leak > 0.0:
            n = self.zones.size
            grid = moments.reshape(3, self.frames, n, n, _BINS)
            mixed = (1.0 - 4.0 * leak) * grid
            mixed[:, :, 1:] += leak * grid[:, :, :-1]
            mixed[:, :, :-1] += leak * grid[:, :, 1:]
            mixed[:, :, :, 1:] += leak * grid[:, :, :, :-1]
            mixed[:, :, :, :-1] += leak * grid[:, :, :, 1:]
            moments = mixed.reshape(moments.shape)
        smooth = _pulse(moments[0])
        best = smooth.argmax(axis=1)
        rows = np.arange(len(best))
        # The pulse around the peak: what it holds is one target, whose distance is the mean of its light.
        near = np.clip(2.0 - 2.0 * np.abs(np.arange(_BINS)[None] - best[:, None]) / _PULSE_BINS, 0.0, 1.0)
        signal, first, second = (np.einsum("zb,zb->z", near, moment) for moment in moments)
        total = np.maximum(signal, 1e-12)
        mean = first / total
        spread = np.sqrt(np.maximum(second / total - mean * mean, 0.0))
        middle = smooth[:, 1:-1]
        tops = (middle > smooth[:, :-2]) & (middle >= smooth[:, 2:]) & (middle > 0.1 * smooth[rows, best][:, None])
        away = np.abs(np.arange(_BINS)[None] - best[:, None]) > 2 * _PULSE_BINS
        next_light = np.where(away, smooth, 0.0)
        next_best = next_light.argmax(axis=1)
        beside = np.clip(2.0 - 2.0 * np.abs(np.arange(_BINS)[None] - next_best[:, None]) / _PULSE_BINS, 0.0, 1.0)
        others = (np.einsum("zb,zb->z", beside * away, moment) for moment in moments[:2])
        next_signal, next_first = others
        return _Peaks(signal, mean, spread, tops.sum(axis=1), next_signal, next_first / np.maximum(next_signal, 1e-12))


def _pulse(light: Float64[np.ndarray, "z b"]) -> Float64[np.ndarray, "z b"]:
    """Convolution with the triangular pulse: two running means of `_PULSE_BINS` bins."""
    padded = np.pad(light, ((0, 0), (_PULSE_BINS, _PULSE_BINS)))
    for _ in range(2):
        sums = np.cumsum(padded, axis=1)
        padded = (sums[:, _PULSE_BINS:] - sums[:, :-_PULSE_BINS]) / _PULSE_BINS
        padded = np.pad(padded, ((0, 0), (_PULSE_BINS, 0)))
    return np.roll(padded, -(_PULSE_BINS - 1), axis=1)[:, _PULSE_BINS : _PULSE_BINS + light.shape[1]]


def _points(
    depth_m: Float[np.ndarray, "f h w"], camera: Pinhole, sensor_from_camera: Float64[np.ndarray, "4 4"] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of all pixels in the sensor's frame; a pixel without depth is taken as 1 m away, where it counts as seen.

    Float32: the error is far below a bin.
    """
    right = ((np.arange(camera.width) - camera.center_x_px) / camera.focal_x_px).astype(np.float32)
    down = ((np.arange(camera.height) - camera.center_y_px) / camera.focal_y_px).astype(np.float32)
    z = np.where(np.isfinite(depth_m) & (depth_m > 0.0), depth_m, 1.0).astype(np.float32)
    x, y = z * right[None, None], z * down[None, :, None]
    if sensor_from_camera is None:
        return x, y, z
    m = np.asarray(sensor_from_camera, np.float32)
    moved = [m[i, 0] * x + m[i, 1] * y + m[i, 2] * z + m[i, 3] for i in range(3)]
    return moved[0], moved[1], moved[2]
