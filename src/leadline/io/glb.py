"""GLB: binary glTF 2.0, a textured mesh in one file that browsers, Blender and phones open."""

import json
import struct
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.geometry.mesh import TriangleMesh
from leadline.io.atomic import atomic_write

_FLOAT, _UINT = 5126, 5125
_VERTICES, _INDICES = 34962, 34963
_JPEG_QUALITY: Final = 92
_MOST_TEXTURE_PX: Final = 4096


def write_glb(path: Path | str, mesh: TriangleMesh, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """Writes a mesh with its image as an unlit texture.

    glTF has y up and z towards the viewer: points are turned by 180 degrees about x, so that a viewer looks at the
    scene as the camera did. Its unit is the metre.

    Args:
        path: The file; replaced whole if it exists.
        mesh: In the camera's frame: x right, y down, z forward.
        image: RGB; shrunk to 4096 px a side if it is larger.
    Raises:
        InputError: If the mesh has no triangle.
        OutputError: If it cannot be written.
    Source: Khronos, glTF 2.0 specification, and its extension KHR_materials_unlit.
    Example:
        >>> import tempfile
        >>> triangle = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1]], np.float32)
        >>> mesh = TriangleMesh(triangle, np.zeros((3, 2), np.float32), np.array([[0, 1, 2]], np.uint32))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_glb(f"{folder}/a.glb", mesh, np.zeros((4, 4, 3), np.uint8))
        ...     Path(folder, "a.glb").read_bytes()[:4]
        b'glTF'
    """
    if not len(mesh.faces):
        raise InputError("expected a mesh with triangles, got none; the depth is known nowhere")
    points = (mesh.points * np.array([1.0, -1.0, -1.0], np.float32)).astype("<f4")
    parts = [points.tobytes(), mesh.uv.astype("<f4").tobytes(), mesh.faces.astype("<u4").tobytes(), _jpeg(image)]
    padded = [part + b"\0" * (-len(part) % 4) for part in parts]
    offsets = np.cumsum([0, *map(len, padded)]).tolist()
    views: list[dict[str, int]] = [
        {"buffer": 0, "byteOffset": offset, "byteLength": len(part)}
        for offset, part in zip(offsets, parts, strict=False)
    ]
    for view, target in zip(views, (_VERTICES, _VERTICES, _INDICES), strict=False):
        view["target"] = target
    document = json.dumps(_document(mesh, points, views, offsets[-1]), separators=(",", ":")).encode()
    document += b" " * (-len(document) % 4)
    binary = b"".join(padded)
    with atomic_write(path) as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(document) + 8 + len(binary)))
        file.write(struct.pack("<I4s", len(document), b"JSON") + document)
        file.write(struct.pack("<I4s", len(binary), b"BIN\0") + binary)


def _document(mesh: TriangleMesh, points: np.ndarray, views: list[dict[str, int]], size: int) -> dict[str, Any]:
    accessors: list[dict[str, Any]] = [
        {
            "bufferView": 0,
            "componentType": _FLOAT,
            "count": len(points),
            "type": "VEC3",
            "min": points.min(axis=0).tolist(),
            "max": points.max(axis=0).tolist(),
        },
        {"bufferView": 1, "componentType": _FLOAT, "count": len(points), "type": "VEC2"},
        {"bufferView": 2, "componentType": _UINT, "count": 3 * len(mesh.faces), "type": "SCALAR"},
    ]
    material: dict[str, Any] = {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0},
        "doubleSided": True,
        "extensions": {"KHR_materials_unlit": {}},
    }
    primitive: dict[str, Any] = {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}
    return {
        "asset": {"version": "2.0", "generator": "leadline"},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [material],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 3, "mimeType": "image/jpeg"}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": size}],
    }


def _jpeg(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    share = min(1.0, _MOST_TEXTURE_PX / max(image.shape[:2]))
    shown = image if share == 1.0 else cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(np.asarray(shown), cv2.COLOR_RGB2BGR)
    done, code = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    assert done, "OpenCV encodes every 8-bit image as JPEG"
    return code.tobytes()
