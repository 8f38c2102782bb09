"""Pairing of two streams of images by their moments."""

from collections import deque
from typing import Final, Generic, TypeVar, final

Item = TypeVar("Item")
_SHARE: Final = 0.25
"""Share of the time between two frames within which two images are of one moment."""
_MOST_WAITING: Final = 64


@final
class TimePairs(Generic[Item]):
    """Pairs of left and right images whose moments lie close together; the others are left out and counted.

    Args:
        tolerance_s: How far apart the moments of a pair may be; a quarter of the shortest step between left images if
            absent.

    >>> pairs = TimePairs[str](tolerance_s=0.01)
    >>> pairs.add(0, 0.0, "a"), pairs.add(0, 0.1, "b"), pairs.add(1, 0.101, "B")
    ([], [], [(0.1, 'b', 0.101, 'B')])
    >>> pairs.unpaired
    1
    """

    def __init__(self, tolerance_s: float | None = None) -> None:
        self.unpaired = 0
        self._tolerance_s = tolerance_s
        self._step_s = float("inf")
        self._waiting: tuple[deque[tuple[float, Item]], deque[tuple[float, Item]]] = deque(), deque()
        self._last = [float("-inf"), float("-inf")]

    def add(self, side: int, time_s: float, item: Item) -> list[tuple[float, Item, float, Item]]:
        """Takes one image; returns the pairs that it completes.

        Args:
            side: 0 for left, 1 for right.
            time_s: Its moment; those of one side rise.
            item: The image, or what it can be read from.
        """
        if time_s <= self._last[side]:
            self.unpaired += 1
            return []
        if self._last[side] > float("-inf"):
            self._step_s = min(self._step_s, time_s - self._last[side])
        self._last[side] = time_s
        self._waiting[side].append((time_s, item))
        found = list[tuple[float, Item, float, Item]]()
        left, right = self._waiting
        while left and right:
            gap = right[0][0] - left[0][0]
            if abs(gap) <= self._tolerance():
                found.append((*left.popleft(), *right.popleft()))
            else:
                (left if gap > 0 else right).popleft()
                self.unpaired += 1
        for queue in self._waiting:
            if len(queue) > _MOST_WAITING:
                queue.popleft()
                self.unpaired += 1
        return found

    def _tolerance(self) -> float:
        if self._tolerance_s is not None:
            return self._tolerance_s
        # Of a first image no step is known: 5 ms is a quarter of a step at 50 frames a second.
        return _SHARE * self._step_s if self._step_s < float("inf") else 0.005

    def rest(self) -> None:
        """Counts what waits at the end of the streams."""
        self.unpaired += sum(len(queue) for queue in self._waiting)
        for queue in self._waiting:
            queue.clear()
