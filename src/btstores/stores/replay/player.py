"""Tells a store what its recording says, turn by turn."""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Deque, Dict, Iterator, NamedTuple, Optional, Set

from btstores.clock import NS_PER_SECOND
from btstores.inbox import Signal
from btstores.reports import HistoryReport, LinkReport, LinkState, Report, Subscription
from btstores.stores.replay.clock import RecordedClock
from btstores.stores.replay.comparison import Comparison
from btstores.stores.replay.run import Batch, RecordedRun

__all__ = ["Player", "Recorded"]


class Recorded(NamedTuple):
    """A report as it was recorded, on its way to the store."""

    report: Report


class Player:
    """Hands on the reports of a run, those of a turn together, when the engine waits for news.

    ``speed`` is how many times faster than recorded; None is as fast as possible.
    ``max_pause`` is the longest pause in seconds. ``end`` is called when nothing is left, and
    returns whether the engine stops then.
    """

    def __init__(
        self,
        run: RecordedRun,
        comparison: Comparison,
        clock: RecordedClock,
        hand: Callable[[Any], None],
        speed: Optional[float],
        max_pause: Optional[float],
        end: Callable[[], bool],
    ) -> None:
        self._run = run
        self._comparison = comparison
        self._clock = clock
        self._hand = hand
        self._speed = speed
        self._max_pause = max_pause
        self._end = end
        self._batches: Iterator[Batch] = iter(())
        self._next: Optional[Batch] = None
        self._answers: Counter[Subscription] = Counter()
        self._questions: Dict[Subscription, Deque[int]] = {}
        self._streams: Set[Subscription] = set()
        #: Whether all has been told.
        self.over = False
        self._was_ready = False
        self._told_ns = clock.time_ns()

    @property
    def next_seq(self) -> Optional[int]:
        """Return the seq of what is told next, or None when all has been told."""
        return None if self._next is None else self._next.seq

    def start(self) -> None:
        """Begin with what followed the first mass status."""
        self._answers = Counter(self._run.answers)
        self._questions.clear()
        self._streams.clear()
        self.over = self._was_ready = False
        self._batches = self._run.batches()
        self._advance()

    def _advance(self) -> None:
        self._next = next(self._batches, None)
        when_ns = self._next.time_ns if self._next is not None else self._clock.time_ns()
        self._clock.ring_at(when_ns, self._ring_for(self._next))

    def _ring_for(self, batch: Optional[Batch]) -> Callable[[], None]:
        def ring() -> None:
            if batch is self._next:  # else it has been told early
                self._tell_next()

        return ring

    def catch_up(self, backlog: int) -> None:
        """Tell what came before feeds were asked, while they had still so much to show."""
        batch = self._next
        if batch is not None and (batch.early or backlog) and backlog <= batch.backlog:
            self._tell_next()

    def answer(self) -> bool:
        """Tell what was said in the middle of a turn, if all that it may answer has been asked.

        Returns whether something was told.
        """
        batch = self._next
        if batch is not None and batch.answers and self._comparison.is_done_before(batch.seq):
            self._tell_next()
            return True
        return False

    def _tell_next(self) -> None:
        batch = self._next
        if batch is None or not batch.reports:
            self._finish()
            return
        self._pause(batch)
        self._clock.show(batch.time_ns)
        self._comparison.told(batch.seq)
        self._next = None
        for report in batch.reports:
            self._hand(Recorded(report))
        self._advance()

    def _pause(self, batch: Batch) -> None:
        if self._speed is None:
            return
        seconds = (batch.time_ns - self._told_ns) / NS_PER_SECOND / self._speed
        self._told_ns = batch.time_ns
        if self._max_pause is not None:
            seconds = min(seconds, self._max_pause)
        if seconds > 0:
            Signal().wait(seconds)

    def _finish(self) -> None:
        """End what still waits: there is no more."""
        self.over = True
        self._comparison.told(2**63)
        if self._end():
            return
        for subscription, asked in self._questions.items():
            while asked:
                self._refuse_history(asked.popleft(), subscription)
        for subscription in sorted(self._streams):
            self._end_stream(subscription)

    # What the core asks for

    def question(self, asked: HistoryReport) -> None:
        """Take a question for history; it is answered when it was answered then."""
        subscription = asked.subscription
        if self.over or self._answers[subscription] <= 0:
            self._refuse_history(asked.request_id, subscription)
            return
        self._answers[subscription] -= 1
        self._questions.setdefault(subscription, Deque()).append(asked.request_id)

    def _refuse_history(self, request_id: int, subscription: Subscription) -> None:
        text = "this question is not in the recording"
        self._hand(HistoryReport(request_id, subscription, error=text))

    def stream(self, subscription: Subscription) -> None:
        """Take a request for a stream."""
        if subscription not in self._run.streams:
            now_ns, text = self._clock.time_ns(), "this stream is not in the recording"
            self._hand(LinkReport(LinkState.REFUSED, now_ns, subscription, text))
        elif self.over:
            self._end_stream(subscription)
        else:
            self._streams.add(subscription)

    def _end_stream(self, subscription: Subscription) -> None:
        now_ns = self._clock.time_ns()
        self._hand(LinkReport(LinkState.ENDED, now_ns, subscription, "the recording ends here"))

    # What is told

    def as_now(self, report: Any) -> Optional[Report]:
        """Return a report under the ids of this replay; None for what concerns nobody here.

        To be called when its turn has come: it may answer what the one before it led to.
        """
        if isinstance(report, HistoryReport):
            asked = self._questions.get(report.subscription)
            return report._replace(request_id=asked.popleft()) if asked else None
        if isinstance(report, LinkReport):
            # The store has told the first itself.
            first = report.subscription is None and not self._was_ready
            self._was_ready = self._was_ready or (first and report.state is LinkState.READY)
            return None if first else report
        recorded_id = getattr(report, "client_order_id", None)
        if recorded_id:
            name = self._comparison.name_now(recorded_id)
            return None if name is None else report._replace(client_order_id=name)
        return report  # type: ignore[no-any-return]
