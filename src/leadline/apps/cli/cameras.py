"""`leadline cameras`: the cameras that have a name."""

from rich.console import Console
from rich.table import Table

from leadline.cameras.presets import PRESETS


def cameras() -> int:
    """Presets of well-known stereo cameras: their address, and where their calibration comes from.

    Baseline and field of view are the makers' figures, of the lens before rectification. Any other camera is opened by
    its address, as `leadline live --help` says.
    """
    table = Table("preset", "camera", "address", "baseline", "view", "calibration")
    for name, preset in PRESETS.items():
        baseline = "" if preset.baseline_m is None else f"{preset.baseline_m:g} m"
        view = "" if preset.fov_deg is None else f"{preset.fov_deg:g}°"
        table.add_row(name, preset.description, preset.address, baseline, view, preset.calibration)
    Console().print(table)
    return 0
