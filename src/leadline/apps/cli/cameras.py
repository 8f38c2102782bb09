"""`leadline cameras`: the cameras that have a name, and those that are plugged in."""

from rich.console import Console
from rich.table import Table

from leadline.cameras.connected import connected
from leadline.cameras.presets import PRESETS


def cameras() -> int:
    """Cameras that are plugged in, and presets of well-known ones: address, and where the calibration comes from.

    Baseline and field of view are the makers' figures, of the lens before rectification. Any other camera is opened by
    its address, as `leadline live --help` says.
    """
    table = Table("preset", "camera")
    table.add_column("address", overflow="fold")
    for name in ("baseline", "view", "calibration"):
        table.add_column(name)
    for name, preset in PRESETS.items():
        baseline = "" if preset.baseline_m is None else f"{preset.baseline_m:g} m"
        view = "" if preset.fov_deg is None else f"{preset.fov_deg:g}°"
        table.add_row(name, preset.description, preset.address, baseline, view, preset.calibration)
    Console().print(table)
    found = connected()
    print("plugged in: " + ("none found" if not found else ""))
    for address, description in found:
        print(f"  {address}  {description}")
    return 0
