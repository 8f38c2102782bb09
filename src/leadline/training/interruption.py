"""Ctrl-C and SIGTERM in training: never swallowed, never a traceback."""

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, final

from leadline.errors import Terminated

_LIGHTNING_INTERRUPTED = 1
"""Exit code of Lightning after a KeyboardInterrupt."""


@final
class Interruption:
    """The signal that asked a run to end, if one did.

    A signal that arrives inside a destructor, a C++ writer or a data loader that shuts down may be lost or come out as
    another exception; the signal is kept here, and `interruptible` raises it in the end.
    """

    def __init__(self) -> None:
        self.received: int | None = None

    def check(self) -> None:
        """Raises the signal that was received.

        Raises:
            KeyboardInterrupt: After Ctrl-C.
            Terminated: After SIGTERM.
        """
        if self.received is not None:
            raise Terminated if self.received == signal.SIGTERM else KeyboardInterrupt

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self.check()

    def _unraisable(self, unraisable: Any) -> None:  # noqa: ANN401 - sys.UnraisableHookArgs is no class
        """Stays silent about a signal that arrived in a destructor."""
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)

    def listen(self) -> None:
        """Installs the handlers of Ctrl-C and SIGTERM; signals reach the main thread only."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, self._receive)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_current: list[Interruption] = []


def check_interruption() -> None:
    """Raises the signal that this process's run has received, if it was lost."""
    for interruption in _current:
        interruption.check()


def listen_again() -> None:
    """Takes the signals back from Lightning, which puts handlers of its own before those of a run."""
    for interruption in _current[-1:]:
        interruption.listen()


@contextmanager
def interruptible() -> Generator[None]:
    """Makes Ctrl-C a KeyboardInterrupt and SIGTERM a Terminated, whatever becomes of the signal inside the block.

    Raises:
        KeyboardInterrupt: After Ctrl-C.
        Terminated: After SIGTERM.
    """
    interruption = Interruption()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    interruption.listen()
    hook, sys.unraisablehook = sys.unraisablehook, interruption._unraisable
    _current.append(interruption)
    try:
        yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            # Raised by hand, or by a signal handler of somebody else.
            interruption.received = interruption.received or signal.SIGINT
        elif interruption.received is None:
            if isinstance(error, SystemExit) and error.code == _LIGHTNING_INTERRUPTED:
                raise KeyboardInterrupt from None
            raise
    finally:
        _current.remove(interruption)
        sys.unraisablehook = hook
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
    interruption.check()
