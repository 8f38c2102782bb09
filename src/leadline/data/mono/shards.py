"""Metric depth samples in shards.

A sample is ``image.png`` (RGB), ``depth.png`` (16 bit, see ``encode_depth``) and ``json``: under "camera" the pinhole
(null where it is unknown), under "notes" whatever the writer adds, such as the kind of world.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final, final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt16

from leadline.data.samples import DepthSample
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.shards import ShardReader, write_shard

NEAREST_M: Final = 0.05
FARTHEST_M: Final = 1000.0
_CODES: Final = 65535
#: ln(Z) per code: 1.51e-4, so rounding is off by at most 0.0076 %.
_STEP: Final = float(np.log(FARTHEST_M / NEAREST_M)) / (_CODES - 1)
#: Depth of each code; that of 0 means nothing.
_METRES: Final = (NEAREST_M * np.exp(_STEP * (np.arange(_CODES + 1) - 1.0))).astype(np.float32)
#: Fast to write and to read; the images are noisy, so harder compression gains little.
_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)


def encode_depth(depth: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]) -> UInt16[np.ndarray, "h w"]:
    """The logarithm of depth in 16 bits: code 1 is 0.05 m, code 65535 is 1000 m, 0 is unknown.

    Depth outside that range becomes the nearest end of it; within, the relative error is below 0.01 %.
    """
    near = np.clip(np.where(valid, depth, 1.0).astype(np.float64), NEAREST_M, FARTHEST_M)
    return np.where(valid, 1 + np.round(np.log(near / NEAREST_M) / _STEP), 0).astype(np.uint16)


def decode_depth(code: UInt16[np.ndarray, "h w"]) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Metres and where they are known, from what ``encode_depth`` gives; unknown depth is 0."""
    valid = code > 0
    return np.where(valid, _METRES.take(code), np.float32(0.0)), valid


def write_depth_shard(path: Path, samples: Iterable[tuple[DepthSample, dict[str, object]]]) -> None:
    """Write samples, each with notes, to a shard that appears only when it is complete.

    Args:
        path: The shard; its folder is made if need be.
        samples: Metric samples, whose keys hold no dot, with notes that JSON can hold.
    Raises:
        InputError: If a sample is not metric or its key holds a dot.
        OutputError: If the shard cannot be written.
    """
    write_shard(path, ((_key(sample), dict(_files(sample, notes))) for sample, notes in samples))


def _key(sample: DepthSample) -> str:
    if sample.annotation != "metric":
        raise InputError(f"expected metric depth for a shard, got {sample.annotation} ({sample.key}); leave it out")
    if "." in sample.key:
        raise InputError(f"expected a key without a dot, got {sample.key!r}; rename the sample")
    return sample.key


def _files(sample: DepthSample, notes: dict[str, object]) -> Iterator[tuple[str, bytes]]:
    yield "image.png", _png(sample.image[..., ::-1])
    yield "depth.png", _png(encode_depth(sample.depth, sample.valid))
    camera = None if sample.camera is None else asdict(sample.camera)
    yield "json", json.dumps({"camera": camera, "notes": notes}, sort_keys=True).encode()


def _png(image: np.ndarray) -> bytes:
    done, code = cv2.imencode(".png", np.ascontiguousarray(image), _PNG_OPTIONS)
    assert done, "OpenCV refuses only what the types exclude"
    return code.tobytes()


@final
class DepthShards:
    """Random access to the depth samples of a folder of shards, or of given shard files."""

    def __init__(self, source: Path | str | Iterable[Path]) -> None:
        """Index the shards.

        Args:
            source: A folder with ``*.tar`` files, or the files.
        Raises:
            InputError: If there is no shard, or one is no whole tar file.
        """
        self._reader = ShardReader(source)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._reader)

    def key(self, index: int) -> str:
        """Name of a sample."""
        return self._reader.key(index)

    def notes(self, index: int) -> dict[str, object]:
        """What was written beside a sample."""
        return json.loads(self._reader.read(index, ["json"])["json"])["notes"]

    def read(self, index: int) -> DepthSample:
        """Read and decode one sample.

        Args:
            index: From 0 to ``len(self) - 1``.
        Raises:
            InputError: If an image is damaged.
        """
        found = self._reader.read(index, ["image.png", "depth.png", "json"])
        image = _decode(found["image.png"], cv2.IMREAD_COLOR_RGB)
        depth, valid = decode_depth(_decode(found["depth.png"]))
        camera = json.loads(found["json"])["camera"]
        pinhole = None if camera is None else Pinhole(**camera)
        return DepthSample(image, depth, valid, "metric", self.key(index), pinhole)


def _decode(content: bytes, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if image is None:
        raise InputError("expected a readable PNG in the shard, got damaged bytes; write or fetch the shard again")
    return np.asarray(image)
