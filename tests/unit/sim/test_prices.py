"""Prices: files, frames, feeds, made-up ones, and the market that plays them."""

from __future__ import annotations

import datetime
import hashlib
import time

import backtrader as bt
import pytest

from btstores.clock import RealClock, SimulatedClock
from btstores.errors import ConfigError, DataFileError, UnsupportedError
from btstores.feeds.times import ns_to_num
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Bar, Quote, Side, Subscription, Tick
from btstores.sim.market import Market
from btstores.sim.prices.csvfile import read_csv
from btstores.sim.prices.generator import Generator
from btstores.sim.prices.loaders import bars_from_feed, bars_from_frame, bars_from_list
from btstores.sim.prices.series import duration_end, series_of
from btstores.sim.replay import ReplayClock

S = 1_000_000_000
DAY = 86_400 * S
END_OF_DAY = DAY - 10_000  # 23:59:59.999990


def ns(text):
    moment = datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    return int(moment.replace(tzinfo=datetime.timezone.utc).timestamp()) * S


def minute_bars(symbol="A", count=5, start=0, price=100.0):
    return [
        Bar(symbol, 4, 1, start + (i + 1) * 60 * S, price + i, price + i + 1, price, price + i)
        for i in range(count)
    ]


@pytest.fixture
def write(tmp_path):
    def write_file(text, encoding="utf-8", name="XYZ.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write_file


# ------------------------------------------------------------------ real files

#: File -> time frame, compression, stamped at, number of rows, first stamp, first row.
REAL = {
    "2006-day-001.txt": (5, 1, "end", 255, "2006-01-02 end", (3578.73, 3605.95, 3578.73, 3604.33)),
    "2006-day-002.txt": (5, 1, "end", 129, "2006-01-03 end", (3578.73, 3638.42, 3578.73, 3614.34)),
    "2006-week-001.txt": (6, 1, "end", 52, "2006-01-06 end", (3578.73, 3666.99, 3578.73, 3666.99)),
    "2006-min-005.txt": (
        4,
        5,
        "end",
        2142,
        "2006-01-02 09:05:00",
        (3578.73, 3587.88, 3578.73, 3582.99),
    ),
    "2006-01-02-volume-min-001.txt": (
        4,
        1,
        "end",
        30889,
        "2006-01-02 09:01:00",
        (3602.0, 3603.0, 3597.0, 3599.0),
    ),
    "113013.csv": (5, 1, "end", 1444, "2017-07-24 end", (116.0, 120.25, 116.0, 120.01)),
    "EURUSD_1d.csv": (5, 1, "start", 14238, "1971-01-04 00:00:00", (0.5369,) * 4),
    "RB1601.csv": (4, 30, "end", 3856, "2015-01-15 21:30:00", (2518.0, 2545.0, 2518.0, 2545.0)),
    "RB1605.csv": (4, 30, "end", 3820, "2015-05-15 21:30:00", (2485.0, 2485.0, 2461.0, 2467.0)),
    "SSE50_ETF.csv": (5, 1, "end", 2600, "2011-11-18 end", (2.228,) * 4),
    "XAUUSD_H1.csv": (
        4,
        60,
        "start",
        31676,
        "2020-11-11 01:00:00",
        (1875.53, 1879.41, 1874.29, 1876.68),
    ),
    "nvda-1999-2014.txt": (
        5,
        1,
        "end",
        4012,
        "1999-01-22 end",
        (1.75, 1.953125, 1.552083, 1.640625),
    ),
    "orcl-1995-2014.txt": (
        5,
        1,
        "end",
        5036,
        "1995-01-03 end",
        (2.179012, 2.191358, 2.117284, 2.117284),
    ),
    "yhoo-1996-2014.txt": (
        5,
        1,
        "end",
        4713,
        "1996-04-12 end",
        (1.052083, 1.791667, 1.020833, 1.375),
    ),
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_bar_files(shared_data, name):
    timeframe, compression, stamp, count, first, prices = REAL[name]
    (series,) = read_csv(shared_data / name)
    assert series.subscription[1:3] == (timeframe, compression)
    assert series.stamp == stamp
    assert len(series.events) == len(series.times) == count
    bar = series.events[0]
    assert bar[4:8] == prices
    if first.endswith("end"):
        assert bar.time_ns == ns(first.replace("end", "00:00:00")) + END_OF_DAY
    else:
        assert bar.time_ns == ns(first)
    assert list(series.times) == sorted(set(series.times))


def test_every_real_file_can_be_read(shared_data):
    files = [path for path in shared_data.iterdir() if path.suffix in (".csv", ".txt")]
    assert files
    for path in files:
        for series in read_csv(path):
            assert len(series.events) == len(series.times) > 0


def test_volume_is_the_column_that_holds_something(shared_data):
    assert read_csv(shared_data / "XAUUSD_H1.csv")[0].events[0].volume == 1847.0
    assert read_csv(shared_data / "113013.csv")[0].events[0].volume == 41405340.0
    assert read_csv(shared_data / "SSE50_ETF.csv")[0].events[0].volume is None
    assert read_csv(shared_data / "RB1601.csv")[0].events[1].openinterest == 4.0


def test_real_ticks_with_quotes(shared_data):
    ticks, quotes = read_csv(shared_data / "tick_ETHUSDT_20240101.csv", symbol="ETH")
    assert len(ticks.events) == 1657
    expected = Tick("ETH", 1_704_067_204_209_000_000, 2283.84, 0.022, Side.SELL, "3478498074")
    assert ticks.events[0] == expected
    assert quotes.subscription == Subscription("ETH", 1, 1, True)
    first = (2283.84, 2283.85, 39.638, 21.946)
    assert quotes.events[0][2:6] == first
    assert list(ticks.times) == sorted(ticks.times)


def test_real_ticks_in_the_layout_of_bars(shared_data):
    (ticks,) = read_csv(shared_data / "ticksample.csv")
    assert ticks.events[0] == Tick("ticksample", ns("2015-09-23 20:57:42") + 146_000_000, 3067, 180)


def test_real_quotes(shared_data):
    (quotes,) = read_csv(shared_data / "bidask.csv")
    assert quotes.events[0] == Quote("bidask", ns("2010-03-02 16:53:50"), 0.5346, 0.5347)
    assert len(quotes.events) == 10


@pytest.mark.parametrize("name", ["2006-day-001.txt", "2006-min-005.txt"])
def test_the_same_stamps_as_backtrader(shared_data, name):
    minutes = "min" in name
    feed = bt.feeds.GenericCSVData(
        dataname=str(shared_data / name),
        dtformat="%Y-%m-%d",
        tmformat="%H:%M:%S",
        time=1 if minutes else -1,
        **{n: i + 1 + minutes for i, n in enumerate(("open", "high", "low", "close", "volume"))},
        openinterest=6 + minutes,
        timeframe=bt.TimeFrame.Minutes if minutes else bt.TimeFrame.Days,
        compression=5 if minutes else 1,
    )
    upstream = bars_from_feed(feed, "A")
    (ours,) = read_csv(shared_data / name, symbol="A")
    assert list(ours.events) == list(upstream.events)
    assert ours.subscription == upstream.subscription
    numbers = list(feed.lines.datetime.array)
    assert [ns_to_num(time_ns) for time_ns in ours.times] == numbers


# ------------------------------------------------------------------ layouts

ROW = ["10", "12", "9", "11", "500"]


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("Date,Open,High,Low,Close,Volume\n2024-01-31,10,12,9,11,500\n", DAY - 10_000),
        ("date;close;low;high;open;VOL\n31/01/2024;11;9;12;10;500\n", DAY - 10_000),
        ("Date\tOpen\tHigh\tLow\tClose\tVolume\n01/31/2024\t10\t12\t9\t11\t500\n", DAY - 10_000),
        ("day,open,high,low,close,volume\n20240131,10,12,9,11,500\n", DAY - 10_000),
        ("Date,Open,High,Low,Close,Volume\n2024/1/31,10,12,9,11,500\n", DAY - 10_000),
        ("datetime,open,high,low,close,volume\n2024-01-31 09:30,10,12,9,11,500\n", 34_200 * S),
        ("datetime,open,high,low,close,volume\n2024-01-31T09:30:00.5Z,10,12,9,11,500\n", 34_200.5),
        ("datetime,open,high,low,close,volume\n2024-01-31 17:30:00+08:00,10,12,9,11,500\n", 34_200),
        ("datetime,open,high,low,close,volume\n2024-01-31 04:30:00-0500,10,12,9,11,500\n", 34_200),
        ("Date,Time,O,H,L,C,V\n2024.01.31,0930,10,12,9,11,500\n", 34_200),
        ("ts,open,high,low,close,volume\n1706693400,10,12,9,11,500\n", 34_200),
        ("ts,open,high,low,close,volume\n1706693400000,10,12,9,11,500\n", 34_200),
        ("ts,open,high,low,close,volume\n1706693400000000,10,12,9,11,500\n", 34_200),
        ("ts,open,high,low,close,volume\n1706693400000000000,10,12,9,11,500\n", 34_200),
        ("ts,open,high,low,close,volume\n1706693400.25,10,12,9,11,500\n", 34_200.25),
        ("日期,开盘,最高,最低,收盘,成交量\n2024-01-31,10,12,9,11,500\n", DAY - 10_000),
        ("2024-01-31,10,12,9,11,500\n", DAY - 10_000),
        ("2024.01.31,09:30,10,12,9,11,500\n", 34_200),
        ("Date,Open,High,Low,Close,Volume\n2024-01-31,09:30:00,10,12,9,11,500\n", 34_200),
        ("\n\nDate,Open,High,Low,Close,Volume\n\n2024-01-31,10,12,9,11,500\n\n", DAY - 10_000),
    ],
)
def test_layouts(write, text, stamp):
    (series,) = read_csv(write(text))
    stamp = stamp if stamp > 1e9 else round(stamp * S)
    assert series.events[0][:9] == (
        "XYZ",
        TimeFrame.DAYS,
        1,
        ns("2024-01-31 00:00:00") + stamp,
        10.0,
        12.0,
        9.0,
        11.0,
        500.0,
    )


