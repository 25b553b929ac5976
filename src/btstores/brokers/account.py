"""The account as backtrader reads it: cash, value, positions and commission schemes."""

from __future__ import annotations

from typing import Any, Dict, Optional

import backtrader as bt
from backtrader.position import Position

from btstores.brokers.comminfo import StoreCommInfo
from btstores.brokers.positions import Positions, symbol_of
from btstores.stores.base import BaseStore

__all__ = ["AccountView", "FundView"]

_NAN = float("nan")


class FundView(bt.BrokerBase):
    """backtrader's view of what `getcash` and `getvalue` tell, as a fund."""

    params: Any = (("fundstartval", 100.0), ("fundmode", False))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._startingcash: Optional[float] = None
        self._fund_shares: Optional[float] = None

    def begin_account(self) -> None:
        """Take the balances of this moment as those of the start."""
        self._startingcash = self.getcash()
        self._fund_shares = self.getvalue() / self.p.fundstartval

    @property
    def startingcash(self) -> float:
        """Cash at the start of the run."""
        return _NAN if self._startingcash is None else self._startingcash

    def get_fundshares(self) -> float:
        return _NAN if self._fund_shares is None else self._fund_shares

    fundshares = property(get_fundshares)

    def get_fundvalue(self) -> float:
        value: float = self.getvalue()
        return value / self.get_fundshares()

    fundvalue = property(get_fundvalue)

    def set_fundmode(self, fundmode: bool, fundstartval: Optional[float] = None) -> None:
        self.p.fundmode = fundmode
        if fundstartval is not None:
            self.p.fundstartval = fundstartval

    def get_fundmode(self) -> bool:
        return bool(self.p.fundmode)

    fundmode = property(get_fundmode, set_fundmode)


class AccountView(FundView):
    """The half of a broker that only reads. All of it comes from the store's cache."""

    def __init__(self, store: BaseStore, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.store = store
        self.positions = Positions()
        self._default_comminfo = type(self).params.commission
        self._schemes: Dict[str, StoreCommInfo] = {}
        self._names: Dict[str, str] = {}

    def name_symbol(self, symbol: str, name: str) -> None:
        """Remember the feed's name, by which commission schemes are set."""
        self._names[symbol] = name

    def getcash(self) -> float:
        """Return the cash last told, in the account's currency; NaN before the first time."""
        cash = self.store.get_cash()
        return _NAN if cash is None else cash

    get_cash = getcash

    def setcash(self, cash: float) -> None:
        """Do nothing: a live account has its own cash. Says so through ``notify_store``."""
        self.store.put_notification("setcash ignored: a live account keeps its own cash")

    set_cash = setcash

    def getvalue(self, datas: Any = None, mkt: bool = False, lever: bool = False) -> float:
        """Return the value of the account, or of the positions in ``datas`` alone."""
        if datas is not None:
            return float(sum(self._value_of(data) for data in datas))
        value = self.store.get_value()
        return _NAN if value is None else value

    get_value = getvalue

    def _value_of(self, data: Any) -> float:
        size = self.positions[data].size
        if not size:
            return 0.0
        price = data.close[0] if len(data) else self.positions[data].price
        return float(self.getcommissioninfo(data).getvaluesize(size, price))

    def getposition(self, data: Any, clone: bool = True) -> Position:
        position = self.positions[data]
        return position.clone() if clone else position

    def getcommissioninfo(self, data: Any) -> Any:
        """Return the scheme set for the feed's name, for all, or else the instrument's own."""
        if data._name in self.comminfo:
            return self.comminfo[data._name]
        return self.scheme_of(symbol_of(data))

    def default_scheme(self, symbol: str) -> Any:
        """Return the scheme of a symbol that nobody has set one for."""
        return StoreCommInfo.of(self.store.known_instrument(symbol))

    def scheme_of(self, symbol: str) -> Any:
        """Return the commission scheme of a symbol. Any thread may call it."""
        name = self._names.get(symbol, symbol)
        if name in self.comminfo:
            return self.comminfo[name]
        default = self.comminfo.get(None)
        if default is not self._default_comminfo:
            return default
        if symbol not in self._schemes:
            self._schemes[symbol] = self.default_scheme(symbol)
        return self._schemes[symbol]

    def get_leverage(self) -> float:
        """Return the value of all positions over the account's own; 1 when nothing is held."""
        held = sum(abs(self._value_of(data)) for data in self.positions)
        value = self.getvalue()
        return held / value if held and value else 1.0
