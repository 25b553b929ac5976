"""Scripts as they were written for backtrader's own OandaStore, at a simulated OANDA.

They differ from what ran then in ``**login``, which says where the simulated one listens.
"""

from __future__ import annotations

import datetime
import logging
import weakref

import backtrader as bt
import pytest

pytest.importorskip("oandapyV20", reason="oandapyV20 is not installed")

from btstores.errors import ConfigError, UnknownInstrumentError, UnsupportedError
from btstores.stores.oanda import OandaStore
from tests.support.oanda_script import (
    EUR,
    FIVE_SECONDS,
    PAST,
    SPREAD,
    START,
    TICKS,
    Script,
    ScriptedOanda,
    bid_of,
    run,
    states_of,
)
from tests.support.opend import wait_for


@pytest.fixture
def oanda(caplog, monkeypatch):
    caplog.set_level(logging.CRITICAL, "btstores")
    # Other tests may have left stores of OANDA, so that there is no only one.
    monkeypatch.setattr(OandaStore, "_instances", weakref.WeakValueDictionary())
    made = ScriptedOanda()
    yield made
    made.stop()


# The ways to put a script together


def test_by_the_store(oanda):
    cerebro = bt.Cerebro()
    store = bt.stores.OandaStore(account_tmout=5.0, **oanda.login)
    cerebro.setbroker(store.getbroker(use_positions=True))
    data = store.getdata(dataname=EUR, qcheck=0.05, backfill_start=False, **FIVE_SECONDS)
    cerebro.adddata(data)
    script = run(cerebro)
    assert states_of(script)[0] == "LIVE"
    assert script.closes[-1] == (pytest.approx(1.1001),)
    assert script.broker.getcash() == pytest.approx(100_000.0)


def test_by_feed_and_broker_with_the_parameters_of_the_store(oanda):
    cerebro = bt.Cerebro()
    cerebro.setbroker(bt.brokers.OandaBroker(**oanda.login))
    data = bt.feeds.OandaData(dataname=EUR, qcheck=0.05, **FIVE_SECONDS, **oanda.login)
    cerebro.adddata(data)
    script = run(cerebro)
    assert script.broker.store is data._store
    assert script.data.contractdetails["pip"] == "0.0001"


def test_by_feed_and_broker_of_the_only_store(oanda):
    store = bt.stores.OandaV20Store(**oanda.login)
    cerebro = bt.Cerebro()
    cerebro.setbroker(bt.brokers.OandaV20Broker())
    cerebro.adddata(bt.feeds.OandaV20Data(dataname="eur/usd", **FIVE_SECONDS))
    script = run(cerebro)
    assert script.data.symbol == EUR
    assert store.getbroker() is script.broker


def test_names_that_were_imported():
    from backtrader.brokers.oandabroker import OandaBroker
    from backtrader.feeds.oanda import OandaData
    from backtrader.stores.oandastore import OandaStore

    assert bt.stores.OandaV20Store is OandaStore is bt.stores.OandaStore
    assert bt.feeds.OandaV20Data is OandaData is bt.feeds.OandaData
    assert bt.brokers.OandaV20Broker is OandaBroker is bt.brokers.OandaBroker


def test_a_parameter_that_nobody_knows(oanda):
    with pytest.raises(ConfigError, match="OandaStore has no parameter 'tokens'"):
        bt.feeds.OandaData(dataname=EUR, tokens="a", **oanda.login)
    with pytest.raises(ConfigError, match="dataname=''"):
        bt.feeds.OandaData(**{**oanda.login, "dataname": ""})
    with pytest.raises(ConfigError, match="token='': expected a personal access token"):
        bt.stores.OandaStore(practice=True)


@pytest.mark.parametrize("name", ["account_poll_freq", "stream_timeout", "poll_timeout"])
def test_parameters_of_btoandav20_that_are_refused_with_those_there_are(oanda, name):
    with pytest.raises(ConfigError, match=rf"no parameter '{name}'; it has: .*silence, .*timeout"):
        bt.stores.OandaV20Store(**{name: 2.0}, **oanda.login)


def test_a_parameter_of_btoandav20_s_feed(oanda):
    store = bt.stores.OandaV20Store(**oanda.login)
    with pytest.raises(ConfigError, match=r"a feed has no parameter 'candles'; it has: .*bidask"):
        store.getdata(dataname=EUR, candles=True)


