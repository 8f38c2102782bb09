"""The folder of files that a result becomes, and its summary."""

import json
import os
import platform
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from leadline.classical import ClassicalStereo
from leadline.errors import CalibrationError, InputError, OutputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io.atomic import atomic_write, remove_unfinished, unfinished_folder
from leadline.io.images import write_depth_mm_png, write_image
from leadline.io.pfm import write_pfm
from leadline.io.ply import write_ply
from leadline.maps import CONFIDENT, MAX_RELATIVE_ERROR, DepthMap, DisparityMap, expected_error_px
from leadline.metrics.disparity import has_prediction
from leadline.results.request import SUMMARY_FILE
from leadline.runtime.card import bundled_cards
from leadline.runtime.onnx_session import RUNTIME_VERSION
from leadline.runtime.onnx_stereo import OnnxStereo
from leadline.runtime.refine import RefinedMatcher
from leadline.runtime.stereo import StereoMethod, StereoSession, WithNegative
from leadline.visual.colormap import confidence_grey, plasma

RESULT_FILES: Final = (
    "disparity.pfm",
    "valid.png",
    "disparity_plasma.png",
    "confidence.png",
    "confidence.pfm",
    "expected_error.pfm",
    "depth.pfm",
    "depth_error.pfm",
    "depth_mm.png",
    "depth_m256.png",
    "cloud.ply",
    SUMMARY_FILE,
)
_MOST_MM_PNG_M: Final = 65.535
_UNITS: Final = {
    "disparity.pfm": "px of the left image, x_right = x_left - disparity; dense, see valid.png",
    "valid.png": "255 where the method stands by its value, else 0",
    "disparity_plasma.png": "colours of disparity.pfm, hotter is closer",
    "confidence.pfm": "probability in [0, 1] that the error is below 1 px",
    "confidence.png": "the same times 255",
    "expected_error.pfm": "px, mean absolute error of disparity.pfm that the confidence stands for",
    "depth.pfm": "m along the left optical axis, inf where unknown",
    "depth_error.pfm": "m, mean absolute error of depth.pfm that the confidence stands for, inf where unknown",
    "depth_mm.png": "mm, 16 bit, 0 where unknown or beyond 65.535 m",
    "depth_m256.png": "m times 256, 16 bit, 0 where unknown or beyond 255.99 m; only where depth_mm.png is too short",
    "cloud.ply": "m in the left camera's frame, x right, y down, z forward",
}


@dataclass(frozen=True)
class CloudLimits:
    """Limits of the pixels that become points of a cloud.

    Args:
        min_confidence: Least confidence, where there is one.
        max_depth_m: Largest depth, metres; none if absent.
        max_relative_error: Largest expected error as a share of the depth.
    Raises:
        InputError: If a number is out of range.
    """

    min_confidence: float = CONFIDENT
    max_depth_m: float | None = None
    max_relative_error: float = MAX_RELATIVE_ERROR

    def __post_init__(self) -> None:
        """Refuses limits that mean nothing."""
        if not 0.0 <= self.min_confidence <= 1.0:
            raise InputError(f"expected a least confidence from 0 to 1, got {self.min_confidence}")
        if self.max_depth_m is not None and not self.max_depth_m > 0:
            raise InputError(f"expected a largest depth above 0 m, got {self.max_depth_m}")
        if not self.max_relative_error > 0:
            raise InputError(f"expected a largest relative error above 0, got {self.max_relative_error}")


def write_depth_pngs(folder: Path, depth: DepthMap) -> None:
    """Writes depth_mm.png, and depth_m256.png where some depth is beyond 16 bits of millimetres.

    Raises:
        OutputError: If they cannot be written.
    """
    write_depth_mm_png(folder / "depth_mm.png", depth.depth, depth.valid)
    if bool((depth.valid & (depth.depth > _MOST_MM_PNG_M)).any()):
        write_depth_mm_png(folder / "depth_m256.png", depth.depth, depth.valid, 256)


