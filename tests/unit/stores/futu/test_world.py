from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btstores.clock import RealClock, SimulatedClock
from btstores.errors import ConfigError
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Bar, Quote, Side, Tick
from btstores.sim.prices.series import series_of
from btstores.stores.futu.opend.board import Board
from btstores.stores.futu.opend.hours import Hours
from btstores.stores.futu.opend.lines import CALENDAR, MINUTES
from btstores.stores.futu.opend.listings import complete, config_for, made_up
from btstores.stores.futu.opend.tape import BarTape
from btstores.stores.futu.opend.text import read_time, time_text, timezone_of
from btstores.stores.futu.opend.world import World, WorldListener
from tests.support.opend import wait_for

DAY = datetime.date(2024, 1, 2)
MINUTE = 60 * 10**9
SYMBOLS = ("HK.00700", "US.AAPL", "SH.600519", "HK.MHImain", "US.ESmain")


def at(written, symbol="HK.00700"):
    """Return the time of a text in the symbol's market."""
    return read_time(written, timezone_of(symbol))


def minute(symbol, end, prices=(100.0, 101.0, 99.0, 100.5), volume=1000.0):
    return Bar(symbol, int(TimeFrame.MINUTES), 1, at(end, symbol), *prices, volume)


def minutes_of(*bars):
    instrument = Instrument(bars[0].symbol, tick_size=0.01)
    return series_of(instrument, list(bars), TimeFrame.MINUTES)


def trades_of(symbol, *pairs):
    ticks = [Tick(symbol, at(time, symbol), price, 100.0) for time, price in pairs]
    return series_of(Instrument(symbol), ticks, TimeFrame.TICKS)


class Heard(WorldListener):
    def __init__(self, world):
        self.ticks, self.numbers, self.quotes, self.running, self.closed = [], [], [], [], []
        self.order = []
        world.listen(self)

    def on_tick(self, tick, number):
        self.ticks.append(tick)
        self.numbers.append(number)
        self.order.append(tick)

    def on_quote(self, quote):
        self.quotes.append(quote)
        self.order.append(quote)

    def on_bar(self, bar, closed):
        (self.closed if closed else self.running).append(bar)
        self.order.append(bar)


def played(*series, **options):
    """Return a world whose series were played to the end, and what was heard of it."""
    world = World(list(series), SimulatedClock(), **options)
    heard = Heard(world)
    world.start()
    while world.clock.run_next():
        pass
    return world, heard


def stamps(world, symbol, kl_type, level=0):
    board = world.boards[symbol]
    bars = board.chart.lines(kl_type).tail(1000, level)
    return [time_text(bar.end_ns, board.hours.timezone)[5:] for bar in bars]


# Trades made of bars


@st.composite
def possible_bars(draw):
    tick = draw(st.sampled_from([0.01, 0.2, 1.0]))
    steps = draw(st.lists(st.integers(500, 520), min_size=4, max_size=4))
    low, *_, high = sorted(steps)
    open_, close = draw(st.sampled_from(steps)), draw(st.sampled_from(steps))
    lots = draw(st.integers(4, 5000))
    prices = [round(step * tick, 10) for step in (open_, high, low, close)]
    return tick, prices, lots * 100.0


@settings(deadline=None)
@given(possible_bars(), st.integers(0, 9), st.sampled_from([1, 8, 60]))
def test_the_trades_of_a_bar_make_that_bar(possible, seed, per_minute):
    tick, prices, volume = possible
    bar = minute("HK.00700", "2024-01-02 10:01:00", prices, volume)
    instrument = Instrument("HK.00700", tick_size=tick, lot=100.0)
    series = series_of(instrument, [bar], TimeFrame.MINUTES)
    hours = Hours("HK.00700", config_for("HK.00700"))
    ticks = BarTape(series, instrument, hours, seed, per_minute).ticks_of(0)
    made = [one.price for one in ticks]
    assert (made[0], max(made), min(made), made[-1]) == (bar.open, bar.high, bar.low, bar.close)
    assert sum(one.size for one in ticks) == volume
    assert all(one.size % 100 == 0 for one in ticks)
    times = [one.time_ns for one in ticks]
    assert times == sorted(times)
    assert bar.time_ns - MINUTE <= times[0]
    assert times[-1] < bar.time_ns
    assert all(abs(round(price / tick) * tick - price) < 1e-9 for price in made)


