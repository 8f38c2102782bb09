"""Single frames of video files."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError


def read_frame(path: Path, number: int) -> UInt8[np.ndarray, "h w 3"]:
    """One frame of a video.

    Args:
        path: A file that OpenCV's FFmpeg reads.
        number: Counted from 0.
    Returns:
        RGB.
    Raises:
        InputError: If the file is missing or no video, or has no such frame.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     film = cv2.VideoWriter(f"{folder}/a.avi", cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
        ...     for level in (0, 100):
        ...         written = film.write(np.full((48, 64, 3), level, np.uint8))
        ...     film.release()
        ...     frame = read_frame(Path(folder, "a.avi"), 1)
        >>> frame.shape, bool(abs(frame.mean() - 100.0) < 3.0)
        ((48, 64, 3), True)
    """
    if not path.is_file():
        raise InputError(f"expected a video at {path}, got no such file; check the path")
    capture = cv2.VideoCapture(str(path))
    try:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        found, frame = capture.read()
        # A frame beyond the end leaves the position where it was, and another one comes.
        at_place = round(capture.get(cv2.CAP_PROP_POS_FRAMES)) == number + 1
        if not found or not at_place:
            count = max(0, round(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            raise InputError(f"expected frame {number} in {path}, got a file with {count} frames; download it again")
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    finally:
        capture.release()
