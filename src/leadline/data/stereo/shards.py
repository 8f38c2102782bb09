"""Stereo samples in shards.

A sample is ``left.png``, ``right.png``, ``disparity.png`` and ``right_disparity.png`` (16 bit,
round(256 d), 0 for unknown, as KITTI codes it), ``occluded.png`` (bit 0 for left pixels hidden
from the right view, bit 1 for right pixels hidden from the left) and ``json``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float32, UInt16

from leadline.data.shards import Shards, decode_png, decode_rgb, encode_png, require_sizes
from leadline.io.shards import write_shard
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

_RIGHT = "right_disparity.png"
_REQUIRED = ("left.png", "right.png", "disparity.png", "occluded.png")


def encode_disparity(
    disparity: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> UInt16[np.ndarray, "h w"]:
    """Disparity in 1/256 px with 0 for unknown; a known disparity below 1/256 px becomes 1/256 px.

    Example:
        >>> encode_disparity(np.array([[2.5, 0.0, 9.0]], np.float32), np.array([[True, True, False]])).tolist()
        [[640, 1, 0]]

    Source: KITTI stereo 2015 development kit.
    """
    coded = np.clip(np.round(np.where(valid, disparity, 0.0) * 256.0), 1, 65535)
    return np.where(valid, coded, 0).astype(np.uint16)


def write_stereo_shard(path: Path, samples: Iterable[tuple[StereoSample, dict[str, object]]]) -> None:
    """Writes samples, each with notes, to a shard that appears only when it is complete.

    Raises:
        OutputError: If it cannot be written.
    """
    write_shard(path, ((sample.key, dict(_files(sample, notes))) for sample, notes in samples))


def _files(sample: StereoSample, notes: dict[str, object]) -> Iterator[tuple[str, bytes]]:
    yield "left.png", encode_png(sample.left[..., ::-1])
    yield "right.png", encode_png(sample.right[..., ::-1])
    yield "disparity.png", encode_png(encode_disparity(sample.disparity, sample.valid))
    nowhere = np.zeros(sample.left.shape[:2], np.uint8)
    hidden = nowhere if sample.occluded is None else sample.occluded.astype(np.uint8)
    if sample.right_truth is not None:
        yield _RIGHT, encode_png(encode_disparity(sample.right_truth.disparity, sample.right_truth.valid))
    if sample.right_occluded is not None:
        hidden = hidden | (sample.right_occluded.astype(np.uint8) << 1)
    yield "occluded.png", encode_png(hidden)
    yield "json", json.dumps(notes, sort_keys=True).encode()


@final
class StereoShards(Shards[StereoSample]):
    """Random access to the stereo samples of a folder of shards, or of given shard files.

    Args:
        source: As for `Shards`.
        right_truth: Whether to decode the right view's disparity too, where there is one.
    """

    def __init__(self, source: Path | str | Iterable[Path], right_truth: bool = True) -> None:
        super().__init__(source)
        self._right_truth = right_truth

    def _names(self, present: tuple[str, ...]) -> list[str]:
        return [*_REQUIRED, _RIGHT] if self._right_truth and _RIGHT in present else list(_REQUIRED)

    def _notes(self, values: Mapping[str, Any]) -> dict[str, object]:
        return dict(values)

    def _decoded(self, found: Mapping[str, bytes], key: str) -> StereoSample:
        left, right = decode_rgb(found["left.png"]), decode_rgb(found["right.png"])
        layers = {name: decode_png(found[name], np.uint16) for name in found if name.endswith("disparity.png")}
        hidden = decode_png(found["occluded.png"], np.uint8)
        require_sizes(left, {"right.png": right, "occluded.png": hidden, **layers})
        truth = _decode_disparity(layers["disparity.png"])
        if _RIGHT not in layers:
            return StereoSample(key, left, right, truth, (hidden & 1) > 0)
        other = _decode_disparity(layers[_RIGHT])
        return StereoSample(key, left, right, truth, (hidden & 1) > 0, other, (hidden & 2) > 0)


def _decode_disparity(coded: UInt16[np.ndarray, "h w"]) -> DisparityMap:
    return DisparityMap(coded.astype(np.float32) / np.float32(256.0), coded > 0)