def test_the_same_seed_makes_the_same_trades():
    first, again, other = (
        played(*made_up(["HK.00700"], bars=20), seed=seed)[1].order for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_every_bar_comes_back_as_a_k_line():
    series = made_up(SYMBOLS, bars=400)
    _, heard = played(*series)
    found = {(bar.symbol, bar.time_ns): bar[4:9] for bar in heard.closed}
    for one in series:
        assert all(found[bar.symbol, bar.time_ns] == bar[4:9] for bar in one.events)


def test_a_bar_without_volume_is_no_trade_unless_none_has_any():
    bars = [
        minute("US.AAPL", f"2024-01-02 09:3{i}:00", volume=volume)
        for i, volume in ((1, 500.0), (2, 0.0), (3, 500.0))
    ]
    world, _ = played(minutes_of(*bars))
    assert stamps(world, "US.AAPL", 1) == ["01-02 09:31:00", "01-02 09:33:00"]
    world, _ = played(minutes_of(*(bar._replace(volume=0.0) for bar in bars)))
    assert len(stamps(world, "US.AAPL", 1)) == 3


def test_long_bars_have_trades_in_every_minute_of_trading_alone():
    hour = minute("HK.00700", "2024-01-02 12:30:00", (400.0, 402.0, 399.0, 401.0), 1e6)
    hour = hour._replace(compression=60)
    series = series_of(Instrument("HK.00700"), [hour], TimeFrame.MINUTES, 60)
    world, _ = played(series, auction=False)
    found = stamps(world, "HK.00700", 1)
    assert (found[0], found[-1], len(found)) == ("01-02 11:31:00", "01-02 12:00:00", 30)


def test_bars_of_days_are_played_over_the_day():
    end = at("2024-01-03 08:00:00")  # midnight UTC
    bar = Bar("HK.00700", int(TimeFrame.DAYS), 1, end, 400.0, 405.0, 398.0, 401.0, 1e6)
    world, heard = played(series_of(Instrument("HK.00700"), [bar], TimeFrame.DAYS), auction=False)
    assert stamps(world, "HK.00700", 2) == ["01-02 00:00:00"]
    assert heard.ticks[0].time_ns >= at("2024-01-02 09:30:00")
    assert heard.ticks[-1].time_ns < at("2024-01-02 16:00:00")
    day = world.boards["HK.00700"].chart.days.bars[0]
    assert (day.open, day.high, day.low, day.close, day.volume) == bar[4:9]


# Where trades count


@pytest.mark.parametrize(("symbol", "ends"), [("HK.00700", "09:22:00"), ("SH.600519", "09:25:00")])
def test_the_opening_auction_has_a_minute_of_its_own(symbol, ends):
    world, heard = played(*made_up([symbol], bars=3))
    assert stamps(world, symbol, 1) == [f"01-02 09:3{i}:00" for i in range(4)]
    assert 0 < at(f"2024-01-02 {ends}") - heard.ticks[0].time_ns < 2 * MINUTE
    auction = world.boards[symbol].chart.minutes.bars[0]
    assert auction.open == auction.close == heard.ticks[0].price
    assert stamps(world, symbol, 10) == ["01-02 09:33:00"]
    assert world.boards[symbol].chart.lines(10).bars[0].volume == sum(t.size for t in heard.ticks)


def test_no_auction_is_made_up_where_the_bars_have_one_or_none_is_wanted():
    own = minutes_of(
        minute("HK.00700", "2024-01-02 09:30:00", (100.0,) * 4, 700.0),
        minute("HK.00700", "2024-01-02 09:31:00"),
    )
    world, heard = played(own)
    assert [bar.volume for bar in heard.closed] == [700.0, 1000.0]
    assert stamps(world, "HK.00700", 1) == ["01-02 09:30:00", "01-02 09:31:00"]
    world, _ = played(*made_up(["HK.00700"], bars=3), auction=False)
    assert stamps(world, "HK.00700", 1)[0] == "01-02 09:31:00"


@pytest.mark.parametrize("symbol", ["US.AAPL", "HK.MHImain", "US.ESmain"])
def test_other_markets_have_no_auction_bar(symbol):
    series = made_up([symbol], bars=3)
    _, heard = played(*series)
    assert [bar.time_ns for bar in heard.closed] == list(series[0].times)


@pytest.mark.parametrize(
    ("symbol", "time", "stamp"),
    [
        ("HK.00700", "2024-01-02 09:20:30", "01-02 09:30:00"),
        ("HK.00700", "2024-01-02 09:30:00", "01-02 09:31:00"),
        ("HK.00700", "2024-01-02 11:59:59", "01-02 12:00:00"),
        ("HK.00700", "2024-01-02 12:00:03", "01-02 12:00:00"),
        ("HK.00700", "2024-01-02 13:00:00", "01-02 13:01:00"),
        ("HK.00700", "2024-01-02 16:00:00", "01-02 16:00:00"),
        ("HK.00700", "2024-01-02 16:08:20", "01-02 16:00:00"),
        ("HK.00700", "2024-12-24 12:00:00", "12-24 12:00:00"),
        ("SH.600519", "2024-01-02 09:25:00", "01-02 09:30:00"),
        ("SH.600519", "2024-01-02 11:30:00", "01-02 11:30:00"),
        ("SH.600519", "2024-01-02 14:57:00", "01-02 14:58:00"),
        ("SH.600519", "2024-01-02 15:00:00", "01-02 15:00:00"),
        ("HK.MHImain", "2024-01-02 17:15:00", "01-02 17:16:00"),
        ("HK.MHImain", "2024-01-03 02:59:59", "01-03 03:00:00"),
        ("HK.MHImain", "2024-01-03 09:10:00", "01-03 09:15:00"),
        ("US.AAPL", "2024-01-02 09:29:59", "01-02 09:30:00"),
        ("US.AAPL", "2024-01-02 09:30:00", "01-02 09:31:00"),
        ("US.AAPL", "2024-01-02 16:00:00", "01-02 16:01:00"),
        ("US.AAPL", "2024-01-02 19:59:59", "01-02 20:00:00"),
        ("US.AAPL", "2024-01-02 20:00:00", "01-02 20:01:00"),
        ("US.AAPL", "2024-07-02 09:30:00", "07-02 09:31:00"),
        ("US.ESmain", "2024-01-02 17:00:00", "01-02 17:00:00"),
        ("US.ESmain", "2024-01-02 18:00:00", "01-02 18:01:00"),
    ],
)
def test_a_trade_counts_for_the_minute_that_ends_after_it(symbol, time, stamp):
    hours = Hours(symbol, config_for(symbol))
    found = hours.place(at(time, symbol)).end_ns
    assert time_text(found, hours.timezone)[5:] == stamp
    # From what was found last time as well.
    assert hours.place(at(time, symbol)).end_ns == found


def test_longer_bars_begin_with_each_session():
    series = made_up(["HK.00700"], bars=330)
    world, _ = played(*series)
    assert stamps(world, "HK.00700", 9) == [
        f"01-02 {time}:00" for time in ("10:30", "11:30", "12:00", "14:00", "15:00", "16:00")
    ]
    assert stamps(world, "HK.00700", 10)[-2:] == ["01-02 15:57:00", "01-02 16:00:00"]
    assert "01-02 12:03:00" not in stamps(world, "HK.00700", 10)


def test_the_night_of_a_future_belongs_to_the_next_trading_day():
    world, _ = played(
        trades_of(
            "HK.MHImain",
            ("2024-01-05 16:00:00", 16000.0),
            ("2024-01-05 18:00:00", 16010.0),
            ("2024-01-06 01:00:00", 16020.0),
            ("2024-01-08 10:00:00", 16030.0),
        )
    )
    assert stamps(world, "HK.MHImain", 2) == ["01-05 00:00:00", "01-08 00:00:00"]
    assert stamps(world, "HK.MHImain", 1)[1:3] == ["01-05 18:01:00", "01-06 01:01:00"]


def test_weeks_months_quarters_and_years_are_stamped_at_their_first_day():
    days = [
        ("2024-01-30 10:00:00", 1.0),
        ("2024-02-01 10:00:00", 2.0),
        ("2024-02-05 10:00:00", 3.0),
        ("2024-04-02 10:00:00", 4.0),
        ("2025-01-02 10:00:00", 5.0),
    ]
    world, _ = played(trades_of("HK.00700", *days))
    found = [stamps(world, "HK.00700", kl_type) for kl_type in CALENDAR]
    midnight = " 00:00:00"
    assert found == [
        [day + midnight for day in ("01-30", "02-01", "02-05", "04-02", "01-02")],
        [day + midnight for day in ("01-29", "02-05", "04-01", "12-30")],
        [day + midnight for day in ("01-01", "02-01", "04-01", "01-01")],
        [day + midnight for day in ("01-01", "04-01", "01-01")],
        [day + midnight for day in ("01-01", "01-01")],
    ]


def test_extended_hours_are_seen_by_those_who_asked_and_never_in_days():
    world, _ = played(
        trades_of(
            "US.AAPL",
            ("2024-01-01 21:00:00", 187.0),
            ("2024-01-02 05:00:00", 188.0),
            ("2024-01-02 10:00:00", 189.0),
            ("2024-01-02 17:00:00", 190.0),
        )
    )
    assert stamps(world, "US.AAPL", 1, 0) == ["01-02 10:01:00"]
    assert len(stamps(world, "US.AAPL", 1, 1)) == 3
    assert stamps(world, "US.AAPL", 1, 2)[0] == "01-01 21:01:00"
    assert len(stamps(world, "US.AAPL", 9, 2)) == 4
    day = world.boards["US.AAPL"].chart.days.bars
    assert [(bar.open, bar.close) for bar in day] == [(189.0, 189.0)]
    assert world.last_price("US.AAPL") == 190.0


# What is heard


def test_bars_run_and_are_closed_once():
    _, heard = played(*made_up(["HK.00700", "US.AAPL"], bars=50))
    closed = [(bar.symbol, bar.time_ns) for bar in heard.closed]
    assert len(closed) == len(set(closed)) == 2 * 50 + 1
    assert not any(bar.complete for bar in heard.running)
    for before, after in zip(heard.running, heard.running[1:]):
        if before[:4] == after[:4]:
            assert before.volume < after.volume
    last = {(bar.symbol, bar.time_ns): bar for bar in heard.running}
    assert all(last[bar.symbol, bar.time_ns][4:9] == bar[4:9] for bar in heard.closed)


def test_a_bar_is_closed_at_its_end_and_before_the_next_begins():
    world = World(made_up(["US.AAPL"], bars=2), SimulatedClock())
    heard = Heard(world)
    world.start()
    world.clock.advance_to(at("2024-01-02 09:31:00", "US.AAPL") - 1)
    assert heard.running
    assert not heard.closed
    world.clock.advance(1e-9)
    assert len(heard.closed) == 1
    while world.clock.run_next():
        pass
    assert world.now_ns() == at("2024-01-02 09:32:00", "US.AAPL")
    assert len(heard.closed) == 2


def test_a_quote_comes_before_the_trade_that_hits_it():
    world, heard = played(*made_up(["HK.00700"], bars=30))
    tick = 0.2
    for quote, trade in zip(heard.quotes, heard.ticks):
        hit = quote.ask if trade.side is Side.BUY else quote.bid
        assert hit == trade.price
        assert round((quote.ask - quote.bid) / tick) in (1, 2)
        assert min(quote.bid_size, quote.ask_size) >= 100
    assert heard.order.index(heard.quotes[0]) < heard.order.index(heard.ticks[0])
    assert world.quote("HK.00700") == heard.quotes[-1]


@pytest.mark.parametrize("size", [100.0, 50_000.0])
def test_quotes_are_as_deep_as_trades_are_large(size):
    (like,) = made_up(["US.AAPL"], bars=1)
    ticks = [
        Tick("US.AAPL", at("2024-01-02 10:00:00", "US.AAPL") + n, 190.0, size) for n in range(99)
    ]
    _, heard = played(series_of(like.instrument, ticks, TimeFrame.TICKS))
    sizes = [side for one in heard.quotes for side in (one.bid_size, one.ask_size)]
    assert 0.5 * size < sum(sizes) / len(sizes) < 1.5 * size
    assert all(one == int(one) for one in sizes)


def test_given_quotes_and_trades_pass_through():
    ticks = trades_of("HK.00700", ("2024-01-02 10:00:00", 400.0), ("2024-01-02 10:00:05", 400.2))
    quote = Quote("HK.00700", at("2024-01-02 10:00:01"), 400.0, 400.4, 100.0, 300.0)
    quotes = series_of(Instrument("HK.00700"), [quote], TimeFrame.TICKS, quotes=True)
    world, heard = played(ticks, quotes)
    assert heard.quotes == [quote]
    assert [one.price for one in heard.ticks] == [400.0, 400.2]
    assert heard.ticks[1].side is Side.BUY
    assert world.last_price("HK.00700") == 400.2


def test_numbers_ascend_even_within_a_moment():
    time = "2024-01-02 10:00:00"
    _, heard = played(trades_of("HK.00700", (time, 1.0), (time, 2.0), (time, 3.0)))
    assert heard.numbers == [at(time) // 1000 + i for i in range(3)]


def test_a_price_can_be_made_to_happen():
    world = World(made_up(["HK.00700"], bars=100), SimulatedClock(), history=50)
    heard = Heard(world)
    world.start()
    world.inject(Tick("HK.00700", 0, 1.25, 200.0))
    world.inject(Quote("HK.00700", 0, 1.0, 2.0))
    assert heard.ticks[0].time_ns == heard.quotes[-1].time_ns == world.now_ns()
    assert world.last_price("HK.00700") == 1.25
    assert world.quote("HK.00700").ask == 2.0
    with pytest.raises(KeyError):
        world.inject(Tick("HK.00001", 0, 1.0))


def test_a_minute_with_a_made_price_alone_ends_too():
    world, heard = played(*made_up(["US.AAPL"], bars=5))
    world.clock.advance(3600)
    world.inject(Tick("US.AAPL", 0, 200.0, 1.0))
    world.clock.advance(60)
    assert heard.closed[-1].close == 200.0
    assert stamps(world, "US.AAPL", 1)[-1] == "01-02 10:36:00"


def test_nothing_is_traded_while_a_symbol_is_halted():
    world = World(made_up(["HK.00700"], bars=100), SimulatedClock(), history=50)
    heard = Heard(world)
    world.start()
    world.halt("HK.00700")
    world.clock.advance(300)
    assert not heard.ticks
    assert not world.is_open("HK.00700")
    world.halt("HK.00700", False)
    world.clock.advance(60)
    assert heard.ticks
    assert world.is_open("HK.00700")


# The past


@pytest.mark.parametrize("symbol", ["HK.00700", "US.AAPL", "HK.MHImain"])
def test_the_past_is_what_would_have_been_played(symbol):
    series = made_up([symbol], bars=500)
    now, _ = played(*series, history=450)
    lived, _ = played(*series)
    for kl_type in (*MINUTES, *CALENDAR):
        both = [one.boards[symbol].chart.lines(kl_type).tail(1000, 2) for one in (now, lived)]
        first, second = ([(bar.end_ns, bar.close, bar.volume) for bar in bars] for bars in both)
        assert first == second
        assert len(first) == len({end_ns for end_ns, _, _ in first})
    trades = [[(t.number, t.tick) for t in one.boards[symbol].trades] for one in (now, lived)]
    assert trades[0][-400:] == trades[1][-400:]
    figures = [one.boards[symbol].today for one in (now, lived)]
    for name in ("day", "open", "high", "low", "close", "last_close", "volume"):
        assert getattr(figures[0], name) == getattr(figures[1], name)


def test_what_lies_before_the_start_is_not_heard():
    series = made_up(["HK.00700"], bars=100)
    world = World(series, SimulatedClock(), history=40)
    heard = Heard(world)
    assert world.now_ns() == series[0].times[39]
    assert world.last_price("HK.00700") == series[0].events[39].close
    assert world.quote("HK.00700") is not None
    world.start()
    while world.clock.run_next():
        pass
    assert heard.ticks[0].time_ns > series[0].times[39]
    assert len(heard.closed) == 60


def test_a_start_within_a_bar_plays_the_rest_of_it():
    series = made_up(["US.AAPL"], bars=10)
    start = series[0].times[4] + 30 * 10**9
    _, heard = played(*series, history=start)
    assert heard.ticks[0].time_ns > start
    assert heard.closed[0][4:9] == series[0].events[5][4:9]


def test_days_are_the_past_of_minutes():
    minutes = made_up(["HK.00700"], bars=40, start_ns=at("2024-01-10 00:00:00"))
    days = [
        Bar("HK.00700", int(TimeFrame.DAYS), 1, at(f"2024-01-0{i} 16:00:00"), 9, 9.5, 8, i, 1e6)
        for i in (2, 3, 4, 5, 8, 9)
    ]
    past = series_of(minutes[0].instrument, days, TimeFrame.DAYS)
    world = World([*minutes, past], SimulatedClock())
    assert stamps(world, "HK.00700", 2)[-2:] == ["01-08 00:00:00", "01-09 00:00:00"]
    assert world.last_price("HK.00700") == 9
    world, _ = played(*minutes, past)
    assert stamps(world, "HK.00700", 2)[-2:] == ["01-09 00:00:00", "01-10 00:00:00"]
    assert world.boards["HK.00700"].today.last_close == 9
    assert stamps(world, "HK.00700", 3) == ["01-01 00:00:00", "01-08 00:00:00"]


def test_bad_starts_are_refused():
    series = made_up(["HK.00700"], bars=5)
    for history in (-1, 6, 1.5, True):
        with pytest.raises(ConfigError):
            World(series, SimulatedClock(), history=history)
    with pytest.raises(ConfigError):
        World([], SimulatedClock())


# Facts


def test_instruments_are_completed_by_their_market():
    def of(symbol, lots=()):
        return complete(Instrument(symbol), DAY, dict(lots))

    lots = ("HK.00700", "HK.09988", "HK.00005", "HK.02800", "HK.01234", "SH.600000", "US.AAPL")
    assert [of(symbol).lot for symbol in lots] == [100, 100, 400, 500, 500, 100, 1]
    assert of("HK.00700", {"HK.00700": 50}.items()).lot == 50
    assert of("HK.00700").tick_at(400.0) == 0.2
    assert of("HK.02800").kind == "etf"
    assert (of("US.ESmain").multiplier, of("US.ESmain").tick_at(4800.0)) == (50, 0.25)
    assert of("HK.MHImain").currency == "HKD"
    given = Instrument("HK.00700", tick_size=0.05, lot=7, currency="USD")
    assert (complete(given, DAY).tick_at(400.0), complete(given, DAY).lot) == (0.05, 7)


@pytest.mark.parametrize(
    ("symbol", "time", "state"),
    [
        ("HK.00700", "2024-01-02 08:00:00", 6),
        ("HK.00700", "2024-01-02 09:10:00", 1),
        ("HK.00700", "2024-01-02 09:25:00", 2),
        ("HK.00700", "2024-01-02 10:00:00", 3),
        ("HK.00700", "2024-01-02 12:30:00", 4),
        ("HK.00700", "2024-01-02 14:00:00", 5),
        ("HK.00700", "2024-01-02 16:05:00", 19),
        ("HK.00700", "2024-01-02 18:00:00", 6),
        ("SH.600519", "2024-01-02 09:27:00", 2),
        ("SH.600519", "2024-01-02 14:58:00", 5),
        ("US.AAPL", "2024-01-02 03:55:00", 34),
        ("US.AAPL", "2024-01-02 05:00:00", 8),
        ("US.AAPL", "2024-01-02 12:00:00", 5),
        ("US.AAPL", "2024-01-02 17:00:00", 10),
        ("US.AAPL", "2024-01-02 21:00:00", 37),
        ("US.AAPL", "2024-01-06 12:00:00", 11),
        ("HK.MHImain", "2024-01-02 10:00:00", 15),
        ("HK.MHImain", "2024-01-02 12:10:00", 16),
        ("HK.MHImain", "2024-01-02 18:00:00", 13),
        ("HK.MHImain", "2024-01-03 05:00:00", 14),
        ("US.ESmain", "2024-01-02 12:00:00", 23),
        ("US.ESmain", "2024-01-02 17:30:00", 24),
        ("US.ESmain", "2024-01-06 12:00:00", 26),
    ],
)
def test_markets_have_states(symbol, time, state):
    world = World(made_up(["HK.00700"], bars=1), SimulatedClock())
    world.clock = SimulatedClock(at(time, symbol))
    assert world.market_state(symbol) == state


def test_markets_have_states_without_symbols():
    world = World(made_up(["HK.00700"], bars=1), SimulatedClock())
    world.clock = SimulatedClock(at("2024-01-02 10:00:00"))
    names = ("HK", "SH", "SZ", "US", "HK_FUTURE", "US_FUTURE")
    assert [world.market_state(name) for name in names] == [3, 3, 3, 37, 15, 23]


# In real time


def test_a_real_clock_plays_at_its_speed_and_stops():
    world = World(made_up(["HK.00700"], bars=200), RealClock(), speed=600.0, history=100)
    heard = Heard(world)
    world.start()
    world.start()
    wait_for(lambda: len(heard.closed) >= 3)
    world.inject(Tick("HK.00700", 0, 1.0, 100.0))
    wait_for(lambda: any(tick.price == 1.0 for tick in heard.ticks))
    world.stop()
    world.stop()
    stopped = world.now_ns()
    assert world.now_ns() == stopped
    times = [tick.time_ns for tick in heard.ticks if tick.price != 1.0]
    assert times == sorted(times)
    world.start()
    count = len(heard.ticks)
    wait_for(lambda: len(heard.ticks) > count)
    world.stop()


def test_long_pauses_are_jumped_over():
    series = made_up(["HK.00700"], bars=151)
    world = World(series, RealClock(), speed=1.0, history=150, max_pause=0.05)
    heard = Heard(world)
    world.start()
    wait_for(lambda: len(heard.ticks) >= 2)
    world.stop()
    assert heard.ticks[0].time_ns >= at("2024-01-02 13:00:00")


def test_a_board_without_prices_has_none():
    board = Board(Instrument("HK.00700"), config_for("HK.00700"), 0, makes_quotes=True)
    assert board.last_price() is None
    assert board.minutes_of_day() == []
