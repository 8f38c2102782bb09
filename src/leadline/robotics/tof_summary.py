"""What a time-of-flight recording holds, in words and numbers for a terminal."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from leadline.robotics.tof_frame import STATUS_WORDS, TofFrame
from leadline.robotics.tof_log import TofLog


def frame_text(frame: TofFrame) -> str:
    """The grid in metres, row 0 at the top; the status in brackets where a zone is not valid.

    Args:
        frame: Any.
    Example:
        >>> states = np.full((4, 4), 5)
        >>> states[0, 0] = 255
        >>> print(frame_text(TofFrame.from_status(np.full((4, 4), 1.234), states)).splitlines()[0])
         (255)  1.234  1.234  1.234
    """
    rows: list[str] = []
    for row in range(frame.size):
        cells = [
            f"{frame.distances_m[row, column]:6.3f}" if frame.valid[row, column] else f"({frame.status[row, column]})"
            for column in range(frame.size)
        ]
        rows.append(" ".join(f"{cell:>6}" for cell in cells))
    return "\n".join(rows)


def log_lines(log: TofLog) -> list[str]:
    """Frames, rate, statuses, distances and zones that are often invalid.

    Args:
        log: Any.
    """
    frames = log.frames
    size = frames[0].size
    lasts = frames[-1].time_s - frames[0].time_s
    rate = f", {lasts:.2f} s, {log.rate_hz:.1f} frames per second" if log.timed and len(frames) > 1 else ""
    valid = np.stack([frame.valid for frame in frames])
    states = Counter(int(state) for frame in frames for state in frame.status.ravel())
    total = valid.size
    lines = [f"{len(frames)} frame{'s' * (len(frames) > 1)} of {size}x{size} zones{rate}"]
    lines.append(f"valid zones: {100.0 * valid.mean():.1f} %; blind frames: {sum(frame.blind for frame in frames)}")
    for state, count in states.most_common():
        words = STATUS_WORDS.get(state, "unknown to the manual")
        lines.append(f"  status {state:3d}: {100.0 * count / total:5.1f} %  {words}")
    metres = np.concatenate([frame.distances_m[frame.valid] for frame in frames])
    if metres.size:
        low, middle, high = np.percentile(metres, [5, 50, 95])
        lines.append(f"distance: {low:.3f} m (5 %), {middle:.3f} m (median), {high:.3f} m (95 %)")
        lines.extend(_noise(frames, valid))
    dead = [(row, column) for row, column in np.argwhere(~valid.any(axis=0)).tolist()]
    if dead and len(dead) < total // len(frames):
        listed = ", ".join(f"{row},{column}" for row, column in dead[:8])
        more = f" and {len(dead) - 8} more" if len(dead) > 8 else ""
        lines.append(f"zones (row,column from the top left) that are never valid: {listed}{more}")
    return lines


def _noise(frames: Sequence[TofFrame], valid: np.ndarray) -> list[str]:
    """Frame-to-frame noise, from second differences of zones that are valid three times in a row."""
    if len(frames) < 3:
        return []
    metres = np.stack([frame.distances_m for frame in frames]).astype(np.float64)
    good = valid[2:] & valid[1:-1] & valid[:-2]
    if not good.any():
        return []
    bend = (metres[2:] - 2.0 * metres[1:-1] + metres[:-2])[good] / np.sqrt(6.0)
    return [f"noise from frame to frame: {1000.0 * 1.4826 * float(np.median(np.abs(bend))):.1f} mm (median)"]
