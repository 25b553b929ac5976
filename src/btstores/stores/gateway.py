"""The one contract that a venue implements, and what it declares it can do."""

from __future__ import annotations

import abc
import dataclasses
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    FrozenSet,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from btstores.instruments import Instrument, TimeFrame, timeframe_name
from btstores.reports import (
    Bar,
    MassStatus,
    OrderModification,
    OrderRequest,
    OrderType,
    Report,
    Subscription,
    Tick,
    TimeInForce,
)

__all__ = ["Capabilities", "Gateway", "PutReport", "RateLimit"]

PutReport = Callable[[Report], None]

ALL_ORDER_TYPES = frozenset(OrderType)


class RateLimit(NamedTuple):
    """A venue takes so many ``requests`` of these ``kinds`` together in ``seconds``.

    Kinds are ``place``, ``cancel``, ``modify`` and ``history``.
    """

    kinds: FrozenSet[str]
    requests: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """What a venue does by itself; data, read by broker, tests and docs alike.

    ``timeframes`` holds (time frame, compression) pairs; compression 0 stands for any.
    ``modify`` names the fields of a live order that can be changed. ``bracket_children`` is
    how many exits a bracket may have at most, None for any number. ``exits`` are the kinds that
    they must be where the venue ties them to what the entry opens: of limits and of stops one at
    most, and each for all that the entry is for; empty for any. ``tells_power`` is True
    where the venue itself refuses what the account cannot pay, before it takes the order.
    ``partial`` is whether an order may be executed in parts.
    ``freezes`` is True where a working sell order keeps what it sells from all others, so that
    the exits of a bracket have to take turns.
    ``rates`` are the limits on requests. ``extras`` names what else an order may ask for
    (``reduce_only``, ``iceberg``, ``post_only`` ...), ``options`` whether options trade.
    """

    order_types: FrozenSet[OrderType] = frozenset({OrderType.MARKET, OrderType.LIMIT})
    tifs: FrozenSet[TimeInForce] = frozenset({TimeInForce.GTC})
    bracket: bool = False
    bracket_children: Optional[int] = None
    exits: FrozenSet[OrderType] = frozenset()
    oco: bool = False
    modify: FrozenSet[str] = frozenset()
    short: bool = False
    fractional: bool = False
    timeframes: FrozenSet[Tuple[int, int]] = frozenset()
    ticks: bool = False
    quotes: bool = False
    history: bool = False
    options: bool = False
    batch_cancel: bool = False
    tells_power: bool = True
    partial: bool = True
    freezes: bool = False
    rates: Tuple[RateLimit, ...] = ()
    extras: FrozenSet[str] = frozenset()

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain JSON values."""
        plain = dataclasses.asdict(self)
        for name in ("order_types", "exits", "tifs"):
            plain[name] = sorted(one.value for one in plain[name])
        for name in ("modify", "timeframes", "extras"):
            plain[name] = sorted(plain[name])
        plain["rates"] = [[sorted(one.kinds), one.requests, one.seconds] for one in self.rates]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Capabilities:
        """Return what `to_dict` has written. What a newer version knows besides is left out."""
        read: Dict[str, Callable[[Any], Any]] = {
            "order_types": lambda values: frozenset(map(OrderType, values)),
            "exits": lambda values: frozenset(map(OrderType, values)),
            "tifs": lambda values: frozenset(map(TimeInForce, values)),
            "timeframes": lambda values: frozenset(map(tuple, values)),
            "modify": frozenset,
            "extras": frozenset,
            "rates": lambda rows: tuple(
                RateLimit(frozenset(kinds), requests, seconds) for kinds, requests, seconds in rows
            ),
        }
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(
            **{
                name: read[name](value) if name in read else value
                for name, value in plain.items()
                if name in known
            }
        )

    def has_timeframe(self, timeframe: int, compression: int) -> bool:
        """Return whether the venue makes bars of this time frame itself."""
        return (timeframe, compression) in self.timeframes or (timeframe, 0) in self.timeframes

    def problem_of(self, subscription: Subscription) -> str:
        """Return what of a stream the venue lacks, in words, or an empty string."""
        _, timeframe, compression, quotes = subscription
        if quotes:
            return "" if self.quotes else "quotes"
        if timeframe == TimeFrame.TICKS and compression <= 1:
            return "" if self.ticks else "ticks"
        if self.has_timeframe(timeframe, compression):
            return ""
        offered = [
            timeframe_name(each, compressed or "any")
            for each, compressed in sorted(self.timeframes)
        ]
        wanted = timeframe_name(timeframe, compression)
        return f"{wanted} bars; it has: {', '.join(offered) or 'none'}"


class Gateway(abc.ABC):
    """A venue. It calls out, hands what it hears to ``put`` and decides nothing.

    All methods but `history` run one after the other on the store's sending thread;
    `history` runs on one of its own and may overlap with any of them. Each may block up to
    its own time-out; reports may be put from any thread. The link may break at any moment:
    a method that cannot do its work for that raises `LinkError`. A report on an order that
    the store may not have sent carries its ``request``. A method that returns has
    handed its request over: the venue's answer comes as a report. One that raises
    `VenueRefused` had no effect; any other exception leaves the outcome unknown.
    """

    capabilities: ClassVar[Capabilities] = Capabilities()

    @abc.abstractmethod
    def connect(self, put: PutReport, timeout: float) -> None:
        """Log in within ``timeout`` seconds and report to ``put`` from now on.

        Put a `LinkReport` DOWN when the link breaks later. Raises `LinkError`.
        """

    @abc.abstractmethod
    def disconnect(self) -> None:
        """Log out and free everything. May be called twice, or when never connected."""

    @abc.abstractmethod
    def instrument(self, symbol: str) -> Instrument:
        """Return what the venue knows of ``symbol``. Raises `UnknownInstrumentError`."""

    @abc.abstractmethod
    def subscribe(self, subscription: Subscription) -> None:
        """Start a stream of market data: complete bars, ticks or quotes.

        Raises `LinkError` when the link is to blame: it is made again, and the stream asked
        for again. Any other exception is a refusal and ends the stream.
        """

    def problem_of(self, subscription: Subscription) -> str:
        """Return why this stream cannot be had although the capabilities allow it, or "".

        Answers from what is known already; never a call to the venue.
        """
        return ""

    def missing(self, subscriptions: Sequence[Subscription]) -> Sequence[Subscription]:
        """Return which of these streams the venue does not send, though it was asked for them.

        None where it cannot be asked. Raises `LinkError`.
        """
        return ()

    @abc.abstractmethod
    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a stream."""

    @abc.abstractmethod
    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int] = None,
    ) -> Sequence[Union[Bar, Tick]]:
        """Return complete bars (or ticks) with start <= time <= end, in ascending time.

        ``None`` leaves an end open; ``count`` keeps only the newest ones.
        """

    @abc.abstractmethod
    def place(self, group: Sequence[OrderRequest]) -> None:
        """Send one order, or a bracket whose first request is the parent."""

    @abc.abstractmethod
    def cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        """Ask for the cancellation of an order."""

    def modify(self, modification: OrderModification) -> None:
        """Ask for a change of a live order; only called for declared fields."""
        raise NotImplementedError(f"{type(self).__name__} declares modify but lacks it")

    @abc.abstractmethod
    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        """Return orders, fills, positions and balances as of one moment.

        Fills and ends go back to ``since_ns`` on the store's clock, as far as the venue keeps
        them; None leaves it to the gateway how far. Live orders are all in it, each
        with its ``request``; finished ones may be. Positions are complete: what is not in it
        is not held. Raises when any part cannot be had: a failed query is never an empty
        answer.
        """
