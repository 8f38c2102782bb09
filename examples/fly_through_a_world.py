"""A robot with an 8x8 time-of-flight sensor flies through a world of your own: its way, and what it was told.

    python examples/fly_through_a_world.py --output my-flight

A room with two boxes and a walking person; the simulated sensor, the policy, and a quadrotor that follows with a lag.
"""

import argparse
from pathlib import Path

import numpy as np

from leadline.io import make_output_folder, write_image
from leadline.robotics.simulation.bodies import Box, Pole, World
from leadline.robotics.simulation.flights import FlightRules, fly
from leadline.robotics.simulation.view import view_from_above

ROOM = World(
    "mine",
    boxes=(
        Box((5.0, 3.1, 1.3), (6.5, 0.1, 1.3)),
        Box((5.0, -3.1, 1.3), (6.5, 0.1, 1.3)),
        Box((11.6, 0.0, 1.3), (0.1, 3.2, 1.3)),
        Box((2.5, 0.3, 0.6), (0.3, 0.6, 0.6), reflectance=0.2),
        Box((6.0, -0.5, 0.6), (0.3, 0.8, 0.6), turn_rad=0.5),
    ),
    poles=(Pole((8.0, 0.8), 0.2, top_m=1.8, walk_m=(0.0, 0.8), walk_rad_s=0.4),),
    goal_m=(10.0, 0.0),
    ceiling_m=2.6,
)


def main() -> int:
    """Fly, draw the way, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("flight"))
    folder = make_output_folder(parser.parse_args().output)
    speeds = []
    rules = FlightRules("tof", "avoid")
    (flight,) = fly([ROOM], [0], rules, lambda fleet, sight, commands: speeds.append(float(commands.ahead_m_s[0])))
    print(f"{flight.outcome} after {flight.time_s:.1f} s and {flight.path_m:.1f} m; at least {flight.nearest_m:.2f} m")
    print(f"told to fly at {np.mean(speeds):.2f} m/s on average, {sum(s <= 0.0 for s in speeds)} frames at rest")
    collided = flight.outcome == "collided"
    write_image(folder / "way.png", view_from_above(ROOM, flight.time_s, flight.track, 0.15, "tof", collided))
    print(f"{folder}: way.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
