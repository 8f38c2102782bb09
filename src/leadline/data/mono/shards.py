"""Depth samples in shards: metric ones, and inverse depth up to a scale and a shift.

A sample is ``image.png`` (RGB), ``depth.png`` (16 bit) and ``json``: under "camera" the pinhole (null where it is
unknown), under "depth_code" the name of the depth's code, under "notes" whatever the writer adds, such as the kind of
world. Metric depth is coded by ``encode_depth``. Inverse depth up to a scale and a shift, such as the disparity of 3D
films, may be negative: of code c > 0 it is "least" + (c - 1) "step", two more numbers in the json.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from jaxtyping import Bool, Float32, UInt16

from leadline.data.shards import Shards, decode_json, decode_png, decode_rgb, encode_png, require_sizes
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.shards import write_shard
from leadline.maps import DepthKind, DepthMap
from leadline.samples import DepthSample

NEAREST_M: Final = 0.05
FARTHEST_M: Final = 1000.0
_CODES: Final = 65535
#: ln(Z) per code: 1.51e-4, so rounding is off by at most 0.0076 %.
_STEP: Final = float(np.log(FARTHEST_M / NEAREST_M)) / (_CODES - 1)
#: Depth of each code; that of 0 means nothing.
_METRES: Final = (NEAREST_M * np.exp(_STEP * (np.arange(_CODES + 1) - 1.0))).astype(np.float32)
_CODE_NAME: Final = "log-0.05m-1000m"
_LINEAR_NAME: Final = "affine-inverse-linear"
_TOO_NEAR_M: Final = {0.1: 0.15, 0.9: 0.3}
"""Quantile -> depth: a shard that does not name its code and lies below one of them holds millimetres, up to 12 m in
nine tenths of an image or up to 7 m in a tenth."""
_REQUIRED: Final = ("image.png", "depth.png", "json")


def encode_depth(depth: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]) -> UInt16[np.ndarray, "h w"]:
    """The logarithm of depth in 16 bits: code 1 is 0.05 m, code 65535 is 1000 m, 0 is unknown.

    Depth outside that range becomes the nearest end of it; within, the relative error is below 0.01 %.

    Example:
        >>> encode_depth(np.array([[0.05, 1000.0, 3.0]], np.float32), np.array([[True, True, False]])).tolist()
        [[1, 65535, 0]]
    """
    near = np.clip(np.where(valid, depth, 1.0).astype(np.float64), NEAREST_M, FARTHEST_M)
    return np.where(valid, 1 + np.round(np.log(near / NEAREST_M) / _STEP), 0).astype(np.uint16)


def decode_depth(code: UInt16[np.ndarray, "h w"]) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Metres and where they are known, from what ``encode_depth`` gives; unknown depth is 0."""
    valid = code > 0
    return np.where(valid, _METRES.take(code), np.float32(0.0)), valid


def write_depth_shard(path: Path, samples: Iterable[tuple[DepthSample, dict[str, object]]]) -> None:
    """Writes samples, each with notes, to a shard that appears only when it is complete.

    Args:
        path: The shard; its folder is made if need be.
        samples: Metric samples or such of inverse depth up to scale and shift, whose keys hold no dot, with notes that
            JSON can hold.
    Raises:
        InputError: If a sample is of another kind or its key holds a dot.
        OutputError: If the shard cannot be written.
    """
    write_shard(path, ((_key(sample), dict(_files(sample, notes))) for sample, notes in samples))


def _key(sample: DepthSample) -> str:
    if sample.annotation not in ("metric", "affine_inverse"):
        raise InputError(
            f"expected metric depth or affine_inverse for a shard, got {sample.annotation} ({sample.key}); leave it out"
        )
    if "." in sample.key:
        raise InputError(f"expected a key without a dot, got {sample.key!r}; rename the sample")
    return sample.key


def _files(sample: DepthSample, notes: dict[str, object]) -> Iterator[tuple[str, bytes]]:
    yield "image.png", encode_png(sample.image[..., ::-1])
    camera = None if sample.camera is None else asdict(sample.camera)
    values: dict[str, object] = {"camera": camera, "depth_code": _CODE_NAME, "notes": notes}
    if sample.annotation == "metric":
        coded = encode_depth(sample.depth, sample.valid)
    else:
        coded, least, step = _encode_linear(sample.depth, sample.valid)
        values |= {"depth_code": _LINEAR_NAME, "least": least, "step": step}
    yield "depth.png", encode_png(coded)
    yield "json", json.dumps(values, sort_keys=True).encode()