# The feed


def test_bid_ask_and_middle_side_by_side(oanda):
    cerebro = bt.Cerebro()
    store = bt.stores.OandaStore(**oanda.login)
    cerebro.setbroker(store.getbroker())
    for name, sides in {
        "bid": {"bidask": True, "useask": False},
        "ask": {"bidask": True, "useask": True},
        "mid": {"bidask": False},
        "usual": {},
        "tick": {"useask": True, **TICKS},
    }.items():
        given = {"dataname": EUR, "backfill_start": False, **FIVE_SECONDS, **sides}
        cerebro.adddata(store.getdata(**given), name=name)

    class AllSides(Script):
        order = None

        def on_bar(self):
            if self.order is None:
                self.order = self.buy(data=self.getdatabyname("ask"), size=1000)

        def on_order(self, order):
            if not order.alive():
                self.held = [self.getposition(data).size for data in self.datas]
                self.env.runstop()

    script = run(cerebro, AllSides)
    assert script.closes[-1] == pytest.approx((1.1, 1.1002, 1.1001, 1.1001, 1.1002))
    assert script.of(script.order)[-1] == "Completed"
    assert script.held == [1000] * 5


def test_history_of_each_side(oanda):
    for sides, shift in (({"bidask": True}, 0), ({"useask": True}, SPREAD), ({"bidask": False}, 1)):
        cerebro = bt.Cerebro()
        store = bt.stores.OandaStore(**oanda.login)
        data = store.getdata(
            dataname=EUR,
            historical=True,
            fromdate=START - datetime.timedelta(minutes=10),
            todate=START,
            includeFirst=True,
            **FIVE_SECONDS,
            **sides,
        )
        cerebro.adddata(data)
        script = run(cerebro, only_live=False, bars=1000)
        assert states_of(script) == ["DELAYED", "DISCONNECTED"]
        shift = SPREAD / 2 if shift == 1 else shift
        assert script.closes[-1][0] == pytest.approx(bid_of(PAST - 1) + shift)
        assert script.times[-1] == START
        assert 100 < len(script) <= 121


def test_an_exit_that_is_kept_here_follows_the_store_s_price(oanda):
    cerebro = bt.Cerebro()
    store = bt.stores.OandaStore(trigger_on="bars", **oanda.login)
    cerebro.setbroker(store.getbroker())
    cerebro.adddata(store.getdata(dataname=EUR, bidask=True, backfill_start=False, **FIVE_SECONDS))

    class Trail(Script):
        entry = trail = None

        def on_bar(self):
            if self.entry is None:
                self.entry = self.buy(size=1000)
                self.trail = self.sell(size=1000, exectype=bt.Order.StopTrail, trailpercent=0.001)
            elif self.trail.status == bt.Order.Accepted:
                oanda.bid = 1.09

        def on_order(self, order):
            if order.ref == self.trail.ref and not order.alive():
                self.env.runstop()

    script = run(cerebro, Trail)
    assert script.of(script.trail) == ["Submitted", "Accepted", "Completed"]


def test_states_of_a_feed_whose_link_breaks(oanda):
    cerebro = bt.Cerebro()
    store = bt.stores.OandaStore(**oanda.login)
    data = store.getdata(
        dataname=EUR,
        backfill=True,
        reconnect=True,
        reconnections=-1,
        reconntimeout=1.0,
        **FIVE_SECONDS,
    )
    cerebro.adddata(data)

    class Breaks(Script):
        def on_bar(self):
            if self.p.bars == 3:
                oanda.faults.on("reset")
            if states_of(self).count("LIVE") == 2:
                self.env.runstop()
            self.p.bars -= 1

    script = run(cerebro, Breaks)
    assert states_of(script) == ["DELAYED", "LIVE", "CONNBROKEN", "CONNECTED", "DELAYED", "LIVE"]
    assert [msg for msg, _, _ in script.news if msg in ("link lost", "connected")] == [
        "connected",
        "link lost",
        "connected",
    ]
    steps = {after - before for before, after in zip(script.times, script.times[1:])}
    assert steps == {datetime.timedelta(seconds=5)}


