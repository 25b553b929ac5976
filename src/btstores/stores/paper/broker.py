"""The brokers of a paper account, one for each fill model."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Dict, Optional

from backtrader.position import Position

from btstores.brokers.marketfees import (
    CNFutureCommInfo,
    CNStockCommInfo,
    HKStockCommInfo,
    USStockCommInfo,
)
from btstores.brokers.positions import symbol_of
from btstores.brokers.storebroker import StoreBroker
from btstores.errors import ConfigError
from btstores.feeds.times import num_to_ns
from btstores.markets import MarketType
from btstores.markets.futures import contract_of
from btstores.reports import FillReport, OrderEvent, OrderType, TimeInForce
from btstores.sim.bars.exchange import BarExchange, BarOptions
from btstores.sim.bars.view import BarView, view_of

if TYPE_CHECKING:
    from btstores.stores.paper.store import PaperStore

__all__ = ["BarBroker", "PaperBroker"]

#: Markets whose fees are known. A broker's own commission is for the user to set.
_SCHEMES: Dict[MarketType, Any] = {
    MarketType.HK_STOCK: HKStockCommInfo,
    MarketType.US_STOCK: USStockCommInfo,
    MarketType.CN_STOCK: CNStockCommInfo,
}

_BAR_OPTIONS = frozenset(field.name for field in dataclasses.fields(BarOptions))


class PaperBroker(StoreBroker):
    """The broker of a paper account. Takes ``cash`` besides `StoreBroker`'s parameters.

    It has the setters of backtrader's own broker. Slippage, cheating, volume fillers and
    their like belong to the ``backtrader`` fill model: with the ``book`` they raise
    `ConfigError`.
    """

    store: PaperStore

    def __init__(self, store: PaperStore, cash: Optional[float] = None, **kwargs: Any) -> None:
        options = {name: kwargs.pop(name) for name in list(kwargs) if name in _BAR_OPTIONS}
        super().__init__(store, **kwargs)
        if options:
            self._set_options(**options)
        if cash is not None:
            self.setcash(cash)

    def default_scheme(self, symbol: str) -> Any:
        """Return what exchange, clearing and state charge in the account's market."""
        config, instrument = self.store.get_market_config(), self.store.known_instrument(symbol)
        usual = super().default_scheme(symbol)
        if self.store.bar_engine is not None or instrument is None or config.fees is None:
            return usual
        known = config.fees.known_since
        contract = contract_of(symbol)
        if contract is not None and config.market is MarketType.CN_FUTURE:
            terms = {"symbol": contract.code, "mult": instrument.multiplier}
            terms["margin_rate"] = 1.0 if instrument.margin is None else instrument.margin
            scheme: Any = CNFutureCommInfo
            return scheme(**terms) if contract.code in known else usual
        kind = instrument.kind or config.rules.kind_of(symbol)
        scheme = _SCHEMES.get(config.market)
        return usual if scheme is None or kind not in known else scheme(plan="none", kind=kind)

    def trades(self, data: Any) -> bool:
        store = getattr(data, "_store", None)
        return store is not None and store in (self.store, self.store.params.data)

    def setcash(self, cash: float) -> None:
        """Make ``cash`` the cash of the account, in its currency."""
        self.store.set_cash(cash)

    set_cash = setcash

    def add_cash(self, cash: float) -> None:
        """Add cash, or take it out when negative."""
        self.store.deposit(cash)
        if self._fund_shares is not None:
            self._fund_shares += cash / self.get_fundvalue()

    # The parameters of backtrader's own broker.

    def _set_options(self, **options: Any) -> None:
        names = ", ".join(sorted(options))
        raise ConfigError(f"{names}: only with PaperStore(fill_model='backtrader')", names)

    def set_coc(self, coc: bool) -> None:
        """Fill market orders at the close of the bar they were made on."""
        self._set_options(coc=coc)

    def set_coo(self, coo: bool) -> None:
        """Fill market orders at the open of the bar they are made on."""
        self._set_options(coo=coo)

    def set_int2pnl(self, int2pnl: bool) -> None:
        """Charge interest to the profit and loss of the trade."""
        self._set_options(int2pnl=int2pnl)

    def set_shortcash(self, shortcash: bool) -> None:
        """Let short sales of stock bring in cash."""
        self._set_options(shortcash=shortcash)

    def set_checksubmit(self, checksubmit: bool) -> None:
        """Check the cash before an order is accepted."""
        self._set_options(checksubmit=checksubmit)

    def set_eosbar(self, eosbar: bool) -> None:
        """Take a bar with the time of the session's end as its last."""
        self._set_options(eosbar=eosbar)

    seteosbar = set_eosbar

    def set_filler(self, filler: Any) -> None:
        """Bound how much of an order one bar can fill."""
        self._set_options(filler=filler)

    def set_slippage_perc(
        self,
        perc: float,
        slip_open: bool = True,
        slip_limit: bool = True,
        slip_match: bool = True,
        slip_out: bool = False,
    ) -> None:
        """Let prices slip by a fraction: 0.01 is one percent."""
        self._set_options(
            slip_perc=perc,
            slip_fixed=0.0,
            slip_open=slip_open,
            slip_limit=slip_limit,
            slip_match=slip_match,
            slip_out=slip_out,
        )

    def set_slippage_fixed(
        self,
        fixed: float,
        slip_open: bool = True,
        slip_limit: bool = True,
        slip_match: bool = True,
        slip_out: bool = False,
    ) -> None:
        """Let prices slip by an amount of currency."""
        self._set_options(
            slip_perc=0.0,
            slip_fixed=fixed,
            slip_open=slip_open,
            slip_limit=slip_limit,
            slip_match=slip_match,
            slip_out=slip_out,
        )


