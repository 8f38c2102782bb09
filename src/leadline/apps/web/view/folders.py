"""Results of one moment: the folders that stereo, mono, flow and scene-flow write, and single files."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast, final

import numpy as np
from jaxtyping import Float32

from leadline.apps.web.view.frame import Moment, SeenObject, ViewFrame, plain
from leadline.apps.web.view.images import first_frame, given_image, image_from_cloud, single_image, stereo_image
from leadline.errors import CalibrationError, InputError
from leadline.geometry.camera import Pinhole
from leadline.io.files import read_bytes
from leadline.io.flo import read_flo
from leadline.io.grey_png import read_grey8
from leadline.io.npz import read_npz
from leadline.io.pfm import read_pfm
from leadline.io.ply import read_ply
from leadline.maps import DepthMap, DisparityMap, FlowMap, expected_relative_error
from leadline.results.request import SUMMARY_FILE
from leadline.results.stereo import described_rig
from leadline.runtime.card import bundled_cards

_MOST_SUMMARY_BYTES: Final = 64 << 20
_ARRAYS: Final = ("disparity", "flow", "valid", "own_motion")


@final
@dataclass(frozen=True, eq=False)
class OneResult:
    """A folder or file of one moment.

    Args:
        path: The folder or file.
        summary: Content of its summary.json; nothing for a single file.
        read: Makes the frame.
    """

    path: Path
    summary: Mapping[str, Any]
    read: Callable[[], ViewFrame]

    @property
    def title(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def moments(self) -> Sequence[Moment]:
        """One."""
        return (Moment(self.title),)

    @property
    def facts(self) -> Sequence[tuple[str, str]]:
        """What the summary says."""
        return summary_facts(self.summary)

    def load(self, index: int) -> ViewFrame:
        """The frame."""
        assert index == 0, "there is one"
        return self.read()


def read_summary(folder: Path) -> dict[str, Any]:
    """Content of a folder's summary.json.

    Raises:
        InputError: If it is missing or damaged.
    """
    path = folder / SUMMARY_FILE
    content = read_bytes(path, "a result's summary", _MOST_SUMMARY_BYTES)
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"expected a summary of leadline in {path}, got a damaged file; make the result again")
    return cast("dict[str, Any]", found)


def open_result(folder: Path, image: Path | None = None) -> OneResult | None:
    """The result of one moment in a folder; None if there is none.

    Args:
        folder: With summary.json.
        image: Instead of the image that the summary names.
    Raises:
        InputError: If the summary is damaged.
    """
    readers: tuple[tuple[str, _Reader], ...] = (
        ("disparity.pfm", _stereo),
        ("scene_flow.npz", _scene_flow),
        ("depth.pfm", _mono),
        ("inverse_depth.pfm", _mono),
        ("flow.flo", _flow),
    )
    reader = next((found for name, found in readers if (folder / name).is_file()), None)
    if reader is None:
        return None
    summary = read_summary(folder)
    return OneResult(folder, summary, lambda: reader(folder, summary, image))


_Reader = Callable[[Path, Mapping[str, Any], Path | None], ViewFrame]


def open_file(path: Path, image: Path | None = None) -> OneResult:
    """A single PFM or PLY.

    Args:
        path: disparity*.pfm, depth*.pfm in metres, or a cloud.
        image: That the PFM lies on.
    Raises:
        InputError: If the file is none of these.
    """
    if path.suffix.lower() == ".ply":
        return OneResult(path, {}, lambda: ViewFrame(path.stem, cloud=read_ply(path)))
    if path.suffix.lower() != ".pfm":
        raise InputError(
            f"expected a folder of leadline, a .pfm or a .ply, got the file {path}; name the folder of the result"
        )
    return OneResult(path, {}, lambda: _map_file(path, image))


def _map_file(path: Path, image: Path | None) -> ViewFrame:
    values = read_pfm(path)
    known = np.isfinite(values)
    values = np.where(known, values, np.float32(0.0))
    shown = None if image is None else given_image(image, known.shape)
    if "depth" in path.stem.lower() and "inverse" not in path.stem.lower():
        return ViewFrame(path.stem, shown, depth=DepthMap(values, known & (values > 0), "metric"))
    if "inverse" in path.stem.lower():
        return ViewFrame(path.stem, shown, depth=DepthMap(values, known, "affine_inverse"))
    return ViewFrame(path.stem, shown, disparity=DisparityMap(values, known))


def _stereo(folder: Path, summary: Mapping[str, Any], image: Path | None) -> ViewFrame:
    values = read_pfm(folder / "disparity.pfm")
    valid = _mask(folder / "valid.png", values.shape) & np.isfinite(values)
    disparity = DisparityMap(np.where(np.isfinite(values), values, np.float32(0.0)), valid, _confidence(folder, values))
    rig = None if not summary.get("rig") else described_rig(summary["rig"])
    depth = None if rig is None else disparity.to_depth(rig)
    found = ViewFrame(folder.resolve().name, disparity=disparity, depth=depth, rig=rig)
    if image is not None:
        return replace(found, image=given_image(image, values.shape))
    shown, notes = stereo_image(folder, summary, values.shape)
    return _with_image(replace(found, image=shown, notes=notes), folder, None if rig is None else rig.left)


def _mono(folder: Path, summary: Mapping[str, Any], image: Path | None) -> ViewFrame:
    inverse = folder / "inverse_depth.pfm"
    values = read_pfm(inverse if inverse.is_file() else folder / "depth.pfm")
    valid = np.isfinite(values)
    confidence = _confidence(folder, values)
    camera = _camera(summary.get("camera"))
    kind = summary.get("kind", "affine_inverse" if inverse.is_file() else "up_to_scale")
    depth = DepthMap(np.where(valid, values, np.float32(0.0)), valid, kind, confidence, camera)
    error = None
    if kind == "metric" and confidence is not None and summary.get("model") in bundled_cards("mono"):
        error = (expected_relative_error(confidence) * depth.depth).astype(np.float32)
    found = ViewFrame(folder.resolve().name, depth=depth, error=error)
    if image is not None:
        return replace(found, image=given_image(image, values.shape))
    shown, notes = single_image(summary.get("image"), summary, values.shape)
    return _with_image(replace(found, image=shown, notes=notes), folder, camera, _is_opengl(summary))


def _flow(folder: Path, summary: Mapping[str, Any], image: Path | None) -> ViewFrame:
    values, known = read_flo(folder / "flow.flo")
    valid = known & _mask(folder / "valid.png", known.shape)
    found = ViewFrame(folder.resolve().name, flow=FlowMap(values, valid, _confidence(folder, known)))
    if image is not None:
        return replace(found, image=given_image(image, known.shape))
    shown, notes = first_frame(summary, known.shape)
    return replace(found, image=shown, notes=notes)


def _scene_flow(folder: Path, summary: Mapping[str, Any], image: Path | None) -> ViewFrame:
    path = folder / "scene_flow.npz"
    arrays = read_npz(path, _ARRAYS, "the arrays of a scene flow")
    values, valid = arrays["disparity"], arrays["valid"]
    own = arrays["own_motion"]
    if values.ndim != 2 or valid.shape != values.shape or own.shape != (*values.shape, 3):
        raise InputError(f"expected layers of one size in {path}, got others; make the result again")
    disparity = DisparityMap(np.where(np.isfinite(values), values, np.float32(0.0)), valid & np.isfinite(values))
    rig = None if not summary.get("rig") else described_rig(summary["rig"])
    found = ViewFrame(
        folder.resolve().name,
        disparity=disparity,
        depth=None if rig is None else disparity.to_depth(rig),
        flow=FlowMap(np.nan_to_num(arrays["flow"]), valid),
        motion=np.linalg.norm(own, axis=2).astype(np.float32),
        rig=rig,
        objects=_moving(summary),
    )
    if image is not None:
        return replace(found, image=given_image(image, values.shape))
    images = summary.get("images") or (None, None)
    told = {**summary, "left": images[0], "right": images[1]}
    shown, notes = stereo_image(folder, told, values.shape)
    return _with_image(replace(found, image=shown, notes=notes), folder, None if rig is None else rig.left)


def _with_image(found: ViewFrame, folder: Path, camera: Pinhole | None, is_opengl: bool = False) -> ViewFrame:
    """The frame with the colours of its cloud where its image is not to be had."""
    if found.image is not None or camera is None:
        return found
    image = image_from_cloud(folder / "cloud.ply", camera, is_opengl)
    if image is None:
        return found
    return replace(found, image=image, notes=(*found.notes, "shown instead: the colours of cloud.ply"))


def _moving(summary: Mapping[str, Any]) -> tuple[SeenObject, ...]:
    try:
        return tuple(
            SeenObject(
                int(entry["number"]),
                "moving",
                tuple(entry["box_px"]),
                tuple(entry["centre_m"]),
                tuple(entry["size_m"]),
                tuple(entry["velocity_m_per_s"]) if entry.get("velocity_m_per_s") else None,
            )
            for entry in summary.get("objects") or ()
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected objects as `leadline scene-flow` writes them, got others: {error}") from error


def _mask(path: Path, size: tuple[int, ...]) -> np.ndarray:
    if not path.is_file():
        return np.ones(size, bool)
    found = read_grey8(path, "a mask of valid pixels") > 0
    _require_size(found, size, path)
    return found


def _confidence(folder: Path, values: np.ndarray) -> Float32[np.ndarray, "h w"] | None:
    path = folder / "confidence.pfm"
    if not path.is_file():
        return None
    found = read_pfm(path)
    _require_size(found, values.shape, path)
    return found


def _require_size(found: np.ndarray, size: tuple[int, ...], path: Path) -> None:
    if found.shape != size:
        raise InputError(
            f"expected {size[1]}x{size[0]} pixels as in the other files, got {found.shape[1]}x{found.shape[0]} in "
            f"{path}; make the result again"
        )


def _camera(described: object) -> Pinhole | None:
    names = ("focal_x_px", "focal_y_px", "center_x_px", "center_y_px", "height", "width")
    if not isinstance(described, dict) or not all(name in described for name in names):
        return None
    try:
        return Pinhole(*(cast("dict[str, Any]", described)[name] for name in names))
    except CalibrationError as error:
        raise InputError(f"expected a camera in {SUMMARY_FILE}, got {error}") from error


def _is_opengl(summary: Mapping[str, Any]) -> bool:
    return "y up" in str((summary.get("units") or {}).get("cloud.ply"))


def summary_facts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of what a summary says, for people.

    >>> summary_facts({"model": "sgbm", "height": 480, "width": 640, "seconds": 0.51234, "notes": []})
    [('method', 'sgbm'), ('size', '640x480'), ('time', '0.5123 s')]
    """
    facts = list[tuple[str, str]]()
    rig = summary.get("rig") or {}
    camera = rig.get("left") if isinstance(rig, dict) else None
    if not isinstance(camera, dict):
        camera = summary.get("camera") if isinstance(summary.get("camera"), dict) else {}
    stereo = summary.get("stereo")
    entries: tuple[tuple[str, object, str], ...] = (
        ("method", summary.get("model") or (stereo.get("model") if isinstance(stereo, dict) else None), ""),
        ("kind", summary.get("kind"), ""),
        ("size", _size(summary), ""),
        ("frames", summary.get("frames"), ""),
        ("time", summary.get("seconds"), " s"),
        ("focal length", cast("dict[str, Any]", camera).get("focal_x_px"), " px"),
        ("baseline", cast("dict[str, Any]", rig).get("baseline_m") if isinstance(rig, dict) else None, " m"),
        ("valid", _per_cent(summary.get("valid_share")), ""),
        ("points", summary.get("points"), ""),
    )
    for name, value, unit in entries:
        if value is not None and not isinstance(value, dict | list):
            facts.append((name, plain(value) + unit))
    return facts


def _size(summary: Mapping[str, Any]) -> str | None:
    return f"{summary['width']}x{summary['height']}" if "width" in summary and "height" in summary else None


def _per_cent(share: object) -> str | None:
    return f"{100.0 * share:.1f} %" if isinstance(share, int | float) else None
