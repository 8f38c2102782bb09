"""Batches that go on from epoch to epoch, with the time that training waits for them."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, final


@final
class Continued:
    """The batches of one loader, an epoch at a time: its workers go on between epochs, and fetch ahead.

    Args:
        loader: All batches.
        first_sample: Number of the first batch's first sample in the endless stream.
        batch_size: Samples in a batch, of all processes together.
        epoch_steps: Batches of an epoch.
        now: A clock, in seconds.
    """

    def __init__(
        self,
        loader: Iterable[Any],
        first_sample: int,
        batch_size: int,
        epoch_steps: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.next_sample = first_sample
        self.waited_s = self.first_s = 0.0
        self._loader, self._batch_size, self._epoch_steps, self._now = loader, batch_size, epoch_steps, now
        self._batches: Iterator[Any] | None = None
        self._begun_s = 0.0

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self._epoch_steps

    def __iter__(self) -> Iterator[Any]:
        """The batches of the next epoch; the loader's workers start with the first one."""
        for _ in range(self._epoch_steps):
            asked_s = self._now()
            if first := self._batches is None:
                self._batches, self._begun_s = iter(self._loader), asked_s
            assert self._batches is not None, "set above"
            batch = next(self._batches, None)
            waited_s = self._now() - asked_s
            self.waited_s += waited_s
            if first:
                self.first_s = waited_s
            if batch is None:
                return
            self.next_sample += self._batch_size
            yield batch

    @property
    def waited_share(self) -> float:
        """Share of the time since the first batch came that was spent waiting for the others."""
        return (self.waited_s - self.first_s) / max(self._now() - self._begun_s - self.first_s, 1e-9)

    def summary(self) -> str:
        """How long training waited, for people."""
        running_s = self._now() - self._begun_s - self.first_s
        return (
            f"waited {self.waited_s - self.first_s:.1f} s of {running_s:.1f} s ({100.0 * self.waited_share:.1f} %) for "
            f"rendered samples, and {self.first_s:.1f} s for the first batch"
        )