class BarBroker(PaperBroker):
    """The broker of the ``backtrader`` fill model: it steps the bar engine once a cycle.

    Where it differs from `StoreBroker` it does as backtrader's own broker, so that a
    backtest there and a paper run here give the same figures to the last digit.
    """

    def __init__(self, store: PaperStore, **kwargs: Any) -> None:
        engine = store.bar_engine
        assert engine is not None
        self.engine: BarExchange = engine
        self._shown: Dict[str, int] = {}
        super().__init__(store, **kwargs)

    def next(self) -> None:
        self.store.gateway.run(self.engine.step, self._views())
        super().next()
        self._show_trailing_stops()

    def _views(self) -> Dict[str, BarView]:
        """Return what each feed shows now, marked as fresh if that is new."""
        views = {}
        for symbol, data in self.positions.datas.items():
            if len(data):
                fresh = data.deliveries != self._shown.get(symbol)
                self._shown[symbol] = data.deliveries
                views[symbol] = view_of(data, fresh)
        return views

    def _show_trailing_stops(self) -> None:
        for client_order_id, (stop, limit) in self.engine.trailing_stops().items():
            record = self.store.book.find(client_order_id)
            if record is not None and record.user is not None:
                created = record.user.created
                created.price = stop
                if record.request.order_type is OrderType.STOP_TRAIL_LIMIT:
                    created.pricelimit = limit

    def _set_options(self, **options: Any) -> None:
        self.engine.options = dataclasses.replace(self.engine.options, **options)

    def expire_ns(self, order: Any, tif: TimeInForce) -> Optional[int]:
        # Its own day, and zero never, whatever the manual says.
        return num_to_ns(float(order.valid)) if order.valid else None

    def session_end_ns(self, order: Any) -> Optional[int]:
        return num_to_ns(order.dteos) if order.dteos else None

    def tells(self, order: Any, event: Optional[OrderEvent]) -> bool:
        if event is None:
            return self.engine.options.checksubmit
        return event is not OrderEvent.CANCEL_REJECTED

    # The account.

    def getposition(self, data: Any, clone: bool = True) -> Position:
        self.engine.position(symbol_of(data))  # the first look decides the order of sums
        return super().getposition(data, clone)

    def getvalue(self, datas: Any = None, mkt: bool = False, lever: bool = False) -> float:
        if datas is not None:
            self.engine.take_deposits()
            for data in datas:
                self.engine.position(symbol_of(data))
        return super().getvalue(datas, mkt, lever)

    get_value = getvalue

    def _value_of(self, data: Any) -> float:
        if self.engine.options.shortcash or not len(data):
            return super()._value_of(data)
        scheme = self.getcommissioninfo(data)
        return float(scheme.getvalue(self.positions[data], data.close[0]))

    def _value_function(self, comminfo: Any) -> Any:
        if self.engine.options.shortcash:
            return super()._value_function(comminfo)
        return comminfo.getoperationcost

    def _split_commission(
        self, comminfo: Any, fill: FillReport, closed: float, opened: float
    ) -> Any:
        closedcomm, openedcomm = super()._split_commission(comminfo, fill, closed, opened)
        if fill.commission is None:
            return closedcomm, openedcomm
        # What exceeds the scheme's commission is interest, which closing pays.
        expected = comminfo.getcommission(opened, fill.price) if opened else 0.0
        if closedcomm + openedcomm == fill.commission and openedcomm == expected:
            return closedcomm, openedcomm
        return fill.commission - expected, expected

    def get_fundshares(self) -> float:
        return self.engine.fund_shares

    fundshares = property(get_fundshares)

    def get_fundvalue(self) -> float:
        return self.engine.fund_value

    fundvalue = property(get_fundvalue)
