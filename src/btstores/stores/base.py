"""BaseStore: everything that is true of more than one venue.

A venue's store is a subclass that names its parameters and capabilities and makes its
`Gateway`. All state changes on Cerebro's thread, in `BaseStore.process_events`; calls to
the gateway run on the store's sending thread.
"""

from __future__ import annotations

import itertools
import logging
import weakref
from collections import deque
from typing import (
    Any,
    Callable,
    ClassVar,
    Deque,
    Dict,
    Hashable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
    Union,
)

from btstores.clock import NS_PER_SECOND, Clock, wall_clock
from btstores.config import Param, Params
from btstores.errors import BtstoresError, ConfigError, LinkError
from btstores.handlers.account_handler import AccountHandler
from btstores.handlers.base import Handler, Listener, Listeners, pick
from btstores.handlers.data_handler import DataHandler
from btstores.handlers.link_handler import LinkHandler
from btstores.handlers.order_handler import OrderHandler
from btstores.handlers.position_handler import PositionHandler
from btstores.handlers.quality import Quality
from btstores.handlers.trade_handler import TradeHandler
from btstores.inbox import Inbox, Outbox, Wakeup
from btstores.instruments import Instrument
from btstores.journal.base import Journal, NullJournal
from btstores.markets import MarketConfig, MarketRegistry, MarketType
from btstores.orders.book import OrderBook, OrderRecord
from btstores.orders.reasons import Problem
from btstores.reports import (
    AccountReport,
    Bar,
    ControlReport,
    HistoryReport,
    LinkReport,
    LinkState,
    MassStatus,
    PositionReport,
    Quote,
    Report,
    Subscription,
    Tick,
)
from btstores.stores.desk import CONTROLS, OrderDesk
from btstores.stores.dispatch import Dispatch
from btstores.stores.gateway import Capabilities, Gateway
from btstores.stores.keyed import KeyedInstances
from btstores.stores.link import Link
from btstores.stores.parameters import PARAMS
from btstores.stores.recording import Recorder, close_journal, open_journal
from btstores.stores.recovery import Recovery
from btstores.stores.streams import Streams

__all__ = [
    "AccountHandler",
    "BaseStore",
    "DataHandler",
    "Handler",
    "LinkHandler",
    "MarketConfig",
    "MarketType",
    "OrderHandler",
    "PositionHandler",
    "TradeHandler",
]

log = logging.getLogger(__name__)


