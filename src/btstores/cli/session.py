"""A run of Cerebro from the command line: how it is stopped, and what is said when it fails."""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from typing import Any, Dict, Iterator, List, Optional

import backtrader as bt

import btstores
from btstores.clock import wall_clock
from btstores.feeds.cycle import Cycle

__all__ = ["OwnCodeError", "Run", "own_traceback"]


class OwnCodeError(Exception):
    """The user's own code raised; the message is its traceback without our frames."""


class Run:
    """Runs a Cerebro until its data ends, a signal comes or the time is up.

    ``own_code`` is the file of the strategy; None when it is ours. After `go`, ``ended_by``
    is None, "time", "SIGINT" or "SIGTERM". SIGUSR1 is the kill switch of ``store``, where the
    system has that signal: it cancels all orders and lets none pass any more.
    """

    def __init__(self, cerebro: Any, own_code: Optional[str] = None, store: Any = None) -> None:
        self.cerebro = cerebro
        self.store = store
        self.own_code = own_code
        self.ended_by: Optional[str] = None

    def go(self, seconds: Optional[float] = None) -> Any:
        """Run for at most so many seconds, and return the strategies.

        Raises `OwnCodeError` for what the strategy raised, and anything else as it is.
        """
        with _signals(self._on_signal, self._on_kill_switch if self.store else None):
            timer = None
            if seconds is not None:
                timer = wall_clock().call_later(seconds, lambda: self.stop("time"))
            try:
                return self.cerebro.run()
            except Exception as error:
                text = own_traceback(error, self.own_code) if self.own_code else ""
                if text:
                    raise OwnCodeError(text) from error
                raise
            finally:
                if timer is not None:
                    timer.cancel()

    def stop(self, why: str) -> None:
        """End the run after what is at hand has been handled. Any thread may call it."""
        self.ended_by = self.ended_by or why
        self.cerebro.runstop()
        Cycle.of(self.cerebro).wakeup.signal()

    def _on_signal(self, number: int, frame: Any) -> None:
        if self.ended_by in ("SIGINT", "SIGTERM"):
            os._exit(128 + number)
        self.ended_by = signal.Signals(number).name
        # No print: the signal may have come in the middle of one.
        os.write(2, b"\nstopping; once more to leave at once\n")
        self.stop(self.ended_by)

    def _on_kill_switch(self, number: int, frame: Any) -> None:
        os.write(2, b"\nkill switch: all orders are cancelled, none passes any more\n")
        self.store.control("kill", "SIGUSR1")


@contextlib.contextmanager
def _signals(handler: Any, kill_switch: Any) -> Iterator[None]:
    """Have signals call the handlers; elsewhere than on the main thread, do not."""
    handlers = {signal.SIGINT: handler, signal.SIGTERM: handler}
    if kill_switch is not None and hasattr(signal, "SIGUSR1"):
        handlers[signal.SIGUSR1] = kill_switch
    before: Dict[int, Any] = {}
    try:
        for one, call in handlers.items():
            before[one] = signal.signal(one, call)
    except ValueError:
        pass
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


_OURS = tuple(os.path.dirname(os.path.abspath(str(m.__file__))) + os.sep for m in (btstores, bt))


def own_traceback(error: BaseException, own_code: str) -> str:
    """Return the traceback from the first frame of the user's file on, or "" without one."""
    whole = traceback.TracebackException.from_exception(error)
    frames = list(whole.stack)
    first = _first_frame(frames, own_code)
    if first is None:
        return ""
    kept = [one for one in frames[first:] if not one.filename.startswith(_OURS)]
    whole.stack = traceback.StackSummary.from_list(kept)
    return "".join(whole.format()).rstrip()


def _first_frame(frames: List[Any], own_code: str) -> Optional[int]:
    wanted = os.path.abspath(own_code)
    for index, one in enumerate(frames):
        if os.path.abspath(one.filename) == wanted:
            return index
    return None
