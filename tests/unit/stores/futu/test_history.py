from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

from btstores.clock import SimulatedClock
from btstores.reports import Tick
from btstores.stores.futu.opend.listings import made_up
from btstores.stores.futu.opend.quotes import Quotes
from btstores.stores.futu.opend.server import OpenD
from btstores.stores.futu.opend.session import Refused
from btstores.stores.futu.opend.text import read_time
from btstores.stores.futu.opend.world import World
from tests.support.quotes import SERIES, Client, Desk, good, world_of

# The client calls Thread.setDaemon.
pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")

HK, US = "HK.00700", "US.AAPL"


@pytest.fixture
def desk():
    return Desk(world_of(history=800))


def ask(desk, symbol=HK, begin="2024-01-01", end="2024-01-31", kl_type=1, **fields):
    fields = {"rehabType": 1, "klType": kl_type, "beginTime": begin, "endTime": end, **fields}
    return desk.ask(3103, symbol, **fields)


def times(answer):
    return [kline.time for kline in answer.klList]


def test_the_past_comes_up_to_now(desk):
    found = ask(desk)
    assert found.name == "TENCENT"
    assert times(found)[0] == "2024-01-02 09:30:00"
    assert times(found)[-1] == "2024-01-04 11:50:00"
    assert len(found.klList) == 800 + 3
    assert not found.HasField("nextReqKey")
    bars = {bar.time_ns / 1e9: bar for bar in SERIES[0].events[:800]}
    for kline in found.klList:
        if kline.time[11:] != "09:30:00":
            bar = bars[kline.timestamp]
            assert (kline.openPrice, kline.highPrice) == (bar.open, bar.high)
            assert (kline.lowPrice, kline.closePrice) == (bar.low, bar.close)
            assert kline.volume == bar.volume
    for before, after in zip(found.klList, found.klList[1:]):
        assert after.lastClosePrice == before.closePrice


def test_the_bar_that_runs_is_told_as_well(desk):
    desk.world.clock.advance(20)
    assert times(ask(desk))[-1] == "2024-01-04 11:51:00"


@pytest.mark.parametrize(
    ("begin", "end", "first", "last", "count"),
    [
        ("2024-01-03", "2024-01-03", "2024-01-03 09:30:00", "2024-01-03 16:00:00", 331),
        ("2024-01-02 15:58:00", "2024-01-03 09:31:00", "2024-01-02 15:58:00", None, 5),
        ("2024-01-02 15:58:30", "2024-01-02", "2024-01-02 15:59:00", None, 2),
    ],
)
def test_dates_and_times_bound_what_comes(desk, begin, end, first, last, count):
    found = times(ask(desk, begin=begin, end=end))
    assert (found[0], len(found)) == (first, count)
    assert last in (None, found[-1])


def test_nothing_comes_of_a_time_without_bars(desk):
    assert not ask(desk, begin="2023-01-01", end="2023-12-31").klList


@pytest.mark.parametrize(
    ("kl_type", "expected"),
    [
        (2, ["2024-01-02 00:00:00", "2024-01-03 00:00:00", "2024-01-04 00:00:00"]),
        (3, ["2024-01-01 00:00:00"]),
        (9, ["2024-01-04 10:30:00", "2024-01-04 11:30:00", "2024-01-04 12:00:00"]),
    ],
)
def test_longer_bars_are_made_of_the_short_ones(desk, kl_type, expected):
    assert times(ask(desk, kl_type=kl_type))[-3:] == expected


def test_pages_follow_each_other(desk):
    whole = times(ask(desk))
    pages, key = [], None
    while True:
        fields = {} if key is None else {"nextReqKey": key}
        page = ask(desk, maxAckKLNum=200, **fields)
        pages.append(times(page))
        for before, after in zip(page.klList, page.klList[1:]):
            assert after.lastClosePrice == before.closePrice
        if not page.HasField("nextReqKey"):
            break
        key = page.nextReqKey
    assert [len(page) for page in pages] == [200, 200, 200, 200, 3]
    assert [time for page in pages for time in page] == whole


def test_a_page_that_just_ends_has_no_next_one(desk):
    assert not ask(desk, maxAckKLNum=803).HasField("nextReqKey")
    assert ask(desk, maxAckKLNum=802).HasField("nextReqKey")


def test_a_page_has_at_most_a_thousand():
    world = World(made_up([HK], bars=1500), SimulatedClock(), history=1500)
    desk = Desk(world)
    for most in (0, 5000):
        page = ask(desk, maxAckKLNum=most)
        assert len(page.klList) == 1000
        assert page.HasField("nextReqKey")


@pytest.mark.parametrize("key", [b"x", b"\xff\xfe", b"[]", b"{}", b'["HK.00700", 1]'])
def test_a_key_of_something_else_is_refused(desk, key):
    with pytest.raises(Refused, match="nextReqKey"):
        ask(desk, nextReqKey=key)


