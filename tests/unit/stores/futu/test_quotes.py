from __future__ import annotations

import contextlib
import threading

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

from btstores.clock import RealClock, SimulatedClock
from btstores.errors import ConfigError
from btstores.reports import Quote, Tick
from btstores.stores.futu.opend.listings import made_up
from btstores.stores.futu.opend.quotes import QUOTAS, Quotes
from btstores.stores.futu.opend.server import OpenD
from btstores.stores.futu.opend.session import Refused
from btstores.stores.futu.opend.text import read_time
from btstores.stores.futu.opend.world import World
from tests.support.opend import wait_for
from tests.support.quotes import (
    BASIC,
    BOOK,
    DAY,
    MINUTE,
    RT,
    SERIES,
    SYMBOLS,
    TICKER,
    Client,
    Desk,
    StubSession,
    good,
    world_of,
)

# The client calls Thread.setDaemon.
pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")


@pytest.fixture
def desk():
    return Desk()


def test_what_is_there_is_pushed_at_once(desk):
    desk.subscribe("HK.00700", [BASIC, BOOK, TICKER, RT, MINUTE, DAY])
    assert [number for number, _ in desk.session.pushed] == [3005, 3013, 3011, 3009, 3007, 3007]
    (ticker,) = desk.session.of(3011)[0].tickerList
    assert ticker.pushDataType == 3
    minute, day = desk.session.of(3007)
    assert minute.klList[0].time == "2024-01-03 10:40:00"
    assert day.klList[0].time == "2024-01-03 00:00:00"


@pytest.mark.parametrize("fields", [{"isFirstPush": False}, {"push": False}])
def test_nothing_is_pushed_at_once_when_that_is_not_wanted(desk, fields):
    desk.subscribe("HK.00700", [BASIC, MINUTE], **fields)
    assert not desk.session.pushed


def test_pushes_come_only_to_those_who_registered(desk):
    quiet = StubSession()
    desk.subscribe("HK.00700", [TICKER], isFirstPush=False)
    desk.subscribe("HK.00700", [TICKER], by=quiet, push=False)
    desk.world.clock.advance(30)
    assert desk.session.of(3011)
    assert not quiet.pushed
    desk.ask(3002, "HK.00700", by=quiet, subTypeList=[TICKER], isRegOrUnReg=True)
    assert len(quiet.pushed) == 1
    desk.world.clock.advance(30)
    assert len(quiet.pushed) > 1
    count = len(quiet.pushed)
    desk.ask(3002, "HK.00700", by=quiet, subTypeList=[TICKER], isRegOrUnReg=False)
    desk.world.clock.advance(30)
    assert len(quiet.pushed) == count
    assert desk.ask(3010, "HK.00700", by=quiet, maxRetNum=5).tickerList


def test_only_what_is_subscribed_to_can_be_registered(desk):
    with pytest.raises(Refused, match=r"HK\.00700 must be subscribed to \(subType 4\)"):
        desk.ask(3002, "HK.00700", subTypeList=[TICKER], isRegOrUnReg=True)
    # The client takes back registrations after it has unsubscribed.
    desk.ask(3002, "HK.00700", subTypeList=[TICKER], isRegOrUnReg=False)


def test_each_message_is_made_once_for_all(desk):
    others = [StubSession() for _ in range(3)]
    for session in others:
        desk.subscribe("HK.00700", [MINUTE, TICKER], by=session, isFirstPush=False)
    desk.world.clock.advance(20)
    assert others[0].pushed
    for mine, theirs in zip(others[0].pushed, others[1].pushed):
        assert mine[1] is not None
        assert mine[0] == theirs[0]
        assert mine[1].SerializeToString() == theirs[1].SerializeToString()


def test_the_running_bar_is_pushed_again_and_again(desk):
    desk.subscribe("HK.00700", [MINUTE], isFirstPush=False)
    desk.world.clock.advance(60)
    bars = [s2c.klList[0] for s2c in desk.session.of(3007)]
    assert {bar.time for bar in bars} == {"2024-01-03 10:41:00"}
    volumes = [bar.volume for bar in bars]
    assert volumes == sorted(set(volumes))
    assert len(volumes) == 8
    played = SERIES[0].events[400]
    assert (bars[-1].openPrice, bars[-1].highPrice) == (played.open, played.high)
    assert (bars[-1].lowPrice, bars[-1].closePrice) == (played.low, played.close)
    assert bars[-1].volume == played.volume
    assert bars[-1].timestamp == played.time_ns / 1e9
    assert bars[-1].lastClosePrice == SERIES[0].events[399].close