def refuse_existing(folder: Path, names: Iterable[str], overwrite: bool) -> None:
    """Refuses to write over files of an earlier run.

    Args:
        folder: Where they would be written.
        names: What would be written.
        overwrite: Whether the user allows it.
    Raises:
        OutputError: If one of the files exists and may not be replaced.
    """
    found = [] if overwrite else [name for name in names if (folder / name).exists()]
    if found:
        raise OutputError(
            f"expected an output folder without earlier results, got {folder / found[0]}; choose another output "
            "folder, or overwrite them"
        )


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Removes files of an earlier run, where they exist.

    Raises:
        OutputError: If one cannot be removed.
    """
    for name in names:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"expected to replace {folder / name}, got {(error.strerror or '').lower()}; choose another output "
                "folder"
            ) from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file, whole or not at all.

    Raises:
        OutputError: If it cannot be written.
    """
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def write_confidence(folder: Path, confidence: Float32[np.ndarray, "h w"]) -> None:
    """Writes confidence.png and confidence.pfm.

    Args:
        folder: Where.
        confidence: In [0, 1].
    Raises:
        OutputError: If they cannot be written.
    """
    write_image(folder / "confidence.png", confidence_grey(confidence)[..., 0])
    write_pfm(folder / "confidence.pfm", confidence)


@contextmanager
def whole_result(folder: Path, names: Sequence[str], folders: Sequence[str] = ()) -> Generator[Path]:
    """Makes a folder for a block that writes files; they appear there only when all of them are written.

    After a failure or Ctrl-C none of them appears, and an earlier result stays as it was, whoever made it meanwhile.
    A whole one replaces every file of an earlier result, so that nothing of it can be taken for new.

    Args:
        folder: Made if need be.
        names: All files that the block may write, the summary last.
        folders: All folders that the block may write.
    Yields:
        Where the block writes them: a folder of this process alone.
    Raises:
        OutputError: If the folder cannot be made or an earlier file cannot be removed.
    """
    with unfinished_folder(folder) as own:
        yield own
        remove_files(folder, reversed(names))
        for name in folders:
            remove_unfinished(folder / name)
        for name in (*folders, *names):
            if (own / name).exists():
                os.replace(own / name, folder / name)


def write_result(
    folder: Path,
    left: UInt8[np.ndarray, "h w 3"],
    disparity: DisparityMap,
    rig: StereoRig | None,
    summary: Mapping[str, Any],
    limits: CloudLimits | None = None,
) -> None:
    """Writes all files of one pair, the summary last, as `whole_result` does.

    Args:
        folder: Made if need be.
        left: The left image, for the colours of the point cloud.
        disparity: What the method found.
        rig: Cameras of this image size; without them there is no depth.
        summary: What goes into summary.json, before what the files themselves say.
        limits: Which pixels become points of the cloud.
    Raises:
        OutputError: If something cannot be written.
    Example:
        >>> import tempfile
        >>> from leadline.io.pfm import read_pfm
        >>> rig = StereoRig.from_focal(2, 3, focal_px=500.0, baseline_m=0.1)
        >>> disparity = DisparityMap(np.full((2, 3), 10.0, np.float32), np.ones((2, 3), bool))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_result(Path(folder), np.zeros((2, 3, 3), np.uint8), disparity, rig, {})
        ...     float(read_pfm(f"{folder}/depth.pfm")[0, 0])
        5.0
    """
    with whole_result(folder, RESULT_FILES) as place:
        _write_disparity(place, disparity)
        points = None if rig is None else _write_depth(place, left, disparity, rig, limits or CloudLimits())
        written = {name: unit for name, unit in _UNITS.items() if (place / name).exists()}
        write_json(place / SUMMARY_FILE, {**summary, **_shares(disparity), "points": points, "units": written})


