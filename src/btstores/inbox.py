"""The only place where threads meet: the inbox of a store, its outboxes, and the wake-up.

SDK threads put reports into the `Inbox`; Cerebro's thread takes them out, in order. Calls
to the venue leave through an `Outbox`, a thread each. All stores and feeds of one Cerebro
share one `Wakeup`, so that an event on any of them ends the wait of all of them.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from typing import Any, Callable, Deque, Generic, Iterator, List, Optional, Tuple, TypeVar

from btstores.clock import Clock, SimulatedClock, give_way
from btstores.errors import LinkError
from btstores.reports import Report

__all__ = ["Guard", "Inbox", "Outbox", "Signal", "Wakeup"]

log = logging.getLogger(__name__)

T = TypeVar("T")

#: For what a gateway shares with the threads of a venue's own client: a lock, and a word that
#: ends a wait.
Guard = threading.Lock
Signal = threading.Event


class Wakeup:
    """Ends the wait of Cerebro's thread as soon as any store has something to tell."""

    #: A simulated clock may run this many timers in one wait without anything to tell.
    max_steps = 10_000

    def __init__(self) -> None:
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._signalled = False
        self._clocks: List[SimulatedClock] = []
        #: Counts the cycles of the engine; see `BaseStore.get_notifications`.
        self.cycle = 0

    def drive(self, clock: Clock) -> None:
        """Let waiting move ``clock``, if it is a simulated one."""
        if isinstance(clock, SimulatedClock) and clock not in self._clocks:
            self._clocks.append(clock)

    def signal(self) -> None:
        """End the wait. Any thread may call it."""
        # One token is enough until the waiter has taken it: a store is told to look only
        # after its report has been put, and the waiter clears the flag before it looks.
        if not self._signalled:
            self._signalled = True
            self._tokens.put(None)

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds; return whether something was signalled.

        Simulated clocks jump from timer to timer instead, the earliest first.
        """
        moved = bool(self._clocks) and not self._signalled and self._run_clocks()
        try:
            if timeout > 0 and not moved:
                self._tokens.get(timeout=timeout)
            else:
                self._tokens.get_nowait()
        except queue.Empty:
            return False
        self._signalled = False
        return True

    def _run_clocks(self) -> bool:
        """Run timers until one signals; return False when there is none left to run."""
        for _ in range(self.max_steps):
            earliest: Optional[Tuple[int, SimulatedClock]] = None
            for clock in self._clocks:
                when = clock.next_ns()
                if when is not None and (earliest is None or when < earliest[0]):
                    earliest = (when, clock)
            if earliest is None:
                return False
            earliest[1].run_next()
            if self._signalled:
                return True
        return True


class Inbox:
    """Reports of one store in the order of their arrival."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._signal: Optional[Callable[[], None]] = None

    def attach(self, wakeup: Wakeup) -> None:
        """Signal ``wakeup`` for each report from now on, and for those already here."""
        self._signal = wakeup.signal
        if not self._queue.empty():
            wakeup.signal()

    def put(self, report: Report) -> None:
        """Hand a report to Cerebro's thread. Any thread may call it."""
        self._queue.put(report)
        if self._signal is not None:
            self._signal()

    def empty(self) -> bool:
        """Return whether nothing waits."""
        return self._queue.empty()

    def take(self) -> Optional[Report]:
        """Return the next report, or None. One thread only."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            return None


class _Answer(Generic[T]):
    """The result of a call that runs on another thread."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._result: Optional[T] = None
        self._error: Optional[BaseException] = None

    def run(self, function: Callable[..., T], args: Tuple[Any, ...]) -> None:
        try:
            self._result = function(*args)
        except BaseException as error:
            self._error = error
        self._done.set()

    def wait(self, timeout: float, what: str) -> T:
        if not self._done.wait(timeout):
            raise LinkError(f"{what} did not finish within {timeout:g} seconds")
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class _Calls:
    """Calls in line, the urgent ones first. Any thread may put, one iterates."""

    def __init__(self) -> None:
        self._urgent: Deque[Callable[[], None]] = deque()
        self._others: Deque[Callable[[], None]] = deque()
        self._tokens: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def put(self, call: Callable[[], None], urgent: bool) -> None:
        # The call before its token: whoever has taken a token finds a call, if not this one
        # then one that was put before it. Both appends are atomic.
        (self._urgent if urgent else self._others).append(call)
        self._tokens.put(True)
        # The thread that waits for it may begin: this one would keep the interpreter till it rests.
        give_way()

    def end(self) -> None:
        """End the iteration after as many calls as have been put."""
        self._tokens.put(False)

    def __iter__(self) -> Iterator[Callable[[], None]]:
        while self._tokens.get():
            yield (self._urgent or self._others).popleft()


class Outbox:
    """Runs calls to the venue one after the other, away from Cerebro's thread.

    Not ``threaded``, as on a simulated clock, they run at once on the caller's thread.
    """

    def __init__(self, name: str, threaded: bool = True) -> None:
        self.name = name
        self._threaded = threaded
        self._calls = _Calls()
        self._thread: Optional[threading.Thread] = None

    def submit(self, call: Callable[[], None], urgent: bool = False) -> None:
        """Run ``call`` after those submitted before; it must handle its own errors.

        An ``urgent`` one runs before all that wait and are not.
        """
        if not self._threaded:
            call()
            return
        if self._thread is None:
            # A line of its own: a thread that hung when it was stopped must not take calls of
            # the next, nor leave it the word to end.
            self._calls = _Calls()
            self._thread = threading.Thread(
                target=self._run, args=(self._calls,), name=f"btstores-{self.name}", daemon=True
            )
            self._thread.start()
        self._calls.put(call, urgent)

    def call(self, function: Callable[..., T], *args: Any, timeout: float) -> T:
        """Run ``function`` in turn and return its result, or raise what it raised.

        Raises `LinkError` when it is not done within ``timeout`` seconds.
        """
        answer: _Answer[T] = _Answer()
        self.submit(lambda: answer.run(function, args))
        return answer.wait(timeout, f"{self.name}: {function.__name__}")

    def stop(self, timeout: float) -> bool:
        """Finish what was submitted; return whether it was done within ``timeout``."""
        thread, self._thread = self._thread, None
        if thread is None:
            return True
        self._calls.end()
        thread.join(timeout)
        return not thread.is_alive()

    def _run(self, calls: _Calls) -> None:
        for call in calls:
            try:
                call()
            except Exception:
                log.exception("outbox.call_failed store=%s", self.name)