def test_every_type_of_k_line_is_pushed(desk):
    kinds = [kind for kind in range(6, 22) if kind != 14]
    desk.subscribe("HK.00700", kinds, isFirstPush=False)
    desk.world.inject(Tick("HK.00700", 0, 401.0, 100.0))
    pushed = {s2c.klType: s2c.klList[0].time for s2c in desk.session.of(3007)}
    assert len(pushed) == 15
    assert pushed[10] == "2024-01-03 10:42:00"
    assert pushed[13] == "2024-01-03 11:30:00"
    assert pushed[3] == "2024-01-01 00:00:00"
    assert pushed[11] == "2024-01-01 00:00:00"


def test_the_rehab_type_that_was_registered_is_told(desk):
    desk.subscribe("HK.00700", [MINUTE], regPushRehabTypeList=[0, 2])
    assert sorted(s2c.rehabType for s2c in desk.session.of(3007)) == [0, 2]
    desk.session.pushed.clear()
    desk.ask(3002, "HK.00700", subTypeList=[MINUTE], isRegOrUnReg=True)
    assert [s2c.rehabType for s2c in desk.session.of(3007)] == [1]


def test_trades_may_share_a_push():
    desk = Desk(ticker_batch=20.0)
    desk.subscribe("HK.00700", [TICKER], isFirstPush=False)
    desk.world.clock.advance(60)
    pushes = desk.session.of(3011)
    assert max(len(s2c.tickerList) for s2c in pushes) > 1
    numbers = [ticker.sequence for s2c in pushes for ticker in s2c.tickerList]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 6


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({}, 0),
        ({"session": 1}, 0),
        ({"extendedTime": True}, 1),
        ({"session": 2}, 1),
        ({"session": 1, "extendedTime": True}, 0),
        ({"session": 3}, 2),
    ],
)
def test_sessions_of_american_stocks_are_seen_as_asked_for(fields, seen):
    world = World(made_up(["US.AAPL"], bars=500), SimulatedClock(), history=390)
    desk = Desk(world)
    desk.subscribe("US.AAPL", [TICKER, MINUTE, DAY], isFirstPush=False, **fields)
    world.clock.advance(60)
    world.inject(Tick("US.AAPL", 0, 190.0, 5.0))  # after hours
    assert len(desk.session.of(3011)) == (seen > 0)
    assert len(desk.session.of(3007)) == (seen > 0)
    world.clock.advance_to(read_time("2024-01-02 21:00:00", "America/New_York"))
    world.inject(Tick("US.AAPL", 0, 191.0, 5.0))  # over night
    assert len(desk.session.of(3011)) == seen
    last = desk.ask(3006, "US.AAPL", rehabType=1, klType=1, reqNum=1).klList[0].time
    assert last[11:] == ("16:00:00", "16:02:00", "21:01:00")[seen]
    basic = world.boards["US.AAPL"]
    assert basic.today.close == SERIES[1].events[389].close


def test_a_session_that_cannot_be_had_is_refused(desk):
    with pytest.raises(Refused, match="session: 4"):
        desk.subscribe("US.AAPL", [MINUTE], session=4)


def test_extended_prices_are_in_the_quote():
    world = World(made_up(["US.AAPL"], bars=500), SimulatedClock(), history=390)
    desk = Desk(world)
    desk.subscribe("US.AAPL", [BASIC])
    world.clock.advance(3600)
    world.inject(Tick("US.AAPL", 0, 190.5, 7.0))
    (basic,) = desk.ask(3004, "US.AAPL").basicQotList
    assert basic.afterMarket.price == 190.5
    assert basic.afterMarket.volume == 7
    assert basic.curPrice == SERIES[1].events[389].close