def test_chinese_windows_encoding(write):
    text = "日期,开盘价,最高价,最低价,收盘价\n2024-01-31,10,12,9,11\n"
    (series,) = read_csv(write(text, encoding="gb18030"))
    assert series.events[0][4:8] == (10.0, 12.0, 9.0, 11.0)


def test_time_zone(write):
    path = write(
        "datetime,open,high,low,close\n2024-03-08 09:30,1,1,1,1\n2024-03-11 09:30,1,1,1,1\n"
    )
    (series,) = read_csv(path, tz="America/New_York")
    assert list(series.times) == [ns("2024-03-08 14:30:00"), ns("2024-03-11 13:30:00")]
    with pytest.raises(ConfigError, match="tz"):
        read_csv(path, tz="Mars/Olympus")


def test_own_date_format_and_session_end(write):
    path = write("Date,Close\n31.Jan.2024,11\n")
    (series,) = read_csv(path, date_format="%d.%b.%Y", session_end=datetime.time(16))
    assert series.events[0].time_ns == ns("2024-01-31 16:00:00")
    assert series.events[0][4:8] == (11.0,) * 4


def test_given_time_frame_wins(write):
    path = write("Date,Close\n2024-01-31,11\n2024-02-01,12\n")
    (series,) = read_csv(path, symbol="S", timeframe=TimeFrame.WEEKS, compression=2)
    assert series.subscription == Subscription("S", 6, 2)
    assert series.instrument.symbol == "S"


