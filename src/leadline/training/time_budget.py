"""A run that ends in time, with its learning rate brought down."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

import lightning
from lightning.pytorch.callbacks import Callback

from leadline.errors import InputError

PLATEAU_NAME: Final = "plateau.ckpt"
FALL_SHARE: Final = 0.3
"""Last share of the time, in which the learning rate falls to zero."""


@final
class TimeBudget(Callback):
    """Ends a run after some minutes; the learning rate stays on its plateau, then falls linearly to zero.

    Before it falls, the run is kept as plateau.ckpt, to go on from.

    Args:
        minutes: From the first step on; the step that is under way then, and a validation that is due, come on top.
        folder: Where the plateau is kept.
        now: A clock, in seconds.
    Raises:
        InputError: If there is no time.
    """

    def __init__(self, minutes: float, folder: Path, now: Callable[[], float] = time.monotonic) -> None:
        if not minutes > 0:
            raise InputError(f"expected a positive number of minutes, got {minutes}")
        self._total_s, self._folder, self._now = 60.0 * minutes, folder, now
        self._end_s: float | None = None
        self._left_s = self._total_s

    @property
    def factor(self) -> float:
        """Share of the learning rate at this time."""
        return max(0.0, min(1.0, self._left_s / (FALL_SHARE * self._total_s)))

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Starts the clock."""
        self._end_s = self._now() + self._total_s

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:  # noqa: ANN401 - Lightning's hook
        """Looks at the clock of the first process, so that all of them learn at the same rate and end together."""
        assert self._end_s is not None, "a batch ends after the start"
        falling = self.factor < 1.0
        self._left_s = float(trainer.strategy.broadcast(self._end_s - self._now()))
        if self.factor < 1.0 and not falling:
            trainer.save_checkpoint(self._folder / PLATEAU_NAME)
        if self._left_s <= 0.0:
            trainer.should_stop = True
