"""leadline: learned depth that people can trust, from two cameras or one.

>>> import leadline, numpy as np
>>> texture = np.random.default_rng(0).integers(0, 256, (60, 107, 3), dtype=np.uint8)
>>> found = leadline.stereo(texture[:, :100], texture[:, 7:])
>>> found.disparity.shape
(60, 100)
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadline.errors import CalibrationError, InputError, LeadlineError, MissingExtraError, OutputError
    from leadline.geometry.camera import Pinhole
    from leadline.geometry.rig import StereoRig
    from leadline.io.calib import read_calibration
    from leadline.loading import load_model
    from leadline.maps import DepthMap, DisparityMap, FlowMap
    from leadline.predict import flow, imread, live, mono, stereo, video
    from leadline.runtime.flow import FlowSession
    from leadline.runtime.mono import MonoSession
    from leadline.runtime.refine import RefineSession
    from leadline.runtime.stereo import StereoSession

    __version__: str

# Packages that report to their makers' servers read these when they start: before the first of them is imported, and in
# every child process. Whoever sets one to another value keeps it. See docs/privacy.md.
for _variable in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# DepthAI reports how pipelines run, and uploads memory dumps of crashed devices.
for _variable in ("DEPTHAI_TELEMETRY", "DEPTHAI_CRASHDUMP"):
    os.environ.setdefault(_variable, "0")

#: Public name -> module. Loaded at first use, so that `import leadline` costs next to nothing.
_LAZY = {
    "CalibrationError": "leadline.errors",
    "DepthMap": "leadline.maps",
    "DisparityMap": "leadline.maps",
    "FlowMap": "leadline.maps",
    "FlowSession": "leadline.runtime.flow",
    "InputError": "leadline.errors",
    "LeadlineError": "leadline.errors",
    "MissingExtraError": "leadline.errors",
    "MonoSession": "leadline.runtime.mono",
    "OutputError": "leadline.errors",
    "Pinhole": "leadline.geometry.camera",
    "RefineSession": "leadline.runtime.refine",
    "StereoRig": "leadline.geometry.rig",
    "StereoSession": "leadline.runtime.stereo",
    "flow": "leadline.predict",
    "imread": "leadline.predict",
    "live": "leadline.predict",
    "load_model": "leadline.loading",
    "mono": "leadline.predict",
    "read_calibration": "leadline.io.calib",
    "stereo": "leadline.predict",
    "video": "leadline.predict",
}

__all__ = [
    "CalibrationError",
    "DepthMap",
    "DisparityMap",
    "FlowMap",
    "FlowSession",
    "InputError",
    "LeadlineError",
    "MissingExtraError",
    "MonoSession",
    "OutputError",
    "Pinhole",
    "RefineSession",
    "StereoRig",
    "StereoSession",
    "__version__",
    "flow",
    "imread",
    "live",
    "load_model",
    "mono",
    "read_calibration",
    "stereo",
    "video",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes have any type
    """Loads a public name when it is first used."""
    if name == "__version__":
        return import_module("importlib.metadata").version("leadline")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'leadline' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Public names, those that are not loaded yet included."""
    return sorted({*globals(), *__all__})
