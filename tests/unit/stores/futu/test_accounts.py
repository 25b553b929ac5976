"""The accounts of the simulated OpenD by themselves: rules, orders, money, time, and the file."""

from __future__ import annotations

import datetime
import json
import random
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest

from btstores.clock import NS_PER_SECOND, SimulatedClock
from btstores.errors import ConfigError
from btstores.instruments import Instrument
from btstores.reports import Quote, Tick
from btstores.stores.futu.opend.accounts import (
    DEFAULT_ACCOUNTS,
    AccountConfig,
    TradingAccount,
)
from btstores.stores.futu.opend.codes import Kind, Op, Session, Side, Status, Tif
from btstores.stores.futu.opend.keeping import StateFile
from btstores.stores.futu.opend.listings import complete, config_for
from btstores.stores.futu.opend.orders import Ticket
from btstores.stores.futu.opend.session import Refused
from btstores.stores.futu.opend.throttles import Throttles

DAY = datetime.date(2024, 1, 3)
HK, US, SH, MHI, ES = "HK.00700", "US.AAPL", "SH.600519", "HK.MHImain", "US.ESmain"
TEN_IN_HK = datetime.datetime(2024, 1, 3, 2, 0, tzinfo=datetime.timezone.utc)
TEN_IN_US = datetime.datetime(2024, 1, 3, 15, 0, tzinfo=datetime.timezone.utc)