@pytest.mark.parametrize("params", [{"reconnect": False}, {"reconnections": 2}])
def test_a_feed_that_gives_up(oanda, params):
    cerebro = bt.Cerebro()
    store = bt.stores.OandaStore(**oanda.login)
    cerebro.adddata(store.getdata(dataname=EUR, **FIVE_SECONDS, **params))

    class Breaks(Script):
        def on_bar(self):
            if self.p.bars == 3:
                oanda.faults.on("listener_down", seconds=60)
            self.p.bars -= 1

    script = run(cerebro, Breaks)
    assert states_of(script) == ["DELAYED", "LIVE", "CONNBROKEN", "DISCONNECTED"]


def test_ticks_that_are_resampled_and_replayed(oanda):
    cerebro = bt.Cerebro()
    store = bt.stores.OandaStore(**oanda.login)
    data = store.getdata(dataname=EUR, qcheck=0.5, useask=True, **TICKS)
    cerebro.resampledata(data, name="ten", timeframe=bt.TimeFrame.Seconds, compression=10)
    other = store.getdata(dataname=EUR, bidask=True, **TICKS)
    cerebro.replaydata(other, name="twenty", timeframe=bt.TimeFrame.Seconds, compression=20)

    class TwoBars(Script):
        def next(self):
            super().next()
            if len(self.data) > 2:
                self.env.runstop()

    script = run(cerebro, TwoBars, bars=10**6)
    assert script.closes[-1] == pytest.approx((1.1002, 1.1))
    assert script.data.datetime.datetime().second % 10 == 0


def test_older_bars_from_another_feed_and_hours_of_new_york(oanda):
    older = bt.feeds.OandaData(
        dataname=EUR,
        historical=True,
        fromdate=START - datetime.timedelta(minutes=20),
        todate=START - datetime.timedelta(minutes=10),
        **FIVE_SECONDS,
        **oanda.login,
    )
    cerebro = bt.Cerebro()
    data = bt.feeds.OandaData(
        dataname=EUR,
        backfill_from=older,
        backfill_start=True,
        sessionstart=datetime.time(9, 30),
        sessionend=datetime.time(17, 0),
        tz="America/New_York",
        **FIVE_SECONDS,
        **oanda.login,
    )
    cerebro.adddata(data)
    script = run(cerebro)
    assert script.times[0] == datetime.datetime(2024, 1, 3, 11, 40)
    assert states_of(script)[:2] == ["DELAYED", "LIVE"]
    assert script.times == sorted(set(script.times))


@pytest.mark.parametrize(
    ("timeframe", "compression", "name"),
    [
        *((bt.TimeFrame.Seconds, number, f"S{number}") for number in (5, 10, 15, 30)),
        *((bt.TimeFrame.Minutes, number, f"M{number}") for number in (1, 2, 4, 5, 10, 15, 30)),
        *((bt.TimeFrame.Minutes, 60 * number, f"H{number}") for number in (1, 2, 3, 4, 6, 8)),
        (bt.TimeFrame.Days, 1, "D"),
        (bt.TimeFrame.Weeks, 1, "W"),
        (bt.TimeFrame.Months, 1, "M"),
    ],
)
def test_time_frames(oanda, timeframe, compression, name):
    store = bt.stores.OandaStore(**oanda.login)
    assert store.get_granularity(timeframe, compression) == name
    data = store.getdata(dataname=EUR, timeframe=timeframe, compression=compression)
    data.start()
    store.stop()


def test_a_time_frame_that_oanda_lacks(oanda):
    cerebro = bt.Cerebro()
    store = bt.stores.OandaStore(**oanda.login)
    assert store.get_granularity(bt.TimeFrame.Minutes, 3) is None
    cerebro.adddata(store.getdata(dataname=EUR, timeframe=bt.TimeFrame.Minutes, compression=3))
    cerebro.addstrategy(Script)
    with pytest.raises(UnsupportedError, match=r"oanda has no Minutes/3 bars; it has: .*Minutes/1"):
        cerebro.run()
    store.stop()


def test_a_symbol_that_oanda_lacks(oanda):
    cerebro = bt.Cerebro()
    store = bt.stores.OandaStore(**oanda.login)
    assert store.get_instrument("NO_WAY") is None
    cerebro.adddata(store.getdata(dataname="NO_WAY"))
    cerebro.addstrategy(Script)
    with pytest.raises(UnknownInstrumentError, match="OANDA does not know the symbol 'NO_WAY'"):
        cerebro.run()
    store.stop()


# What scripts ask of the store itself