def test_trades_as_ticks(write):
    path = write("time,price,qty,side\n1706693400.5,10,2,BUY\n1706693400.5,11,,sell\n")
    (series,) = read_csv(path)
    assert series.events[0] == Tick("XYZ", 1_706_693_400_500_000_000, 10.0, 2.0, Side.BUY)
    assert series.events[1] == Tick("XYZ", 1_706_693_400_500_000_000, 11.0, None, Side.SELL)


# ------------------------------------------------------------------ bad files

HEAD = "Date,Open,High,Low,Close,Volume\n2024-01-30,10,12,9,11,500\n"


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        ("2024-01-31,ten,12,9,11,500", "2 (open)", "ten"),
        ("2024-01-31,,12,9,11,500", "2 (open)", ""),
        ("2024-01-31,null,null,null,null,null", "2 (open)", "null"),
        ("2024-01-31,nan,12,9,11,500", "open", "nan"),
        ("2024-01-31,10,inf,9,11,500", "high", "inf"),
        ("2024-01-31,10,12,-9,11,500", "low", "-9.0"),
        ("2024-01-31,10,12,9,0,500", "close", "0.0"),
        ("2024-01-31,10,8,9,9,500", "high", "8.0"),
        ("2024-01-31,10,12,9,13,500", "close", "13.0"),
        ("2024-01-31,8,12,9,11,500", "open", "8.0"),
        ("2024-01-31,10,12,9,11,-1", "volume", "-1.0"),
        ("2024-01-31,10,12,9,11,many", "6 (volume)", "many"),
        ("2024-01-31,10,12,9", "5 (close)", "nothing"),
        ("2024-02-30,10,12,9,11,500", "1 (date)", "2024-02-30"),
        ("soon,10,12,9,11,500", "1 (date)", "soon"),
        ("2024-01-30,10,12,9,11,500", "time", "2024-01-30"),
        ("2024-01-29,10,12,9,11,500", "time", "2024-01-29"),
    ],
)
def test_bad_rows_are_named(write, row, column, value):
    path = write(f"{HEAD}{row}\n2024-02-01,10,12,9,11,500\n")
    with pytest.raises(DataFileError) as caught:
        read_csv(path)
    error = caught.value
    assert (error.file, error.line, error.column) == (str(path), 3, column)
    assert str(error.value).startswith(value)
    assert error.expected
    (series,) = read_csv(path, bad_rows="skip")
    assert len(series.events) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("Date,Open,High,Low,Close\n", "only a header"),
        ("Open,High,Low,Close\n1,2,3,4\n", "a column with the date"),
        ("Date,Open,High,Close\n2024-01-31,1,2,3\n", "a column 'low'"),
        ("Date,Kind,Colour\n2024-01-31,1,2\n", "columns open, high, low and close"),
    ],
)
def test_files_that_hold_no_prices(write, text, expected):
    with pytest.raises(DataFileError, match=expected):
        read_csv(write(text))


