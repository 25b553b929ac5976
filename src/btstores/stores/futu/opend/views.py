"""What an account has and is worth, as plain values and in Futu's messages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional

from btstores.markets import MarketType
from btstores.reports import Side as OurSide
from btstores.stores.futu.opend.codes import (
    CURRENCIES,
    FUTURES_MARKETS,
    SEC_MARKETS,
    Kind,
    Side,
    Status,
    TrdMarket,
    purse_of,
)
from btstores.stores.futu.opend.text import rule_symbol

if TYPE_CHECKING:
    from btstores.stores.futu.opend.floor import Floor
    from btstores.stores.futu.opend.orders import FutuOrder
    from btstores.stores.futu.opend.purses import Purse

__all__ = [
    "IN_HKD",
    "funds_of",
    "most_of",
    "positions_of",
    "sellable_of",
    "write_funds",
    "write_position",
]

#: Fixed rates: this OpenD trades no currencies.
IN_HKD = {"HKD": 1.0, "USD": 7.8, "CNH": 1.08, "JPY": 0.052, "SGD": 5.8, "AUD": 5.1}

_MARKET_CURRENCY = ((TrdMarket.HK, "HKD"), (TrdMarket.US, "USD"), (TrdMarket.HKCC, "CNH"))
#: Orders whose own price says nothing of what they will cost.
_AT_MARKET = (
    Kind.MARKET,
    Kind.AUCTION,
    Kind.MARKET_IF_TOUCHED,
    Kind.TRAILING_STOP,
    Kind.TRAILING_STOP_LIMIT,
)

_FUTURES_TYPES = (MarketType.HK_FUTURE, MarketType.US_FUTURE)

#: Optional numbers that the fault na_numbers leaves out.
_NO_FUNDS = (
    "maxPowerShort",
    "netCashPower",
    "longMv",
    "shortMv",
    "pendingAsset",
    "maxWithdrawal",
    "securitiesAssets",
    "availableFunds",
    "unrealizedPL",
    "realizedPL",
    "initialMargin",
    "maintenanceMargin",
    "marginCallMargin",
)
_NO_POSITION = (
    "costPrice",
    "plRatio",
    "averageCostPrice",
    "dilutedCostPrice",
    "averagePlRatio",
    "unrealizedPL",
    "realizedPL",
    "td_plVal",
    "td_trdVal",
    "td_buyVal",
    "td_buyQty",
    "td_sellVal",
    "td_sellQty",
)


def sellable_of(account: Floor, symbol: str) -> float:
    """Return how much can be sold now; of a short position, as a negative number, bought back.

    What working orders want already is taken off, and what was bought today where that must wait.
    """
    held = account.size_of(symbol)
    ours = [one for one in account.active(symbol) if one.status != Status.DISABLED]
    if held < 0:
        buying = sum(one.rest for one in ours if one.our_side is OurSide.BUY)
        return min(0.0, held + buying)
    selling = sum(one.rest for one in ours if one.our_side is OurSide.SELL)
    config = account.config_of(symbol)
    bought = account.holding(symbol).bought if held else 0.0
    free = config.rules.sellable(rule_symbol(symbol), held, min(bought, held))
    return max(0.0, free - selling)


def frozen_of(account: Floor, purse: Purse, orders: Optional[Iterable[FutuOrder]] = None) -> float:
    """Return how much own money working orders keep back."""
    total = 0.0
    for order in account.active() if orders is None else orders:
        if order.live_id is None or order.currency != purse.currency:
            continue
        price = order.aux_price if order.kind == Kind.STOP else order.price
        price = price or 0.0
        if order.kind in _AT_MARKET:
            price = purse.last(order.symbol) or price
        total += purse.account.cost(order.symbol, order.our_side, order.rest, price)
    return total


def positions_of(account: Floor) -> List[Dict[str, Any]]:
    """Return the positions as plain values."""
    found = []
    for purse in account.purses.values():
        for symbol, position in purse.account.positions.items():
            instrument = purse.account.instruments[symbol]
            held = account.holding(symbol)
            price = purse.last(symbol) or position.price
            size, worth = position.size, instrument.multiplier
            is_future = account.config_of(symbol).market in _FUTURES_TYPES
            gain = size * (price - position.price) * worth
            diluted = position.price if is_future else held.net / size
            diluted_gain = size * (price - diluted) * worth
            found.append(
                {
                    "symbol": symbol,
                    "name": instrument.name or symbol,
                    "position_id": held.position_id,
                    "side": 1 if size < 0 else 0,
                    "qty": size,
                    "can_sell_qty": sellable_of(account, symbol),
                    "price": price,
                    "average_cost": position.price,
                    "diluted_cost": diluted,
                    "market_value": 0.0 if is_future else size * price * worth,
                    "pl": diluted_gain,
                    "pl_ratio": _ratio(diluted_gain, size * diluted * worth),
                    "pl_ratio_average": _ratio(gain, size * position.price * worth),
                    "unrealized": gain,
                    "realized": held.realized,
                    "today": held,
                    "currency": purse.currency,
                    "market": int(account.market_of(symbol)),
                    "future": is_future,
                }
            )
    return found


def _ratio(gain: float, base: float) -> Optional[float]:
    return gain / abs(base) if base else None


def funds_of(account: Floor, currency: Optional[str] = None) -> Dict[str, Any]:
    """Return the money as plain values, in ``currency`` or the first that the account has."""
    currency = purse_of(currency or next(iter(account.purses)))
    total: Dict[str, float] = dict.fromkeys(_SUMS, 0.0)
    lines = []
    for purse in account.purses.values():
        line = _funds_of_purse(account, purse)
        rate = IN_HKD.get(purse.currency, 1.0) / IN_HKD.get(currency, 1.0)
        for name in _SUMS:
            total[name] += line[name] * rate
        lines.append(line)
    return {"currency": currency, **total, "by_currency": lines}


_SUMS = (
    "power",
    "power_short",
    "cash_power",
    "total",
    "cash",
    "market_value",
    "long_value",
    "short_value",
    "frozen",
    "debt",
    "withdrawable",
    "margin",
    "unrealized",
    "realized",
)


def _funds_of_purse(account: Floor, purse: Purse) -> Dict[str, Any]:
    money = purse.account
    value, used, frozen = money.value(), money.used(), frozen_of(account, purse)
    free = max(0.0, value - used - frozen)
    longs = shorts = unrealized = 0.0
    for symbol, position in money.positions.items():
        instrument = money.instruments[symbol]
        price = purse.last(symbol) or position.price
        unrealized += position.size * (price - position.price) * instrument.multiplier
        if instrument.margin is None:
            worth = position.size * price * instrument.multiplier
            longs, shorts = longs + max(0.0, worth), shorts + min(0.0, worth)
    can_short = account.config.margin
    return {
        "currency": purse.currency,
        "power": free * purse.leverage,
        "power_short": free * purse.leverage if can_short else 0.0,
        "cash_power": max(0.0, min(money.cash - frozen, free)),
        "total": value,
        "cash": money.cash,
        "market_value": longs + shorts,
        "long_value": longs,
        "short_value": shorts,
        "frozen": frozen,
        "debt": max(0.0, -money.cash),
        "withdrawable": max(0.0, min(money.cash, free)),
        "margin": used,
        "unrealized": unrealized,
        "realized": sum(
            held.realized
            for symbol, held in account.holdings.items()
            if symbol in money.instruments
        ),
    }


def most_of(
    account: Floor, symbol: str, price: float, replaced: Optional[FutuOrder] = None
) -> Dict[str, Optional[float]]:
    """Return the largest sizes that could be traded at ``price``, in whole lots.

    ``replaced`` is an order that would be changed: what it keeps back counts as free.
    """
    purse, instrument = account.purse_for(symbol), account.instrument(symbol)
    funds, lot = _funds_of_purse(account, purse), instrument.lot or 1.0
    held = account.size_of(symbol)
    back = 0.0 if replaced is None else frozen_of(account, purse, [replaced])
    sellable = sellable_of(account, symbol)
    if replaced is not None and Side(replaced.side).sells and held > 0:
        sellable += replaced.rest
    config = account.config_of(symbol)
    worth = price * instrument.multiplier
    if config.market in _FUTURES_TYPES:
        margin = worth * (instrument.margin or 1.0)
        return {"cash": 0.0, "sell": max(0.0, sellable), "long_im": margin, "short_im": margin}

    def lots(money: float) -> float:
        # Room for the fees.
        return math.floor(max(0.0, money) / (worth * 1.002) / lot) * lot

    leveraged = lots(funds["power"] + back * purse.leverage)
    can_short = account.config.margin and account.market_of(symbol) in (TrdMarket.HK, TrdMarket.US)
    return {
        "cash": 0.0 if held < 0 else lots(funds["cash_power"] + back),
        "margin": 0.0 if held < 0 else leveraged,
        "sell": max(0.0, sellable),
        "short": leveraged if can_short and held <= 0 else 0.0,
        "back": max(0.0, -sellable),
    }


# Futu's messages


def write_funds(message: Any, account: Floor, currency: Optional[str], no_numbers: bool) -> None:
    """Fill in a Trd_Common.Funds."""
    config = account.config
    funds = funds_of(account, currency if config.universal else None)
    is_future = bool(account.markets & FUTURES_MARKETS)
    message.power = round(funds["power"], 3)
    message.totalAssets = round(funds["total"], 3)
    message.cash = round(funds["cash"], 3)
    message.marketVal = round(funds["market_value"], 3)
    message.frozenCash = round(funds["frozen"], 3)
    message.debtCash = round(funds["debt"], 3)
    message.avlWithdrawalCash = round(funds["withdrawable"], 3)
    message.currency = CURRENCIES.get(funds["currency"], 0)
    message.maxPowerShort = round(funds["power_short"], 3)
    message.netCashPower = round(funds["cash_power"], 3)
    message.longMv = round(funds["long_value"], 3)
    message.shortMv = round(funds["short_value"], 3)
    message.pendingAsset = 0.0
    message.maxWithdrawal = round(funds["withdrawable"], 3)
    message.securitiesAssets = round(funds["total"], 3)
    message.fundAssets = message.bondAssets = 0.0
    message.riskStatus = 1
    message.initialMargin = round(funds["margin"], 3)
    message.maintenanceMargin = round(funds["margin"] * 0.8, 3)
    message.marginCallMargin = round(funds["margin"] * 0.9, 3)
    if is_future:
        message.availableFunds = round(max(0.0, funds["total"] - funds["margin"]), 3)
        message.unrealizedPL = round(funds["unrealized"], 3)
        message.realizedPL = round(funds["realized"], 3)
        message.riskLevel = 0
    if config.universal or is_future:
        for line in funds["by_currency"]:
            cash = message.cashInfoList.add()
            cash.currency = CURRENCIES.get(line["currency"], 0)
            cash.cash = round(line["cash"], 3)
            cash.availableBalance = round(line["withdrawable"], 3)
            cash.netCashPower = round(line["cash_power"], 3)
    if config.universal:
        totals = {line["currency"]: line["total"] for line in funds["by_currency"]}
        for market, name in _MARKET_CURRENCY:
            if market in account.markets:
                message.marketInfoList.add(trdMarket=market, assets=round(totals.get(name, 0.0), 3))
    if no_numbers:
        _clear(message, _NO_FUNDS)


def write_position(
    message: Any, account: Floor, position: Dict[str, Any], no_numbers: bool
) -> None:
    """Fill in a Trd_Common.Position. A short one has a negative quantity and side 1."""
    prefix, _, code = position["symbol"].partition(".")
    today = position["today"]
    message.positionID = position["position_id"]
    message.positionSide = position["side"]
    message.code, message.name = code, position["name"]
    message.qty, message.canSellQty = position["qty"], position["can_sell_qty"]
    message.price = position["price"]
    message.costPrice = position["diluted_cost"]
    message.val = round(position["market_value"], 3)
    message.plVal = round(position["pl"], 3)
    message.secMarket = SEC_MARKETS.get(prefix, 0)
    message.currency = CURRENCIES.get(position["currency"], 0)
    message.trdMarket = position["market"]
    message.accID = account.config.acc_id
    message.unrealizedPL = round(position["unrealized"], 3)
    message.realizedPL = round(position["realized"], 3)
    message.td_buyQty, message.td_buyVal = today.bought, today.bought_value
    message.td_sellQty, message.td_sellVal = today.sold, today.sold_value
    message.td_trdVal = today.bought_value + today.sold_value
    message.td_plVal = round(today.realized_today + position["unrealized"], 3)
    if position["pl_ratio"] is not None:
        message.plRatio = position["pl_ratio"]
    if not position["future"]:
        message.dilutedCostPrice = position["diluted_cost"]
    if not account.config.simulated or position["future"]:
        message.averageCostPrice = position["average_cost"]
        if position["pl_ratio_average"] is not None:
            message.averagePlRatio = position["pl_ratio_average"]
    if no_numbers:
        _clear(message, _NO_POSITION)


def _clear(message: Any, fields: Iterable[str]) -> None:
    for field in fields:
        message.ClearField(field)
