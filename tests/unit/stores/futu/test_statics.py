from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

from btstores.clock import SimulatedClock
from btstores.instruments import Instrument
from btstores.markets import hours
from btstores.reports import Tick
from btstores.sim.prices.series import series_of
from btstores.stores.futu.opend.listings import made_up
from btstores.stores.futu.opend.quotes import Quotes
from btstores.stores.futu.opend.server import OpenD
from btstores.stores.futu.opend.session import Refused
from btstores.stores.futu.opend.world import World
from tests.support.quotes import SERIES, SYMBOLS, Client, Desk, good, world_of

# The client calls Thread.setDaemon.
pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")
needs_calendars = pytest.mark.skipif(
    not hours.HK_STOCK.has_holidays, reason="the calendars of exchanges are not installed"
)


@pytest.fixture
def desk():
    return Desk()


def test_securities_are_described():
    symbols = ["HK.00700", "HK.02800", "HK.00005", "HK.12345", "US.SPY", "HK.MHImain", "SH.688981"]
    desk = Desk(World(made_up(symbols, bars=5), SimulatedClock(), lots={"HK.12345": 2000}))
    found = [info.basic for info in desk.ask(3202, *symbols).staticInfoList]
    assert [basic.lotSize for basic in found] == [100, 500, 400, 2000, 1, 10, 100]
    assert [basic.secType for basic in found] == [3, 4, 3, 5, 4, 10, 3]
    assert [basic.exchType for basic in found] == [1, 1, 1, 1, 5, 3, 16]
    assert found[0].name == "TENCENT"
    assert found[0].listTime == "2004-06-16"
    assert len({basic.id for basic in found}) == len(symbols)
    future = desk.ask(3202, "HK.MHImain").staticInfoList[0].futureExData
    assert future.isMainContract


def test_a_market_and_a_type_select(desk):
    def select(market, kind):
        infos = desk.ask(3202, market=market, secType=kind).staticInfoList
        return [info.basic.security.code for info in infos]

    assert select(1, 3) == ["00700"]
    assert select(1, 10) == ["MHImain"]
    assert select(11, 0) == ["AAPL", "ESmain"]
    assert select(22, 3) == []


def test_a_snapshot_tells_the_day(desk):
    (snapshot,) = desk.ask(3203, "HK.00700").snapshotList
    basic, today = snapshot.basic, SERIES[0].events[330:400]
    assert basic.curPrice == today[-1].close
    assert (basic.highPrice, basic.lowPrice) == (
        max(bar.high for bar in today),
        min(bar.low for bar in today),
    )
    assert (basic.lotSize, basic.priceSpread) == (100, 0.2)
    assert basic.bidPrice < basic.askPrice
    assert basic.curPrice in (basic.bidPrice, basic.askPrice)
    assert basic.updateTime == "2024-01-03 10:39:58"
    assert basic.volume > 0
    assert basic.highest52WeeksPrice >= basic.highPrice
    assert not basic.isSuspend
    desk.world.halt("HK.00700")
    assert desk.ask(3203, "HK.00700").snapshotList[0].basic.isSuspend
    future = desk.ask(3203, "US.ESmain").snapshotList[0]
    assert future.basic.lotSize == 50
    assert future.futureExData.isMainContract


def test_a_symbol_that_never_traded_has_a_snapshot():
    later = Tick("HK.00700", 1_704_160_000 * 10**9, 400.0, 100.0)
    series = series_of(Instrument("HK.00700"), [later], 1)
    desk = Desk(World([series], SimulatedClock(1_704_000_000 * 10**9)))
    basic = desk.ask(3203, "HK.00700").snapshotList[0].basic
    assert (basic.curPrice, basic.updateTime) == (0.0, "")
    assert not basic.HasField("askPrice")


def test_snapshots_are_limited(desk):
    with pytest.raises(Refused, match="securityList: 0"):
        desk.ask(3203)
    with pytest.raises(Refused, match="securityList: 401"):
        desk.ask(3203, *(["HK.00700"] * 401))
    assert len(desk.ask(3203, *(["HK.00700"] * 400)).snapshotList) == 400
    for _ in range(59):
        desk.ask(3203, "HK.00700")
    with pytest.raises(Refused, match="GetSecuritySnapshot: more than 60"):
        desk.ask(3203, "HK.00700")
    desk.world.clock.advance(30)
    desk.ask(3203, "HK.00700")