@pytest.mark.parametrize(
    ("symbols", "kinds", "text"),
    [
        (["HK.99999"], [MINUTE], "Unknown stock: market 1, code '99999'"),
        (["HK.00700", "US.MSFT"], [MINUTE], "Unknown stock: market 11, code 'MSFT'"),
        (["HK.00700"], [99], "subTypeList: 99"),
        (["HK.00700"], [3], "subTypeList: 3"),
        (["HK.00700"], [], "subTypeList is empty"),
        ([], [MINUTE], "securityList is empty"),
    ],
)
def test_what_cannot_be_subscribed_to_is_refused(desk, symbols, kinds, text):
    with pytest.raises(Refused, match=text):
        desk.subscribe(symbols, kinds)
    assert desk.used() == 0


def test_the_old_market_of_futures_is_understood(desk):
    route = desk.routes[3001]
    request = route.request()
    request.c2s.isSubOrUnSub = True
    request.c2s.subTypeList.append(MINUTE)
    security = request.c2s.securityList.add()
    security.market, security.code = 2, "MHImain"
    route.answer(desk.session, request.c2s, route.response().s2c)
    assert desk.used() == 1


# Minute and quota


def test_a_subscription_lasts_a_minute(desk):
    desk.subscribe("HK.00700", [MINUTE, TICKER])
    desk.world.clock.advance(59)
    with pytest.raises(Refused, match=r"HK\.00700.*within one minute"):
        desk.unsubscribe("HK.00700", [MINUTE])
    with pytest.raises(Refused, match="within one minute"):
        desk.ask(3001, isUnsubAll=True, isSubOrUnSub=False)
    desk.world.clock.advance(1)
    desk.unsubscribe("HK.00700", [MINUTE])
    assert desk.used() == 1
    desk.ask(3001, isUnsubAll=True, isSubOrUnSub=False)
    assert desk.used() == 0
    desk.session.pushed.clear()
    desk.world.clock.advance(60)
    assert not desk.session.pushed


def test_subscribing_again_does_not_begin_a_new_minute(desk):
    desk.subscribe("HK.00700", [MINUTE])
    desk.world.clock.advance(50)
    desk.subscribe("HK.00700", [MINUTE])
    desk.world.clock.advance(10)
    desk.unsubscribe("HK.00700", [MINUTE])


def test_the_quota_counts_over_all_connections_and_comes_back_with_the_last(desk):
    other = StubSession()
    desk.subscribe(SYMBOLS, [MINUTE, TICKER])
    desk.subscribe(["HK.00700"], [MINUTE, RT], by=other)
    assert desk.used() == 11
    info = desk.ask(3003, isReqAllConn=True)
    assert [(one.usedQuota, one.isOwnConnData) for one in info.connSubInfoList] == [
        (10, True),
        (2, False),
    ]
    assert info.remainQuota == QUOTAS[1] - 11
    desk.world.clock.advance(60)
    desk.unsubscribe("HK.00700", [MINUTE])
    assert desk.used() == 11
    desk.unsubscribe("HK.00700", [MINUTE], by=other)
    assert desk.used() == 10


def test_more_than_the_quota_is_refused_as_a_whole():
    desk = Desk(tier=0)
    desk.quotes.quota = 3
    desk.subscribe("HK.00700", [MINUTE, TICKER])
    with pytest.raises(Refused, match="quota: 3 needed, 1 of 3 left"):
        desk.subscribe(["HK.00700", "US.AAPL"], [MINUTE, DAY])
    assert desk.used() == 2
    desk.subscribe("HK.00700", [MINUTE, TICKER, DAY])
    assert desk.ask(3003).remainQuota == 0


def test_there_are_four_tiers():
    for tier, quota in enumerate(QUOTAS):
        assert Desk(world_of(symbols=["US.AAPL"]), tier=tier).ask(3003).remainQuota == quota
    with pytest.raises(ConfigError):
        Quotes(world_of(symbols=["US.AAPL"]), tier=4)


def test_young_subscriptions_outlive_their_connection(desk):
    desk.subscribe("HK.00700", [MINUTE])
    desk.world.clock.advance(20)
    desk.subscribe("HK.00700", [TICKER])
    desk.quotes.session_closed(desk.session)
    assert desk.used() == 2
    desk.world.clock.advance(40)
    assert desk.used() == 1
    desk.world.clock.advance(20)
    assert desk.used() == 0
    pushed = len(desk.session.pushed)
    desk.world.clock.advance(60)
    assert len(desk.session.pushed) == pushed


