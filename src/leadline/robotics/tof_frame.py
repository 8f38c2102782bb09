"""One frame of a multi-zone time-of-flight sensor: what each zone measured, and how far it can be trusted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np
from jaxtyping import Bool, Float32, Num, UInt8

from leadline.errors import InputError, require_number

SIZES: Final = (4, 8)
"""Rows, and columns, of the frames that such sensors give."""

NO_TARGET: Final = 255
"""Status of a zone that saw nothing."""

STATUS_WORDS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "not updated",
        1: "signal too weak on the array",
        2: "target phase",
        3: "sigma too high",
        4: "target consistency failed",
        5: "valid",
        6: "valid, wrap-around not checked",
        7: "rate consistency failed",
        8: "signal too weak for this target",
        9: "valid, large pulse (may be merged targets)",
        10: "valid, but no target in the frame before",
        11: "measurement consistency failed",
        12: "blurred by another target",
        13: "inconsistent data",
        NO_TARGET: "no target",
    }
)
"""What the status of a zone says. Source: ST UM2884 and UM3109, "target status"."""

STATUS_CONFIDENCE: Final[Mapping[int, float]] = MappingProxyType({5: 1.0, 6: 0.5, 9: 0.5})
"""Trust in a distance by its status; 0 for all others. Source: ST UM2884 and UM3109: 5 is 100 %, 6 and 9 are 50 %, and
others are below."""

FARTHEST_M: Final = 4.0
"""Reach of a VL53L5CX or VL53L8CX in the dark on a white target."""

_LARGEST_M: Final = 10.0
"""A distance beyond is no distance of such a sensor, whatever the status says: its unit is wrong."""

_OPTIONAL: Final = ("sigma_m", "reflectance", "ambient", "second_m")
_LAYERS: Final = ("distances_m", "valid", "status", "targets", *_OPTIONAL)


@dataclass(frozen=True, eq=False)
class TofFrame:
    """Distances of n x n zones, n = 4 or 8, at one time.

    Row 0 is the top and column 0 the left of the scene, as a camera beside the sensor sees it. A distance is z, along
    the sensor's optical axis, not along the zone's ray: a flat wall straight ahead has one distance in all zones.

    Args:
        distances_m: Metres along the optical axis; any finite number where not valid.
        valid: Where the status stands for a distance (`STATUS_CONFIDENCE`) and it is above 0.
        status: As the sensor reports it, see `STATUS_WORDS`.
        sigma_m: Standard deviation that the sensor states, metres; None if it is not reported.
        reflectance: Of the target, as a share (1 is white); None if not reported.
        ambient: Light that is not the sensor's, thousands of photons per second and detector; None if not reported.
        targets: Number of targets that were found in each zone.
        time_s: When it was measured, by the sensor's or the recorder's clock.
        second_m: Metres of a second target in the zone, NaN where there is none; None if not reported. Sensors give the
            strongest target first or the nearest, as they are set.
    Raises:
        InputError: If a layer's shape or type is wrong, a valid distance is not finite, positive and below 10 m, or a
            valid zone's sigma is negative or not finite.
    Example:
        >>> frame = TofFrame.from_status(np.full((8, 8), 1.5), np.full((8, 8), 5))
        >>> frame.size, bool(frame.valid.all()), float(frame.distances_m[0, 0])
        (8, True, 1.5)
    """

    distances_m: Float32[np.ndarray, "n n"]
    valid: Bool[np.ndarray, "_ _"]
    status: UInt8[np.ndarray, "_ _"]
    sigma_m: Float32[np.ndarray, "_ _"] | None
    reflectance: Float32[np.ndarray, "_ _"] | None
    ambient: Float32[np.ndarray, "_ _"] | None
    targets: UInt8[np.ndarray, "_ _"]
    time_s: float = 0.0
    second_m: Float32[np.ndarray, "_ _"] | None = None

    def __post_init__(self) -> None:
        """Checks that the layers fit together."""
        require_number(self.time_s, "time_s")
        if not np.isfinite(self.time_s):
            raise InputError(f"expected a finite time_s, got {self.time_s}; give seconds")
        shape = _require_square(self.distances_m, "distances_m")
        kinds = {"distances_m": np.float32, "valid": np.bool_, "status": np.uint8, "targets": np.uint8}
        for name in _LAYERS:
            layer = cast("np.ndarray[Any, np.dtype[Any]] | None", getattr(self, name))
            if layer is None and name in _OPTIONAL:
                continue
            kind = np.dtype(kinds.get(name, np.float32))
            if not isinstance(layer, np.ndarray) or layer.dtype != kind or layer.shape != shape:
                got = f"{layer.dtype} of {layer.shape}" if isinstance(layer, np.ndarray) else type(layer).__name__
                raise InputError(f"expected {kind} of {shape} as {name}, got {got}; use TofFrame.from_status")
        self._require_distances(self.distances_m[self.valid])
        if self.second_m is not None:
            self._require_distances(self.second_m[~np.isnan(self.second_m)])
        sigma = np.zeros(0) if self.sigma_m is None else self.sigma_m[self.valid]
        if not bool((np.isfinite(sigma) & (sigma >= 0.0)).all()):
            raise InputError(
                f"expected sigma_m of 0 or more of each valid zone, got {sigma.min():g}; leave it out if it is unknown"
            )

    @staticmethod
    def _require_distances(known: np.ndarray) -> None:
        if not bool((np.isfinite(known) & (known > 0.0) & (known <= _LARGEST_M)).all()):
            raise InputError(
                f"expected valid distances above 0 and up to {_LARGEST_M:g} m, got {known.min():g} to {known.max():g}; "
                "give metres (sensors report millimetres), and mark what is unknown invalid"
            )

    @classmethod
    def from_status(
        cls,
        distances_m: Num[np.ndarray, "n n"],
        status: Num[np.ndarray, "n n"],
        *,
        sigma_m: Num[np.ndarray, "_ _"] | None = None,
        reflectance: Num[np.ndarray, "_ _"] | None = None,
        ambient: Num[np.ndarray, "_ _"] | None = None,
        targets: Num[np.ndarray, "_ _"] | None = None,
        time_s: float = 0.0,
        second_m: Num[np.ndarray, "_ _"] | None = None,
        accepted: Collection[int] = tuple(STATUS_CONFIDENCE),
    ) -> "TofFrame":
        """A frame from what a sensor reports; which zones are valid follows from their status.

        Args:
            distances_m: Metres; those that are not finite or not above 0 are not valid.
            status: As reported.
            sigma_m: As for the class.
            reflectance: As for the class.
            ambient: As for the class.
            targets: As for the class; from the status (0 for 255, else 1) if absent.
            time_s: As for the class.
            second_m: As for the class; what is not above 0 is no target.
            accepted: Status of valid zones.
        Raises:
            InputError: As for the class, or a status is no whole number from 0 to 255.
        """
        numbers = np.asarray(status)
        if not bool(((numbers >= 0) & (numbers <= 255) & (numbers == np.rint(numbers))).all()):
            raise InputError("expected a status from 0 to 255 of every zone, got others; see the sensor's manual")
        states = numbers.astype(np.uint8)
        metres = np.asarray(distances_m, np.float64)
        valid = np.isin(states, list(accepted)) & np.isfinite(metres) & (metres > 0.0)
        found = (states != NO_TARGET).astype(np.uint8) if targets is None else np.asarray(targets).astype(np.uint8)
        known = np.where(np.isfinite(metres), metres, 0.0).astype(np.float32)
        second = None
        if second_m is not None:
            metres = np.asarray(second_m, np.float64)
            second = np.where(valid & np.isfinite(metres) & (metres > 0.0), metres, np.nan).astype(np.float32)
        layers = (_single(sigma_m), _single(reflectance), _single(ambient))
        return cls(known, valid, states, *layers, found, time_s, second)

    @property
    def size(self) -> int:
        """Rows, and columns: 4 or 8."""
        return self.distances_m.shape[0]

    @property
    def confidence(self) -> Float32[np.ndarray, "n n"]:
        """Trust in each distance by its status, as of `STATUS_CONFIDENCE`; 0 where not valid, 0.5 for any other."""
        table = np.full(256, 0.5, np.float32)
        for status, trust in STATUS_CONFIDENCE.items():
            table[status] = trust
        return np.where(self.valid, table[self.status], np.float32(0.0))

    @property
    def nearest_m(self) -> Float32[np.ndarray, "n n"]:
        """Distance of the nearest target of each zone; any number where not valid."""
        return self.distances_m if self.second_m is None else np.fmin(self.distances_m, self.second_m)

    @property
    def blind(self) -> bool:
        """Whether no zone has a distance: a robot that sees nothing must stop."""
        return not bool(self.valid.any())

    def turned(self, quarter_turns: int = 0, flip: bool = False) -> "TofFrame":
        """The frame of a sensor that is mounted otherwise.

        Args:
            quarter_turns: Turns of the grid by 90 degrees clockwise, done after the flip.
            flip: Exchange left and right.
        """

        def moved(layer: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(np.rot90(layer[:, ::-1] if flip else layer, -quarter_turns))

        layers = {name: getattr(self, name) for name in _LAYERS}
        return replace(self, **{name: moved(layer) for name, layer in layers.items() if layer is not None})


def _single(layer: np.ndarray | None) -> np.ndarray | None:
    return None if layer is None else np.asarray(layer, np.float32)


def _require_square(layer: object, name: str) -> tuple[int, int]:
    shape = cast("tuple[int, ...]", getattr(layer, "shape", ()))
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] not in SIZES:
        got = "x".join(map(str, shape)) or type(layer).__name__
        raise InputError(f"expected {name} of 4x4 or 8x8 zones, got {got}; give a whole frame")
    return shape[0], shape[1]
