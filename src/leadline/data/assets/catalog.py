"""The packages of free models and skies that rendered worlds can use: licence, origin, size, and where they are found.

None is part of leadline, and none is fetched by it: their users install them.
"""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from leadline.errors import InputError

#: Folders to look into before the usual places, as PATH has them.
FOLDERS_VARIABLE: Final = "LEADLINE_ASSETS"


@dataclass(frozen=True, kw_only=True)
class AssetPack:
    """Facts about a package of assets.

    Args:
        title: What it is.
        kind: models are things with shapes; skies surround a world.
        licence: Its terms, as published.
        authors: Whom an attribution names.
        origin: The site.
        install: Command that installs it.
        size_mb: Of what is downloaded.
        files: Pattern of its files below its folder, or below a folder of `LEADLINE_ASSETS`.
        folder: Where it usually is: a path, or module: and the name of a Python module in whose folder it is.
    """

    title: str
    kind: Literal["models", "skies"]
    licence: str
    authors: str
    origin: str
    install: str
    size_mb: int
    files: str
    folder: str

    def found(self) -> list[Path]:
        """Its files that are installed, in the order of their names."""
        for folder in (*_named_folders(), *_usual_folder(self.folder)):
            if files := sorted(folder.glob(self.files)):
                return files
        return []

    @property
    def needs_credit(self) -> bool:
        """Whether its terms ask for the authors' names."""
        return self.licence.startswith("CC BY")


def _sweet_home(title: str, licence: str, authors: str, size_mb: int, file: str) -> AssetPack:
    """A library of Debian's package for Sweet Home 3D."""
    return AssetPack(
        title=title,
        kind="models",
        licence=licence,
        authors=authors,
        origin="sweethome3d.com/importModels.jsp",
        install="apt-get install sweethome3d-furniture",
        size_mb=size_mb,
        files=f"**/{file}",
        folder="/usr/share/sweethome3d/furniture",
    )


#: Every package that worlds can use, by name.
ASSET_PACKS: Final[Mapping[str, AssetPack]] = MappingProxyType(
    {
        "blendswap-cc0": _sweet_home(
            "Furniture and small things of Blend Swap, 175 models", "CC0 1.0",
            "contributors of Blend Swap", 25, "BlendSwap-CC-0.sh3f",
        ),
        "blendswap-cc-by": _sweet_home(
            "Furniture and small things of Blend Swap, 135 models", "CC BY 3.0",
            "contributors of Blend Swap", 25, "BlendSwap-CC-BY.sh3f",
        ),
        "scopia": _sweet_home(
            "Furniture, kitchens, plants of Scopia, 395 models", "CC BY 3.0",
            "Scopia Visual Interfaces Systems, Emmanuel Puybaret / eTeks", 61, "Scopia.sh3f",
        ),
        "kator-legaz": _sweet_home(
            "Furniture and vehicles of Kator Legaz, 90 models", "CC BY 3.0 US",
            "Andrew Kator and Jennifer Legaz", 9, "KatorLegaz.sh3f",
        ),
        "reallusion": _sweet_home(
            "People of Reallusion, 25 models", "CC BY 3.0 US", "Reallusion", 11, "Reallusion.sh3f",
        ),
        "pybullet": AssetPack(
            title="Random shapes of pybullet, 1,000 models", kind="models", licence="zlib",
            authors="Erwin Coumans and Yunfei Bai", origin="pybullet.org", install="pip install pybullet", size_mb=103,
            files="**/random_urdfs/*/*.obj", folder="module:pybullet_data",
        ),
        "pmndrs-skies": AssetPack(
            title="Skies of Poly Haven, 18 panoramas", kind="skies", licence="CC0 1.0",
            authors="Poly Haven, packed by Poimandres", origin="github.com/pmndrs/assets",
            install="npm install @pmndrs/assets", size_mb=14, files="**/hdri/*.exr.js",
            folder="node_modules/@pmndrs/assets",
        ),
    }
)  # fmt: skip


def installed_packs(kind: Literal["models", "skies"]) -> dict[str, list[Path]]:
    """Files of the packages of a kind that are installed, by the package's name."""
    found = {name: pack.found() for name, pack in ASSET_PACKS.items() if pack.kind == kind}
    return {name: files for name, files in found.items() if files}


def asset_pack(name: str) -> AssetPack:
    """A package by its name.

    Raises:
        InputError: If there is none.
    Example:
        >>> asset_pack("pmndrs-skies").kind
        'skies'
    """
    if name not in ASSET_PACKS:
        raise InputError(f"expected a package of assets, one of {', '.join(ASSET_PACKS)}; got {name!r}")
    return ASSET_PACKS[name]


def _named_folders() -> list[Path]:
    return [Path(one) for one in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if one]


def _usual_folder(place: str) -> list[Path]:
    kind, _, name = place.partition(":")
    if kind != "module":
        return [Path(place)]
    spec = importlib.util.find_spec(name)
    return [] if spec is None or spec.origin is None else [Path(spec.origin).parent]
