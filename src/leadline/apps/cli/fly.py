"""`leadline fly`: velocity commands around obstacles, from a time-of-flight sensor or a recording of one."""

import csv
import io
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from cyclopts import Parameter

from leadline.apps.cli.batch import noted, say
from leadline.errors import InputError, LeadlineError
from leadline.io.atomic import atomic_write
from leadline.io.known_depths import LengthUnit
from leadline.robotics.limits import RobotLimits
from leadline.robotics.pilot import Pilot, PilotCommand
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_live import is_live, open_tof
from leadline.robotics.tof_log import read_tof_log
from leadline.robotics.tof_zones import FIELD_DEG, TofZones

_SILENCE_S: Final = 1.0
"""Without a frame for so long, a robot is told to stop and the sensor is taken for lost."""
_HEAD: Final = "   time s  ahead m/s  left m/s  turn deg/s  heading deg  free m  collision s"


def fly(
    log: str,
    /,
    *,
    goal: float = 0.0,
    robot: Literal["quadrotor", "ground"] = "quadrotor",
    speed: float = 1.0,
    acceleration: float = 2.0,
    latency: float = 0.3,
    radius: float = 0.15,
    margin: float = 0.15,
    unit: LengthUnit | None = None,
    flip: bool = False,
    rotate: Literal[0, 90, 180, 270] = 0,
    field: float = FIELD_DEG,
    seconds: float | None = None,
    table: Annotated[Path | None, Parameter(name="--csv")] = None,
) -> None:
    """Velocity commands around obstacles from an 8x8 time-of-flight sensor.

    It prints one line for each frame: the commands, the direction that was chosen, the free way in it, and the time
    until what is ahead is reached. It stops, and says why, where no zone has a distance, where the clock goes back,
    after a gap, and when a running sensor is lost. Frames come without the motion of the robot, so that each stands for
    itself; the limits hold all the same. `leadline simulate` flies the same policy in the closed loop.

    Args:
        log: Recording of a 4x4 or 8x8 sensor, or a running sensor as for `leadline tof show`: serial:PORT[@BAUD] or
            depz:[PORT] (leadline[tof]).
        goal: Direction of the goal, degrees, positive to the left of ahead.
        robot: A quadrotor, or a ground robot that cannot move sideways.
        speed: Fastest speed, m/s.
        acceleration: That the robot reaches when it brakes, m/s^2.
        latency: From light on the sensor until the speed begins to change, seconds.
        radius: Of the robot, propellers included, metres.
        margin: Distance that it keeps beyond, metres.
        unit: Unit of the distances, where the recording does not say it.
        flip: Exchange left and right of the zones.
        rotate: Degrees by which the zones are turned clockwise, after the flip.
        field: Full angle of the sensor's field across, degrees.
        seconds: How long a running sensor is flown with; until Ctrl-C if absent.
        table: CSV file for the commands.
    """
    limits = RobotLimits(speed, acceleration, 1.5, latency, radius, margin, sideways=robot == "quadrotor")
    direction, zones = float(np.radians(_goal(goal))), TofZones(field_deg=field)
    pilots = Pilots(limits, zones, direction)
    if is_live(log):
        frames = _running(log, seconds)
    elif seconds is not None:
        raise InputError(f"expected no seconds for a recording, got {seconds:g}; they are for a running sensor")
    else:
        found = read_tof_log(log, unit)
        say(map(noted, found.notes))
        frames = iter(found.frames)
    commands: list[PilotCommand] = []
    print(_HEAD)
    try:
        for frame in frames:
            commands.append(pilots.step(frame.turned(rotate // 90, flip)))
            print(command_line(commands[-1]), flush=True)
    except (LeadlineError, KeyboardInterrupt) as error:
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else "the sensor is lost"
        commands.append(PilotCommand(commands[-1].time_s if commands else 0.0, reason=f"{reason}: stops"))
        print(command_line(commands[-1]), flush=True)
        raise
    finally:
        if table is not None and commands:
            _write(table, commands)
    stops = [command for command in commands if command.ahead_m_s == command.left_m_s == 0.0]
    blind = sum(command.reason.startswith("blind") for command in commands)
    print(f"{log}: {len(commands)} frames; {len(stops)} stops, {blind} of them blind")


@dataclass
class Pilots:
    """The pilot for frames whose number of zones shows with the first of them."""

    limits: RobotLimits
    zones: TofZones
    goal_rad: float
    pilot: Pilot | None = None

    def step(self, frame: TofFrame) -> PilotCommand:
        """The command after a frame.

        Args:
            frame: The next one.
        """
        if self.pilot is None:
            self.pilot = Pilot(self.limits, replace(self.zones, size=frame.size), self.goal_rad)
        return self.pilot.step(frame)


def _running(address: str, seconds: float | None) -> Iterator[TofFrame]:
    """Frames of a running sensor, and then how many lines were left out."""
    with closing(open_tof(address, _SILENCE_S)) as source:
        end = None if seconds is None else time.monotonic() + seconds
        for frame in source.frames():
            yield frame
            if end is not None and time.monotonic() >= end:
                break
        if source.faults:
            number, words = source.faults[0]
            say([f"note: {len(source.faults)} lines were left out, first line {number}: {words}"])


def _goal(degrees: float) -> float:
    if not -180.0 <= degrees <= 180.0:
        raise InputError(f"expected a goal from -180 to 180 degrees, got {degrees:g}")
    return degrees


def command_line(command: PilotCommand) -> str:
    """One line for one command, in the columns of the head.

    >>> command_line(PilotCommand(0.5, 1.0, 0.0, 0.1, 0.0, 2.5)).split()
    ['0.500', '1.00', '0.00', '5.7', '0.0', '2.50', '-']
    """
    heading = "-" if command.heading_rad is None else f"{np.degrees(command.heading_rad):.1f}"
    seconds = "-" if command.collision_s is None else f"{command.collision_s:.2f}"
    # Adding 0 turns -0 into 0.
    ahead, left = f"{round(command.ahead_m_s, 2) + 0.0:.2f}", f"{round(command.left_m_s, 2) + 0.0:.2f}"
    turn = f"{round(float(np.degrees(command.turn_rad_s)), 1) + 0.0:.1f}"
    speeds = f"{command.time_s:9.3f}  {ahead:>9}  {left:>8}  {turn:>10}"
    return f"{speeds}  {heading:>11}  {command.clear_m:6.2f}  {seconds:>11}  {command.reason}".rstrip()


def _write(path: Path, commands: Sequence[PilotCommand]) -> None:
    text = io.StringIO()
    rows = csv.DictWriter(text, list(PilotCommand.__dataclass_fields__), lineterminator="\n")
    rows.writeheader()
    rows.writerows(asdict(command) for command in commands)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
