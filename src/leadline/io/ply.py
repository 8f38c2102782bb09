"""PLY: coloured point clouds that every viewer opens."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from jaxtyping import Float32

from leadline.errors import InputError
from leadline.geometry.unproject import PointCloud
from leadline.io.atomic import atomic_write
from leadline.io.files import read_bytes

_VERTEX = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")])
_MOTION: Final = ("motion_x", "motion_y", "motion_z")
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "<i2", "int16": "<i2", "ushort": "<u2",
    "uint16": "<u2", "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4", "float": "<f4", "float32": "<f4",
    "double": "<f8", "float64": "<f8",
}  # fmt: skip
_SIGNS = {"opencv": (1.0, 1.0, 1.0), "opengl": (1.0, -1.0, -1.0)}
_PROPERTY = re.compile(r"property (\w+) (\w+)")


Axes = Literal["opencv", "opengl"]
"""Of the written points. opencv: x right, y down, z forward. opengl: x right, y up, z towards the viewer."""

AXES_WORDS: Final[Mapping[Axes, str]] = MappingProxyType(
    {"opencv": "x right, y down, z forward", "opengl": "x right, y up, z towards the viewer"}
)


def write_ply(
    path: Path | str,
    cloud: PointCloud,
    unit: str = "metres",
    axes: Axes = "opencv",
    motion: Float32[np.ndarray, "n 3"] | None = None,
) -> None:
    """Writes a binary little-endian PLY: x y z as float, red green blue as uchar.

    Args:
        path: The file; replaced whole if it exists.
        cloud: The points in the left camera's frame: x right, y down, z forward.
        unit: Of the points, for the comment in the file.
        axes: In which the points are written: with opengl, viewers such as MeshLab and Blender show them upright.
        motion: Motion of each point, if it is to be written as the properties motion_x, motion_y and motion_z.
    Raises:
        OutputError: If it cannot be written.
    Example:
        >>> import tempfile
        >>> cloud = PointCloud(np.array([[0.5, -1.0, 2.0]], np.float32), np.array([[255, 0, 0]], np.uint8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_ply(f"{folder}/a.ply", cloud)
        ...     read_ply(f"{folder}/a.ply").points.tolist()
        [[0.5, -1.0, 2.0]]
    """
    motions = () if motion is None else _MOTION
    vertices = np.empty(len(cloud.points), dtype=np.dtype([*_VERTEX.descr, *((name, "<f4") for name in motions)]))
    for axis, name in enumerate(("x", "y", "z")):
        vertices[name] = cloud.points[:, axis] * _SIGNS[axes][axis]
    for axis, name in enumerate(motions):
        vertices[name] = motion[:, axis] * _SIGNS[axes][axis] if motion is not None else 0.0
    for channel, name in enumerate(("red", "green", "blue")):
        vertices[name] = cloud.colors[:, channel]
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"comment {unit}; {AXES_WORDS[axes]}\n"
        f"element vertex {len(vertices)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\n"
        + "".join(f"property float {name}\n" for name in motions)
        + "end_header\n"
    )
    with atomic_write(path) as file:
        file.write(header.encode("ascii"))
        file.write(vertices.tobytes())


def read_ply(path: Path | str) -> PointCloud:
    """The coloured points of a binary little-endian PLY whose first element is its vertices.

    Args:
        path: The file. Other vertex properties and other elements are passed over.
    Returns:
        Points and colours.
    Raises:
        InputError: If it is missing, of another PLY form, has no colours, or is shorter than its header says.
    """
    content = read_bytes(path, "a PLY file")
    mark = b"end_header\n"
    end = content.find(mark) + len(mark)
    lines = content[: max(end, 0)].decode("ascii", errors="replace").splitlines()
    if end < len(mark) or lines[:2] != ["ply", "format binary_little_endian 1.0"]:
        raise InputError(f"expected a binary little-endian PLY, got another form in {path}; convert it first")
    vertex, count = _vertex_layout(lines[2:], path)
    got = (len(content) - end) // vertex.itemsize
    if got < count:
        raise InputError(f"expected {count} points, got {got} in {path}; it is cut off: write it again")
    vertices = np.frombuffer(content, vertex, count, end)
    points = np.stack([vertices[name] for name in ("x", "y", "z")], axis=-1).astype(np.float32)
    return PointCloud(points, np.stack([vertices[name] for name in ("red", "green", "blue")], axis=-1))


def _vertex_layout(lines: list[str], path: Path | str) -> tuple[np.dtype, int]:
    """The vertex record and the number of vertices from the header's lines."""
    body = [line for line in lines if not line.startswith(("comment", "obj_info"))]
    head = re.fullmatch(r"element vertex (\d{1,12})", body[0]) if body else None
    fields: list[tuple[str, str]] = []
    for line in body[1:]:
        found = _PROPERTY.fullmatch(line)
        if found is None or found[1] not in _TYPES or found[2] in dict(fields):
            break
        fields.append((found[2], _TYPES[found[1]]))
    layout = dict(fields)
    colored = all(layout.get(name) == "u1" for name in ("red", "green", "blue"))
    if head is None or not colored or any(layout.get(name) not in ("<f4", "<f8") for name in ("x", "y", "z")):
        raise InputError(
            f"expected vertices with x y z as float and red green blue as uchar, got another header in {path}"
        )
    return np.dtype(fields), int(head[1])
