"""Speed, latency and losses of a running stream."""

import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any, Final, final

import numpy as np

_RECENT: Final = 30
"""Results over which the present rate is measured."""
_REMEMBERED: Final = 1000
"""Results over which latency and rates are summarised: memory does not grow."""


@dataclass(frozen=True)
class LiveStatistics:
    """A stream at one moment.

    Args:
        seconds: Since it began.
        captured: Pairs that the source delivered.
        results: Pairs that were matched and handed over, or wait to be.
        fps: Results a second, over the last 30.
        capture_fps: Pairs a second that the source delivered, over the last 30.
        latency_s: Median time from a pair's arrival in memory to its result, over the last 1,000.
        latency_p95_s: Its 95th percentile.
        match_s: Median time of matching alone.
        confidence: Mean confidence of the last result; None where the method gives none.
        passed_over: Pairs that were replaced by newer ones before they were matched.
        stale: Pairs and results that were older than allowed.
        not_taken: Results that were replaced by newer ones before anybody took them.
        blank: Pairs without texture, as of a covered lens.
        source: Counts of the source's own faults.
    """

    seconds: float
    captured: int
    results: int
    fps: float
    capture_fps: float
    latency_s: float
    latency_p95_s: float
    match_s: float
    confidence: float | None
    passed_over: int = 0
    stale: int = 0
    not_taken: int = 0
    blank: int = 0
    source: dict[str, int] = field(default_factory=dict[str, int])

    def line(self) -> str:
        """The state in one line, for a terminal.

        >>> LiveStatistics(2.0, 60, 20, 10.0, 30.0, 0.1, 0.2, 0.08, 0.91, passed_over=39).line()
        '10.0 fps (camera 30.0), latency 100 ms (95 %: 200), confidence 0.91; passed over 39'
        """
        rate = f"{self.fps:.1f}" if self.fps else "?"
        words = (
            f"{rate} fps (camera {self.capture_fps:.1f}), latency {1000 * self.latency_s:.0f} ms "
            f"(95 %: {1000 * self.latency_p95_s:.0f})"
        )
        if self.confidence is not None:
            words += f", confidence {self.confidence:.2f}"
        faults = {
            "passed over": self.passed_over, "stale": self.stale, "not taken": self.not_taken, "blank": self.blank,
            **self.source,
        }  # fmt: skip
        told = ", ".join(f"{name} {count}" for name, count in faults.items() if count)
        return words + (f"; {told}" if told else "")

    def as_dict(self) -> dict[str, Any]:
        """Content for a summary."""
        return asdict(self)


@final
class StatisticsKeeper:
    """Keeps what `LiveStatistics` tells, in constant memory; each count is kept by one thread."""

    def __init__(self) -> None:
        self.captured = self.results = self.stale_pairs = self.stale_results = self.blank = 0
        self.confidence: float | None = None
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._captures = deque[float](maxlen=_RECENT)
        self._finished = deque[float](maxlen=_RECENT)
        self._latencies = deque[float](maxlen=_REMEMBERED)
        self._matches = deque[float](maxlen=_REMEMBERED)

    def capture(self) -> None:
        """Notes a pair of the source."""
        with self._lock:
            self.captured += 1
            self._captures.append(time.monotonic())

    def result(self, latency_s: float, match_s: float, confidence: float | None) -> None:
        """Notes a result."""
        with self._lock:
            self.results += 1
            self.confidence = confidence
            self._finished.append(time.monotonic())
            self._latencies.append(latency_s)
            self._matches.append(match_s)

    def snapshot(self, passed_over: int, not_taken: int, source: dict[str, int]) -> LiveStatistics:
        """The state now.

        Args:
            passed_over: Pairs that were replaced.
            not_taken: Results that were replaced.
            source: Counts of the source's faults.
        """
        with self._lock:
            latencies, matches = np.array(self._latencies), np.array(self._matches)
            rates = _rate(self._finished), _rate(self._captures)
            counts = self.captured, self.results
        known = latencies.size > 0
        return LiveStatistics(
            time.monotonic() - self._begun,
            *counts,
            *rates,
            float(np.median(latencies)) if known else 0.0,
            float(np.percentile(latencies, 95.0)) if known else 0.0,
            float(np.median(matches)) if known else 0.0,
            self.confidence,
            passed_over,
            self.stale_pairs + self.stale_results,
            not_taken,
            self.blank,
            source,
        )


def _rate(moments: deque[float]) -> float:
    if len(moments) < 2 or moments[-1] <= moments[0]:
        return 0.0
    return (len(moments) - 1) / (moments[-1] - moments[0])
