"""`leadline tof`: recordings of time-of-flight sensors, and the calibration of their mount."""

import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter

from leadline.apps.cli.batch import noted, say
from leadline.errors import CameraLostError, InputError
from leadline.io.atomic import atomic_write
from leadline.io.images import read_image, write_image
from leadline.io.known_depths import LengthUnit
from leadline.loading import load_model
from leadline.results.monocular import CameraSource
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_fusion import combine_frames
from leadline.robotics.tof_live import is_live, open_tof
from leadline.robotics.tof_log import TofLog, clock_faults, read_tof_log
from leadline.robotics.tof_match import FusionView
from leadline.robotics.tof_mount import TofMount, read_tof_mount
from leadline.robotics.tof_orientation import ORIENTATIONS, orientation_residuals
from leadline.robotics.tof_plot import log_sheet, projection_image
from leadline.robotics.tof_summary import frame_text, log_lines
from leadline.scale.zones import ZoneOptions
from leadline.visual.sheet import Panel

Turn = Literal[0, 90, 180, 270]

_SPAN_S = 0.2
_FAR_BETTER = 0.5


def zone_options(time_s: float | None, mount: Path | None, flip: bool, rotate: int) -> ZoneOptions | None:
    """How zones belong to an image, from options of a command; None if none was given.

    Args:
        time_s: The image's time.
        mount: File of a mount.
        flip: Exchange left and right.
        rotate: Degrees clockwise.
    Raises:
        InputError: If the file is missing, or both it and a turn are given.
        CalibrationError: If it holds something else.
    """
    if time_s is None and mount is None and not flip and not rotate:
        return None
    return ZoneOptions(_mount(mount, flip, rotate, None), time_s, calibrated=mount is not None)


