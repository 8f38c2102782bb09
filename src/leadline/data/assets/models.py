"""Models of packages of assets: OBJ and glTF files, with colours, textures and real sizes, as triangles."""

import io
import re
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from leadline.data.assets.catalog import asset_pack, installed_packs
from leadline.errors import InputError, MissingExtraError

_MOST_FACES: Final = 60_000
_MOST_FILE_BYTES: Final = 64 << 20
_TEXTURE_PX: Final = 512
_CLEAR: Final = 0.6
"""A part with less opacity is glass: what is behind it would be seen, and its own depth would be the truth."""
_UPRIGHT: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_ENTRY: Final = re.compile(r"^(\w+)#(\d+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class ModelEntry:
    """A model before it is read.

    Attributes:
        pack: Name of its package.
        key: Its name in the package.
        title: Its name for people.
        creator: Who made it.
        category: What it is for, as its package says; empty if that does not say.
        size_m: Width, height and depth, as its package says; None if it does not say.
        file: Its file, or the archive in which it is.
        member: Path in the archive; empty if it is no archive.
        rotation: Rows of the matrix that stands it upright.
        raised: Whether it hangs on a wall or from a ceiling.
    """

    pack: str
    key: str
    title: str
    creator: str
    category: str
    size_m: tuple[float, float, float] | None
    file: Path
    member: str = ""
    rotation: tuple[float, ...] = _UPRIGHT
    raised: bool = False


@dataclass(frozen=True)
class ModelPart:
    """Triangles of one appearance. x is to the right, y down, z to the back; the foot is at y = 0.

    Attributes:
        vertices: Metres.
        faces: Corner indices.
        normals: Unit vertex normals, or zeros where faces are flat.
        uv: Place of each vertex on the texture, (0, 0) at its top left; None without one.
        texture: RGB; None without one.
        colour: RGB in [0, 1], as images code it.
    """

    vertices: Float32[np.ndarray, "v 3"]
    faces: Int32[np.ndarray, "f 3"]
    normals: Float32[np.ndarray, "v 3"]
    uv: Float32[np.ndarray, "v 2"] | None
    texture: UInt8[np.ndarray, "h w 3"] | None
    colour: tuple[float, float, float]


def list_models(pack: str, files: Sequence[Path]) -> list[ModelEntry]:
    """The models in a package's files, in a fixed order.

    Args:
        pack: Name of the package.
        files: What is installed of it.
    Raises:
        InputError: If an archive cannot be read.
    Example:
        >>> [entry.key for entry in list_models("pybullet", [Path("b/1.obj"), Path("a/0.obj")])]
        ['0', '1']
    """
    entries = list[ModelEntry]()
    for file in files:
        if file.suffix == ".sh3f":
            entries += _furniture(pack, file)
        else:
            entries.append(ModelEntry(pack, file.stem, file.stem, asset_pack(pack).authors, "", None, file))
    return sorted(entries, key=lambda entry: entry.key)


def _furniture(pack: str, archive: Path) -> list[ModelEntry]:
    """The models of a library of Sweet Home 3D, whose catalogue is a file of Java properties."""
    try:
        with zipfile.ZipFile(archive) as opened:
            text = opened.read("PluginFurnitureCatalog.properties").decode("latin-1")
    except (OSError, KeyError, zipfile.BadZipFile, RuntimeError) as error:
        raise InputError(f"expected a library of Sweet Home 3D at {archive}, could not read it: {error}") from error
    rows: dict[str, dict[str, str]] = {}
    for key, number, value in _ENTRY.findall(text):
        rows.setdefault(number, {})[key] = value.strip()
    entries = list[ModelEntry]()
    for row in rows.values():
        if not {"id", "model", "width", "height", "depth"} <= set(row):
            continue
        width, height, depth = (float(row[side]) / 100.0 for side in ("width", "height", "depth"))
        entries.append(
            ModelEntry(
                pack=pack,
                key=row["id"].rpartition("#")[2],
                title=row.get("name", ""),
                creator=row.get("creator", ""),
                category=row.get("category", ""),
                size_m=(width, height, depth),
                file=archive,
                member=row["model"].lstrip("/"),
                rotation=tuple(map(float, row["modelRotation"].split())) if "modelRotation" in row else _UPRIGHT,
                raised=float(row.get("elevation", "0")) > 0.0,
            )
        )
    return entries


def credits_of_installed() -> list[str]:
    """A line for each installed package of models: its title, licence, origin and, where asked for, all creators."""
    lines = list[str]()
    for name, files in installed_packs("models").items():
        pack = asset_pack(name)
        creators = sorted({entry.creator for entry in list_models(name, files) if entry.creator})
        named = f" by {', '.join(creators)}" if pack.needs_credit and creators else f" by {pack.authors}"
        lines.append(f"{pack.title}{named}; {pack.licence}; {pack.origin}")
    return lines


def load_model(entry: ModelEntry) -> list[ModelPart]:
    """The parts of a model, in metres, standing on its foot with its front towards -z.

    Parts that are mostly clear, such as panes of glass, are left out.

    Args:
        entry: Which model.
    Raises:
        InputError: If it cannot be read, is empty, or is too detailed to be of use.
        MissingExtraError: If trimesh is not installed.
    """
    parts = [part for geometry in _geometries(entry) if (part := _part(geometry)) is not None]
    faces = sum(len(part.faces) for part in parts)
    if not 0 < faces <= _MOST_FACES:
        raise InputError(f"expected 1 to {_MOST_FACES} faces that are not clear in {_place(entry)}, got {faces}")
    return _sized(parts, entry)


def _place(entry: ModelEntry) -> str:
    return f"{entry.file}:{entry.member}" if entry.member else str(entry.file)


def _geometries(entry: ModelEntry) -> list[Any]:
    try:
        import trimesh
        from trimesh.resolvers import FilePathResolver, ZipResolver
    except ImportError as error:
        raise MissingExtraError(
            f"expected the package {error.name} to read models, found none; install it with pip install "
            '"leadline[assets]"'
        ) from error
    try:
        if entry.member:
            folder = entry.member.rpartition("/")[0]
            content = _unpacked(entry.file, folder)
            resolver: Any = ZipResolver(content, namespace=folder)
            stream = content[entry.member]
        else:
            resolver, stream = FilePathResolver(str(entry.file)), io.BytesIO(entry.file.read_bytes())
        kind = Path(entry.member or entry.file.name).suffix.lstrip(".").lower()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of materials that are absent
            options: dict[str, Any] = {"group_material": True, "split_object": False} if kind == "obj" else {}
            scene: Any = trimesh.load_scene(stream, file_type=kind, resolver=resolver, process=False, **options)
            # Parts of a glTF file are placed by nodes.
            return [one for one in scene.dump() if isinstance(one, trimesh.Trimesh)]
    except Exception as error:  # whatever a foreign file makes its reader raise
        reason = " ".join(f"{type(error).__name__} {error}".split())[:120]
        raise InputError(f"expected a model at {_place(entry)}, could not read it: {reason}") from error


def _unpacked(archive: Path, folder: str) -> dict[str, io.BytesIO]:
    """Files of one folder of an archive."""
    with zipfile.ZipFile(archive) as opened:
        infos = [info for info in opened.infolist() if info.filename.startswith(f"{folder}/") and not info.is_dir()]
        if sum(info.file_size for info in infos) > _MOST_FILE_BYTES:
            raise InputError(f"expected at most {_MOST_FILE_BYTES} bytes")
        return {info.filename: io.BytesIO(opened.read(info)) for info in infos}


def _part(geometry: Any) -> ModelPart | None:  # noqa: ANN401 - of trimesh
    """One geometry of trimesh, or None if it is clear; y still points up."""
    material = getattr(geometry.visual, "material", None)
    colour = np.asarray(getattr(material, "main_color", (180, 180, 180, 255)), float)[:4] / 255.0
    opacity = float(colour[3]) if len(colour) > 3 else 1.0
    clearness = getattr(material, "kwargs", {}).get("d")
    if clearness is not None:
        opacity = min(opacity, float(np.ravel(np.asarray(clearness, float))[0]))
    image = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
    uv = getattr(geometry.visual, "uv", None)
    texture, place = None, None
    if image is not None and uv is not None and len(uv) == len(geometry.vertices) and np.isfinite(uv).all():
        texture, seen = _texture(image)
        place = np.stack([uv[:, 0], 1.0 - uv[:, 1]], 1).astype(np.float32)
        opacity = min(opacity, seen)
    if opacity < _CLEAR or not len(geometry.faces) or not np.isfinite(geometry.vertices).all():
        return None
    # Trimesh makes up normals where a file has none, which would round the edges of boxes.
    given = "vertex_normals" in geometry._cache.cache
    normals = geometry.vertex_normals if given else np.zeros_like(geometry.vertices)
    return ModelPart(
        np.asarray(geometry.vertices, np.float32),
        np.asarray(geometry.faces, np.int32),
        np.asarray(np.nan_to_num(normals), np.float32),
        place,
        texture,
        (float(colour[0]), float(colour[1]), float(colour[2])),
    )


def _texture(image: Any) -> tuple[UInt8[np.ndarray, "h w 3"], float]:  # noqa: ANN401 - of Pillow
    """Its pixels, square and of a renderer's tile, and the share of them that is not clear."""
    pixels = np.asarray(image.convert("RGBA"))
    opaque = float((pixels[..., 3] > 127).mean())
    method = cv2.INTER_AREA if min(pixels.shape[:2]) > _TEXTURE_PX else cv2.INTER_LINEAR
    square = cv2.resize(np.ascontiguousarray(pixels[..., :3]), (_TEXTURE_PX, _TEXTURE_PX), interpolation=method)
    return np.asarray(square, np.uint8), opaque


def _sized(parts: Sequence[ModelPart], entry: ModelEntry) -> list[ModelPart]:
    """The parts upright, on the floor and of the size that the package states."""
    upright = np.array(entry.rotation, float).reshape(3, 3)
    turned = [part.vertices @ upright.T for part in parts]
    every = np.concatenate(turned)
    low, high = every.min(axis=0), every.max(axis=0)
    extent = np.maximum(high - low, 1e-9)
    scale = np.ones(3) if entry.size_m is None else np.asarray(entry.size_m) / extent
    # Flat things keep their third side.
    scale = np.where(extent < 1e-6, 1.0, scale)
    middle = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    # y up and front towards +z become y down and front towards -z: half a turn about x.
    flip = np.array([1.0, -1.0, -1.0])
    made = list[ModelPart]()
    for part, vertices in zip(parts, turned, strict=True):
        normals = (part.normals @ upright.T) / scale * flip
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        unit = np.where(length > 1e-9, normals / np.maximum(length, 1e-9), 0.0)
        placed = ((vertices - middle) * scale * flip).astype(np.float32)
        made.append(ModelPart(placed, part.faces, unit.astype(np.float32), part.uv, part.texture, part.colour))
    return made