def test_nothing_left_after_skipping(write):
    with pytest.raises(DataFileError, match="no row holds any"):
        read_csv(write("Date,Close\nsoon,11\n"), bad_rows="skip")


def test_missing_file_and_wrong_options(write, tmp_path):
    with pytest.raises(ConfigError, match="a file that can be read"):
        read_csv(tmp_path / "none.csv")
    path = write("Date,Close\n2024-01-31,11\n")
    with pytest.raises(ConfigError, match="bad_rows"):
        read_csv(path, bad_rows="guess")
    with pytest.raises(ConfigError, match="stamp"):
        read_csv(path, stamp="middle")


def test_ticks_far_out_of_order_are_an_error(write):
    with pytest.raises(DataFileError, match="line 3"):
        read_csv(write("ts,price\n1706693402.5,10\n1706693401.4,11\n"))
    (series,) = read_csv(write("ts,price\n1706693402.5,10\n1706693402.4,11\n"))
    assert [tick.price for tick in series.events] == [11.0, 10.0]


@pytest.mark.parametrize("bad", ["-1", "0", "nan", "x"])
def test_bad_ticks_are_named(write, bad):
    with pytest.raises(DataFileError, match="price"):
        read_csv(write(f"ts,price\n1706693402.5,{bad}\n"))


@pytest.mark.long
def test_a_million_bars_in_a_few_seconds(write):
    start = datetime.datetime(2020, 1, 1)
    rows = [
        f"{start + datetime.timedelta(minutes=i)},100.5,101.25,99.75,100.0,{i}"
        for i in range(1_000_000)
    ]
    path = write("datetime,open,high,low,close,volume\n" + "\n".join(rows))
    began = time.perf_counter()
    (series,) = read_csv(path)
    assert time.perf_counter() - began < 20
    assert len(series.events) == 1_000_000


# ------------------------------------------------------------------ lists, frames, feeds


def test_list_of_bars():
    bars = minute_bars()
    series = bars_from_list(bars)
    assert list(series.events) == bars
    assert series.events[1:3] == bars[1:3]
    assert series.events[-1] == bars[-1]
    for wrong in ([], [bars[1], bars[0]], [bars[0], bars[1]._replace(symbol="B")]):
        with pytest.raises(DataFileError):
            bars_from_list(wrong)
    with pytest.raises(DataFileError, match="line 2, column close"):
        bars_from_list([bars[0], bars[1]._replace(close=float("nan"))])


