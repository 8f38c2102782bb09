"""The pace of a recording: every frame as fast as it is taken, or each at its own moment as a camera gives it."""

import time
from typing import Final, final

PACES: Final = ("free", "real")


@final
class Pace:
    """Waits until a frame is due.

    Args:
        real: Whether frames come at their own moments; else at once.

    >>> pace, begun = Pace(real=True), time.monotonic()
    >>> pace.wait(100.0), pace.wait(100.05)
    (None, None)
    >>> time.monotonic() - begun >= 0.05
    True
    """

    def __init__(self, real: bool) -> None:
        self.real = real
        self._begun: tuple[float, float] | None = None
        self._closed = False

    def wait(self, time_s: float) -> None:
        """Returns when a frame of that moment is due, or when the recording is closed."""
        if not self.real:
            return
        now = time.monotonic()
        if self._begun is None:
            self._begun = now, time_s
        due = self._begun[0] + time_s - self._begun[1]
        while not self._closed and (left := due - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))

    def close(self) -> None:
        """Ends waiting."""
        self._closed = True