class BaseStore(metaclass=KeyedInstances):
    """One account at one venue, as Cerebro, the broker and the feeds see it.

    Raises `ConfigError` for parameters of the wrong name or kind. Times are epoch
    nanoseconds UTC unless a parameter says otherwise.
    """

    #: How the store is called in `open_store` and on the command line.
    name: ClassVar[str] = ""
    #: What the venue can do; a copy for one object may know more.
    capabilities: Capabilities = Capabilities()
    #: Checks that this store does otherwise than others, unless it is told.
    default_checks: Mapping[str, str] = {}
    #: The same for the checks of prices, see `btstores.handlers.quality`.
    default_quality: Union[str, Mapping[str, str]] = {}
    broker_class: Optional[Type[Any]] = None
    data_class: Optional[Type[Any]] = None
    _instances: ClassVar[weakref.WeakValueDictionary[Hashable, Any]]

    PARAMS: ClassVar[Tuple[Param, ...]] = PARAMS

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._instances = weakref.WeakValueDictionary()

    @classmethod
    def all_params(cls) -> List[Param]:
        """Return the parameters of this store; a subclass's word on a name counts."""
        specs: Dict[str, Param] = {}
        for base in reversed(cls.__mro__):
            for spec in base.__dict__.get("PARAMS", ()):
                specs[spec.name] = spec
        return list(specs.values())

    @classmethod
    def identity(cls, params: Params) -> Optional[Hashable]:
        """Return what tells one connection from another; None if each object is its own."""
        return (params.host, params.port, params.account)

    def __init__(self, params: Params) -> None:
        self.params = self.p = params
        self.clock: Clock = params.clock or self.make_clock()
        self.inbox = Inbox()
        name = self.name or type(self).__name__
        self.outbox = Outbox(name, self.clock.threaded)
        #: History is asked for here, so that no order waits behind it.
        self.queries = Outbox(f"{name}-queries", self.clock.threaded)
        self.journal: Journal = NullJournal()
        self._committed_ns = 0
        self.book = OrderBook()
        self.wakeup: Optional[Wakeup] = None
        self.broker: Optional[Any] = None
        #: The feeds that have been started, by id.
        self.datas: Dict[int, Any] = {}
        self._markets = MarketRegistry(params.markets)
        self.get_market_config()  # a bad file of markets is told now, not with an order
        self.instruments: Dict[str, Instrument] = {}
        self.symbols: Dict[str, str] = {}  # as we write them, by what users call them
        self._request_ids = itertools.count(1)
        self._notifications: Deque[Tuple[str, Tuple[Any, ...], Dict[str, Any]]] = deque()
        self._link = Link(self)
        self.stopped = True
        self._begins, self._processing = True, False
        self._debug: bool = params.debug
        self.desk: OrderDesk = OrderDesk(self)
        self.streams = Streams(self)
        self.quality: Quality = self.streams.quality
        self.recorder: Recorder = Recorder(self)
        self.recovery: Recovery = Recovery(self)
        self._make_handlers(params.handlers)
        self.gateway: Gateway = self.make_gateway()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.params!r})"

    # What a venue fills in.

    def make_gateway(self) -> Gateway:
        """Return a new gateway for the parameters."""
        raise NotImplementedError(f"{type(self).__name__} must make its gateway")

    def symbol_of(self, dataname: str) -> str:
        """Return a symbol as this store writes it. Raises `ConfigError` for what can be none."""
        return dataname

    def make_clock(self) -> Clock:
        """Return the clock to run on when none is given."""
        return wall_clock()

    def make_journal(self) -> Journal:
        """Return the journal for a run."""
        return open_journal(self.params.journal, self.clock)

    # Handlers.

    def _make_handlers(self, given: Sequence[Handler]) -> None:
        self.order_handler = pick(given, OrderHandler)
        self.trade_handler = pick(given, TradeHandler)
        self.position_handler = pick(given, PositionHandler)
        self.account_handler = pick(given, AccountHandler)
        self.data_handler = pick(given, DataHandler)
        self.link_handler = pick(given, LinkHandler)
        self.order_handler.book = self.trade_handler.book = self.book
        self.order_handler.replay_fill = self.trade_handler.handle
        self.order_handler.screen = self.desk.engine.screen
        self.set_listener(Listener())
        standard: List[Handler] = [
            self.order_handler,
            self.trade_handler,
            self.position_handler,
            self.account_handler,
            self.data_handler,
            self.link_handler,
        ]
        added = [handler for handler in given if handler not in standard]
        self._dispatch = Dispatch(self.name, self.put_notification)
        for handler in standard + added:
            for kind in handler.reports:
                self._dispatch.add(kind, handler.handle)
        for heard in (self.desk.hears(), self.streams.hears(), self.recovery.hears()):
            for kind, call in heard.items():
                self._dispatch.add(kind, call)

    def set_listener(self, listener: Listener) -> None:
        """Let ``listener`` hear of orders, fills, positions and balances."""
        every = Listeners(self.recorder, self.recovery, self.desk, listener)
        self.order_handler.listener = self.trade_handler.listener = every
        self.position_handler.listener = self.account_handler.listener = every

    # Lifecycle. Cerebro calls start() and stop(); feeds and brokers name themselves.

    def start(self, data: Optional[Any] = None, broker: Optional[Any] = None) -> None:
        """Connect, unless that is done, and take in a feed or the broker.

        Raises `LinkError` when the venue cannot be reached within ``timeout``.
        """
        if broker is not None:
            self.broker = broker
        if data is not None:
            self.datas[id(data)] = data
        self.connect()
        if data is not None and self.broker is not None:
            self.broker.data_started(data)

    def stop(self) -> None:
        """Disconnect and finish the journal. Safe to call any number of times."""
        self._release()
        if self.stopped:
            return
        self.stopped = True
        self._link.give_up()
        self.recorder.end_run()
        self.recovery.stop()
        self.process_events()
        self._finish()
        self.desk.stop()
        self.streams.clear()
        self.datas.clear()

    def connect(self) -> None:
        """Connect and learn orders, fills, positions and balances. Does nothing twice.

        Raises `LinkError` when this is not done within ``timeout`` seconds; what fails before is
        tried again for ``start_timeout`` seconds.
        """
        if self.connected:
            return
        try:
            if self.stopped:
                self.journal = self.make_journal()
                self.stopped, self._begins = False, True
                self._link.reset()
                self.recovery.restore()
                self.recorder.begin_run()
                self.order_handler.listener.on_run()
            limit = 2 * self.params.timeout + self.params.start_timeout
            self.outbox.call(self._link.begin, timeout=limit)
        except BtstoresError:
            self._finish()
            raise
        except Exception as error:
            self._finish()
            raise LinkError(f"{self.name}: cannot connect: {error}") from error
        self.process_events()

    def _release(self) -> None:
        """Let the next call with these parameters make a new store."""
        for key, store in list(type(self)._instances.items()):
            if store is self:
                del type(self)._instances[key]

    def _finish(self) -> None:
        """Leave nothing behind: an open session may keep the process alive."""
        self.stopped = True
        self._release()
        self.link_handler.state = LinkState.DOWN  # nothing is sent any more
        self.desk.sender.stop()
        self.outbox.submit(self._link.log_out)
        self.outbox.stop(self.params.timeout)
        self.queries.stop(min(1.0, self.params.timeout))
        self.process_events()
        self.link_handler.state = LinkState.DOWN  # whatever the last reports said
        close_journal(self.journal)

    def disconnect(self) -> None:
        """Log out; the same as `stop`."""
        self.stop()

    @property
    def connected(self) -> bool:
        """Return whether the venue can be reached."""
        return self.link_handler.connected

    @property
    def authenticated(self) -> bool:
        """Return whether the account is known and orders may be sent."""
        return self.link_handler.ready

    # What the venue tells.

    def put(self, report: Report) -> None:
        """Hand a report in. Any thread may call it."""
        self.inbox.put(report)

    def attach(self, wakeup: Wakeup) -> None:
        """Share the wake-up of a Cerebro."""
        self.wakeup = wakeup
        self.inbox.attach(wakeup)
        wakeup.drive(self.clock)

    def idle(self) -> None:
        """Use a quiet moment: make durable what has only been recorded so far."""
        self._committed_ns = wall_clock().monotonic_ns()
        try:
            self.desk.idle()
            self.recovery.snapshot()
            self.journal.idle()
        except BtstoresError as error:
            self.desk.journal_failed(error)

    def process_events(self) -> int:
        """Record and handle all reports that have arrived; return how many there were.

        Only Cerebro's thread may call it. An error in a handler is told by
        `get_notifications` and loses no report.
        """
        if self._processing:
            return 0
        self._processing = True
        count = 0
        try:
            for report in iter(self.inbox.take, None):
                count += 1
                self.handle(report)
        finally:
            self._processing = False
        return count

    def handle(self, report: Report) -> None:
        """Record a report and hand it on; on Cerebro's thread, in the order of the inbox."""
        if isinstance(report, MassStatus):
            first, self._begins = self._begins, False
            self.recovery.apply(report, first)
            return
        if self._debug:
            log.info("report store=%s %r", self.name, report)
        self.recorder.record(report)
        screened = self.streams.screen(report)
        if screened is not None:
            self._dispatch.hand(screened)
        self.recorder.flush()
        if isinstance(report, LinkReport) and report.subscription is None:
            self._on_link(report)

    def _on_link(self, report: LinkReport) -> None:
        if report.state is LinkState.READY:
            self._link.reset()
            self.put_notification("connected")
        elif report.state is LinkState.DOWN:
            if not self._link.tries:
                self.put_notification("link lost")
            if self.params.reconnect and not self.stopped:
                self._link.retry_later()

    # Notifications.

    def put_notification(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Tell strategies something through ``notify_store``."""
        self._notifications.append((msg, args, kwargs))

    def get_notifications(self) -> List[Tuple[str, Tuple[Any, ...], Dict[str, Any]]]:
        """Handle what has arrived and return what to tell; Cerebro asks once per cycle."""
        if self.wakeup is not None:
            self.wakeup.cycle += 1
        self.recorder.turn(self.process_events)
        if (
            self.recorder.active
            and wall_clock().monotonic_ns() - self._committed_ns > NS_PER_SECOND
        ):
            self.idle()  # there are markets without a quiet moment
        told = list(self._notifications)
        self._notifications.clear()
        return told

    # Market data.

    def subscribe_market_data(
        self, dataname: str, timeframe: int, compression: int = 1, quotes: bool = False
    ) -> Subscription:
        """Ask the venue for a stream, unless it comes already, and count one more user."""
        subscription = Subscription(dataname, int(timeframe), compression, quotes)
        self.streams.add(subscription)
        return subscription

    def unsubscribe_market_data(
        self, dataname: str, timeframe: int, compression: int = 1, quotes: bool = False
    ) -> None:
        """Count one user less, and stop the stream with the last."""
        self.streams.remove(Subscription(dataname, int(timeframe), compression, quotes))

    def request_history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int],
        asker: Callable[[HistoryReport], None],
    ) -> None:
        """Ask for bars or ticks; ``asker`` gets the answer on Cerebro's thread, once."""
        request_id = next(self._request_ids)
        self.data_handler.expect_history(request_id, asker)
        self.streams.fetch(request_id, subscription, start_ns, end_ns, count)

    def get_history_data(
        self,
        dataname: str,
        timeframe: int,
        compression: int = 1,
        start_ns: Optional[int] = None,
        end_ns: Optional[int] = None,
        count: Optional[int] = None,
    ) -> Sequence[Union[Bar, Tick]]:
        """Return complete bars (or ticks) between two times, both included, ascending."""
        subscription = Subscription(dataname, int(timeframe), compression)
        return self.queries.call(
            self.gateway.history,
            subscription,
            start_ns,
            end_ns,
            count,
            timeout=self.params.timeout,
        )

    def tap(self, listener: Callable[[Report], None]) -> None:
        """Show ``listener`` all market data as it is handled, on Cerebro's thread."""
        for kind in (Bar, Tick, Quote):
            self._dispatch.add(kind, listener)

    def instrument(self, symbol: str) -> Instrument:
        """Return what the venue knows of ``symbol``; asked once.

        Raises `UnknownInstrumentError`.
        """
        if symbol not in self.instruments:
            timeout = self.params.timeout
            found = self.outbox.call(self.gateway.instrument, symbol, timeout=timeout)
            self.instruments[symbol] = found
            self.recorder.learned(found)
        return self.instruments[symbol]

    def known_instrument(self, symbol: str) -> Optional[Instrument]:
        """Return what has been asked of ``symbol`` before, or None. Never a call."""
        return self.instruments.get(symbol)

    def problem_of(self, subscription: Subscription) -> str:
        """Return why the venue cannot serve a stream, or an empty string."""
        problem = self.capabilities.problem_of(subscription)
        if problem:
            return f"{self.name} has no {problem}"
        return self.gateway.problem_of(subscription)

    # Orders.

    def order_create(self, order: OrderRecord, *children: OrderRecord) -> bool:
        """Check an order, or a bracket with its parent first, and send it.

        The intent is durable before the venue hears of it. What becomes of the order
        comes as reports. Returns False when it is refused here.
        """
        return self.desk.place((order, *children))

    def order_cancel(self, order: OrderRecord) -> None:
        """Ask the venue to cancel; the order stays alive until the venue says otherwise."""
        self.desk.cancel(order)

    def order_modify(self, order: OrderRecord, **changes: Any) -> List[Problem]:
        """Ask the venue to change a live order: size, price, limit_price and so on.

        Returns why it cannot be; the listener is told then, as of a venue's refusal.
        """
        return self.desk.modify(order, changes)

    def control(self, action: str, cause: str) -> None:
        """Resume, reduce, halt or kill trading, from any thread. Raises `ConfigError`."""
        if action not in CONTROLS:
            raise ConfigError.of("action", action, f"one of {', '.join(CONTROLS)}")
        self.put(ControlReport(self.clock.time_ns(), action, cause))

    # The account, as last told: never a call, and never zero because a link is down.

    def refresh_account(self) -> None:
        """Ask the venue for the balances now, and take them in."""
        status = self.outbox.call(self.gateway.mass_status, timeout=self.params.timeout)
        for report in status.accounts:
            self.put(report)
        self.process_events()

    @property
    def currency(self) -> Optional[str]:
        """Return the currency of the account, or None before the first balance."""
        for currency in self.account_handler.accounts:
            return currency
        return None

    def balance(self) -> Optional[AccountReport]:
        """Return the newest balance, or None before the first."""
        currency = self.currency
        return self.account_handler.balance(currency) if currency is not None else None

    def get_cash(self) -> Optional[float]:
        """Return the cash in the account's currency, or None while unknown."""
        balance = self.balance()
        return balance.cash if balance is not None else None

    def get_value(self) -> Optional[float]:
        """Return cash plus positions in the account's currency, or None while unknown."""
        balance = self.balance()
        return balance.value if balance is not None else None

    def get_positions(self) -> Dict[str, PositionReport]:
        """Return what the venue says the account holds, by symbol."""
        return {
            symbol: report
            for symbol, report in self.position_handler.positions.items()
            if report.size
        }

    # Markets.

    def register_market(self, config: MarketConfig) -> None:
        """Add or replace the figures of a market for this store."""
        self._markets.register(config)

    def get_market_config(self, market: Optional[MarketType] = None) -> MarketConfig:
        """Return the figures of ``market``, by default of the market this store trades."""
        return self._markets.get(market or self.params.market)

    # What Cerebro is given.

    def getdata(self, *args: Any, **kwargs: Any) -> Any:
        """Return a feed; ``dataname`` is the symbol. Takes the parameters of `StoreFeed`."""
        from btstores.feeds.make import make_feed

        return make_feed(self, *args, **kwargs)

    def getbroker(self, *args: Any, **kwargs: Any) -> Any:
        """Return the broker of this account, always the same one."""
        if self.broker is None:
            from btstores.brokers.storebroker import StoreBroker

            self.broker = (self.broker_class or StoreBroker)(self, *args, **kwargs)
        return self.broker