# Faults


def test_faults_of_subscribing(desk):
    faults = desk.quotes.faults
    faults.on("sub_fails", text="busy")
    with pytest.raises(Refused, match="busy"):
        desk.subscribe("HK.00700", [MINUTE])
    desk.subscribe("HK.00700", [MINUTE])
    faults.on("no_right", symbol="US.AAPL")
    with pytest.raises(Refused, match=r"No right to the quotes of US\.AAPL"):
        desk.subscribe("US.AAPL", [MINUTE])
    desk.subscribe("SH.600519", [MINUTE])
    faults.clear()
    faults.on("quota_full")
    desk.subscribe("HK.00700", [MINUTE])
    with pytest.raises(Refused, match="quota"):
        desk.subscribe("HK.00700", [DAY])
    assert desk.ask(3003).remainQuota == 0
    faults.clear()
    desk.quotes.no_rights = frozenset({"HK"})
    with pytest.raises(Refused, match="No right"):
        desk.subscribe("HK.00700", [MINUTE])


def test_numbers_that_are_not_required_can_be_missing(desk):
    desk.quotes.faults.on("na_numbers", symbol="HK.00700")
    for symbol, missing in (("HK.00700", True), ("US.AAPL", False)):
        desk.session.pushed.clear()
        desk.subscribe(symbol, [MINUTE, TICKER, BASIC, BOOK, RT])
        kline = desk.session.of(3007)[0].klList[0]
        ticker = desk.session.of(3011)[0].tickerList[0]
        book = desk.session.of(3013)[0]
        assert kline.HasField("closePrice")
        assert kline.HasField("timestamp") is not missing
        assert ticker.HasField("recvTime") is not missing
        assert book.HasField("svrRecvTimeBidTimestamp") is not missing
        assert book.orderBookBidList[0].HasField("price")
        basic = desk.ask(3203, symbol).snapshotList[0].basic
        assert basic.HasField("askPrice") is not missing


def test_while_futu_is_lost_nothing_comes_and_trades_are_fetched_later(desk):
    desk.subscribe("HK.00700", [TICKER, MINUTE, BOOK], isFirstPush=False)
    desk.quotes.faults.on("upstream_down")
    desk.world.clock.advance(600)
    assert not desk.session.pushed
    desk.quotes.faults.clear()
    desk.world.clock.advance(60)
    missed = desk.session.of(3011)[0].tickerList
    assert len(missed) == 50
    assert {ticker.pushDataType for ticker in missed} == {2}
    assert desk.session.of(3011)[1].tickerList[0].pushDataType == 1
    assert desk.session.of(3007)


# Requests


def test_requests_need_a_subscription_of_their_own_connection(desk):
    desk.subscribe("HK.00700", [BASIC, BOOK, TICKER, RT, MINUTE], by=StubSession())
    asked = [
        (3004, {}),
        (3006, {"rehabType": 1, "klType": 1, "reqNum": 1}),
        (3008, {}),
        (3010, {"maxRetNum": 1}),
        (3012, {"num": 1}),
    ]
    for proto_id, fields in asked:
        with pytest.raises(Refused, match=r"HK\.00700 must be subscribed to"):
            desk.ask(proto_id, "HK.00700", **fields)


@pytest.mark.parametrize(
    ("proto_id", "field", "fields"),
    [
        (3006, "reqNum", {"rehabType": 1, "klType": 1}),
        (3010, "maxRetNum", {}),
        (3012, "num", {}),
    ],
)
@pytest.mark.parametrize("count", [0, -1, 1001])
def test_counts_have_limits(desk, proto_id, field, fields, count):
    desk.subscribe("HK.00700", [MINUTE, TICKER, BOOK])
    with pytest.raises(Refused, match=f"{field}: {count}"):
        desk.ask(proto_id, "HK.00700", **fields, **{field: count})


