"""What ends a run before its last step: Ctrl-C and other signals, and the hours that it may take."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

# Windows has no SIGHUP.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Halt:
    """Holds back what would end the process until the run has come to a step that it can go on from.

    Within `with`, the first Ctrl-C (or other signal that somebody handles in Python) only sets `asked`; the second
    does what it did before, at once. `pass_on` hands the first one on when all has been written.

    Args:
        hours: after which `asked` is set too; `None` for never.
        since: when these began, by `time.monotonic`.
    """

    def __init__(self, hours: float | None = None, since: float | None = None) -> None:
        self._deadline = None if hours is None else (time.monotonic() if since is None else since) + 3600 * hours
        self._before: dict[int, Any] = {}
        self._received: int | None = None

    @property
    def signalled(self) -> bool:
        """Whether a signal asks for the end."""
        return self._received is not None

    @property
    def asked(self) -> bool:
        """Whether a signal or the clock asks for the end."""
        return self.signalled or (self._deadline is not None and time.monotonic() >= self._deadline)

    def __enter__(self) -> Halt:
        self.take_over()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def take_over(self) -> None:
        """Handle the signals; once more where a library has put its own handlers above these."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            # What is ignored, as under nohup, stays so; what ends the process without Python is not ours to delay.
            if callable(handler) and handler != self._receive:
                self._before.setdefault(number, handler)
                signal.signal(number, self._receive)

    def pass_on(self) -> None:
        """Do what the signal asked for in the first place.

        Raises:
            KeyboardInterrupt: as whoever handled it before did.
        """
        if self._received is not None:
            self._before[self._received](self._received, None)
            raise KeyboardInterrupt

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received is not None:
            self._before[number](number, frame)
        self._received = number
