"""What a client may ask of its accounts: money, positions, orders, fills, fees and limits."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List

from btstores.clock import NS_PER_SECOND
from btstores.markets import MarketType, Sessions
from btstores.stores.futu.opend.accounts import TradingAccount
from btstores.stores.futu.opend.codes import CURRENCIES, symbol_of
from btstores.stores.futu.opend.orders import FutuOrder, matches, write_fill, write_order
from btstores.stores.futu.opend.rules import fitted
from btstores.stores.futu.opend.session import Refused, Session
from btstores.stores.futu.opend.text import rule_symbol
from btstores.stores.futu.opend.text import symbol_of as symbol_of_quote
from btstores.stores.futu.opend.views import (
    IN_HKD,
    most_of,
    positions_of,
    write_funds,
    write_position,
)

if TYPE_CHECKING:
    from btstores.stores.futu.opend.trading import Trading

__all__ = ["Queries"]

_CURRENCY_NAMES = {number: name for name, number in CURRENCIES.items()}
_MONEY_FIELDS = (
    ("maxCashBuy", "cash"),
    ("maxCashAndMarginBuy", "margin"),
    ("maxPositionSell", "sell"),
    ("maxSellShort", "short"),
    ("maxBuyBack", "back"),
    ("longRequiredIM", "long_im"),
    ("shortRequiredIM", "short_im"),
)
#: As many orders as one request may ask the fees of.
_MOST_FEES = 400


class Queries:
    """Answers that change nothing.

    Those of the day come from OpenD's memory, without limit, unless they ask to refresh it.
    """

    def __init__(self, trading: Trading) -> None:
        self._trading = trading
        #: When an order may be seen in the list, in the wall's monotonic nanoseconds.
        self._hidden: Dict[str, int] = {}

    def answers(self) -> Dict[str, Callable[[Session, Any, Any], None]]:
        """Return the answers by the names of the protocols."""
        return {
            "Trd_GetFunds": self._get_funds,
            "Trd_GetPositionList": self._get_position_list,
            "Trd_GetOrderList": self._get_order_list,
            "Trd_GetOrderFillList": self._get_order_fill_list,
            "Trd_GetHistoryOrderList": self._get_history_order_list,
            "Trd_GetHistoryOrderFillList": self._get_history_order_fill_list,
            "Trd_GetMaxTrdQtys": self._get_max_trd_qtys,
            "Trd_GetOrderFee": self._get_order_fee,
            "Trd_GetMarginRatio": self._get_margin_ratio,
            "Trd_FlowSummary": self._flow_summary,
        }

    def hide(self, key: str, seconds: float) -> None:
        """Keep a new order out of the list for a while."""
        until = self._trading.clock.monotonic_ns() + round(seconds * NS_PER_SECOND)
        self._hidden[key] = until

    def _begin(self, name: str, c2s: Any, s2c: Any, always: bool = False) -> TradingAccount:
        """Return the account; count the request if it is limited. Raises `Refused`."""
        account = self._trading.account_of(c2s.header)
        if always or c2s.refreshCache:
            self._trading.throttle(name, account.config.acc_id)
        s2c.header.CopyFrom(c2s.header)
        return account

    # Money and positions

    def _get_funds(self, session: Session, c2s: Any, s2c: Any) -> None:
        account = self._begin("GetFunds", c2s, s2c)
        currency = _CURRENCY_NAMES.get(c2s.currency)
        if account.config.universal and currency not in IN_HKD:
            raise Refused(f"currency {c2s.currency}: a universal account needs a known one")
        no_numbers = self._trading.faults.is_on("na_numbers")
        with account.guard():
            write_funds(s2c.funds, account, currency, no_numbers)

    def _get_position_list(self, session: Session, c2s: Any, s2c: Any) -> None:
        account = self._begin("GetPositionList", c2s, s2c)
        filters, faults = c2s.filterConditions, self._trading.faults
        with account.guard():
            for position in positions_of(account):
                symbol, ratio = position["symbol"], position["pl_ratio"]
                if filters.codeList and symbol.partition(".")[2] not in filters.codeList:
                    continue
                if filters.idList and position["position_id"] not in filters.idList:
                    continue
                if filters.filterMarket and position["market"] != filters.filterMarket:
                    continue
                if c2s.HasField("filterPLRatioMin") and (ratio or 0.0) < c2s.filterPLRatioMin:
                    continue
                if c2s.HasField("filterPLRatioMax") and (ratio or 0.0) > c2s.filterPLRatioMax:
                    continue
                no_numbers = faults.is_on("na_numbers", symbol=symbol)
                write_position(s2c.positionList.add(), account, position, no_numbers)

    # Orders and fills

    def _get_order_list(self, session: Session, c2s: Any, s2c: Any) -> None:
        account = self._begin("GetOrderList", c2s, s2c)
        with account.guard():
            recent = [one for one in account.orders.values() if self._is_recent(account, one)]
            self._write_orders(recent, c2s, s2c)

    def _get_history_order_list(self, session: Session, c2s: Any, s2c: Any) -> None:
        _check_times(c2s.filterConditions)
        account = self._begin("GetHistoryOrderList", c2s, s2c, always=True)
        with account.guard():
            self._write_orders(list(account.orders.values()), c2s, s2c)

    def _write_orders(self, orders: List[FutuOrder], c2s: Any, s2c: Any) -> None:
        """Write those that pass the filters, newest first."""
        now, statuses = self._trading.clock.monotonic_ns(), c2s.filterStatusList
        for order in reversed(orders):
            if statuses and order.status not in statuses:
                continue
            if self._hidden.get(order.key, 0) > now or not matches(order, c2s.filterConditions):
                continue
            no_numbers = self._trading.faults.is_on("na_numbers", symbol=order.symbol)
            write_order(s2c.orderList.add(), order, no_numbers)

    def _get_order_fill_list(self, session: Session, c2s: Any, s2c: Any) -> None:
        account = self._begin("GetOrderFillList", c2s, s2c)
        _check_fills(account)
        with account.guard():
            recent = [one for one in account.fills if self._is_today(account, one)]
            _write_fills(recent, c2s, s2c)

    def _get_history_order_fill_list(self, session: Session, c2s: Any, s2c: Any) -> None:
        _check_times(c2s.filterConditions)
        account = self._begin("GetHistoryOrderFillList", c2s, s2c, always=True)
        _check_fills(account)
        with account.guard():
            _write_fills(account.fills, c2s, s2c)

    def _is_recent(self, account: TradingAccount, order: FutuOrder) -> bool:
        """Return whether it is alive or of the day: what the list of orders has."""
        return order.active or self._is_today(account, order)

    def _is_today(self, account: TradingAccount, item: Any) -> bool:
        sessions = account.config_of(item.symbol).sessions_of(rule_symbol(item.symbol))
        if sessions is None:
            return True
        day = sessions.trading_day(max(item.created_ns, item.updated_ns))
        return day >= _current_day(sessions, account.clock.time_ns())

    # Limits and fees

    def _get_max_trd_qtys(self, session: Session, c2s: Any, s2c: Any) -> None:
        account = self._begin("GetMaxTrdQtys", c2s, s2c, always=True)
        symbol = symbol_of(c2s.code, c2s.secMarket, c2s.header.trdMarket)
        if symbol is None:
            raise Refused(f"unknown stock {c2s.code}")
        with account.guard():
            instrument, config = account.instrument(symbol), account.config_of(symbol)
            adjust = c2s.adjustSideAndLimit if c2s.adjustPrice else None
            price = fitted("price", c2s.price, instrument, config, adjust)
            replaced = account.found(c2s.orderIDEx) if c2s.orderIDEx else None
            most = most_of(account, symbol, price, replaced)
        for field, name in _MONEY_FIELDS:
            if name in most:
                setattr(s2c.maxTrdQtys, field, most[name])
        if config.market is MarketType.US_STOCK:
            s2c.maxTrdQtys.session = c2s.session

    def _get_order_fee(self, session: Session, c2s: Any, s2c: Any) -> None:
        account = self._begin("GetOrderFee", c2s, s2c, always=True)
        if account.config.simulated:
            raise Refused("paper trading does not support querying the fees of orders")
        if len(c2s.orderIdExList) > _MOST_FEES:
            raise Refused(
                f"orderIdExList has {len(c2s.orderIdExList)} orders, at most {_MOST_FEES}"
            )
        with account.guard():
            for key in c2s.orderIdExList:
                order = account.found(key)
                message = s2c.orderFeeList.add(orderIDEx=order.key)
                message.feeAmount = round(sum(amount for _, amount in order.fees), 2)
                for title, amount in order.fees:
                    message.feeList.add(title=title, value=amount)

    def _get_margin_ratio(self, session: Session, c2s: Any, s2c: Any) -> None:
        account = self._trading.account_of(c2s.header)
        self._trading.throttle("GetMarginRatio", "user")
        if account.config.simulated:
            raise Refused("paper trading does not support querying margin ratios")
        s2c.header.CopyFrom(c2s.header)
        for security in c2s.securityList:
            symbol = symbol_of_quote(security.market, security.code)
            if symbol is None:
                raise Refused(f"unknown stock {security.code}")
            instrument = account.instrument(symbol)
            can_short = account.config.margin and instrument.shortable is not False
            part = 100.0 / account.purse_for(symbol).leverage
            message = s2c.marginRatioInfoList.add()
            message.security.CopyFrom(security)
            message.isLongPermit, message.isShortPermit = account.config.margin, can_short
            message.shortPoolRemain = 1_000_000.0 if can_short else 0.0
            message.shortFeeRate = 3.0
            message.imLongRatio, message.imShortRatio = part, part
            message.alertLongRatio = message.alertShortRatio = part * 0.95
            message.mcmLongRatio, message.mcmShortRatio = part * 0.9, part * 0.9
            message.mmLongRatio, message.mmShortRatio = part * 0.8, part * 0.8

    def _flow_summary(self, session: Session, c2s: Any, s2c: Any) -> None:
        account = self._begin("FlowSummary", c2s, s2c, always=True)
        if account.config.simulated:
            raise Refused("paper trading does not support querying the cash flow")


def _write_fills(fills: Iterable[Any], c2s: Any, s2c: Any) -> None:
    for fill in reversed(list(fills)):
        if matches(fill, c2s.filterConditions):
            write_fill(s2c.orderFillList.add(), fill)


def _check_fills(account: TradingAccount) -> None:
    if account.config.simulated:
        raise Refused("paper trading does not support querying deals")


def _check_times(filters: Any) -> None:
    for field in ("beginTime", "endTime"):
        if not getattr(filters, field):
            raise Refused(f"filterConditions.{field} is required for the history")


def _current_day(sessions: Sessions, now_ns: int) -> datetime.date:
    """Return the trading day that began last: one that has ended counts until the next begins."""
    day = sessions.trading_day(now_ns)
    while not sessions.sessions_on(day) or sessions.sessions_on(day)[0].start_ns > now_ns:
        day -= datetime.timedelta(days=1)
    return day