@pytest.mark.parametrize("proto_id", [3202, 3203, 3218, 3223])
def test_unknown_securities_are_refused(desk, proto_id):
    with pytest.raises(Refused, match="Unknown stock: market 1, code '99999'"):
        desk.ask(proto_id, "HK.99999")


def test_contracts_are_described(desk):
    hong_kong, chicago = desk.ask(3218, "HK.MHImain", "US.ESmain").futureInfoList
    assert (hong_kong.contractSize, hong_kong.minVar) == (10, 1.0)
    assert (hong_kong.quoteCurrency, hong_kong.exchange) == ("HKD", "HKFE")
    assert [(one.begin, one.end) for one in hong_kong.tradeTime] == [
        (-405, 180),
        (555, 720),
        (780, 990),
    ]
    assert (chicago.contractSize, chicago.minVar, chicago.exchange) == (50, 0.25, "CME")
    assert [(one.begin, one.end) for one in chicago.tradeTime] == [(-360, 1020)]
    with pytest.raises(Refused, match=r"HK\.00700 is not a future"):
        desk.ask(3218, "HK.00700")


@needs_calendars
@pytest.mark.parametrize(
    ("market", "begin", "end", "expected"),
    [
        (1, "2024-12-23", "2024-12-27", [("23", 0), ("24", 1), ("27", 0)]),
        (2, "2024-12-23", "2024-12-27", [("23", 0), ("24", 0), ("26", 0), ("27", 0)]),
        (3, "2024-12-23", "2024-12-25", [("23", 0), ("24", 0), ("25", 0)]),
        (4, "2024-12-23", "2024-12-27", [("23", 0), ("24", 1), ("27", 0)]),
        (5, "2024-12-28", "2024-12-29", []),
    ],
)
def test_trading_days(desk, market, begin, end, expected):
    found = desk.ask(3219, market=market, beginTime=begin, endTime=end).tradeDateList
    assert [(date.time[-2:], date.tradeDateType) for date in found] == expected


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"market": 99}, "market: 99"),
        ({"beginTime": "x"}, "beginTime: 'x'"),
        ({"endTime": "2023-01-01"}, "endTime: 2023-01-01"),
        ({"endTime": "2124-01-01"}, "endTime: 2124-01-01"),
    ],
)
def test_trading_days_that_make_no_sense(desk, fields, text):
    fields = {"market": 1, "beginTime": "2024-01-01", "endTime": "2024-01-05", **fields}
    with pytest.raises(Refused, match=text):
        desk.ask(3219, **fields)


def test_the_client_can_ask_for_everything():
    world = world_of()
    with OpenD(world, [Quotes(world)]) as opend:
        context = Client(opend.port).context
        frame = good(context.get_stock_basicinfo("HK", "STOCK"))
        assert list(frame["code"]) == ["HK.00700"]
        assert frame["lot_size"][0] == 100
        frame = good(context.get_stock_basicinfo("HK", code_list=list(SYMBOLS)))
        assert list(frame["stock_type"]) == ["STOCK", "STOCK", "STOCK", "FUTURE", "FUTURE"]
        frame = good(context.get_market_snapshot(list(SYMBOLS)))
        assert list(frame["price_spread"]) == [0.2, 0.01, 0.01, 1.0, 0.25]
        assert list(frame["code"]) == list(SYMBOLS)
        frame = good(context.get_future_info(["HK.MHImain"]))
        assert frame["min_change"][0] == 1.0
        assert frame["trade_time"][0].startswith("(17:15(T-1) - 03:00), (09:15 - 12:00)")
        days = good(context.request_trading_days("HK", "2024-12-24", "2024-12-27"))
        assert days[0]["time"] == "2024-12-24"
        assert good(context.request_trading_days(code="US.AAPL", start="2024-07-03"))
        frame = good(context.get_market_state(list(SYMBOLS)))
        assert frame["market_state"][0] == "MORNING"
        context.close()
