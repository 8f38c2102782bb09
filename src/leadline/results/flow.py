"""Optical flow of two frames as the command line does it: the estimate, its summary, and the folder of files."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.io.flo import write_flo
from leadline.io.images import write_image
from leadline.io.kitti_flow_png import LARGEST_PX, encode_flow
from leadline.maps import CONFIDENT, FlowMap
from leadline.results.stereo import SUMMARY_FILE, versions, whole_result, write_confidence, write_json
from leadline.runtime.card import bundled_cards
from leadline.runtime.flow import FlowMethod
from leadline.runtime.images import require_8bit
from leadline.runtime.validity import judged_flow
from leadline.visual.flow import colour_scale, flow_colours

FLOW_FILES: Final = (
    "flow.flo",
    "flow_kitti.png",
    "valid.png",
    "confidence.png",
    "confidence.pfm",
    "flow_colour.png",
    SUMMARY_FILE,
)
_UNITS: Final = {
    "flow.flo": "px of the first frame: what is at (x, y) is at (x + u, y + v) in the second; dense, see valid.png",
    "flow_kitti.png": "16 bit: red is 64 u + 32768, green 64 v + 32768, blue 1 where valid; 0 where not",
    "valid.png": "255 where the method stands by its value, else 0",
    "confidence.pfm": "probability in [0, 1] that the error, the length of the difference, is below 1 px",
    "confidence.png": "the same times 255",
    "flow_colour.png": "Middlebury's wheel: white stays, red goes right, yellow down, cyan left, blue up; full colour "
    "at {scale:.3g} px",
}

Image = UInt8[np.ndarray, "_ _ 3"]


@dataclass(frozen=True, eq=False)
class EstimatedFlow:
    """Flow of a pair of frames.

    Args:
        flow: Of the first frame.
        seconds: Of the method alone, without reading and writing.
        notes: What the user should know.
    """

    flow: FlowMap
    seconds: float
    notes: tuple[str, ...] = ()


def estimate_flow(method: FlowMethod, first: Image, second: Image) -> EstimatedFlow:
    """Flow between two frames; what no camera saw is invalid, as `judged_flow` says.

    Args:
        method: What `load_model` made.
        first: RGB.
        second: The next frame.
    Raises:
        InputError: If the sizes differ, a frame is tiny, or one is of one flat colour.
    Example:
        >>> from leadline.classical.flow import ClassicalFlow
        >>> frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
        >>> found = estimate_flow(ClassicalFlow("dis"), frame, frame)
        >>> float(found.flow.speed.max()), found.notes
        (0.0, ('both frames are one image: the flow is 0 everywhere',))
    """
    for image, name in ((first, "first"), (second, "second")):
        require_8bit(image, f"the {name} frame")
        if int(np.ptp(image)) <= 1:
            raise InputError(f"expected frames with texture, got a {name} frame of one flat colour; leave it out")
    start = time.perf_counter()
    found = method(first, second)
    seconds = time.perf_counter() - start
    same = np.array_equal(first, second)
    notes = ("both frames are one image: the flow is 0 everywhere",) if same else ()
    return EstimatedFlow(judged_flow(found, first, second), seconds, notes)


def describe_flow_method(method: FlowMethod, name: str) -> dict[str, Any]:
    """Description of a method for a summary.

    Args:
        method: What `load_model` made.
        name: Under which name.
    """
    card = bundled_cards().get(name)
    own: dict[str, Any] = getattr(method, "description", {})
    plain = {"model": name, "provider": "cpu", "threads": cv2.getNumThreads()}
    return {**plain, **own, "model_sha256": card and card.sha256}


def summarize_flow(found: EstimatedFlow, method: FlowMethod, name: str, notes: tuple[str, ...] = ()) -> dict[str, Any]:
    """Content of summary.json on how a result came about.

    Args:
        found: The result.
        method: Who found it.
        name: Under which name.
        notes: What was assumed or changed on the way, besides those of the result.
    """
    height, width = found.flow.valid.shape
    return {
        **describe_flow_method(method, name),
        "height": height,
        "width": width,
        "seconds": found.seconds,
        "notes": [*notes, *found.notes],
        "versions": versions(),
    }


def write_flow_result(folder: Path, flow: FlowMap, summary: Mapping[str, Any]) -> None:
    """Writes all files of one pair of frames, the summary last, as `whole_result` does.

    Args:
        folder: Made if need be.
        flow: What the method found.
        summary: What goes into summary.json, before what the files themselves say.
    Raises:
        OutputError: If something cannot be written.
    Example:
        >>> import tempfile
        >>> from leadline.io.flo import read_flo
        >>> flow = FlowMap(np.full((2, 3, 2), [1.5, 0.0], np.float32), np.ones((2, 3), bool))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_flow_result(Path(folder), flow, {})
        ...     read_flo(f"{folder}/flow.flo")[0][0, 0].tolist()
        [1.5, 0.0]
    """
    with whole_result(folder, FLOW_FILES) as place:
        dense = np.asarray(np.isfinite(flow.flow).all(axis=2))
        write_flo(place / "flow.flo", flow.flow, dense)
        held = flow.valid & (np.abs(flow.flow).max(axis=2) <= LARGEST_PX)
        write_image(place / "flow_kitti.png", encode_flow(flow.flow, held))
        write_image(place / "valid.png", flow.valid.astype(np.uint8) * np.uint8(255))
        if flow.confidence is not None:
            write_confidence(place, flow.confidence)
        scale = colour_scale(flow)
        write_image(place / "flow_colour.png", flow_colours(flow, scale))
        units = {name: unit.format(scale=scale) for name, unit in _UNITS.items() if (place / name).exists()}
        write_json(place / SUMMARY_FILE, {**summary, **_shares(flow, held), "colour_scale_px": scale, "units": units})


def _shares(flow: FlowMap, held: np.ndarray) -> dict[str, float | None]:
    confidence, speeds = flow.confidence, flow.speed[flow.valid]
    return {
        "valid_share": float(flow.valid.mean()),
        f"share_above_confidence_{CONFIDENT}": None if confidence is None else float((confidence > CONFIDENT).mean()),
        "mean_speed_px": float(speeds.mean()) if speeds.size else None,
        "beyond_kitti_png_share": float((flow.valid & ~held).mean()),
    }