def test_the_last_trades_are_told(desk):
    desk.subscribe("HK.00700", [TICKER])
    found = desk.ask(3010, "HK.00700", maxRetNum=1000).tickerList
    assert len(found) == 1000
    numbers = [ticker.sequence for ticker in found]
    assert numbers == sorted(set(numbers))
    last = desk.world.boards["HK.00700"].last
    assert (found[-1].price, found[-1].sequence) == (last.tick.price, last.number)
    assert found[-1].turnover == found[-1].price * found[-1].volume


def test_a_book_is_ten_levels_around_the_quote(desk):
    desk.subscribe("HK.00700", [BOOK], isFirstPush=False)
    desk.world.inject(Quote("HK.00700", 0, 500.0, 500.5, 300.0, 700.0))
    (pushed,) = desk.session.of(3013)
    book = desk.ask(3012, "HK.00700", num=10)
    assert pushed.SerializeToString() == book.SerializeToString()
    bids = [level.price for level in book.orderBookBidList]
    asks = [level.price for level in book.orderBookAskList]
    # The ticks below 500 are smaller.
    assert bids == [500.0, *(round(500 - 0.2 * i, 1) for i in range(1, 10))]
    assert asks == [500.5 + 0.5 * i for i in range(10)]
    assert book.orderBookBidList[0].volume == 300
    assert book.orderBookAskList[0].volume == 700
    assert len(desk.ask(3012, "HK.00700", num=3).orderBookAskList) == 3


def test_a_one_sided_quote_has_a_one_sided_book(desk):
    desk.subscribe("HK.00700", [BOOK])
    desk.world.inject(Quote("HK.00700", 0, 500.0, None, None, None))
    book = desk.ask(3012, "HK.00700", num=10)
    assert len(book.orderBookBidList) == 10
    assert not book.orderBookAskList


def test_the_quote_of_the_day(desk):
    desk.subscribe(["HK.00700", "HK.MHImain"], [BASIC])
    stock, future = desk.ask(3004, "HK.00700", "HK.MHImain").basicQotList
    today = SERIES[0].events[330:400]
    assert stock.curPrice == today[-1].close
    assert stock.openPrice == today[0].open
    assert stock.highPrice == max(bar.high for bar in today)
    assert stock.lowPrice == min(bar.low for bar in today)
    assert stock.lastClosePrice == SERIES[0].events[329].close
    assert stock.priceSpread == 0.2
    assert stock.updateTime == "2024-01-03 10:39:58"
    assert not stock.isSuspended
    assert future.HasField("futureExData")
    desk.world.halt("HK.00700")
    (stock,) = desk.ask(3004, "HK.00700").basicQotList
    assert (stock.isSuspended, stock.secStatus) == (True, 9)


def test_the_curve_of_the_day(desk):
    desk.subscribe("HK.00700", [RT], isFirstPush=False)
    curve = desk.ask(3008, "HK.00700").rtList
    assert len(curve) == 71  # the auction and 70 minutes
    assert (curve[0].time, curve[0].minute) == ("2024-01-03 09:30:00", 570)
    assert curve[-1].avgPrice == pytest.approx(401.4, abs=0.5)
    desk.world.clock.advance(60)
    assert desk.session.of(3009)[-1].rtList[0].minute == 641


# Through the real client


@pytest.fixture
def opend():
    world = world_of()
    quotes = Quotes(world)
    opend = OpenD(world, [quotes], faults=quotes.faults)
    with opend:
        client = Client(opend.port)
        opend.client, opend.quotes = client, quotes
        yield opend
        client.context.close()


def test_the_client_gets_pushes_of_all_kinds(opend):
    client = opend.client
    kinds = ["QUOTE", "ORDER_BOOK", "TICKER", "RT_DATA", "K_1M", "K_DAY"]
    good(client.context.subscribe(list(SYMBOLS), kinds))
    wait_for(lambda: len(client.pushed) == 6 * len(SYMBOLS))
    client.pushed.clear()
    opend.world.clock.advance(60)
    ticks = [one for one in opend.world.boards["HK.00700"].trades if one.tick.time_ns > 0][-8:]
    wait_for(lambda: sum(frame["code"][0] == "HK.00700" for frame in client.of(3011)) == 8)
    got = [frame for frame in client.of(3011) if frame["code"][0] == "HK.00700"]
    assert [frame["price"][0] for frame in got] == [one.tick.price for one in ticks]
    assert [frame["sequence"][0] for frame in got] == [one.number for one in ticks]

    def last_bar():
        bars = [f for f in client.of(3007) if f["code"][0] == "HK.00700"]
        return [f for f in bars if f["k_type"][0] == "K_1M"][-1]

    wait_for(lambda: last_bar()["volume"][0] == SERIES[0].events[400].volume)
    assert last_bar()["time_key"][0] == "2024-01-03 10:41:00"
    book = client.of(3013)[-1]
    assert len(book["Bid"]) == len(book["Ask"]) == 10
    assert client.of(3005)
    assert client.of(3009)


