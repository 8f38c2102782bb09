"""Copies among samples: the same pixels, or images that look the same."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np

_BANDS: Final = 6
"""A hash is cut into so many pieces: of two that differ in fewer bits, at least one piece is the same."""
_MOST_BITS: Final = 10
_LEAST_CORRELATION: Final = 0.985
_LARGEST_DIFFERENCE: Final = 4.0
"""Mean difference of two thumbnails after one is given the other's brightness and contrast, levels."""
_MOST_IN_BUCKET: Final = 400


def exact_copies(samples: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, bool]]:
    """Pairs of places whose first images are the same, each later one with the earliest; whether all images are.

    Example:
        >>> digests = (("a", "1"), ("b", "2"), ("a", "3"), ("b", "2"))
        >>> exact_copies([{"first_pixels": left, "pixels": both} for left, both in digests])
        [(0, 2, False), (1, 3, True)]
    """
    first: dict[str, int] = {}
    found = list[tuple[int, int, bool]]()
    for place, sample in enumerate(samples):
        if "first_pixels" not in sample:
            continue
        earlier = first.setdefault(sample["first_pixels"], place)
        if earlier != place:
            found.append((earlier, place, samples[earlier]["pixels"] == sample["pixels"]))
    return found


def look_alikes(samples: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Pairs of places whose images look the same but do not have the same pixels."""
    hashes = np.array([int(sample.get("look", "0"), 16) for sample in samples], np.uint64)
    thumbs = {place: _thumb(sample) for place, sample in enumerate(samples) if "thumb" in sample}
    found = set[tuple[int, int]]()
    for first, second in _candidates(hashes, list(thumbs)):
        if samples[first]["first_pixels"] == samples[second]["first_pixels"]:
            continue
        if int(hashes[first] ^ hashes[second]).bit_count() <= _MOST_BITS and _same_look(thumbs[first], thumbs[second]):
            found.add((first, second))
    return sorted(found)


def _candidates(hashes: np.ndarray, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs that share a piece of their hashes; a piece that very many share (black images) says nothing."""
    width = -(-64 // _BANDS)
    for band in range(_BANDS):
        buckets = defaultdict[int, list[int]](list)
        for place in places:
            buckets[(int(hashes[place]) >> (band * width)) & ((1 << width) - 1)].append(place)
        for bucket in buckets.values():
            if len(bucket) <= _MOST_IN_BUCKET:
                yield from combinations(bucket, 2)


def _thumb(sample: Mapping[str, Any]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(sample["thumb"]), np.uint8).astype(np.float64)


def _same_look(first: np.ndarray, second: np.ndarray) -> bool:
    deviations = first.std(), second.std()
    if min(deviations) < 1.0:  # nothing to be seen
        return False
    normal = [(thumb - thumb.mean()) / thumb.std() for thumb in (first, second)]
    correlation = float((normal[0] * normal[1]).mean())
    difference = float(np.abs(normal[0] - normal[1]).mean()) * max(deviations)
    return correlation > _LEAST_CORRELATION and bool(difference < _LARGEST_DIFFERENCE)
