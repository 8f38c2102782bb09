"""Files that the page offers, each made by the writer that the commands use."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from leadline.apps.web.view.frame import ViewFrame
from leadline.errors import InputError
from leadline.geometry.mesh import mesh_from_depth
from leadline.io.flo import write_flo
from leadline.io.glb import write_glb
from leadline.io.images import write_depth_mm_png
from leadline.io.kitti_png import write_kitti_disparity
from leadline.io.pfm import write_pfm
from leadline.io.ply import write_ply
from leadline.maps import DepthMap

_KITTI_MOST_PX = 255.5
_GREY = 160


def offered(frame: ViewFrame) -> list[str]:
    """Names of the files that this frame can become."""
    depth, disparity = frame.depth, frame.disparity
    conditions = (
        ("disparity.pfm", disparity is not None),
        ("disparity_256.png", disparity is not None),
        ("depth.pfm", depth is not None and depth.kind != "affine_inverse"),
        ("inverse_depth.pfm", depth is not None and depth.kind == "affine_inverse"),
        ("depth_mm.png", depth is not None and depth.kind == "metric"),
        ("flow.flo", frame.flow is not None),
        ("cloud.ply", frame.has_points or frame.cloud is not None),
        ("mesh.glb", frame.has_points),
    )
    return [name for name, is_possible in conditions if is_possible]


def make_file(frame: ViewFrame, name: str, min_confidence: float) -> bytes:
    """Content of a file.

    Args:
        frame: What is shown.
        name: One of `offered`.
        min_confidence: Least confidence of what becomes a point or a part of the mesh.
    Raises:
        InputError: If there is no such file, or nothing is left to be written.
    """
    if name not in offered(frame):
        raise InputError(f"expected one of {', '.join(offered(frame))}, got {name[:40]!r}")
    with tempfile.TemporaryDirectory(prefix="leadline-view-") as folder:
        path = Path(folder) / name
        _WRITERS[name](path, frame, min_confidence)
        return path.read_bytes()


def _disparity(path: Path, frame: ViewFrame, _: float) -> None:
    assert frame.disparity is not None, "it is offered"
    write_pfm(path, frame.disparity.disparity)


def _disparity_png(path: Path, frame: ViewFrame, _: float) -> None:
    assert frame.disparity is not None, "it is offered"
    values, valid = frame.disparity.disparity, frame.disparity.valid
    held = valid & (values >= 0) & (values < _KITTI_MOST_PX)
    write_kitti_disparity(path, np.where(held, values, np.float32(0.0)), held)


def _depth(path: Path, frame: ViewFrame, _: float) -> None:
    unknown = np.float32(np.nan if path.name == "inverse_depth.pfm" else np.inf)
    write_pfm(path, np.where(_depth_of(frame).valid, _depth_of(frame).depth, unknown))


def _depth_png(path: Path, frame: ViewFrame, _: float) -> None:
    write_depth_mm_png(path, _depth_of(frame).depth, _depth_of(frame).valid)


def _flow(path: Path, frame: ViewFrame, _: float) -> None:
    assert frame.flow is not None, "it is offered"
    write_flo(path, frame.flow.flow, np.asarray(np.isfinite(frame.flow.flow).all(axis=2)))


def _cloud(path: Path, frame: ViewFrame, min_confidence: float) -> None:
    if frame.cloud is not None:
        write_ply(path, frame.cloud)
        return
    depth = _depth_of(frame)
    write_ply(
        path, depth.to_cloud(_image_of(frame), min_confidence), "metres" if depth.kind == "metric" else "unknown unit"
    )


def _mesh(path: Path, frame: ViewFrame, min_confidence: float) -> None:
    depth = _depth_of(frame)
    assert depth.camera is not None, "it is offered"
    write_glb(path, mesh_from_depth(depth.depth, depth.cloud_mask(min_confidence), depth.camera), _image_of(frame))


def _depth_of(frame: ViewFrame) -> DepthMap:
    assert frame.depth is not None, "it is offered"
    return frame.depth


def _image_of(frame: ViewFrame) -> np.ndarray:
    return frame.image if frame.image is not None else np.full((*_depth_of(frame).valid.shape, 3), _GREY, np.uint8)


_WRITERS: dict[str, Callable[[Path, ViewFrame, float], None]] = {
    "disparity.pfm": _disparity,
    "disparity_256.png": _disparity_png,
    "depth.pfm": _depth,
    "inverse_depth.pfm": _depth,
    "depth_mm.png": _depth_png,
    "flow.flo": _flow,
    "cloud.ply": _cloud,
    "mesh.glb": _mesh,
}