def test_a_key_is_good_for_its_own_request_alone(desk):
    key = ask(desk, maxAckKLNum=10).nextReqKey
    assert ask(desk, nextReqKey=key).klList
    for change in ({"kl_type": 6}, {"symbol": US}, {"end": "2024-01-30"}, {"rehabType": 0}):
        with pytest.raises(Refused, match="nextReqKey"):
            ask(desk, nextReqKey=key, **change)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"begin": "yesterday"}, "beginTime: 'yesterday'"),
        ({"end": "2024-02-31"}, "endTime: '2024-02-31'"),
        ({"begin": "2024-02-01", "end": "2024-01-01"}, "beginTime: 2024-02-01 is after"),
        ({"kl_type": 0}, "klType: 0"),
        ({"kl_type": 16}, "klType: 16"),
        ({"symbol": "HK.99999"}, "Unknown stock"),
        ({"symbol": US, "session": 4}, "session: 4"),
    ],
)
def test_what_makes_no_sense_is_refused(desk, fields, text):
    with pytest.raises(Refused, match=text):
        ask(desk, **fields)


def test_only_wanted_fields_come(desk):
    kline = ask(desk, needKLFieldsFlag=8 | 32).klList[0]
    names = {field.name for field, _ in kline.ListFields()}
    assert names == {"time", "isBlank", "closePrice", "volume", "hpVolume", "timestamp"}


def test_sessions_of_american_stocks():
    world = World(made_up([US], bars=390), SimulatedClock(), history=390)
    desk = Desk(world)
    world.clock.advance(1800)
    world.inject(Tick(US, 0, 190.0, 5.0))
    world.clock.advance_to(read_time("2024-01-02 21:00:00", "America/New_York"))
    world.inject(Tick(US, 0, 191.0, 5.0))
    for fields, count in (
        ({}, 390),
        ({"session": 1}, 390),
        ({"extendedTime": True}, 391),
        ({"session": 2}, 391),
        ({"session": 3}, 392),
    ):
        assert len(ask(desk, US, **fields).klList) == count


# Limits


def test_first_pages_are_limited_and_the_others_are_not(desk):
    key = ask(desk, maxAckKLNum=5).nextReqKey
    for _ in range(59):
        ask(desk, maxAckKLNum=5)
    with pytest.raises(Refused, match="RequestHistoryKL: more than 60 requests in 30 seconds"):
        ask(desk)
    for _ in range(70):
        assert ask(desk, maxAckKLNum=5, nextReqKey=key).klList
    desk.world.clock.advance(29)
    with pytest.raises(Refused):
        ask(desk)
    desk.world.clock.advance(1)
    ask(desk)


def test_limits_can_be_taken_away():
    desk = Desk(world_of(symbols=[HK]), throttled=False)
    for _ in range(70):
        ask(desk, maxAckKLNum=1)


def test_limits_can_be_in_another_clocks_time():
    wall = SimulatedClock()
    desk = Desk(world_of(symbols=[HK]), clock=wall)
    for _ in range(60):
        ask(desk, maxAckKLNum=1)
    desk.world.clock.advance(60)
    with pytest.raises(Refused):
        ask(desk)
    wall.advance(30)
    ask(desk)


def test_symbols_are_limited_for_thirty_days(desk):
    desk.quotes._history.quota = 2
    ask(desk)
    ask(desk, US)
    ask(desk)
    with pytest.raises(Refused, match="quota of history: 2 symbols"):
        ask(desk, "HK.MHImain")
    quota = desk.ask(3104, bGetDetail=True)
    assert (quota.usedQuota, quota.remainQuota) == (2, 0)
    assert [item.security.code for item in quota.detailList] == ["00700", "AAPL"]
    assert not desk.ask(3104).detailList
    desk.world.clock.advance(30 * 86_400)
    assert desk.ask(3104).usedQuota == 0
    ask(desk, "HK.MHImain")


def test_history_can_fail(desk):
    desk.quotes.faults.on("history_fails", symbol=HK, text="no data today")
    ask(desk, US)
    with pytest.raises(Refused, match="no data today"):
        ask(desk)
    ask(desk)


def test_numbers_can_be_missing(desk):
    desk.quotes.faults.on("na_numbers")
    kline = ask(desk).klList[0]
    assert kline.HasField("closePrice")
    assert not kline.HasField("timestamp")
    assert not kline.HasField("turnover")


def test_there_are_no_splits(desk):
    assert not desk.ask(3105, HK).rehabList


# Through the real client


def test_the_client_reads_history():
    world = World(made_up([HK, US], bars=2500), SimulatedClock(), history=2300)
    quotes = Quotes(world)
    with OpenD(world, [quotes]) as opend:
        context = Client(opend.port).context
        options = {"start": "2024-01-01", "end": "2024-02-01", "ktype": "K_1M"}
        result, frame, key = context.request_history_kline(HK, max_count=1000, **options)
        assert result == 0, frame
        assert len(frame) == 1000
        result, more, key = context.request_history_kline(
            HK, max_count=1000, page_req_key=key, **options
        )
        assert more["time_key"][0] > frame["time_key"][999]
        result, frame, key = context.request_history_kline(HK, max_count=None, **options)
        assert result == 0, frame
        assert key is None
        assert len(frame) == 2300 + 7
        assert list(frame["time_key"]) == sorted(set(frame["time_key"]))
        result, frame, _ = context.request_history_kline(US, ktype="K_DAY", start="2024-01-01")
        assert result == 0, frame
        assert frame["time_key"][0] == "2024-01-02 00:00:00"
        used, left, _ = good(context.get_history_kl_quota())
        assert (used, left) == (2, 298)
        assert len(good(context.get_rehab(HK))) == 0
        context.close()