def test_frames():
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2024-01-31 09:30", periods=3, freq="5min")
    frame = pandas.DataFrame(
        {"Open": [1.0, 2, 3], "HIGH": [2.0, 3, 4], "low": [1.0, 1, 1], "Close": [2.0, 2, 3]}, index
    )
    series = bars_from_frame(frame, "A")
    assert series.subscription == Subscription("A", 4, 5)
    assert series.events[1] == Bar("A", 4, 5, ns("2024-01-31 09:35:00"), 2.0, 3.0, 1.0, 2.0)
    frame["volume"] = [5, float("nan"), 7]
    assert [bar.volume for bar in bars_from_frame(frame, "A").events] == [5.0, None, 7.0]
    local = frame.tz_localize("Asia/Hong_Kong")
    assert bars_from_frame(local, "A").times[0] == ns("2024-01-31 01:30:00")
    column = frame.rename_axis("Datetime").reset_index()
    assert list(bars_from_frame(column, "A").times) == list(series.times)


def test_bad_frames():
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2024-01-31", periods=2)
    good = {"open": [1.0, 2], "high": [2.0, 3], "low": [1.0, 1], "close": [2.0, 2]}
    with pytest.raises(DataFileError, match="line 2, column high"):
        bars_from_frame(pandas.DataFrame({**good, "high": [2.0, -3]}, index), "A")
    with pytest.raises(DataFileError, match="a column of that name"):
        bars_from_frame(pandas.DataFrame(good, index).drop(columns="low"), "A")
    with pytest.raises(DataFileError, match="at least one row"):
        bars_from_frame(pandas.DataFrame(good, index).iloc[:0], "A")


def test_feeds_of_backtrader():
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2024-01-01", periods=3)
    frame = pandas.DataFrame(
        {"open": 1.0, "high": 2.0, "low": 1.0, "close": 1.5, "volume": 9}, index
    )
    feed = bt.feeds.PandasData(dataname=frame, name="ABC")
    series = bars_from_feed(feed)
    assert series.subscription == Subscription("ABC", 5, 1)
    assert list(series.times) == [ns(f"2024-01-0{day} 00:00:00") for day in (1, 2, 3)]
    assert series.events[0].volume == 9.0


def test_live_feeds_cannot_be_replayed():
    class Live(bt.feed.DataBase):
        def islive(self):
            return True

    with pytest.raises(UnsupportedError, match="live feed"):
        bars_from_feed(Live())


# ------------------------------------------------------------------ made-up prices


def checksum(*series):
    text = repr([tuple(event)[:-1] for one in series for event in one.events])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_generated_prices_are_the_same_everywhere():
    generator = Generator(seed=7)
    assert checksum(generator.bars("A", 500)) == "b767deefe7b65146"
    assert checksum(*generator.ticks("A", 500)) == "692d2ede5e354d97"


def test_seed_and_symbol_decide():
    bars = Generator(seed=1).bars("A", 50)
    assert list(bars.events) == list(Generator(seed=1).bars("A", 50).events)
    closes = [bar.close for bar in bars.events]
    assert closes != [bar.close for bar in Generator(seed=2).bars("A", 50).events]
    assert closes != [bar.close for bar in Generator(seed=1).bars("B", 50).events]
    longer = Generator(seed=1).bars("A", 80)
    assert list(longer.events[:50]) == list(bars.events)


def test_generated_bars_are_sound():
    generator = Generator(seed=3, price=5.0, tick_size=0.05, volatility=2.0)
    series = generator.bars("A", 3000)
    assert bars_from_list(list(series.events)).events[0] == series.events[0]
    for bar in series.events:
        assert abs(bar.close / 0.05 - round(bar.close / 0.05)) < 1e-6
        assert bar.volume > 0
    assert series.instrument.tick_size == 0.05


def test_volatility_comes_in_clusters_and_in_the_right_size():
    bars = list(Generator(seed=5, volatility=0.3, tick_size=0.0001).bars("A", 20_000).events)
    moves = [after.close / before.close - 1 for before, after in zip(bars, bars[1:])]
    per_year = (sum(m * m for m in moves) / len(moves) * 525_960) ** 0.5
    assert 0.2 < per_year < 0.45
    squares = [m * m for m in moves]
    mean = sum(squares) / len(squares)
    pairs = list(zip(squares, squares[1:]))
    together = sum((a - mean) * (b - mean) for a, b in pairs) / len(pairs)
    alone = sum((a - mean) ** 2 for a in squares) / len(squares)
    assert together / alone > 0.05


