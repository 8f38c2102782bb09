"""A frame as bytes for the page: a JSON head and the layers behind it.

The form, all numbers little-endian: `LLV1`, the head's length as uint32, the head in UTF-8, then the layers, each from
a multiple of 4 on. In the head `at: [begin, length]` is a layer's place, counted from the end of the head.
"""

import json
import struct
from dataclasses import asdict
from typing import Any, Final, final

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from leadline.apps.web.view.downloads import offered
from leadline.apps.web.view.frame import ViewFrame
from leadline.maps import DISTANCE_KINDS
from leadline.visual.colormap import robust_range
from leadline.visual.flow import flow_colours

MAGIC: Final = b"LLV1"
_JPEG_QUALITY: Final = 92
_MOST_POINTS: Final = 20_000_000
"""Of a cloud that are sent; a file with more is thinned evenly."""
_VALID, _POINT = 1, 2
"""Bits of the layer `flags`: the method stands by the value; it becomes a point if it is sure enough."""


@final
class _Body:
    """The layers behind the head."""

    def __init__(self) -> None:
        self.parts, self.size = list[bytes](), 0

    def add(self, content: bytes) -> tuple[int, int]:
        place = self.size
        padded = content + b"\0" * (-len(content) % 4)
        self.parts.append(padded)
        self.size += len(padded)
        return place, len(content)


def encode(frame: ViewFrame, more: dict[str, Any] | None = None) -> bytes:
    """A frame for the page.

    Args:
        frame: Its layers.
        more: What else goes into the head.
    """
    body, size = _Body(), frame.size
    camera = None if frame.depth is None else frame.depth.camera
    head: dict[str, Any] = {
        "name": frame.name,
        "time_s": frame.time_s,
        "height": size[0] if size else 0,
        "width": size[1] if size else 0,
        "kind": None if frame.depth is None else frame.depth.kind,
        "notes": list(frame.notes),
        "layers": _layers(frame, body),
        "flags": None if frame.valid is None else body.add(_flags(frame, frame.valid).tobytes()),
        "camera": asdict(camera) if camera is not None and frame.has_points else None,
        "cloud": _cloud(frame, body),
        "objects": [asdict(entry) for entry in frame.objects],
        "downloads": offered(frame),
        **(more or {}),
    }
    text = json.dumps(head, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return b"".join((MAGIC, struct.pack("<I", len(text)), text, *body.parts))


def jpeg(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """An RGB image as JPEG."""
    done, code = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    assert done, "OpenCV encodes every 8-bit image as JPEG"
    return code.tobytes()


def _layers(frame: ViewFrame, body: _Body) -> list[dict[str, Any]]:
    found = list[dict[str, Any]]()
    if frame.image is not None:
        found.append({"id": "image", "label": "Image", "form": "jpeg", "at": body.add(jpeg(frame.image))})
    if frame.depth is not None:
        depth, kind = frame.depth, frame.depth.kind
        is_distance = kind in DISTANCE_KINDS
        label = {"affine_inverse": "Inverse depth", "affine_depth": "Depth, unscaled"}.get(kind, "Depth")
        unit = {"metric": "m", "up_to_scale": "units"}.get(kind, "")
        known = depth.valid & (depth.depth > 0) if is_distance else depth.valid
        inverse = np.divide(1.0, depth.depth, out=np.zeros(depth.depth.shape, np.float32), where=known)
        shown = inverse if is_distance else depth.depth
        found.append(_scalar(body, "depth", label, depth.depth, unit, robust_range(shown, known), is_distance))
        found[-1]["flip"] = kind == "affine_depth"
        error = frame.expected_error
        if error is not None and is_distance:
            finite = np.where(np.isfinite(error), error, np.float32(0.0))
            found.append(_scalar(body, "error", "Expected error", finite, unit, robust_range(finite, known)))
    if frame.disparity is not None:
        values, valid = frame.disparity.disparity, frame.disparity.valid
        finite = np.where(np.isfinite(values), values, np.float32(0.0))
        found.append(_scalar(body, "disparity", "Disparity", finite, "px", robust_range(finite, valid)))
    if frame.confidence is not None:
        levels = np.rint(np.clip(frame.confidence, 0.0, 1.0) * 255.0).astype(np.uint8)
        found.append({
            "id": "confidence", "label": "Confidence", "form": "u8", "scale": 100.0 / 255.0, "unit": "%",
            "range": [0.0, 100.0], "at": body.add(levels.tobytes()),
        })  # fmt: skip
    if frame.motion is not None:
        known = np.isfinite(frame.motion)
        finite = np.where(known, frame.motion, np.float32(0.0))
        top = max(robust_range(finite, known)[1], 1e-3)
        found.append(_scalar(body, "motion", "Own motion", finite, "m", (0.0, top)))
    if frame.flow is not None:
        colours = {"id": "flow", "label": "Optical flow", "form": "jpeg"}
        found.append({**colours, "at": body.add(jpeg(flow_colours(frame.flow)))})
        known = np.isfinite(frame.flow.flow).all(axis=2)
        for axis, name in enumerate("uv"):
            values = np.where(known, frame.flow.flow[..., axis], np.float32(0.0))
            found.append({**_scalar(body, name, f"Flow {name}", values, "px", (0.0, 1.0)), "hidden": True})
    return found


def _scalar(
    body: _Body,
    name: str,
    label: str,
    values: Float[np.ndarray, "h w"],
    unit: str,
    colours: tuple[float, float],
    is_inverted: bool = False,
) -> dict[str, Any]:
    """A layer of floats; `inverse` where its colours span 1 / value."""
    place = body.add(np.ascontiguousarray(values, "<f4").tobytes())
    told = {"id": name, "label": label, "form": "f32", "scale": 1.0, "unit": unit, "range": list(colours)}
    return {**told, "inverse": is_inverted, "at": place}


def _flags(frame: ViewFrame, valid: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    flags = valid.astype(np.uint8) * np.uint8(_VALID)
    if frame.depth is not None and frame.has_points:
        flags |= frame.depth.cloud_mask(min_confidence=0.0).astype(np.uint8) * np.uint8(_POINT)
    return flags


def _cloud(frame: ViewFrame, body: _Body) -> dict[str, Any] | None:
    """The points of a file, in an order of which every beginning is an even sample."""
    if frame.cloud is None:
        return None
    finite = np.flatnonzero(np.isfinite(frame.cloud.points).all(axis=1))
    order = np.random.default_rng(0).permutation(finite)[:_MOST_POINTS]
    points = body.add(np.ascontiguousarray(frame.cloud.points[order], "<f4").tobytes())
    colours = body.add(np.ascontiguousarray(frame.cloud.colors[order], np.uint8).tobytes())
    return {"count": len(order), "of": len(frame.cloud.points), "points": points, "colours": colours}
