"""What a server counts, in the text form that Prometheus reads."""

import threading
from collections import Counter, defaultdict
from typing import final

_PATHS = frozenset({"/", "/health", "/metrics", "/openapi.json", "/stereo", "/mono", "/stream"})


@final
class Statistics:
    """Counts of requests; safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = Counter[tuple[str, int]]()
        self._seconds = defaultdict[str, float](float)
        self._frames = Counter[str]()

    def count(self, path: str, status: int, seconds: float) -> None:
        """Counts a request.

        Args:
            path: Its path; one that is no route counts as "other".
            status: Of the answer.
            seconds: From the first byte to the last.
        """
        route = path if path in _PATHS else "other"
        with self._lock:
            self._requests[route, status] += 1
            self._seconds[route] += seconds

    def frame(self, outcome: str) -> None:
        """Counts a frame of a stream: answered, replaced or refused."""
        with self._lock:
            self._frames[outcome] += 1

    def text(self, waiting: int, busy: int) -> str:
        """All counts.

        Args:
            waiting: Requests in the queue.
            busy: Workers that work.

        >>> counts = Statistics()
        >>> counts.count("/stereo", 200, 0.5)
        >>> print(counts.text(0, 1).splitlines()[2])
        leadline_requests_total{path="/stereo",status="200"} 1
        """
        with self._lock:
            requests = [
                f'leadline_requests_total{{path="{path}",status="{status}"}} {count}'
                for (path, status), count in sorted(self._requests.items())
            ]
            seconds = [
                f'leadline_request_seconds_total{{path="{path}"}} {value:.6f}'
                for path, value in sorted(self._seconds.items())
            ]
            frames = [
                f'leadline_stream_frames_total{{outcome="{name}"}} {count}'
                for name, count in sorted(self._frames.items())
            ]
        lines = [
            *_head("leadline_requests_total", "counter", "Requests by path and status."),
            *requests,
            *_head("leadline_request_seconds_total", "counter", "Seconds that requests took, waiting included."),
            *seconds,
            *_head("leadline_stream_frames_total", "counter", "Frames of streams by what became of them."),
            *frames,
            *_head("leadline_waiting", "gauge", "Requests that wait for a worker."),
            f"leadline_waiting {waiting}",
            *_head("leadline_busy", "gauge", "Workers that work."),
            f"leadline_busy {busy}",
        ]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP {name} {about}", f"# TYPE {name} {kind}"
