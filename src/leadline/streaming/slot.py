"""The place between two threads: one item, of which the newest wins, or of which none is lost."""

import threading
from typing import Generic, TypeVar, final

Item = TypeVar("Item")


@final
class Slot(Generic[Item]):
    """Room for one item between a thread that makes them and one that takes them.

    Args:
        keep_all: Whether the maker waits until the last item is taken; else a newer item replaces it.

    >>> slot = Slot[int](keep_all=False)
    >>> slot.put(1), slot.put(2)
    (True, False)
    >>> slot.take(), slot.replaced
    (2, 1)
    """

    def __init__(self, keep_all: bool) -> None:
        self.replaced = 0
        self._keep_all = keep_all
        self._items = list[Item]()
        self._changed = threading.Condition()
        self._ended = self._closed = False

    def put(self, item: Item) -> bool:
        """Leaves an item; returns whether the place was free."""
        with self._changed:
            while self._keep_all and self._items and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            free = not self._items
            if not free:
                self.replaced += 1
            self._items = [item]
            self._changed.notify_all()
            return free

    def take(self, timeout_s: float | None = None) -> Item | None:
        """The item, as soon as there is one; None after the end, or when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended or self._closed, timeout_s)
            if self._closed or not self._items:
                return None
            item = self._items.pop()
            self._changed.notify_all()
            return item

    @property
    def over(self) -> bool:
        """Whether nothing comes any more."""
        with self._changed:
            return self._closed or (self._ended and not self._items)

    def end(self) -> None:
        """Says that nothing more is put; what is there can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Ends all waiting, and forgets the item."""
        with self._changed:
            self._closed = True
            self._items = []
            self._changed.notify_all()
