"""How a time-of-flight sensor is mounted beside a camera: turn, flip, field of view and pose, and the file of it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.io.atomic import atomic_write
from leadline.io.files import read_bytes
from leadline.robotics.tof_log import TofLog
from leadline.robotics.tof_zones import FIELD_DEG, TofZones

_EXPECTED: Final = "a mount that `leadline tof calibrate` wrote"
_FARTHEST_M: Final = 1.0


def _identity() -> Float64[np.ndarray, "4 4"]:
    return np.eye(4)


@dataclass(frozen=True, eq=False)
class TofMount:
    """A sensor beside a camera.

    Args:
        field_deg: Full angle of the sensor's field across, and down.
        quarter_turns: Turns of the grid by 90 degrees clockwise that make row 0 the top, done after the flip.
        flip: Whether left and right of the grid are exchanged first.
        sensor_from_camera: Takes points of the camera's frame into the sensor's, after turn and flip; metres.
    Raises:
        CalibrationError: If the pose is no rigid motion, or farther than a metre.
    Example:
        >>> TofMount(quarter_turns=1).zones(8).size
        8
    """

    field_deg: float = FIELD_DEG
    quarter_turns: int = 0
    flip: bool = False
    sensor_from_camera: Float64[np.ndarray, "4 4"] = field(default_factory=_identity)

    def __post_init__(self) -> None:
        """Refuses mounts that cannot be."""
        TofZones(8, self.field_deg)
        pose = self.sensor_from_camera
        rotation = pose[:3, :3]
        rigid = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4) and np.linalg.det(rotation) > 0
        if not (np.isfinite(pose).all() and rigid and np.allclose(pose[3], (0.0, 0.0, 0.0, 1.0))):
            raise CalibrationError("expected a rotation and a shift as sensor_from_camera, got another matrix")
        if float(np.linalg.norm(pose[:3, 3])) > _FARTHEST_M:
            away = float(np.linalg.norm(pose[:3, 3]))
            raise CalibrationError(
                f"expected a sensor within {_FARTHEST_M:g} m of the camera, got {away:g} m; give the shift in metres"
            )

    def zones(self, size: int) -> TofZones:
        """Frusta of so many zones across."""
        return TofZones(size, self.field_deg)

    def upright(self, log: TofLog) -> TofLog:
        """A log with row 0 at the top and column 0 at the left."""
        return log.turned(self.quarter_turns, self.flip)


def write_tof_mount(path: Path | str, mount: TofMount, evidence: dict[str, Any] | None = None) -> None:
    """Writes a mount as JSON.

    Args:
        path: The file.
        mount: What is written.
        evidence: How it was found, for people.
    Raises:
        OutputError: If it cannot be written.
    """
    told = {
        "field_deg": mount.field_deg,
        "quarter_turns": mount.quarter_turns,
        "flip": mount.flip,
        "sensor_from_camera": np.round(mount.sensor_from_camera, 6).tolist(),
        "evidence": evidence or {},
    }
    with atomic_write(path) as file:
        file.write((json.dumps(told, indent=1) + "\n").encode())


def read_tof_mount(path: Path | str) -> TofMount:
    """Reads a mount.

    Args:
        path: What `write_tof_mount` wrote.
    Raises:
        InputError: If it is missing.
        CalibrationError: If it holds something else.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_tof_mount(f"{folder}/mount.json", TofMount(flip=True))
        ...     read_tof_mount(f"{folder}/mount.json").flip
        True
    """
    try:
        found = cast("dict[str, Any]", json.loads(read_bytes(path, _EXPECTED)))
        pose = np.array(found["sensor_from_camera"], np.float64).reshape(4, 4)
        u, _, v = np.linalg.svd(pose[:3, :3])
        if np.abs(u @ v - pose[:3, :3]).max() < 1e-4:
            pose[:3, :3] = u @ v  # the file has six decimals
        return TofMount(float(found["field_deg"]), int(found["quarter_turns"]), bool(found["flip"]), pose)
    except (ValueError, KeyError, TypeError, np.linalg.LinAlgError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise CalibrationError(
            f"expected {_EXPECTED}, got another file in {path} ({reason}); calibrate again"
        ) from None