def rows_of(found):
    """Return what comes before the end of a queue, and the end."""
    rows = []
    while True:
        row = found.get(timeout=10)
        if not row:
            return rows, row
        rows.append(row)


@pytest.mark.parametrize("connected", [True, False])
def test_an_instrument(oanda, connected):
    store = bt.stores.OandaStore(**{**oanda.login, "account": ""})
    if connected:
        store.connect()
    found = store.get_instrument("eur/usd")
    assert (found["name"], found["instrument"], found["pip"]) == (EUR, EUR, "0.0001")
    assert found["maxTradeUnits"] == 100_000_000.0
    store.stop()


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("bidask", {"Bid": 0.0, "Ask": SPREAD}),
        ("midpoint", {"Mid": SPREAD / 2}),
    ],
)
def test_candles(oanda, form, names):
    store = bt.stores.OandaStore(**oanda.login)
    begin = START - datetime.timedelta(minutes=1)
    seconds = (bt.TimeFrame.Seconds, 5)
    asked = (EUR, begin, START, *seconds)
    rows, end = rows_of(store.candles(*asked, candleFormat=form, includeFirst=True))
    assert end == {}
    assert len(rows) == 12
    for number, row in enumerate(rows):
        time = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=int(row["time"]))
        assert time == begin + datetime.timedelta(seconds=5 * number)
        for name, shift in names.items():
            for value in ("open", "high", "low", "close"):
                assert row[value + name] == pytest.approx(bid_of(PAST - 12 + number) + shift)
    rest, _ = rows_of(store.candles(*asked, candleFormat=form, includeFirst=False))
    assert rest == rows[1:]
    newest, _ = rows_of(store.candles(EUR, None, START, *seconds, candleFormat=form))
    assert len(newest) == 500
    assert newest[-12:] == rows
    store.stop()


def test_more_candles_than_one_answer_has(oanda, monkeypatch):
    monkeypatch.setattr("btstores.stores.oanda.upstream._MOST", 100)
    store = bt.stores.OandaStore(**oanda.login)
    begin = (START - datetime.timedelta(hours=1)).replace(tzinfo=datetime.timezone.utc)
    rows, end = rows_of(store.candles(EUR, begin, START, bt.TimeFrame.Seconds, 5))
    assert (len(rows), end) == (720, {})
    assert len({row["time"] for row in rows}) == 720
    store.stop()


def test_candles_that_cannot_be_had(oanda):
    store = bt.stores.OandaStore(**oanda.login)
    minutes = (bt.TimeFrame.Minutes, 1)
    (row,), end = rows_of(store.candles(EUR, None, None, bt.TimeFrame.Minutes, 3))
    assert (row["code"], end) == (597, None)
    (row,), end = rows_of(store.candles("NO_WAY", None, None, *minutes))
    assert (row["code"], end) == (599, None)
    with pytest.raises(ConfigError, match="candleFormat='bid': expected one of bidask, midpoint"):
        store.candles(EUR, None, None, *minutes, candleFormat="bid")
    store.stop()


def test_a_stream_of_prices(oanda):
    store = bt.stores.OandaStore(**oanda.login)
    found = store.streaming_prices(EUR, tmout=0.05)
    first, second = found.get(timeout=10), found.get(timeout=10)
    assert (first["instrument"], first["bid"], first["ask"]) == (EUR, 1.1, 1.1002)
    assert int(first["time"]) < int(second["time"])
    oanda.faults.on("stream_end", stream="pricing")
    rows, end = rows_of(found)
    assert (rows[-1]["code"], end) == (598, None)
    store.stop()


def test_a_stream_of_transactions_ends_with_its_store(oanda):
    store = bt.stores.OandaStore(**{**oanda.login, "account": None})
    found = store.streaming_events()
    late = store.streaming_prices(EUR, tmout=60.0)
    wait_for(lambda: found.qsize() or oanda.deal(1))
    assert found.get(timeout=10)["type"] in ("MARKET_ORDER", "ORDER_FILL")
    store.stop()
    assert rows_of(found)[1] is None
    assert late.get(timeout=1) is None


def test_a_stream_without_an_account(oanda):
    store = bt.stores.OandaStore(**{**oanda.login, "account": "101-004-0000000-009"})
    (row,), end = rows_of(store.streaming_events())
    assert (row["code"], end) == (598, None)
    assert store.get_instrument(EUR) is None
    store.stop()