def test_sessions():
    hours = [(datetime.time(9, 30), datetime.time(11)), (datetime.time(13), datetime.time(15))]
    generator = Generator(start_ns=ns("2024-01-05 14:58:00"), sessions=hours)
    times = list(generator.bars("A", 4).times)
    assert times == [
        ns("2024-01-05 14:59:00"),
        ns("2024-01-05 15:00:00"),
        ns("2024-01-08 09:31:00"),
        ns("2024-01-08 09:32:00"),
    ]
    daily = generator.bars("A", 2, TimeFrame.DAYS)
    assert [time_ns // DAY - times[0] // DAY for time_ns in daily.times] == [1, 4]
    ticks = generator.ticks("A", 200, every=60.0)[1]
    for time_ns in ticks.times:
        second = time_ns % DAY // S
        assert 34_200 <= second <= 39_600 or 46_800 <= second <= 54_000


def test_generated_ticks_trade_at_the_quotes():
    quotes, ticks = Generator(seed=1).ticks("A", 300)
    for quote, tick in zip(quotes.events, ticks.events):
        assert quote.ask == pytest.approx(quote.bid + 0.02)
        assert tick.price == (quote.ask if tick.side is Side.BUY else quote.bid)
        assert tick.time_ns == quote.time_ns
    assert len({tick.trade_id for tick in ticks.events}) == 300


@pytest.mark.parametrize("field", ["price", "volatility", "tick_size", "volume", "spread"])
def test_generator_options_are_checked(field):
    for value in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=field):
            Generator(**{field: value})


def test_generator_arguments_are_checked():
    with pytest.raises(ConfigError, match="sessions"):
        Generator(sessions=[(datetime.time(12), datetime.time(9))])
    with pytest.raises(ConfigError, match="count"):
        Generator().bars("A", 0)
    with pytest.raises(UnsupportedError, match="seconds, minutes or days"):
        Generator().bars("A", 5, TimeFrame.MONTHS)


# ------------------------------------------------------------------ series and market


@pytest.mark.parametrize(
    ("start", "timeframe", "compression", "end"),
    [
        ("2024-01-31 09:00:00", 4, 60, "2024-01-31 10:00:00"),
        ("2024-01-31 00:00:00", 5, 1, "2024-02-01 00:00:00"),
        ("2024-01-29 00:00:00", 6, 2, "2024-02-12 00:00:00"),
        ("2024-01-01 00:00:00", 7, 1, "2024-02-01 00:00:00"),
        ("2024-11-01 00:00:00", 7, 3, "2025-02-01 00:00:00"),
        ("2024-01-01 00:00:00", 8, 1, "2025-01-01 00:00:00"),
    ],
)
def test_duration(start, timeframe, compression, end):
    assert duration_end(ns(start), timeframe, compression) == ns(end)


def collect(market):
    batches = []
    market.play(lambda batch: batches.append((market.clock.time_ns(), batch)))
    while market.clock.run_next():
        pass
    return batches


def test_market_plays_each_time_once_finest_first():
    minutes = bars_from_list(minute_bars("A", 4))
    others = bars_from_list(minute_bars("B", 4))
    five = Bar("A", 4, 2, 120 * S, 1.0, 1.0, 1.0, 1.0)
    coarse = bars_from_list([five])
    tick = series_of(Instrument("A"), [Tick("A", 120 * S, 5.0)], 1)
    market = Market([coarse, minutes, others, tick], SimulatedClock(0), start=0)
    batches = collect(market)
    assert [when for when, _ in batches] == [60 * S, 120 * S, 180 * S, 240 * S]
    second = [item.event for item in batches[1][1]]
    assert [type(event).__name__ for event in second] == ["Tick", "Bar", "Bar", "Bar"]
    assert second[-1] == five
    assert [item.last for item in batches[3][1]] == [True, True]


@pytest.mark.parametrize("start", [2, ns("1970-01-01 00:02:00")])
def test_market_starts_after_its_history(start):
    series = bars_from_list(minute_bars("A", 4))
    market = Market([series], SimulatedClock(0), start=start)
    assert series.known_at(market.position_ns) == 2
    assert [when for when, _ in collect(market)] == [180 * S, 240 * S]
    assert market.ended(series)