def _encode_linear(
    values: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> tuple[UInt16[np.ndarray, "h w"], float, float]:
    """Codes of 16 bits from the least value to the greatest, 0 for unknown; that value, and the step of a code."""
    least, most = (float(values[valid].min()), float(values[valid].max())) if valid.any() else (0.0, 0.0)
    step = (most - least) / (_CODES - 1) or 1.0
    code = 1.0 + np.round((np.where(valid, values, least).astype(np.float64) - least) / step)
    return np.where(valid, code, 0).astype(np.uint16), least, step


def _decode_linear(coded: UInt16[np.ndarray, "h w"], values: Mapping[str, Any]) -> DepthMap:
    least, step = values.get("least"), values.get("step")
    if not (isinstance(least, int | float) and isinstance(step, int | float) and np.isfinite([least, step]).all()):
        raise InputError("expected least and step beside inverse depth in a shard, got others; write the shard again")
    known = coded > 0
    inverse = np.where(known, least + (coded - 1.0) * step, 0.0).astype(np.float32)
    return DepthMap(inverse, known, "affine_inverse")


@final
class DepthShards(Shards[DepthSample]):
    """Random access to the depth samples of a folder of shards, or of given shard files."""

    @property
    def annotation(self) -> DepthKind:
        """Kind of depth of the first sample, which is that of all that one program wrote; metric if there is none.

        Raises:
            InputError: If it is damaged.
        """
        if not len(self):
            return "metric"
        values = decode_json(self._reader.read(0, ["json"])["json"])
        return "affine_inverse" if values.get("depth_code") == _LINEAR_NAME else "metric"

    def _names(self, present: tuple[str, ...]) -> list[str]:
        return list(_REQUIRED)

    def _notes(self, values: Mapping[str, Any]) -> dict[str, object]:
        notes = values.get("notes")
        return notes if isinstance(notes, dict) else {}

    def _decoded(self, found: Mapping[str, bytes], key: str) -> DepthSample:
        image, coded = decode_rgb(found["image.png"]), decode_png(found["depth.png"], np.uint16)
        values = decode_json(found["json"])
        if values.get("depth_code") == _LINEAR_NAME:
            require_sizes(image, {"depth.png": coded})
            return DepthSample(key, image, _decode_linear(coded, values))
        depth, valid = decode_depth(coded)
        _require_code(values.get("depth_code"), depth, valid, coded)
        camera = camera_of(values.get("camera"))
        sizes = {"depth.png": depth}
        if camera is not None:
            sizes["the camera"] = np.broadcast_to(0, (camera.height, camera.width))
        require_sizes(image, sizes)
        return DepthSample(key, image, DepthMap(depth, valid, "metric"), camera)


def _require_code(
    name: object,
    depth: Float32[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"],
    coded: UInt16[np.ndarray, "h w"],
) -> None:
    """Refuses depth in another code; where none is named, depth that only makes sense in millimetres."""
    if name is None and valid.any():
        near, far = np.quantile(depth[valid], tuple(_TOO_NEAR_M))
        if any(found < least for found, least in zip((near, far), _TOO_NEAR_M.values(), strict=True)):
            near_mm, far_mm = np.quantile(coded[valid], tuple(_TOO_NEAR_M)) / 1000.0
            raise InputError(
                f"expected depth in the code of `encode_depth` in a shard, got values that would mean {near:.2f} to "
                f"{far:.2f} m; as millimetres they are {near_mm:.1f} to {far_mm:.1f} m: write the shard with "
                "`write_depth_shard`"
            )
    elif name not in (None, _CODE_NAME):
        raise InputError(f"expected depth_code {_CODE_NAME} in a shard, got {str(name)[:40]!r}; write it again")


def camera_of(values: object) -> Pinhole | None:
    """The camera in a sample's json; None where it is not known.

    Raises:
        InputError: If it is something else.
    """
    if values is None:
        return None
    wanted = Pinhole.__dataclass_fields__
    given: dict[str, Any] = values if isinstance(values, dict) else {}
    if set(given) != set(wanted) or not all(type(value) in (int, float) for value in given.values()):
        raise InputError(
            f"expected a camera of {', '.join(wanted)} beside a shard's sample, got another; write it again"
        )
    return Pinhole(**given)
