"""RouterBroker: several accounts in one Cerebro, as one broker."""

from __future__ import annotations

import itertools
import math
from collections import deque
from typing import Any, Deque, Iterator, List, Mapping, Optional, Sequence, Set, Union

from backtrader.position import Position

from btstores.brokers.account import FundView
from btstores.brokers.rates import read_rates
from btstores.brokers.sharedrisk import SharedRisk, Sums
from btstores.brokers.storebroker import StoreBroker
from btstores.errors import ConfigError
from btstores.orders.risk import TradingState, read_rules, strictest
from btstores.stores.base import BaseStore

__all__ = ["RouterBroker"]

_NAN = float("nan")


class RouterBroker(FundView):
    """The broker of several accounts: it sends each order to the store of its feed.

    ``stores`` are stores or their brokers. Cash and value are added up in ``currency``, at
    ``rates``: a mapping such as ``{"HKD": 0.128}`` of numbers or feeds, a `Rates` table, or a
    callable that is given two currencies. Where a rate is missing, sums are NaN and
    ``notify_store("no rate", currency)`` says so once. ``risk`` are rules as of a store, checked
    over all accounts besides each store's own; their days begin at midnight in ``timezone``.

    Raises `ConfigError` for parameters that make no sense.
    """

    params: Any = (("currency", "USD"), ("rates", None), ("risk", None), ("timezone", "UTC"))

    def __init__(self, stores: Sequence[Union[BaseStore, StoreBroker]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.brokers = _brokers_of(stores)
        self.positions = _Positions(self)
        self._told: Deque[Any] = deque()
        self._missing: Set[str] = set()
        self._rate_of = read_rates(self.p.rates, self.p.currency, self._now_ns)
        self._shared: Optional[SharedRisk] = None
        if self.p.risk is not None:
            sums = Sums(self._known_value, self._rate)
            self._shared = SharedRisk(read_rules(self.p.risk), self.stores, sums, self.p.timezone)

    @property
    def stores(self) -> List[BaseStore]:
        """The stores of the accounts, in the order given."""
        return [broker.store for broker in self.brokers]

    def broker_of(self, data: Any) -> Optional[StoreBroker]:
        """Return the broker of the account that trades a feed; None if none does."""
        return next((broker for broker in self.brokers if broker.trades(data)), None)

    def _broker_for(self, data: Any) -> StoreBroker:
        """Return the broker for an order; the first one refuses what none of them trades."""
        return self.broker_of(data) or self.brokers[0]

    def _now_ns(self) -> int:
        return max(store.clock.time_ns() for store in self.stores)

    # Lifecycle, called by Cerebro.

    def start(self) -> None:
        super().start()
        self._startingcash = self._fund_shares = None
        self._missing.clear()
        try:
            for broker in self.brokers:
                broker.cerebro = getattr(self, "cerebro", None)
                broker.tell_through(self._told)
                broker.start()
        except Exception:
            self.stop()  # no account stays connected alone
            raise
        if self._shared is not None:
            self._shared.install()
        self._begin()

    def stop(self) -> None:
        super().stop()
        if self._shared is not None:
            self._shared.remove()
        for broker in self.brokers:
            broker.stop()

    def _begin(self) -> None:
        # A rate may come with the first bar of its feed.
        if all(self._rate(store) is not None for store in self.stores):
            self.begin_account()

    def next(self) -> None:
        for broker in self.brokers:
            broker.next()
        if math.isnan(self.startingcash):
            self._begin()
        if self._shared is not None:
            self._shared.look()

    def data_started(self, data: Any) -> None:
        """Show the strategy what the account of a feed holds of its instrument already."""
        broker = self.broker_of(data)
        if broker is not None:
            broker.data_started(data)

    # Notifications: all brokers put theirs into the same queue.

    def get_notification(self) -> Optional[Any]:
        return self._told.popleft() if self._told else None

    def has_notification(self) -> bool:
        """Return whether a strategy has yet to hear something."""
        return bool(self._told)

    # Orders.

    def buy(self, owner: Any, data: Any, size: Any, **kwargs: Any) -> Any:
        return self._broker_for(data).buy(owner, data, size, **kwargs)

    def sell(self, owner: Any, data: Any, size: Any, **kwargs: Any) -> Any:
        return self._broker_for(data).sell(owner, data, size, **kwargs)

    def submit(self, order: Any, check: bool = True) -> Any:
        return self._broker_for(order.data).submit(order, check)

    def cancel(self, order: Any, bracket: bool = False) -> bool:
        """Ask for the cancellation; return False when there is nothing to cancel."""
        return self._broker_for(order.data).cancel(order, bracket)

    def modify(self, order: Any, **changes: Any) -> bool:
        """Ask for a change of an order; see `StoreBroker.modify`."""
        return self._broker_for(order.data).modify(order, **changes)

    def orderstatus(self, order: Any) -> int:
        return self._broker_for(order.data).orderstatus(order)

    def get_orders_open(self, safe: bool = False) -> List[Any]:
        """Return the orders of all accounts that can still be executed; copies if ``safe``."""
        return [order for broker in self.brokers for order in broker.get_orders_open(safe)]

    def claim(self, order: Union[Any, str], strategy: Any = None) -> bool:
        """Make an order of somebody else the strategy's own; see `StoreBroker.claim`."""
        if isinstance(order, str):
            return any(broker.claim(order, strategy) for broker in self.brokers)
        return self._broker_for(order.data).claim(order, strategy)

    def set_coo(self, coo: bool) -> None:
        """Let the accounts that can fill market orders at the open they are made on."""
        for broker in self.brokers:
            if hasattr(broker, "set_coo"):
                broker.set_coo(coo)

    # Positions.

    def getposition(self, data: Any, clone: bool = True) -> Position:
        broker = self.broker_of(data)
        return Position() if broker is None else broker.getposition(data, clone)

    def account_position(self, data: Any) -> Position:
        """Return what the account of a feed holds of its instrument, others' part included."""
        broker = self.broker_of(data)
        return Position() if broker is None else broker.account_position(data)

    def claim_position(self, data: Any) -> float:
        """Make what others hold of a feed's instrument the strategy's own; return its size."""
        broker = self.broker_of(data)
        return 0.0 if broker is None else broker.claim_position(data)

    # Commission schemes.

    def getcommissioninfo(self, data: Any) -> Any:
        """Return the scheme of a feed, with `getsize` for cash in the base currency."""
        broker = self.broker_of(data)
        if broker is None:
            return super().getcommissioninfo(data)
        scheme = broker.getcommissioninfo(data)
        if broker.store.currency in (None, self.p.currency):
            return scheme
        return _SchemeAbroad(scheme, self._rate(broker.store))

    def setcommission(self, *args: Any, name: Optional[str] = None, **kwargs: Any) -> None:
        """Set the scheme of the feed of that name; without a name of all accounts."""
        for broker in self._brokers_by_name(name):
            broker.setcommission(*args, name=name, **kwargs)

    def addcommissioninfo(self, comminfo: Any, name: Optional[str] = None) -> None:
        """Set the scheme of the feed of that name; without a name of all accounts."""
        for broker in self._brokers_by_name(name):
            broker.addcommissioninfo(comminfo, name)

    def _brokers_by_name(self, name: Optional[str]) -> List[StoreBroker]:
        known = getattr(getattr(self, "cerebro", None), "datasbyname", {})
        broker = self.broker_of(known[name]) if name in known else None
        # A name that no feed has yet does no harm at the others.
        return self.brokers if broker is None else [broker]

    # The accounts together, in the base currency.

    def getcash(self) -> float:
        """Return the cash of all accounts; NaN while a balance or a rate is not known."""
        self._tell_missing_rates()
        return float(sum(self._in_base(broker.getcash(), broker) for broker in self.brokers))

    get_cash = getcash

    def getvalue(self, datas: Any = None, mkt: bool = False, lever: bool = False) -> float:
        """Return the value of all accounts, or of the positions in ``datas`` alone."""
        self._tell_missing_rates()
        if datas is None:
            return self._value()
        return float(sum(self._value_of(data) for data in datas))

    get_value = getvalue

    def setcash(self, cash: float) -> None:
        """Do nothing: each account has its own cash. Says so through ``notify_store``."""
        text = "setcash ignored: each account keeps its own cash"
        self.stores[0].put_notification(text)

    set_cash = setcash

    def get_leverage(self) -> float:
        """Return the value of all positions over that of all accounts; 1 without positions."""
        held = sum(abs(self._value_of(data)) for data in self.positions)
        value = self.getvalue()
        return held / value if held and value else 1.0

    def _value(self) -> float:
        return float(sum(self._in_base(broker.getvalue(), broker) for broker in self.brokers))

    def _known_value(self) -> Optional[float]:
        value = self._value()
        return None if math.isnan(value) else value

    def _value_of(self, data: Any) -> float:
        broker = self.broker_of(data)
        return 0.0 if broker is None else self._in_base(broker.getvalue([data]), broker)

    def _in_base(self, amount: float, broker: StoreBroker) -> float:
        rate = self._rate(broker.store)
        return _NAN if rate is None else amount * rate

    def _rate(self, store: BaseStore) -> Optional[float]:
        currency = store.currency
        return None if currency is None else self._rate_of(currency)

    def _tell_missing_rates(self) -> None:
        for store in self.stores:
            currency = store.currency
            if currency is None:
                continue
            if self._rate_of(currency) is not None:
                self._missing.discard(currency)
            elif currency not in self._missing:
                self._missing.add(currency)
                store.put_notification("no rate", currency)

    # Trading state: what passes, whatever strategies ask for.

    @property
    def trading_state(self) -> TradingState:
        """Return the strictest state of all accounts and of the rules over them."""
        states = [broker.trading_state for broker in self.brokers]
        if self._shared is not None:
            states.append(self._shared.control.state)
        return strictest(*states)

    def halt(self, reason: str) -> None:
        """Let no order of any account pass any more. Cancels do."""
        self._set_state(TradingState.HALTED, reason)

    def reduce_only(self, reason: str) -> None:
        """Let only orders pass that reduce a position."""
        self._set_state(TradingState.REDUCING, reason)

    def resume_trading(self, reason: str = "resumed") -> None:
        """Let orders of all accounts pass again."""
        self._set_state(TradingState.ACTIVE, reason)

    def kill(self, reason: str) -> int:
        """Halt and cancel all live orders of all accounts; return how many there were."""
        self.halt(reason)
        return sum(broker.kill(reason) for broker in self.brokers)

    def _set_state(self, state: TradingState, reason: str) -> None:
        if self._shared is not None:
            self._shared.control.set_state(state, reason)
        for store in self.stores:
            store.desk.risk.set_state(state, reason)


class _Positions(Mapping[Any, Position]):
    """The positions of all accounts, by feed."""

    def __init__(self, router: RouterBroker) -> None:
        self._router = router

    def __getitem__(self, data: Any) -> Position:
        return self._router.getposition(data, clone=False)

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(each.positions for each in self._router.brokers)

    def __len__(self) -> int:
        return sum(len(broker.positions) for broker in self._router.brokers)


class _SchemeAbroad:
    """A commission scheme in another currency than the cash that sizes are computed from."""

    def __init__(self, scheme: Any, rate: Optional[float]) -> None:
        self._scheme = scheme
        self._rate = rate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheme, name)

    def getsize(self, price: float, cash: float) -> Any:
        """Return what ``cash`` of the base currency buys; nothing while the rate is not known."""
        return 0 if self._rate is None else self._scheme.getsize(price, cash / self._rate)


def _brokers_of(stores: Any) -> List[StoreBroker]:
    brokers: List[StoreBroker] = []
    for each in stores:
        broker = each.getbroker() if isinstance(each, BaseStore) else each
        if not isinstance(broker, StoreBroker):
            raise ConfigError.of("stores", each, "stores or their brokers")
        if broker in brokers:
            raise ConfigError.of("stores", each, "each account once")
        brokers.append(broker)
    if not brokers:
        raise ConfigError.of("stores", stores, "at least one store")
    return brokers
