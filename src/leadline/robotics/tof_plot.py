"""Plots of time-of-flight recordings: zones as coloured cells, over time, and drawn into the camera's image."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_fusion import combine_frames
from leadline.robotics.tof_log import TofLog
from leadline.robotics.tof_match import FusionView
from leadline.visual.colormap import plasma
from leadline.visual.sheet import Panel, sheet
from leadline.visual.text import draw_text, text_size

_CELL_PX: Final = 60
_WHITE: Final = (255, 255, 255)
_INK: Final = (20, 20, 20)
_GREY: Final = (150, 150, 150)
_RANGE_M: Final = (0.2, 4.0)
_PLOT: Final = (300, 480)
_MARGIN: Final = (20, 34)
_FOLDED: Final = 60
"""Frames that the median grid of a plot is made of at most."""

Pixels = UInt8[np.ndarray, "_ _ 3"]


def zone_image(frame: TofFrame, cell_px: int = _CELL_PX) -> Pixels:
    """Zones as cells in colours of inverse distance, with metres; grey with the status where not valid.

    Args:
        frame: Any.
        cell_px: Side of a cell.
    Example:
        >>> zone_image(TofFrame.from_status(np.full((4, 4), 1.5), np.full((4, 4), 5)), cell_px=40).shape
        (160, 160, 3)
    """
    colours = _colours(frame)
    image = np.repeat(np.repeat(colours, cell_px, axis=0), cell_px, axis=1)
    for row in range(frame.size):
        for column in range(frame.size):
            good = bool(frame.valid[row, column])
            text = f"{frame.distances_m[row, column]:.2f}" if good else f"({frame.status[row, column]})"
            dark = int(colours[row, column].astype(int).sum()) < 330
            width = text_size(text, 0.4)[0]
            place = (column * cell_px + (cell_px - width) // 2, row * cell_px + cell_px // 2 + 5)
            draw_text(image, text, place, 0.4, _WHITE if good and dark else _INK)
    return image


def _colours(frame: TofFrame) -> Pixels:
    inverse = 1.0 / np.where(frame.valid, frame.distances_m, 1.0).astype(np.float64)
    colours = plasma(inverse, frame.valid, (1.0 / _RANGE_M[1], 1.5))
    colours[~frame.valid] = (190, 190, 190)
    return colours


def share_image(share: Float64[np.ndarray, "n n"], cell_px: int = _CELL_PX) -> Pixels:
    """Shares of frames as grey cells with per cent: black is all.

    Args:
        share: From 0 to 1.
        cell_px: Side of a cell.
    """
    levels = np.rint(255.0 * (1.0 - np.clip(share, 0.0, 1.0))).astype(np.uint8)
    image = np.repeat(np.repeat(np.repeat(levels[..., None], 3, axis=2), cell_px, axis=0), cell_px, axis=1)
    for row, column in np.ndindex(*share.shape):
        text = f"{100.0 * share[row, column]:.0f}"
        place = (column * cell_px + (cell_px - text_size(text, 0.4)[0]) // 2, row * cell_px + cell_px // 2 + 5)
        draw_text(image, text, place, 0.4, _WHITE if share[row, column] > 0.5 else _INK)
    return image


def timeline_image(log: TofLog) -> Pixels:
    """Median distance of the four centre zones, the nearest zone, and the share of valid zones, over time.

    Args:
        log: Any.
    """
    height, width = _PLOT
    image = np.full((height, width, 3), 255, np.uint8)
    times = np.array([frame.time_s for frame in log.frames])
    centre, nearest, share = np.array([_moment(frame) for frame in log.frames]).T
    known = np.concatenate([centre[np.isfinite(centre)], [_RANGE_M[1]]])
    top = float(max(known.max(), 0.5))
    span = max(float(times.max() - times.min()), 1e-9)
    x = (_MARGIN[1] + (times - times.min()) / span * (width - _MARGIN[1] - 8)).astype(int)
    for metres in range(int(top) + 1):
        y = _row(metres / top, height)
        cv2.line(image, (_MARGIN[1], y), (width - 8, y), (225, 225, 225), 1)
        draw_text(image, f"{metres} m", (2, y + 4), 0.35)
    for values, colour in ((share * top, _GREY), (nearest, (214, 80, 20)), (centre, (20, 60, 200))):
        for at, value in zip(x, values, strict=True):
            if np.isfinite(value):
                cv2.circle(image, (int(at), _row(value / top, height)), 1, colour, -1)
    draw_text(image, f"{times.min():.1f} s", (_MARGIN[1], height - 4), 0.35)
    last = f"{times.max():.1f} s"
    draw_text(image, last, (width - 8 - text_size(last, 0.35)[0], height - 4), 0.35)
    draw_text(image, "centre", (width - 190, 14), 0.4, (20, 60, 200))
    draw_text(image, "nearest", (width - 135, 14), 0.4, (214, 80, 20))
    draw_text(image, "valid share", (width - 75, 14), 0.4, _GREY)
    return image


def _moment(frame: TofFrame) -> tuple[float, float, float]:
    half = frame.size // 2
    middle = frame.distances_m[half - 1 : half + 1, half - 1 : half + 1]
    good = frame.valid[half - 1 : half + 1, half - 1 : half + 1]
    centre = float(np.median(middle[good])) if good.any() else float("nan")
    nearest = float(frame.distances_m[frame.valid].min()) if not frame.blind else float("nan")
    return centre, nearest, float(frame.valid.mean())


def _row(share: float, height: int) -> int:
    return int(height - _MARGIN[0] - share * (height - 2 * _MARGIN[0]))


def log_sheet(log: TofLog, title: str, extra: Sequence[Panel] = ()) -> Pixels:
    """One page of a recording: its middle frame, the median, how often each zone has no distance, and time.

    Args:
        log: Any.
        title: The page's.
        extra: More panels, such as `projection_image`.
    """
    middle = log.frames[len(log.frames) // 2]
    step = max(1, len(log.frames) // _FOLDED)
    invalid = 1.0 - np.mean([frame.valid for frame in log.frames], axis=0)
    panels = [
        Panel(f"frame {len(log.frames) // 2} at {middle.time_s:.2f} s, m (status)", zone_image(middle)),
        Panel(f"median of {len(log.frames[::step])} frames, m", zone_image(combine_frames(log.frames[::step]))),
        Panel("frames without a distance, %", share_image(np.asarray(invalid, np.float64))),
        Panel("distance over time", timeline_image(log)),
        *extra,
    ]
    return sheet([panels[start : start + 2] for start in range(0, len(panels), 2)], title)


def projection_image(image: Pixels, frame: TofFrame, view: FusionView, fallback_m: float = 2.0) -> Pixels:
    """The zones' outlines in the camera's image, in the colours of their distances.

    Args:
        image: Of the view's camera.
        frame: Of the image's time.
        view: Where camera and sensor look.
        fallback_m: Distance at which zones without one are drawn, in grey.
    """
    drawn = image.copy()
    colours = _colours(frame)
    size = max(1, image.shape[1] // 400)
    for row, column in np.ndindex(frame.size, frame.size):
        metres = float(frame.distances_m[row, column]) if frame.valid[row, column] else fallback_m
        corners = zone_outline(view, row, column, metres)
        if corners is None:
            continue
        red, green, blue = (int(value) for value in colours[row, column])
        colour = (red, green, blue)
        polygon = np.rint(corners * 16.0).astype(np.int32)[:, None]
        cv2.polylines(drawn, [polygon], True, colour, size, cv2.LINE_AA, 4)
        if frame.valid[row, column]:
            text, place = f"{metres:.2f}", corners.mean(axis=0)
            width = text_size(text, 0.3 * size)[0]
            draw_text(drawn, text, (int(place[0] - width / 2), int(place[1] + 4 * size)), 0.3 * size, colour)
    return drawn


def zone_outline(view: FusionView, row: int, column: int, metres: float) -> Float64[np.ndarray, "4 2"] | None:
    """Where the corners of a zone's surface lie in the image, pixels; None if one is behind the camera.

    Args:
        view: Where camera and sensor look.
        row: Of the zone.
        column: Of the zone.
        metres: The zone's distance.
    """
    left, top, right, bottom = view.zones.bounds[row, column]
    corners = np.array([[left, top, 1.0], [right, top, 1.0], [right, bottom, 1.0], [left, bottom, 1.0]]) * metres
    if view.sensor_from_camera is not None:
        pose = np.linalg.inv(view.sensor_from_camera)
        corners = corners @ pose[:3, :3].T + pose[:3, 3]
    if corners[:, 2].min() < 1e-3:
        return None
    camera = view.camera
    x = camera.focal_x_px * corners[:, 0] / corners[:, 2] + camera.center_x_px
    y = camera.focal_y_px * corners[:, 1] / corners[:, 2] + camera.center_y_px
    return np.stack([x, y], axis=1)
