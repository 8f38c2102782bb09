"""JSON records of time-of-flight boards and recorders, turned into raw frames."""

from typing import Any, cast

from leadline.robotics.tof_raw import (
    COUNTS,
    KEYS,
    MOST_TARGETS,
    PER_TARGET,
    RawFrame,
    is_time,
    split_targets,
    time_unit_of,
    unit_of,
)


class RecordFault(ValueError):
    """What is wrong with a line or record, in words."""


def raw_of_record(record: Any, line: int) -> RawFrame | None:  # noqa: ANN401 - what JSON holds
    """The frame of a decoded JSON object; None if it holds none, as headers and records of other sensors.

    Args:
        record: With distances under a usual name, or in `v`, where `t` is microseconds. Where a zone has several
            targets, their numbers follow one another, as ST's driver has them.
        line: Its number.
    Raises:
        RecordFault: If it is no object, or its lists do not fit.
    Example:
        >>> raw = raw_of_record({"distance_mm": [1500] * 16, "t_ms": 66}, line=1)
        >>> len(raw.distances), raw.unit, raw.time, raw.time_unit
        (16, 'mm', 66.0, 'ms')
    """
    if not isinstance(record, dict):
        raise RecordFault("no JSON object")
    found = cast("dict[str, Any]", record)
    inner = found.get("v")
    if isinstance(inner, dict):
        found = {**cast("dict[str, Any]", inner), "timestamp_us": found.get("t")}
    lower: dict[str, Any] = {key.lower(): value for key, value in found.items()}
    name = next((key for key in KEYS["distances"] if key in lower), None)
    if name is None:
        return None
    values = _listed(lower[name])
    zones = None if values is None else _zones(len(values), lower)
    if values is None or zones is None:
        count = "no list" if values is None else f"{len(values)} distances"
        raise RecordFault(f"{count}, expected 16 or 64")
    layers = split_targets("distances", values, zones)
    for layer in (layer for layer in KEYS if layer != "distances"):
        layers |= _layer(layer, lower, zones)
    distances = layers.pop("distances")
    clocks = [(float(value), time_unit_of(key)) for key, value in lower.items() if is_time(key) and _is_real(value)]
    time, time_unit = clocks[0] if clocks else (None, None)
    return RawFrame(distances, layers, unit_of(name), time, time_unit, line)


def _zones(count: int, lower: dict[str, Any]) -> int | None:
    """Number of zones of so many distances; how many each zone has is told by the list of its numbers of targets."""
    told = next((_listed(lower[key]) for key in KEYS["targets"] if key in lower), None)
    candidates = [len(told)] if told is not None and len(told) in COUNTS else sorted(COUNTS, reverse=True)
    each = range(1, MOST_TARGETS + 1)
    return next((zones for most in each for zones in candidates if count == zones * most), None)


def _layer(layer: str, lower: dict[str, Any], zones: int) -> dict[str, list[float]]:
    """One layer of a record, if it has it."""
    key = next((key for key in KEYS[layer] if key in lower), None)
    values = None if key is None else _listed(lower[key])
    if values is None:
        return {}
    most = MOST_TARGETS if layer in PER_TARGET else 1
    if not 1 <= len(values) // zones <= most or len(values) % zones:
        raise RecordFault(f"{len(values)} values of {key}, expected {zones}")
    return split_targets(layer, values, zones)


def _listed(value: object) -> list[float] | None:
    """Numbers of a list, or of a list of rows; None becomes NaN."""
    if not isinstance(value, list):
        return None
    flat: list[float] = []
    for each in cast("list[object]", value):
        if isinstance(each, list):
            inner = _listed(cast("list[object]", each))
            if inner is None:
                return None
            flat += inner
        else:
            flat.append(float(cast("float", each)) if _is_real(each) else float("nan"))
    return flat


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