def test_the_client_can_ask_for_everything(opend):
    context = opend.client.context
    kinds = ["QUOTE", "ORDER_BOOK", "TICKER", "RT_DATA", "K_1M", "K_60M"]
    good(context.subscribe(list(SYMBOLS), kinds, subscribe_push=False))
    for symbol in SYMBOLS:
        assert len(good(context.get_cur_kline(symbol, 100, "K_1M"))) == 100
        assert len(good(context.get_rt_ticker(symbol, 500))) == 500
        assert good(context.get_order_book(symbol))["code"] == symbol
        assert len(good(context.get_rt_data(symbol))) > 10
        assert len(good(context.get_cur_kline(symbol, 5, "K_60M"))) > 1
    assert len(good(context.get_stock_quote(list(SYMBOLS)))) == len(SYMBOLS)
    subscribed = good(context.query_subscription())
    assert subscribed["total_used"] == 6 * len(SYMBOLS)
    assert sorted(subscribed["sub_list"]["K_1M"]) == sorted(SYMBOLS)
    assert not opend.client.pushed


def test_the_client_hears_why_it_cannot(opend):
    context = opend.client.context
    result, text = context.subscribe(["HK.00001"], ["K_1M"])
    assert result == -1
    assert "00001" in text
    good(context.subscribe(["HK.00700"], ["K_1M"]))
    result, text = context.unsubscribe(["HK.00700"], ["K_1M"])
    assert result == -1
    assert "one minute" in text
    opend.world.clock.advance(60)
    good(context.unsubscribe(["HK.00700"], ["K_1M"]))
    assert good(context.query_subscription())["total_used"] == 0


def test_what_the_client_subscribed_ends_with_its_connection(opend):
    other = Client(opend.port)
    good(other.context.subscribe(["HK.00700"], ["K_1M"]))
    opend.world.clock.advance(120)
    assert good(opend.client.context.query_subscription())["total_used"] == 1
    other.context.close()
    wait_for(lambda: good(opend.client.context.query_subscription())["total_used"] == 0)


# Threads


def test_many_threads_may_ask_while_prices_come():
    world = World(SERIES, RealClock(), speed=2000.0, history=400)
    desk = Desk(world)
    problems = []

    def work(number):
        session = StubSession()
        try:
            for turn in range(30):
                symbol = SYMBOLS[(number + turn) % len(SYMBOLS)]
                desk.subscribe(symbol, [BASIC, BOOK, TICKER, RT, MINUTE, 9, 12], by=session)
                desk.ask(3006, symbol, by=session, rehabType=1, klType=1, reqNum=500)
                desk.ask(3010, symbol, by=session, maxRetNum=500)
                desk.ask(3203, *SYMBOLS, by=session) if turn < 4 else None
                desk.ask(3008, symbol, by=session)
            desk.quotes.session_closed(session)
            for proto_id in (3007, 3011):
                check_order(session, proto_id)
        except Exception as error:
            problems.append(error)

    def check_order(session, proto_id):
        last = {}
        for s2c in session.of(proto_id):
            key = (s2c.security.code, getattr(s2c, "klType", 0))
            item = s2c.klList[0].time if proto_id == 3007 else s2c.tickerList[0].sequence
            assert last.get(key, item) <= item
            last[key] = item

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    world.stop()
    assert not problems
    assert not any(thread.is_alive() for thread in threads)
    with contextlib.suppress(Refused):
        desk.unsubscribe("HK.00700", [MINUTE])
