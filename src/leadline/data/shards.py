"""Samples in shards: what all kinds of sample share. A kind adds only how its layers are written and read."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError, LeadlineError
from leadline.io.image_header import inspect_image
from leadline.io.shards import ShardReader

SampleT = TypeVar("SampleT")

#: Fast to write and to read; the images are noisy, so harder compression gains little.
_PNG_OPTIONS: Final = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)
_LONGEST_JSON: Final = 1 << 20


class Shards(ABC, Generic[SampleT]):
    """Random access to the samples of a folder of shards, or of given shard files: a `Source`.

    A kind of sample says which files it has and how they are decoded.
    """

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

    @abstractmethod
    def _names(self, present: tuple[str, ...]) -> list[str]:
        """Files to read of a sample, out of those that it has; a file that it lacks is refused."""

    @abstractmethod
    def _decoded(self, found: Mapping[str, bytes], key: str) -> SampleT:
        """The sample in these files."""

    @abstractmethod
    def _notes(self, values: Mapping[str, Any]) -> dict[str, object]:
        """The writer's notes in a sample's json."""

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._reader)

    def key(self, index: int, /) -> str:
        """Name of a sample."""
        return self._reader.key(index)

    def notes(self, index: int, /) -> dict[str, object]:
        """Notes written beside a sample: seed, rig, kind of world.

        Raises:
            InputError: If it is damaged.
        """
        with NamedSample(self._reader, index):
            return self._notes(decode_json(self._reader.read(index, ["json"])["json"]))

    def __getitem__(self, index: int, /) -> SampleT:
        """Reads and decodes one sample.

        Args:
            index: From 0 to ``len(self) - 1``.
        Raises:
            InputError: If a file is missing or damaged, or the layers differ in size; the message names the shard.
        """
        with NamedSample(self._reader, index):
            found = self._reader.read(index, self._names(self._reader.names(index)))
            return self._decoded(found, self._reader.key(index))


class NamedSample:
    """Adds sample and shard to the message of an error."""

    def __init__(self, reader: ShardReader, index: int) -> None:
        self._reader, self._index = reader, index

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LeadlineError) and (place := self._reader.place(self._index)) not in str(error):
            raise InputError(f"{error} ({place})") from None


def encode_png(image: np.ndarray) -> bytes:
    """A PNG of an image, RGB or grey, 8 or 16 bit, as OpenCV stores it (RGB must come as BGR).

    Example:
        >>> decode_png(encode_png(np.full((2, 3), 500, np.uint16)), np.uint16)[0].tolist()
        [500, 500, 500]
    """
    done, code = cv2.imencode(".png", np.ascontiguousarray(image), _PNG_OPTIONS)
    assert done, "OpenCV refuses only what the types exclude"
    return code.tobytes()


def decode_rgb(content: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """An 8-bit colour image.

    Raises:
        InputError: If it is damaged or absurdly large.
    """
    return _decode(content, cv2.IMREAD_COLOR_RGB)


def decode_png(content: bytes, dtype: type[np.uint8] | type[np.uint16]) -> np.ndarray:
    """A grey layer, exactly as it is stored.

    Raises:
        InputError: If it is damaged, absurdly large, or of another type.
    """
    layer = _decode(content, cv2.IMREAD_UNCHANGED)
    if layer.ndim != 2 or layer.dtype != dtype:
        raise InputError(
            f"expected a grey PNG of {np.dtype(dtype).name} as a layer of a shard, got {layer.dtype} of shape "
            f"{layer.shape}; it is another program's shard: write it with leadline"
        )
    return layer


def _decode(content: bytes, flags: int) -> np.ndarray:
    try:
        inspect_image(content, "the shard")
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except (InputError, cv2.error) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"expected a readable PNG in the shard, got damaged bytes: {reason}") from None
    if image is None:
        raise InputError("expected a readable PNG in the shard, got damaged bytes; write or fetch the shard again")
    return np.asarray(image)


def decode_json(content: bytes) -> dict[str, Any]:
    """The keys and values beside a sample.

    Raises:
        InputError: If they are no JSON object, or a very long one.
    """
    try:
        if len(content) > _LONGEST_JSON:
            raise ValueError(f"{len(content)} bytes")
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:80]
        raise InputError(f"expected JSON beside a shard's sample, got {reason}; write the shard again") from None
    if not isinstance(values, dict):
        raise InputError(f"expected a JSON object beside a shard's sample, got {type(values).__name__}; write it again")
    return values


def require_sizes(image: UInt8[np.ndarray, "h w 3"], layers: Mapping[str, np.ndarray]) -> None:
    """Refuses layers of another size than their image.

    Raises:
        InputError: If one has another size.
    """
    for name, layer in layers.items():
        if layer.shape[:2] != image.shape[:2]:
            raise InputError(
                f"expected the image's (height, width) {image.shape[:2]}, got {layer.shape[:2]} in {name}; write the "
                "shard again"
            )