def ns(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * NS_PER_SECOND


class Prices:
    """A world whose prices the test makes."""

    def __init__(self, start: datetime.datetime = TEN_IN_HK) -> None:
        self.clock = SimulatedClock(ns(start))
        symbols = (HK, US, SH, MHI, ES)
        self.instruments = {one: complete(Instrument(one), DAY) for one in symbols}
        self.quotes: Dict[str, Quote] = {}
        self.accounts: List[TradingAccount] = []

    def config_of(self, symbol: str) -> Any:
        return config_for(symbol)

    def quote(self, symbol: str) -> Optional[Quote]:
        return self.quotes.get(symbol)

    def book(self, symbol: str, bid: float, ask: float, size: float = 1e6) -> None:
        quote = Quote(symbol, self.clock.time_ns(), bid, ask, size, size)
        self.quotes[symbol] = quote
        for account in self.accounts:
            account.on_quote(quote)

    def trade(self, symbol: str, price: float, size: float = 1e6) -> None:
        for account in self.accounts:
            account.on_tick(Tick(symbol, self.clock.time_ns(), price, size))

    def go_to(self, moment: datetime.datetime) -> None:
        self.clock.advance_to(ns(moment))


class Desk:
    """An account, its world, and what it has told."""

    def __init__(
        self, acc_id: int = 1001, start: datetime.datetime = TEN_IN_HK, **changes: Any
    ) -> None:
        config = next(one for one in DEFAULT_ACCOUNTS if one.acc_id == acc_id)
        values = {**config.__dict__, **changes}
        self.world = Prices(start)
        self.account = TradingAccount(AccountConfig(**values), self.world)  # type: ignore[arg-type]
        self.world.accounts.append(self.account)
        self.told: List[Tuple[Any, ...]] = []
        self.account.tell_order = lambda account, order: self.told.append(
            (Status(order.status).name, order.filled)
        )
        self.account.tell_fill = lambda account, fill: self.told.append(
            ("fill", fill.qty, fill.price)
        )

    def place(self, symbol: str, side: int, qty: float, price: float = 0.0, **terms: Any) -> Any:
        return self.account.place(Ticket(symbol, side, qty, price, **terms))

    def refusal(self, *args: Any, **terms: Any) -> str:
        with pytest.raises(Refused) as caught:
            self.place(*args, **terms)
        return caught.value.text

    def statuses(self) -> List[str]:
        return [one[0] for one in self.told]


@pytest.fixture
def hk() -> Desk:
    desk = Desk(1001)
    desk.world.book(HK, 399.8, 400.0)
    return desk


@pytest.fixture
def real() -> Desk:
    desk = Desk(2001)
    desk.world.book(HK, 399.8, 400.0)
    return desk


# Orders and what is told of them


def test_an_order_that_waits_is_filled_in_parts_and_told_each_time(hk: Desk) -> None:
    order = hk.place(HK, Side.BUY, 300, 399.0, remark="mine")
    hk.world.trade(HK, 398.8, 100)
    assert hk.told == [("SUBMITTING", 0), ("SUBMITTED", 0), *hk.told[2:]]
    hk.world.book(HK, 398.6, 398.8, 100)
    hk.world.book(HK, 398.6, 398.8, 500)
    assert hk.statuses()[-1] in ("FILLED_ALL", "fill")
    assert order.status == Status.FILLED_ALL
    assert (order.filled, order.average, order.remark) == (300, 399.0, "mine")


def test_each_fill_changes_status_and_average() -> None:
    desk = Desk(1001)
    desk.world.book(HK, 399.8, 400.0, 100)
    order = desk.place(HK, Side.BUY, 200, 401.0)
    assert desk.told[-2:] == [("FILLED_PART", 100), ("fill", 100, 400.0)]
    desk.world.book(HK, 399.8, 400.4, 100)
    # What rests waits for its own price; what takes gets that of the market.
    assert order.status == Status.FILLED_ALL
    assert 400.0 < order.average <= 400.5


def test_cancelling_tells_whether_some_was_filled(hk: Desk) -> None:
    first = hk.place(HK, Side.BUY, 100, 390.0)
    hk.account.cancel(first.key)
    assert first.status == Status.CANCELLED_ALL
    hk.world.book(HK, 399.8, 400.0, 100)
    second = hk.place(HK, Side.BUY, 200, 400.0)
    hk.account.cancel(second.key)
    assert second.status == Status.CANCELLED_PART
    with pytest.raises(Refused, match="cannot be cancelled: it is CANCELLED_PART"):
        hk.account.cancel(second.key)
    with pytest.raises(Refused, match="does not exist"):
        hk.account.cancel("FT0")


def test_a_change_takes_the_new_total(hk: Desk) -> None:
    hk.world.book(HK, 399.8, 400.0, 100)
    order = hk.place(HK, Side.BUY, 300, 400.0)
    assert order.filled == 100
    hk.account.modify(order.key, qty=200, price=399.0)
    assert (order.qty, order.price, order.rest) == (200, 399.0, 100)
    with pytest.raises(Refused, match="filled already"):
        hk.account.modify(order.key, qty=100)
    with pytest.raises(Refused, match="buying power"):
        hk.account.modify(order.key, qty=1_000_000)
    assert order.qty == 200
    with pytest.raises(Refused, match="price spread"):
        hk.account.modify(order.key, price=399.123)
    hk.world.book(HK, 398.6, 398.8, 1000)
    assert order.filled == 200


def test_a_market_order_and_the_fees_of_a_whole_order(hk: Desk) -> None:
    hk.world.book(HK, 399.8, 400.0, 100)
    order = hk.place(HK, Side.BUY, 200, kind=Kind.MARKET)
    hk.world.book(HK, 399.8, 400.0, 100)
    assert order.status == Status.FILLED_ALL
    fees = dict(order.fees)
    # 80,000 dollars: 0.03 percent, 15 dollars once and not for each fill, stamp duty 0.1 percent.
    assert fees["Commission"] == 24.0
    assert fees["Platform Fee"] == 15.0
    assert fees["Stamp Duty"] == 80.0
    funds = hk.account.funds()
    assert funds["cash"] == pytest.approx(1_000_000 - 80_000 - sum(fees.values()))
    assert sum(one["fee"] for one in hk.account.fill_list()) == pytest.approx(sum(fees.values()))


def test_the_next_order_fails_after_it_was_taken(hk: Desk) -> None:
    hk.account.reject_next("price out of range")
    order = hk.place(HK, Side.BUY, 100, 400.0)
    assert hk.statuses() == ["SUBMITTING", "FAILED"]
    assert order.error == "price out of range"
    assert hk.place(HK, Side.BUY, 100, 400.0).status == Status.FILLED_ALL


def test_a_fill_is_taken_back(hk: Desk) -> None:
    order = hk.place(HK, Side.BUY, 100, 400.0)
    hk.account.cancel_fill(order.key)
    assert order.status == Status.FILL_CANCELLED
    assert hk.account.positions() == []
    assert hk.account.funds()["cash"] == pytest.approx(1_000_000)
    assert hk.account.fill_list()[0]["status"] == 1
    with pytest.raises(Refused, match="does not exist"):
        hk.account.cancel_fill(order.key)


def test_orders_and_cancels_by_hand(hk: Desk) -> None:
    order = hk.account.place_by_hand(HK, "buy", 100, 390.0)
    assert hk.account.cancel_by_hand(order["order_id"])["status"] == Status.CANCELLED_ALL
    assert hk.account.place_by_hand(HK, "buy", 100)["status"] == Status.FILLED_ALL
    with pytest.raises(ConfigError, match="side"):
        hk.account.place_by_hand(HK, "hold", 100)


def test_a_halt_keeps_orders_waiting(hk: Desk) -> None:
    hk.account.halt(HK)
    order = hk.place(HK, Side.BUY, 100, 400.0)
    hk.world.trade(HK, 399.0)
    assert order.status == Status.SUBMITTED
    hk.account.halt(HK, False)
    assert order.status == Status.FILLED_ALL


def test_requests_take_their_time(hk: Desk) -> None:
    desk = Desk(1001, order_delay=0.5)
    desk.world.book(HK, 399.8, 400.0)
    order = desk.place(HK, Side.BUY, 100, 390.0)
    assert desk.statuses() == ["SUBMITTING"]
    desk.world.clock.advance(1)
    desk.account.modify(order.key, price=391.0)
    assert order.price == 390.0
    desk.world.clock.advance(1)
    assert order.price == 391.0
    desk.account.cancel(order.key)
    with pytest.raises(Refused, match="CANCELLING_ALL"):
        desk.account.cancel(order.key)
    desk.world.clock.advance(1)
    assert desk.statuses() == [
        "SUBMITTING",
        "SUBMITTED",
        "SUBMITTED",
        "CANCELLING_ALL",
        "CANCELLED_ALL",
    ]
    late = desk.place(HK, Side.BUY, 100_000, 400.0)
    desk.world.clock.advance(1)
    assert late.status == Status.FAILED
    assert "buying power" in late.error


# What is refused


@pytest.mark.parametrize(
    ("args", "terms", "text"),
    [
        (("HK.99999", 1, 100, 400.0), {}, "unknown stock HK.99999"),
        ((US, 1, 100, 400.0), {}, "no authority"),
        ((HK, 3, 100, 400.0), {}, "trdSide 3"),
        ((HK, 1, 150, 400.0), {}, "lot size 100"),
        ((HK, 1, 0, 400.0), {}, "greater than 0"),
        ((HK, 1, -100, 400.0), {}, "greater than 0"),
        ((HK, 1, float("nan"), 400.0), {}, "qty nan"),
        ((HK, 1, float("inf"), 400.0), {}, "qty inf"),
        ((HK, 1, 100, 400.1), {}, "price spread 0.2"),
        ((HK, 1, 100, 0.0), {}, "greater than 0"),
        ((HK, 1, 100, float("nan")), {}, "greater than 0"),
        ((HK, 1, 100_000, 400.0), {}, "buying power"),
        ((HK, 2, 100, 400.0), {}, "short selling is not allowed"),
        ((HK, 1, 100, 400.0), {"remark": "é" * 33}, "66 bytes"),
        ((HK, 1, 100, 400.0), {"kind": Kind.STOP, "aux_price": 410.0}, "not supported in paper"),
        ((HK, 1, 100, 400.0), {"kind": Kind.AUCTION}, "not supported in paper"),
        ((HK, 1, 100, 400.0), {"tif": Tif.GTC}, "only orders good for the day"),
        ((HK, 1, 100, 400.0), {"tif": Tif.IOC}, "only orders good for the day"),
        ((HK, 1, 100, 400.0), {"kind": 99}, "orderType 99"),
    ],
)
def test_a_paper_account_says_what_is_wrong(hk: Desk, args: Any, terms: Any, text: str) -> None:
    assert text in hk.refusal(*args, **terms)
    assert hk.told == []
    assert hk.account.order_list() == []


def test_the_price_is_cut_and_moved_onto_the_grid_if_that_is_allowed(hk: Desk) -> None:
    assert hk.place(HK, Side.BUY, 100.9, 390.00049).price == 390.0
    assert hk.place(HK, Side.BUY, 100, 390.1, adjust=0.01).price == 390.2
    assert hk.place(HK, Side.BUY, 100, 390.1, adjust=-0.01).price == 390.0
    assert "price spread" in hk.refusal(HK, Side.BUY, 100, 390.1, adjust=0.0001)


def test_what_working_orders_sell_cannot_be_sold_again(hk: Desk) -> None:
    hk.place(HK, Side.BUY, 300, 400.0)
    order = hk.place(HK, Side.SELL, 200, 410.0)
    assert hk.account.positions()[0]["can_sell_qty"] == 100
    assert "only 100" in hk.refusal(HK, Side.SELL, 200, 410.0)
    with pytest.raises(Refused, match="only 100 more"):
        hk.account.modify(order.key, qty=400)
    hk.account.cancel(order.key)
    assert hk.account.positions()[0]["can_sell_qty"] == 300


def test_chinese_shares_are_sold_a_day_later() -> None:
    desk = Desk(1003, cash={"CNY": 1_000_000.0})
    desk.world.book(SH, 1600.0, 1600.5)
    desk.place(SH, Side.BUY, 100, 1600.5)
    position = desk.account.positions()[0]
    assert (position["qty"], position["can_sell_qty"]) == (100, 0)
    assert position["currency"] == "CNH"
    assert "only 0" in desk.refusal(SH, Side.SELL, 100, 1600.0)
    desk.world.go_to(TEN_IN_HK + datetime.timedelta(days=1))
    assert desk.account.positions()[0]["can_sell_qty"] == 100
    desk.world.book(SH, 1600.0, 1600.5)
    assert desk.place(SH, Side.SELL, 100, 1600.0).status == Status.FILLED_ALL


def test_a_margin_account_sells_short_and_buys_back() -> None:
    desk = Desk(1002, start=TEN_IN_US)
    desk.world.book(US, 190.0, 190.01)
    order = desk.place(US, Side.SELL, 100, 190.0)
    assert order.side == Side.SELL_SHORT
    position = desk.account.positions()[0]
    assert (position["side"], position["qty"], position["can_sell_qty"]) == (1, -100, -100)
    assert "at most 100" in desk.refusal(US, Side.BUY, 200, 190.01)
    desk.place(US, Side.BUY, 100, 190.01)
    assert desk.account.positions() == []
    assert desk.account.funds()["realized"] == pytest.approx(-1.0)


def test_futures_bind_their_margin_and_are_sold_as_one_likes() -> None:
    desk = Desk(1004)
    desk.world.book(MHI, 16999.0, 17000.0)
    desk.place(MHI, Side.SELL, 2, 16999.0)
    instrument = desk.account.instrument(MHI)
    assert instrument.multiplier == 10.0
    desk.world.trade(MHI, 16989.0)
    funds = desk.account.funds()
    assert funds["margin"] == pytest.approx(2 * 16989.0 * 10 * (instrument.margin or 0))
    assert funds["unrealized"] == pytest.approx(200.0)
    assert funds["market_value"] == 0.0
    desk.world.book(MHI, 16988.0, 16989.0)
    desk.place(MHI, Side.BUY, 3, 16989.0)
    assert desk.account.positions()[0]["qty"] == 1
    assert desk.account.funds()["realized"] == pytest.approx(200.0)


def test_average_and_diluted_cost(hk: Desk) -> None:
    hk.place(HK, Side.BUY, 200, 400.0)
    hk.world.book(HK, 420.0, 420.2)
    hk.place(HK, Side.SELL, 100, 420.0)
    position = hk.account.positions()[0]
    assert position["average_cost"] == 400.0
    assert position["diluted_cost"] == 380.0
    assert position["realized"] == 2000.0


# A real account


@pytest.mark.parametrize(
    ("symbol", "kind", "is_taken"),
    [
        (HK, Kind.SPECIAL_LIMIT, True),
        (HK, Kind.STOP, True),
        (HK, Kind.TWAP_LIMIT, False),
        (SH, Kind.MARKET, False),
        (SH, Kind.STOP, False),
        (SH, Kind.STOP_LIMIT, True),
        (SH, Kind.NORMAL, True),
        (US, Kind.SPECIAL_LIMIT, False),
        (US, Kind.STOP_LIMIT, True),
        (MHI, Kind.SPECIAL_LIMIT, False),
        (MHI, Kind.TRAILING_STOP, True),
    ],
)
def test_order_types_by_market(real: Desk, symbol: str, kind: Kind, is_taken: bool) -> None:
    price = {HK: 400.0, SH: 1600.0, US: 190.0, MHI: 17000.0}[symbol]
    size = {HK: 100, SH: 100, US: 1, MHI: 1}[symbol]
    terms: Dict[str, Any] = {"aux_price": price, "trail_type": 2, "trail_value": price / 100}
    real.world.book(symbol, price, price)
    if is_taken:
        assert real.place(symbol, Side.BUY, size, price, kind=kind, **terms).key
    else:
        text = real.refusal(symbol, Side.BUY, size, price, kind=kind, **terms)
        assert f"orderType {int(kind)} is not supported" in text


def test_a_stop_waits_for_its_trigger(real: Desk) -> None:
    real.world.trade(HK, 400.0)
    order = real.place(HK, Side.BUY, 100, 0.0, kind=Kind.STOP, aux_price=405.0)
    real.world.book(HK, 404.6, 404.8)
    real.world.trade(HK, 404.8)
    assert order.status == Status.SUBMITTED
    real.world.book(HK, 405.0, 405.2)
    real.world.trade(HK, 405.0)
    assert (order.status, order.average) == (Status.FILLED_ALL, 405.2)


def test_a_touched_order_waits_for_the_better_price(real: Desk) -> None:
    order = real.place(HK, Side.BUY, 100, 0.0, kind=Kind.MARKET_IF_TOUCHED, aux_price=395.0)
    real.world.trade(HK, 396.0)
    assert order.status == Status.SUBMITTED
    real.world.book(HK, 394.8, 395.0)
    real.world.trade(HK, 395.0)
    assert order.status == Status.FILLED_ALL


def test_a_trailing_stop_limit_follows_the_price(real: Desk) -> None:
    real.place(HK, Side.BUY, 100, 400.0)
    real.world.trade(HK, 400.0)
    order = real.place(
        HK,
        Side.SELL,
        100,
        kind=Kind.TRAILING_STOP_LIMIT,
        trail_type=1,
        trail_value=1.0,
        trail_spread=1.0,
    )
    real.world.book(HK, 409.8, 410.0)
    real.world.trade(HK, 410.0)
    real.world.book(HK, 405.8, 406.0)
    real.world.trade(HK, 406.0)
    assert order.status == Status.SUBMITTED
    real.world.book(HK, 405.8, 406.0)
    real.world.trade(HK, 405.8)
    assert order.status == Status.FILLED_ALL


def test_special_limits_fill_at_once_or_end(real: Desk) -> None:
    real.world.book(HK, 399.8, 400.0, 100)
    part = real.place(HK, Side.BUY, 200, 400.0, kind=Kind.SPECIAL_LIMIT)
    assert (part.status, part.filled) == (Status.CANCELLED_PART, 100)
    real.world.book(HK, 399.8, 400.0, 100)
    none = real.place(HK, Side.BUY, 200, 400.0, kind=Kind.SPECIAL_LIMIT_ALL)
    assert (none.status, none.filled) == (Status.CANCELLED_ALL, 0)
    off = real.place(HK, Side.BUY, 100, 400.2, kind=Kind.ABSOLUTE_LIMIT)
    assert (off.status, off.error) == (Status.FAILED, "the price is not that of the market")
    exact = real.place(HK, Side.BUY, 100, 400.0, kind=Kind.ABSOLUTE_LIMIT)
    assert exact.status == Status.FILLED_ALL
    ioc = real.place(HK, Side.BUY, 100, 390.0, tif=Tif.IOC)
    assert ioc.status == Status.CANCELLED_ALL


def test_an_auction_order_trades_at_the_end_of_the_auction() -> None:
    desk = Desk(2001, start=datetime.datetime(2024, 1, 3, 1, 5, tzinfo=datetime.timezone.utc))
    order = desk.place(HK, Side.BUY, 100, kind=Kind.AUCTION)
    limit = desk.place(HK, Side.BUY, 100, 390.0, kind=Kind.AUCTION_LIMIT)
    desk.world.clock.advance(10 * 60)
    desk.world.trade(HK, 401.0)
    assert order.status == Status.SUBMITTED
    desk.world.clock.advance(10 * 60)
    assert (order.status, order.average) == (Status.FILLED_ALL, 401.0)
    assert limit.status == Status.CANCELLED_ALL
    assert "auction sessions" in desk.refusal(HK, Side.BUY, 100, kind=Kind.AUCTION)


def test_disable_enable_delete(real: Desk) -> None:
    order = real.place(HK, Side.BUY, 100, 399.0)
    real.account.apply(order.key, Op.DISABLE)
    assert order.status == Status.DISABLED
    real.world.trade(HK, 390.0)
    assert order.filled == 0
    with pytest.raises(Refused, match="cannot be enabled"):
        real.account.apply(real.place(HK, Side.BUY, 100, 390.0).key, Op.ENABLE)
    real.account.apply(order.key, Op.ENABLE)
    assert order.status == Status.SUBMITTED
    real.account.apply(order.key, Op.DELETE)
    assert order.status == Status.DELETED
    filled = real.place(HK, Side.BUY, 100, 400.0)
    with pytest.raises(Refused, match="cannot be deleted"):
        real.account.apply(filled.key, Op.DELETE)


def test_each_currency_has_its_own_purse(real: Desk) -> None:
    real.place(HK, Side.BUY, 100, 400.0)
    funds = real.account.funds("USD")
    cash = {one["currency"]: one["cash"] for one in funds["by_currency"]}
    assert cash["USD"] == 200_000.0
    assert cash["HKD"] < 960_000.0
    real.account.deposit(500.0, "CNY")
    assert real.account.funds()["by_currency"][2]["cash"] == 500_500.0
    with pytest.raises(ConfigError, match="currency"):
        real.account.deposit(1.0, "EUR")


# Time


def test_an_order_of_the_day_ends_with_it(hk: Desk) -> None:
    order = hk.place(HK, Side.BUY, 100, 390.0)
    hk.world.go_to(datetime.datetime(2024, 1, 3, 8, 9, tzinfo=datetime.timezone.utc))
    assert order.active
    hk.world.go_to(datetime.datetime(2024, 1, 3, 8, 11, tzinfo=datetime.timezone.utc))
    assert order.status == Status.CANCELLED_ALL
    late = hk.place(HK, Side.BUY, 100, 390.0)
    hk.world.go_to(datetime.datetime(2024, 1, 4, 8, 9, tzinfo=datetime.timezone.utc))
    assert late.active


def test_good_till_date(real: Desk) -> None:
    terms = {"tif": Tif.GTD, "expire_time": "2024-01-05"}
    order = real.place(HK, Side.BUY, 100, 390.0, **terms)
    real.world.go_to(datetime.datetime(2024, 1, 5, 15, 59, tzinfo=datetime.timezone.utc))
    assert order.active
    real.world.go_to(datetime.datetime(2024, 1, 5, 16, 1, tzinfo=datetime.timezone.utc))
    assert order.status == Status.CANCELLED_ALL
    assert "has passed" in real.refusal(HK, 1, 100, 390.0, tif=Tif.GTD, expire_time="2024-01-01")
    assert "expected YYYY" in real.refusal(HK, 1, 100, 390.0, tif=Tif.GTD, expire_time="soon")
    assert "expected YYYY" in real.refusal(HK, 1, 100, 390.0, tif=Tif.GTD)


def test_american_orders_wait_for_their_hours() -> None:
    early = datetime.datetime(2024, 1, 3, 13, 0, tzinfo=datetime.timezone.utc)
    desk = Desk(2001, start=early)
    desk.world.book(US, 190.0, 190.1)
    regular = desk.place(US, Side.BUY, 100, 191.0, tif=Tif.GTC)
    extended = desk.place(US, Side.BUY, 100, 191.0, tif=Tif.GTC, outside=True)
    assert (regular.status, extended.status) == (Status.SUBMITTED, Status.FILLED_ALL)
    assert "outside regular trading hours" in desk.refusal(US, Side.BUY, 100, kind=Kind.MARKET)
    desk.world.go_to(TEN_IN_US)
    resting = desk.place(US, Side.BUY, 100, 189.0, tif=Tif.GTC)
    desk.world.book(US, 190.0, 190.1)
    assert regular.status == Status.FILLED_ALL
    desk.world.go_to(TEN_IN_US + datetime.timedelta(hours=7))
    desk.world.trade(US, 180.0)
    assert resting.status == Status.SUBMITTED
    assert resting.waits == "hours"
    desk.world.go_to(TEN_IN_US + datetime.timedelta(days=1))
    desk.world.book(US, 188.0, 188.1)
    assert resting.status == Status.FILLED_ALL
    assert desk.statuses().count("CANCELLED_ALL") == 0


def test_overnight_orders_are_limits(real: Desk) -> None:
    terms = {"session": Session.OVERNIGHT, "kind": Kind.STOP_LIMIT, "aux_price": 190.0}
    assert "overnight" in real.refusal(US, Side.BUY, 1, 190.0, **terms)
    cash = Desk(1002, start=TEN_IN_US, margin=False)
    assert "outside regular hours" in cash.refusal(US, Side.BUY, 1, 190.0, outside=True)


# The file


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    desk = Desk(2001)
    desk.world.book(HK, 399.8, 400.0)
    desk.world.trade(HK, 400.0)
    desk.place(HK, Side.BUY, 200, 400.0, remark="one")
    waiting = desk.place(HK, Side.SELL, 100, 410.0, remark="two")
    touch = desk.place(HK, Side.BUY, 100, kind=Kind.MARKET_IF_TOUCHED, aux_price=390.0)
    StateFile(str(path), {2001: desk.account}).save()
    json.loads(path.read_text())

    other = Desk(2001)
    StateFile(str(path), {2001: other.account}).restore()
    assert other.account.order_list() == desk.account.order_list()
    assert other.account.fill_list() == desk.account.fill_list()
    assert other.account.funds() == desk.account.funds()
    assert other.account.positions() == desk.account.positions()
    other.world.book(HK, 410.0, 410.2)
    assert other.account.orders[waiting.key].status == Status.FILLED_ALL
    other.world.book(HK, 389.8, 390.0)
    other.world.trade(HK, 390.0)
    assert other.account.orders[touch.key].status == Status.FILLED_ALL
    new = other.place(HK, Side.BUY, 100, 380.0)
    assert new.key not in desk.account.orders


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    path.write_text('{"version": 2}')
    with pytest.raises(ConfigError, match="account_state"):
        StateFile(str(path), {}).restore()


def test_bad_configurations_name_the_field() -> None:
    with pytest.raises(ConfigError, match="trd_env"):
        AccountConfig(1, "PAPER")
    with pytest.raises(ConfigError, match="markets"):
        AccountConfig(1, markets=("MARS",))
    with pytest.raises(ConfigError, match="cash"):
        AccountConfig(1, cash={})
    with pytest.raises(ConfigError, match="firm"):
        AccountConfig(1, firm="OTHER")


# Limits


def test_requests_are_counted_by_the_wall() -> None:
    clock = SimulatedClock()
    throttles = Throttles(clock)
    assert throttles.take("PlaceOrder", 1) is None
    assert "0.02 seconds apart" in str(throttles.take("PlaceOrder", 1))
    assert throttles.take("PlaceOrder", 2) is None
    for _ in range(14):
        clock.advance(0.02)
        assert throttles.take("PlaceOrder", 1) is None
    clock.advance(1)
    text = str(throttles.take("PlaceOrder", 1))
    assert text.startswith("request frequency limit")
    assert "15 times per 30 seconds" in text
    clock.advance_to(30 * NS_PER_SECOND)
    assert throttles.take("PlaceOrder", 1) is None
    assert Throttles(clock, on=False).take("PlaceOrder", 1) is None


# All of it at once


def _do_something(desk: Desk, chance: random.Random) -> None:
    symbol, step = chance.choice(((HK, 0.2), (US, 0.01), (MHI, 1.0)))
    middle = {HK: 400.0, US: 190.0, MHI: 17000.0}[symbol]
    price = round(middle + chance.randint(-10, 10) * step, 2)
    keys = list(desk.account.orders) or ["none"]
    what = chance.randrange(7)
    if what == 0:
        desk.world.clock.advance(chance.choice((1, 60, 3600)))
    elif what in (1, 2):
        desk.world.book(symbol, price, price + step, chance.choice((100.0, 500.0)))
        desk.world.trade(symbol, price, 100.0)
    elif what == 3:
        size, price = chance.choice((100, 300)), price + step
        desk.account.modify(chance.choice(keys), qty=size, price=price)
    elif what == 4:
        desk.account.apply(chance.choice(keys), chance.choice(tuple(Op)[1:]))
    else:
        kind = chance.choice((Kind.NORMAL, Kind.NORMAL, *Kind))
        terms = {"aux_price": price, "trail_type": 2, "trail_value": step * 3, "trail_spread": step}
        tif = chance.choice(tuple(Tif)[:3])
        side = chance.choice((Side.BUY, Side.SELL))
        size = chance.choice((1, 2)) if symbol == MHI else chance.choice((100, 200))
        outside = chance.random() < 0.3
        desk.place(symbol, side, size, price, kind=kind, tif=tif, outside=outside, **terms)


@pytest.mark.parametrize("seed", range(5))
def test_money_and_orders_add_up_whatever_happens(seed: int) -> None:
    chance = random.Random(seed)
    desk = Desk(2001)
    for _ in range(600):
        try:
            _do_something(desk, chance)
        except Refused:
            pass
    account = desk.account
    spent = {"HKD": 0.0, "USD": 0.0, "CNH": 0.0}
    held: Dict[str, float] = {}
    for fill in account.fills:
        sign = -1 if Side(fill.side).sells else 1
        held[fill.symbol] = held.get(fill.symbol, 0.0) + sign * fill.qty
        order = account.orders[fill.order_key]
        spent[order.currency] += fill.fee
        if fill.symbol != MHI:
            spent[order.currency] += sign * fill.qty * fill.price
    spent["HKD"] -= account.holding(MHI).realized
    assert {s: size for s, size in held.items() if size} == {
        one["symbol"]: one["qty"] for one in account.positions()
    }
    for line in account.funds()["by_currency"]:
        start = account.config.cash[line["currency"]]
        assert line["cash"] == pytest.approx(start - spent[line["currency"]], abs=0.01)
    for order in account.orders.values():
        filled = sum(fill.qty for fill in account.fills if fill.order_key == order.key)
        assert filled == order.filled <= order.qty
        assert order.told is not None
        assert order.told[0] == order.status
        assert (order.status == Status.FILLED_ALL) == (order.filled == order.qty)
    at_exchange = {
        report.client_order_id
        for purse in account.purses.values()
        for report in purse.exchange.mass_status().orders
        if report.client_order_id
    }
    live = {order.live_id for order in account.active() if order.live_id}
    assert live <= at_exchange
    again = Desk(2001, start=TEN_IN_HK)
    again.world.clock.advance_to(desk.world.clock.time_ns())
    saved = json.dumps(account.to_dict())
    again.account.load(json.loads(saved))
    assert json.dumps(again.account.to_dict()) == saved
