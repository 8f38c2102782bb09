"""Stereo samples in shards.

A sample is ``left.png``, ``right.png``, ``disparity.png`` and ``right_disparity.png`` (16 bit,
round(256 d), 0 for unknown, as KITTI codes it), ``occluded.png`` (bit 0 for left pixels hidden
from the right view, bit 1 for right pixels hidden from the left) and ``json``.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt16

from leadline.data.samples import StereoSample
from leadline.errors import InputError
from leadline.io.shards import ShardReader, write_shard

#: Fast to write and to read; the images are noisy, so harder compression gains little.
_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)


def encode_disparity(
    disparity: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> UInt16[np.ndarray, "h w"]:
    """Disparity in 1/256 px with 0 for unknown; a known disparity below 1/256 px becomes 1/256 px.

    Source: KITTI stereo 2015 development kit.
    """
    coded = np.clip(np.round(np.where(valid, disparity, 0.0) * 256.0), 1, 65535)
    return np.where(valid, coded, 0).astype(np.uint16)


def write_stereo_shard(path: Path, samples: Iterable[tuple[str, StereoSample, dict[str, object]]]) -> None:
    """Write samples (key, sample, notes) to a shard that appears only when it is complete."""
    write_shard(path, ((key, dict(_files(sample, notes))) for key, sample, notes in samples))


def _files(sample: StereoSample, notes: dict[str, object]) -> Iterator[tuple[str, bytes]]:
    yield "left.png", _png(sample.left[..., ::-1])
    yield "right.png", _png(sample.right[..., ::-1])
    yield "disparity.png", _png(encode_disparity(sample.disparity, sample.valid))
    hidden = sample.occluded.astype(np.uint8)
    if sample.right_disparity is not None and sample.right_valid is not None:
        yield "right_disparity.png", _png(encode_disparity(sample.right_disparity, sample.right_valid))
    if sample.right_occluded is not None:
        hidden = hidden | (sample.right_occluded.astype(np.uint8) << 1)
    yield "occluded.png", _png(hidden)
    yield "json", json.dumps(notes, sort_keys=True).encode()


def _png(image: np.ndarray) -> bytes:
    done, code = cv2.imencode(".png", np.ascontiguousarray(image), _PNG_OPTIONS)
    assert done, "OpenCV refuses only what the types exclude"
    return code.tobytes()


@final
class StereoShards:
    """Random access to the stereo samples of a folder of shards, or of given shard files."""

    def __init__(self, source: Path | str | Iterable[Path]) -> None:
        """Index the shards.

        Args:
            source: A folder with ``*.tar`` files, or the files; or an address (``s3://``, ``https://`` ...) whose
                shards are fetched once, see `leadline.io.remote.local_shards`.
        Raises:
            InputError: If there is no shard, or one is no whole tar file or cannot be fetched.
            MissingExtraError: If the address needs a package that is not installed.
        """
        self._reader = ShardReader(source)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._reader)

    def key(self, index: int) -> str:
        """Name of a sample."""
        return self._reader.key(index)

    def notes(self, index: int) -> dict[str, object]:
        """What was written beside a sample: seed and rig."""
        return json.loads(self._reader.read(index, ["json"])["json"])

    def read(self, index: int, right_truth: bool = True) -> StereoSample:
        """Read and decode one sample.

        Args:
            index: From 0 to ``len(self) - 1``.
            right_truth: Whether to decode the right view's disparity too, where there is one.
        Raises:
            InputError: If an image is damaged.
        """
        names = ["left.png", "right.png", "disparity.png", "occluded.png"]
        both = right_truth and "right_disparity.png" in self._reader.names(index)
        found = self._reader.read(index, [*names, "right_disparity.png"] if both else names)
        left, right = (_decode(found[name], cv2.IMREAD_COLOR_RGB) for name in names[:2])
        truth = _decode_disparity(found["disparity.png"])
        hidden = _decode(found["occluded.png"])
        if not both:
            return StereoSample(left, right, *truth, (hidden & 1) > 0)
        right_truth_maps = _decode_disparity(found["right_disparity.png"])
        return StereoSample(left, right, *truth, (hidden & 1) > 0, *right_truth_maps, (hidden & 2) > 0)


def _decode(content: bytes, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if image is None:
        raise InputError("expected a readable PNG in the shard, got damaged bytes; write or fetch the shard again")
    return np.asarray(image)


def _decode_disparity(content: bytes) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    coded = _decode(content)
    return coded.astype(np.float32) / np.float32(256.0), coded > 0
