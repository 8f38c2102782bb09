"""Images of simulated flights: the world from above, the robot, what it sees and what it remembers."""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from leadline.robotics.avoidance import AvoidPolicy
from leadline.robotics.sight import Sight
from leadline.robotics.simulation.bodies import Bodies, World
from leadline.visual.colormap import plasma
from leadline.visual.text import draw_text

_PIXELS_M: Final = 48
_LEFT_M: Final = -2.0
_RIGHT_M: Final = 12.0
_SIDE_M: Final = 5.0
_PANEL: Final = 240
_CAPTION: Final = 26
_WITH_ZONES: Final = ("tof", "fused", "network")
_FIELD_DEG: Final = {"tof": 45.0}
_CAMERA_DEG: Final = 60.0
_SEEN_M: Final = 4.0

_GROUND: Final = (250, 250, 250)
_BODY: Final = (120, 120, 120)
_GLASS: Final = (120, 210, 230)
_WALKER: Final = (225, 140, 60)
_TRACK: Final = (60, 110, 190)
_ROBOT: Final = (30, 60, 140)
_HIT: Final = (215, 40, 40)
_GOAL: Final = (60, 160, 70)
_WEDGE: Final = (235, 230, 200)

Image = UInt8[np.ndarray, "h w 3"]


def view_from_above(
    world: World, time_s: float, track: Float[np.ndarray, "t 3"], radius_m: float, sensor: str, collided: bool = False
) -> Image:
    """The world from above at one time, and the way of the robot up to then.

    Args:
        world: Walls are grey, glass is light blue, what walks is orange, the goal is green.
        time_s: Of the world.
        track: x, y, yaw of the robot until now, at least once.
        radius_m: Of the robot.
        sensor: Whose field of view is drawn.
        collided: Whether the robot is drawn in red.
    """
    height, width = round(2 * _SIDE_M * _PIXELS_M), round((_RIGHT_M - _LEFT_M) * _PIXELS_M)
    canvas = np.full((height, width, 3), _GROUND, np.uint8)
    x, y, yaw = (float(value) for value in track[-1])
    half = np.radians(0.5 * _FIELD_DEG.get(sensor, _CAMERA_DEG))
    edges = [
        (x + _SEEN_M * np.cos(yaw + a), y + _SEEN_M * np.sin(yaw + a))
        for a in (half * (0.25 * i - 1.0) for i in range(9))
    ]
    cv2.fillPoly(canvas, [_columns(np.array([(x, y), *edges]))], _WEDGE)
    _draw_bodies(canvas, world, time_s)
    _draw_disc(canvas, world.goal_m, 0.15, _GOAL)
    cv2.polylines(canvas, [_columns(track[:, :2])], False, _TRACK, 2, cv2.LINE_AA)
    _draw_disc(canvas, (x, y), radius_m, _HIT if collided else _ROBOT)
    nose = (x + 2.0 * radius_m * np.cos(yaw), y + 2.0 * radius_m * np.sin(yaw))
    cv2.polylines(canvas, [_columns(np.array([(x, y), nose]))], False, _ROBOT, 2, cv2.LINE_AA)
    return canvas


def flight_frame(
    above: Image, place: Float[np.ndarray, " 3"], sight: Sight, policy: object, robot: int, caption: str, sensor: str
) -> UInt8[np.ndarray, "th tw 3"]:
    """One frame of a film: the view from above with what the robot remembers, and what its sensor shows.

    Args:
        above: As of `view_from_above`.
        place: x, y, yaw of the robot.
        sight: What it sees.
        policy: Its policy, whose map is drawn if it has one.
        robot: Its number in sight and policy.
        caption: One line below.
        sensor: tof, fused, network, stereo or oracle.
    """
    if isinstance(policy, AvoidPolicy):
        _draw_memory(above, place, policy, robot)
    height, width = above.shape[:2]
    canvas = np.full((height + _CAPTION, width + _PANEL, 3), 255, np.uint8)
    canvas[:height, :width] = above
    zones = sensor in _WITH_ZONES
    panels = [(0, 8, 8, "zones")] if zones else []
    panels += [] if sensor == "tof" else [(64 if zones else 0, 12, 24, "depth, in cells")]
    top = 24
    for start, rows, columns, name in panels:
        cells = np.s_[start : start + rows * columns]
        range_m = sight.range_m[robot][cells].reshape(rows, columns)
        image = plasma(-range_m, sight.hit[robot][cells].reshape(rows, columns), (-_SEEN_M, 0.0))
        size = (_PANEL - 20, (_PANEL - 20) * rows // columns)
        draw_text(canvas, f"{name}: yellow is near, 4 m is blue", (width + 8, top - 8), 0.36)
        canvas[top : top + size[1], width + 10 : width + 10 + size[0]] = cv2.resize(
            image, size, interpolation=cv2.INTER_NEAREST
        )
        top += size[1] + 34
    draw_text(canvas, caption, (10, height + _CAPTION - 8), 0.45)
    return canvas


def _draw_memory(canvas: Image, place: Float[np.ndarray, " 3"], policy: AvoidPolicy, robot: int) -> None:
    around = policy.around
    known = around.known[robot]
    x, y = around.x_m[robot][known], around.y_m[robot][known]
    sine, cosine = np.sin(place[2]), np.cos(place[2])
    points = np.stack([place[0] + cosine * x - sine * y, place[1] + sine * x + cosine * y], axis=1)
    for column, row in _columns(points).tolist():
        cv2.circle(canvas, (column, row), 3, _HIT, cv2.FILLED)


def _draw_bodies(canvas: Image, world: World, time_s: float) -> None:
    bodies = Bodies.of([world]).at(time_s)
    for row, box in zip(bodies.boxes[0], world.boxes, strict=True):
        if abs(row[2] - world.altitude_m) > row[5]:
            continue
        sine, cosine = np.sin(row[6]), np.cos(row[6])
        corners = np.array([(a * row[3], b * row[4]) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
        turned = np.stack(
            [cosine * corners[:, 0] - sine * corners[:, 1], sine * corners[:, 0] + cosine * corners[:, 1]]
        )
        cv2.fillPoly(canvas, [_columns(turned.T + row[:2])], _GLASS if box.glass else _BODY, cv2.LINE_AA)
        if box.glass:
            cv2.polylines(canvas, [_columns(turned.T + row[:2])], True, _GLASS, 3, cv2.LINE_AA)
    for row, pole in zip(bodies.poles[0], world.poles, strict=True):
        _draw_disc(canvas, (row[0], row[1]), row[2], _WALKER if pole.walk_rad_s else _BODY)
    for row in bodies.balls[0]:
        if abs(row[2] - world.altitude_m) < row[3]:
            _draw_disc(canvas, (row[0], row[1]), row[3], _BODY)


def _draw_disc(canvas: Image, place: tuple[float, float], radius_m: float, colour: tuple[int, int, int]) -> None:
    column, row = _columns(np.array([place]))[0].tolist()
    cv2.circle(canvas, (column, row), max(1, round(radius_m * _PIXELS_M)), colour, cv2.FILLED, cv2.LINE_AA)


def _columns(points: Float[np.ndarray, "n 2"]) -> np.ndarray:
    """Columns and rows of places; y goes up."""
    columns = np.rint((points[:, 0] - _LEFT_M) * _PIXELS_M)
    return np.stack([columns, np.rint((_SIDE_M - points[:, 1]) * _PIXELS_M)], axis=1).astype(np.int32)
