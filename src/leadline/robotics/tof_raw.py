"""A frame of a time-of-flight sensor as a board writes it, and what its fields are called."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isqrt
from types import MappingProxyType
from typing import Final

import numpy as np

from leadline.io.known_depths import UNIT_M, LengthUnit
from leadline.robotics.tof_frame import NO_TARGET, SIZES, STATUS_CONFIDENCE, TofFrame

COUNTS: Final = tuple(size * size for size in SIZES)
"""Numbers of zones."""
MOST_TARGETS: Final = 4
"""Targets of a zone that such a sensor tells apart at most."""
KEYS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "distances": ("distance_mm", "distances_mm", "distance", "distances", "distances_m", "distance_m", "mm", "z"),
        "status": ("target_status", "status", "statuses"),
        "sigma": ("range_sigma_mm", "sigma_mm", "sigma", "sigma_m"),
        "reflectance": ("reflectance", "reflectance_percent"),
        "ambient": ("ambient_per_spad", "ambient"),
        "targets": ("nb_target_detected", "targets", "nb_targets"),
        "second": ("second_mm", "distance2_mm", "distance_2_mm", "distance2", "second_m"),
        "second_status": ("second_status", "status2", "status_2", "target_status_2"),
    }
)
"""Layer -> its names in headings and records, in small letters."""
PER_TARGET: Final = ("distances", "status", "sigma", "reflectance")
"""Layers that have a number of each target where a zone has several, one after the other. Source: ST UM2884."""

_WHOLE_MM: Final = 10.0
"""Median distance from which a number without a unit cannot be metres of such a sensor."""
_FARTHEST_M: Final = 10.0
_NEVER_BELOW_0: Final = ("sigma", "reflectance", "ambient", "targets")
_TIMES: Final = re.compile(r"^(?:t|time|timestamp|millis|micros|ts)(?:_?(s|ms|us|ns))?$", re.I)
_SECONDS: Final[Mapping[str, float]] = MappingProxyType({"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9})


@dataclass(frozen=True)
class RawFrame:
    """A frame before its units are known.

    Args:
        distances: n * n numbers, row by row.
        layers: status, sigma, reflectance, ambient, targets, second and second_status, as far as there are; sigma and
            second in the distances' unit, reflectance in per cent.
        unit: Of the distances; None if nothing says so.
        time: As written; None if there is none.
        time_unit: Of the time; None if nothing says so.
        line: Number of the line that completed it.
    """

    distances: Sequence[float]
    layers: Mapping[str, Sequence[float]]
    unit: LengthUnit | None
    time: float | None = None
    time_unit: str | None = None
    line: int = 0

    def guessed_unit(self) -> LengthUnit:
        """The stated unit, or millimetres where the numbers are too large for metres."""
        if self.unit is not None:
            return self.unit
        known = self._known()
        return "mm" if known and float(np.median(known)) > _WHOLE_MM else "m"

    def is_in_metres(self) -> bool:
        """Whether no unit is stated and the numbers have decimals and are small: they cannot be millimetres."""
        return self.guessed_unit() == "m" and self.unit is None and any(each != round(each) for each in self._known())

    def _known(self) -> list[float]:
        return [value for value in self.distances if isfinite(value) and value > 0]

    def fault(self) -> str:
        """What is wrong with its time or layers, in words; empty where nothing is."""
        if self.time is not None and not isfinite(self.time):
            return "a time that is no finite number"
        for name in ("status", "second_status"):
            if name in self.layers and not are_states(self.layers[name]):
                return "a status that is no number from 0 to 255"
        for name in _NEVER_BELOW_0:
            if any(value < 0 for value in self.layers.get(name, ())):
                return f"a number below 0 as {KEYS[name][0]}"
        return "" if all(value <= 255 for value in self.layers.get("targets", ())) else "more than 255 targets"

    def frame(self, unit: LengthUnit, time_s: float) -> TofFrame:
        """The frame in metres. Distances beyond 10 m, such as 65535, are not valid.

        A layer of which a valid zone has no number counts as not reported.

        Args:
            unit: Of the distances.
            time_s: Of the frame.
        """
        size = isqrt(len(self.distances))
        layers = {name: np.array(values, np.float64).reshape(size, size) for name, values in self.layers.items()}
        metres = _metres(np.array(self.distances, np.float64).reshape(size, size), unit)
        status = layers.pop("status", np.where(np.isfinite(metres), 5, NO_TARGET))
        seconds = layers.pop("second_status", None)
        if "second" in layers:
            second = _metres(layers.pop("second"), unit)
            layers["second_m"] = second if seconds is None else np.where(_valid(seconds, second), second, np.nan)
        if "sigma" in layers:
            layers["sigma_m"] = layers.pop("sigma") * UNIT_M[unit]
        if "reflectance" in layers:
            layers["reflectance"] = layers["reflectance"] / 100.0
        valid = _valid(status, metres)
        kept = {name: layer for name, layer in layers.items() if name == "second_m" or np.isfinite(layer[valid]).all()}
        if "targets" in kept:
            kept["targets"] = np.nan_to_num(kept["targets"])
        return TofFrame.from_status(metres, status, time_s=time_s, **kept)


def split_targets(layer: str, values: Sequence[float], zones: int) -> dict[str, list[float]]:
    """A layer as the first target's, and the second target's where it is one of distances or statuses.

    Args:
        layer: Its name, as of `KEYS`.
        values: As many for each zone as it has targets, one after the other.
        zones: How many.
    Example:
        >>> split_targets("distances", [900.0, 2500.0, 800.0, 0.0], zones=2)
        {'distances': [900.0, 800.0], 'second': [2500.0, 0.0]}
    """
    each = len(values) // zones
    found = {layer: list(values[::each])}
    if each > 1 and layer in ("distances", "status"):
        found["second" if layer == "distances" else "second_status"] = list(values[1::each])
    return found


def _metres(values: np.ndarray, unit: LengthUnit) -> np.ndarray:
    metres = values * UNIT_M[unit]
    return np.where((metres > 0) & (metres <= _FARTHEST_M), metres, np.nan)


def _valid(status: np.ndarray, metres: np.ndarray) -> np.ndarray:
    return np.isin(status, list(STATUS_CONFIDENCE)) & np.isfinite(metres)


def are_states(values: Sequence[float]) -> bool:
    """Whether all are whole numbers from 0 to 255, as statuses are."""
    return all(isfinite(value) and 0 <= value <= 255 and value == round(value) for value in values)


def unit_of(word: str) -> LengthUnit | None:
    """Unit that the name of a distance ends with, such as distance_mm; None if it has none."""
    return next((unit for unit in UNIT_M if word == unit or word.endswith(f"_{unit}")), None)


def is_time(word: str) -> bool:
    """Whether a time is called so."""
    return _TIMES.match(word) is not None


def time_unit_of(word: str) -> str | None:
    """Unit that the name of a time says, such as t_ms; None if it says none."""
    match = _TIMES.match(word)
    if match is None:
        return None
    return {"millis": "ms", "micros": "us"}.get(word.lower(), match[1].lower() if match[1] else None)


def seconds_of(unit: str) -> float:
    """Seconds that one s, ms, us or ns stands for."""
    return _SECONDS[unit]