def _write_disparity(folder: Path, disparity: DisparityMap) -> None:
    write_pfm(folder / "disparity.pfm", disparity.disparity)
    write_image(folder / "valid.png", disparity.valid.astype(np.uint8) * np.uint8(255))
    write_image(folder / "disparity_plasma.png", plasma(disparity.disparity, has_prediction(disparity)))
    if disparity.confidence is not None:
        write_confidence(folder, disparity.confidence)
        write_pfm(folder / "expected_error.pfm", expected_error_px(disparity.confidence))


def _write_depth(
    folder: Path, left: UInt8[np.ndarray, "h w 3"], disparity: DisparityMap, rig: StereoRig, limits: CloudLimits
) -> int:
    """Depth and point cloud; returns the number of points."""
    depth = disparity.to_depth(rig)
    write_pfm(folder / "depth.pfm", np.where(depth.valid, depth.depth, np.float32(np.inf)))
    if disparity.confidence is not None and depth.expected_error_m is not None:
        write_pfm(folder / "depth_error.pfm", np.where(depth.valid, depth.expected_error_m, np.float32(np.inf)))
    write_depth_pngs(folder, depth)
    cloud = depth.to_cloud(
        left,
        min_confidence=limits.min_confidence,
        max_depth=limits.max_depth_m,
        max_relative_error=limits.max_relative_error,
    )
    write_ply(folder / "cloud.ply", cloud)
    return len(cloud.points)


def _shares(disparity: DisparityMap) -> dict[str, float | None]:
    confidence = disparity.confidence
    return {
        "valid_share": float(disparity.valid.mean()),
        f"share_above_confidence_{CONFIDENT}": None if confidence is None else float((confidence > CONFIDENT).mean()),
    }


def describe_method(method: StereoMethod, name: str, width: int | None = None) -> dict[str, Any]:
    """Description of a method for a summary.

    Args:
        method: What `load_model` made.
        name: Under which name.
        width: Of the images, for networks that choose their range of disparities by it.
    """
    if isinstance(method, WithNegative):
        described = describe_method(method.method, name, None if width is None else width - method.min_disparity)
        reach, smallest = described["max_disparity_px"], method.min_disparity
        largest = None if reach is None else reach + smallest
        return {**described, "max_disparity_px": largest, "min_disparity_px": smallest}
    if isinstance(method, StereoSession | RefinedMatcher):
        card = bundled_cards().get(name)
        largest = method.max_disparity
        if largest is None and width is not None and isinstance(method, StereoSession):
            largest = method.searched_px(width)
        return {**method.description, "model_sha256": card and card.sha256, "max_disparity_px": largest}
    if isinstance(method, OnnxStereo):
        return {
            **method.description,
            "model_sha256": method.card.sha256 or None,
            "max_disparity_px": method.max_disparity,
        }
    largest = method.max_disparity if isinstance(method, ClassicalStereo) else None
    threads = cv2.getNumThreads()
    return {
        "model": name,
        "provider": "cpu",
        "threads": threads,
        "model_sha256": None,
        "max_disparity_px": largest,
    }


def describe_rig(rig: StereoRig) -> dict[str, Any]:
    """Description of the cameras for a summary."""
    return {"baseline_m": rig.baseline_m, "doffs_px": rig.doffs_px, "left": asdict(rig.left)}


def described_rig(described: Mapping[str, Any]) -> StereoRig:
    """The cameras that `describe_rig` described.

    Raises:
        InputError: If a part is missing or impossible.
    Example:
        >>> rig = StereoRig.from_focal(48, 64, focal_px=100.0, baseline_m=0.1)
        >>> described_rig(describe_rig(rig)) == rig
        True
    """
    try:
        left = Pinhole(**described["left"])
        right = replace(left, center_x_px=left.center_x_px + float(described["doffs_px"]))
        return StereoRig(left, right, float(described["baseline_m"]))
    except (KeyError, TypeError, ValueError, CalibrationError) as error:
        raise InputError(f"expected cameras as leadline describes them, got others: {error!s:.100}") from error


def versions() -> dict[str, str]:
    """Versions of what took part in a result."""
    return {
        "leadline": version("leadline"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "onnxruntime": RUNTIME_VERSION,
    }