def test_bars_stamped_at_their_start_are_published_at_their_end():
    series = bars_from_list(minute_bars("A", 3), stamp="start")
    market = Market([series], SimulatedClock(0), start=1)
    assert market.position_ns == 120 * S
    batches = collect(market)
    assert [when for when, _ in batches] == [180 * S, 240 * S]
    assert batches[0][1][0].event.time_ns == 120 * S


def test_market_stops_and_goes_on():
    series = bars_from_list(minute_bars("A", 4))
    market = Market([series], SimulatedClock(0))
    seen = []
    market.play(lambda batch: seen.append(batch[0].event.time_ns // S))
    market.clock.advance(130)
    market.stop()
    market.clock.advance(1000)
    assert seen == [60, 120]
    market.play(lambda batch: seen.append(batch[0].event.time_ns // S))
    while market.clock.run_next():
        pass
    assert seen == [60, 120, 180, 240]


def test_market_resumes_a_former_session():
    series = bars_from_list(minute_bars("A", 4))
    market = Market([series], SimulatedClock(0), start=1)
    market.resume_from(180 * S)
    assert [when for when, _ in collect(market)] == [240 * S]


def test_a_sink_that_fails_does_not_stop_the_prices():
    market = Market([bars_from_list(minute_bars("A", 3))], SimulatedClock(0))
    seen = []

    def sink(batch):
        seen.append(batch)
        raise RuntimeError("no")

    market.play(sink)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            market.clock.run_next()
    assert len(seen) == 3


def test_market_options_are_checked():
    series = [bars_from_list(minute_bars())]
    for options in ({"start": -1}, {"start": 99}, {"start": True}, {"max_pause": -1}):
        with pytest.raises(ConfigError):
            Market(series, SimulatedClock(0), **options)
    with pytest.raises(ConfigError, match="series"):
        Market([], SimulatedClock(0))
    for speed in (None, 0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="speed"):
            Market(series, RealClock(), speed=speed)


# ------------------------------------------------------------------ replay clock


@pytest.fixture
def base():
    clock = SimulatedClock(1000 * S)
    clock.threaded = True
    return clock


def test_replay_clock_shows_recorded_time(base):
    clock = ReplayClock(base, 50 * S, speed=60.0)
    base.advance(5)
    assert clock.time_ns() == 50 * S
    seen = []
    clock.call_at(170 * S, lambda: seen.append((clock.time_ns(), base.time_ns())))
    clock.call_later(4, lambda: seen.append(("real", base.time_ns())))
    base.advance(1)
    assert seen == []
    clock.run()
    base.advance(10)
    assert seen == [(170 * S, 1008 * S), ("real", 1009 * S)]
    assert clock.time_ns() == 650 * S
    clock.stop()
    base.advance(10)
    assert clock.time_ns() == 650 * S


def test_replay_clock_jumps_forward_only(base):
    clock = ReplayClock(base, 0, speed=1.0)
    clock.run()
    seen = []
    clock.call_at(1000 * S, lambda: seen.append(1))
    clock.jump(999 * S)
    base.advance(0.5)
    assert seen == []
    clock.jump(1)
    base.advance(0.6)
    assert seen == [1]


def test_replay_clock_runs_timers_in_order_and_survives_their_errors(base):
    clock = ReplayClock(base, 0, speed=1e6)
    seen = []

    def fail():
        raise RuntimeError("no")

    for when in (3, 1, 2):
        clock.call_at(when * S, lambda when=when: seen.append(when))
    clock.call_at(S, fail)
    cancelled = clock.call_at(2 * S, lambda: seen.append("cancelled"))
    cancelled.cancel()
    clock.run()
    base.advance(1)
    assert seen == [1, 2, 3]


def test_long_pauses_are_cut(base):
    bars = minute_bars("A", 2) + minute_bars("A", 1, start=DAY)
    market = Market([bars_from_list(bars)], base, speed=60.0, max_pause=2.0)
    seen = []
    market.play(lambda batch: seen.append((base.time_ns() // S, batch[0].event.time_ns // S)))
    base.advance(10)
    assert [when for _, when in seen] == [60, 120, 86_460]
    assert seen[1][0] - seen[0][0] == 1
    assert seen[2][0] - seen[1][0] == 2
