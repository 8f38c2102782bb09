"""leadline: learned depth that people can trust, from two cameras or one."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadline.geometry.rig import StereoRig
    from leadline.maps import DepthMap, DisparityMap
    from leadline.runtime.mono import MonoSession, mono, mono_method
    from leadline.runtime.refine import RefineSession
    from leadline.runtime.stereo import StereoSession, stereo, stereo_method

#: Public name -> module. Loaded at first use, so that `import leadline` costs next to nothing.
_LAZY = {
    "DepthMap": "leadline.maps",
    "DisparityMap": "leadline.maps",
    "MonoSession": "leadline.runtime.mono",
    "RefineSession": "leadline.runtime.refine",
    "StereoRig": "leadline.geometry.rig",
    "StereoSession": "leadline.runtime.stereo",
    "mono": "leadline.runtime.mono",
    "mono_method": "leadline.runtime.mono",
    "stereo": "leadline.runtime.stereo",
    "stereo_method": "leadline.runtime.stereo",
}

__all__ = [
    "DepthMap",
    "DisparityMap",
    "MonoSession",
    "RefineSession",
    "StereoRig",
    "StereoSession",
    "mono",
    "mono_method",
    "stereo",
    "stereo_method",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes have any type
    """Loads a public name when it is first used."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'leadline' has no attribute {name!r}")