def _mount(path: Path | None, flip: bool, rotate: int, field_deg: float | None) -> TofMount:
    if path is not None and (flip or rotate):
        raise InputError(
            f"expected a mount or its turn, got both: {path} says how zones are turned; leave flip and rotate"
        )
    found = TofMount(flip=flip, quarter_turns=rotate // 90) if path is None else read_tof_mount(path)
    return found if field_deg is None else replace(found, field_deg=field_deg)


def tof_show(
    log: str,
    *,
    image: Path | None = None,
    focal_px: float | None = None,
    fov: float | None = None,
    calibration: Path | None = None,
    frame: int | None = None,
    at: Annotated[float | None, Parameter(name="--time")] = None,
    unit: LengthUnit | None = None,
    mount: Path | None = None,
    flip: bool = False,
    rotate: Turn = 0,
    field: float | None = None,
    seconds: float = 10.0,
    record: Path | None = None,
    output: Path | None = None,
) -> int:
    """Print and plot a recording of a 4x4 or 8x8 time-of-flight sensor, or a sensor while it runs.

    It reads what boards print and log (docs/tof.md lists the forms), or the sensor itself: serial:PORT[@BAUD] for a
    board that prints lines, depz:[PORT] for a DEPZ sensor (both: leadline[tof]). Row 0 is the top and column 0 the left
    of the scene as a camera beside the sensor sees it; zones without a valid distance show their status in brackets.

    With an image, its depth by leadline-mono tells whether the zones are mirrored or turned.

    Args:
        log: Recording, or address of a sensor.
        image: Taken beside the sensor; the zones are drawn into it. Needs the focal length.
        focal_px: Focal length in pixels of the image; from its EXIF data if nothing is given.
        fov: Field of view across its width, degrees, instead.
        calibration: Calibration file whose left camera took it, instead.
        frame: Number of the frame to print; the middle one if absent.
        at: Seconds by the log's clock of the frame to print, and of the image, instead.
        unit: Unit of the distances, where the log does not say it.
        mount: File that `leadline tof calibrate` wrote.
        flip: Exchange left and right of the zones.
        rotate: Degrees by which the zones are turned clockwise, after the flip.
        field: Full angle of the sensor's field across, degrees; 45 if absent.
        seconds: How long to watch a running sensor.
        record: JSON lines file for the frames of a running sensor; `tof show` and `mono --scale-from tof:` read it.
        output: Image file for the plot.
    """
    held = _mount(mount, flip, rotate, field)
    lost = None
    if is_live(log):
        found, lost = _watch(log, held, seconds, record)
    else:
        if record is not None:
            raise InputError(f"expected a running sensor to record, got {log}; it is a recording")
        found = held.upright(read_tof_log(log, unit))
    number = _chosen(found, frame, at)
    chosen = found.frames[number]
    say(map(noted, found.notes))
    print("\n".join(log_lines(found)))
    print(f"frame {number} at {chosen.time_s:.3f} s, metres (status where not valid):")
    print(frame_text(chosen))
    panels: list[Panel] = []
    if image is not None:
        near = found.near(number, _SPAN_S) if found.timed else range(len(found.frames))
        moment = combine_frames([found.frames[i] for i in near])
        panels = _on_image(image, CameraSource(focal_px, fov, calibration), moment, held)
    if output is not None:
        write_image(output, log_sheet(found, Path(log).name, panels))
    if lost is not None:
        raise lost
    return 0


def _chosen(log: TofLog, number: int | None, time_s: float | None) -> int:
    if number is not None and time_s is not None:
        raise InputError("expected a frame or a time, got both; leave one out")
    if time_s is not None:
        return log.at(time_s)
    number = len(log.frames) // 2 if number is None else number
    if not -len(log.frames) <= number < len(log.frames):
        raise InputError(f"expected a frame from 0 to {len(log.frames) - 1}, got {number}")
    return number % len(log.frames)


def _on_image(path: Path, source: CameraSource, frame: TofFrame, mount: TofMount) -> list[Panel]:
    """The zones drawn into an image, and a line about their orientation."""
    picture = read_image(path)
    height, width = picture.pixels.shape[:2]
    camera = source.camera(path, height, width)
    if camera.camera is None:
        raise InputError(f"expected a known focal length of {path}, got none; give focal_px, fov_deg or a calibration")
    pose = None if np.array_equal(mount.sensor_from_camera, np.eye(4)) else mount.sensor_from_camera
    view = FusionView(camera.camera, mount.zones(frame.size), pose)
    relative = load_model("leadline-mono", "mono", threads=None)(picture.pixels)
    residuals = orientation_residuals(relative, frame, view, picture.pixels)
    now, best = residuals["as they are"], min(residuals, key=lambda name: residuals[name])
    print(f"zones against the image's depth: half are within {100.0 * now:.1f} % (after scale and shift)")
    for name, value in sorted(residuals.items(), key=lambda item: item[1])[:3]:
        print(f"  {100.0 * value:5.1f} %  {name}")
    if best != "as they are" and residuals[best] < _FAR_BETTER * now:
        turns, flip = ORIENTATIONS[best]
        flags = " ".join(["--flip"] * flip + [f"--rotate {90 * turns}"] * (turns > 0))
        say([f"warning: the zones fit the image far better {best}: try {flags}"])
    return [Panel("zones in the image, m", projection_image(picture.pixels, frame, view), photo=True)]


def _watch(address: str, mount: TofMount, seconds: float, record: Path | None) -> tuple[TofLog, CameraLostError | None]:
    """Frames of a running sensor; what ended them early is raised after they are told of."""
    frames: list[TofFrame] = []
    lost: CameraLostError | None = None
    with closing(open_tof(address)) as source:
        stop = time.monotonic() + seconds
        try:
            for frame in source.frames():
                upright = frame.turned(mount.quarter_turns, mount.flip)
                frames.append(upright)
                print(f"{upright.time_s:.3f} s\n{frame_text(upright)}\n", flush=True)
                if time.monotonic() >= stop:
                    break
        except CameraLostError as error:
            if not frames:
                raise
            lost = error
        faults = [f"warning: {address}: line {number}: {words}" for number, words in source.faults[:3]]
    if record is not None:
        with atomic_write(record) as file:
            file.write("".join(f"{json.dumps(_record(frame))}\n" for frame in frames).encode())
    notes = (*faults, *clock_faults(address, [frame.time_s for frame in frames]))
    return TofLog(frames, notes), lost


def _record(frame: TofFrame) -> dict[str, object]:
    """A frame as a line of JSON that `read_tof_log` reads."""
    told: dict[str, object] = {"time_s": round(frame.time_s, 6)}
    told["distance_mm"] = np.rint(1000.0 * frame.distances_m).astype(int).ravel().tolist()
    told["target_status"] = frame.status.ravel().tolist()
    told["nb_target_detected"] = frame.targets.ravel().tolist()
    layers = (("range_sigma_mm", frame.sigma_m, 1000.0), ("reflectance", frame.reflectance, 100.0))
    for name, layer, factor in (*layers, ("ambient_per_spad", frame.ambient, 1.0)):
        if layer is not None:
            told[name] = np.round(factor * layer.astype(np.float64), 3).ravel().tolist()
    return told
