"""Price files: bars, ticks and quotes from CSV in the layouts that are about.

Understood without being told: the delimiter; header names in any case and order (also those
of Yahoo, MetaTrader and Chinese exports); files without a header (date, time if there is
one, open, high, low, close, volume, open interest); date and time in one column or two;
dates as 2006-01-31, 2006.01.31, 2006/1/31, 20060131, 31/01/2006 or 01/31/2006; times with
or without seconds and fractions; epoch seconds, milli-, micro- and nanoseconds.

A stamp without an offset is UTC, or of the time zone ``tz``. A date without a time means
the end of that day's session, 23:59:59.99999 unless ``session_end`` says otherwise, as in
backtrader. MetaTrader stamps the start of a bar, everything else is taken to stamp the end.
"""

from __future__ import annotations

import csv
import datetime
import itertools
import logging
import math
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from btstores.clock import NS_PER_SECOND
from btstores.errors import ConfigError, DataFileError
from btstores.instruments import Instrument, TimeFrame
from btstores.reports import Quote, Side, Tick
from btstores.sim.prices.series import RowChecker, Series, series_of, usual_timeframe
from btstores.sim.prices.stamps import SESSION_END, StampReader, looks_like_time

__all__ = ["read_csv"]

log = logging.getLogger(__name__)

SAMPLE_ROWS = 2000

#: Trades and quotes come from venues a little out of order; so much is put right in silence.
LATE_NS = NS_PER_SECOND

#: Names of columns, without case, brackets, spaces and underscores. The first that is there
#: counts; of volumes the first that is not zero throughout.
NAMES: Dict[str, Tuple[str, ...]] = {
    "date": ("date", "datetime", "timestamp", "tradedate", "day", "ts", "fsrq", "日期", "交易日期"),
    "time": ("time", "tradetime", "时间", "交易时间"),
    "open": ("open", "openprice", "o", "开盘价", "开盘"),
    "high": ("high", "highprice", "h", "最高价", "最高"),
    "low": ("low", "lowprice", "l", "最低价", "最低"),
    "close": ("close", "closeprice", "c", "last", "收盘价", "收盘"),
    "volume": ("volume", "vol", "tickvol", "v", "size", "qty", "amount", "quantity", "成交量"),
    "openinterest": ("openinterest", "oi", "openint", "持仓量"),
    "price": ("price", "tradeprice", "成交价"),
    "side": ("direction", "side"),
    "trade_id": ("tradeid", "id"),
    "bid": ("bid", "bidprice"),
    "ask": ("ask", "askprice"),
    "bid_size": ("bidvolume", "bidsize", "bidqty"),
    "ask_size": ("askvolume", "asksize", "askqty"),
}
OHLC = ("open", "high", "low", "close")


class Layout(NamedTuple):
    """Where what stands: column numbers from 0 by our names."""

    columns: Dict[str, int]
    first_line: int
    metatrader: bool = False


class Table(NamedTuple):
    """A file that is open: its rows with their line numbers, and what the first ones say."""

    file: str
    rows: Iterator[Tuple[int, List[str]]]
    sample: List[List[str]]
    layout: Layout
    stamps: StampReader


def read_csv(
    path: Union[str, Path],
    symbol: Optional[str] = None,
    timeframe: Optional[int] = None,
    compression: int = 1,
    tz: Optional[str] = None,
    date_format: Optional[str] = None,
    session_end: datetime.time = SESSION_END,
    stamp: Optional[str] = None,
    bad_rows: str = "error",
    instrument: Optional[Instrument] = None,
) -> List[Series]:
    """Return what a file holds: one series of bars, or ticks, quotes or both.

    ``symbol`` is the file's name without its ending unless given. Without ``timeframe`` the
    usual distance of the rows decides. ``date_format`` is one of `datetime.strptime` for
    stamps that are not understood by themselves. ``stamp`` "start" or "end" says what bars
    are stamped at. ``bad_rows`` "skip" leaves out, and counts in the log, what cannot be a
    price; "error" raises `DataFileError` for the first of them.
    """
    if bad_rows not in ("error", "skip"):
        raise ConfigError.of("bad_rows", bad_rows, "'error' or 'skip'")
    name = str(path)
    instrument = instrument or Instrument(symbol or Path(path).stem)
    with _open(path) as lines:
        table = _open_table(name, lines, tz, date_format, session_end)
        reader = _Reader(table, instrument, skip=bad_rows == "skip")
        if _has_ticks(table, timeframe):
            return reader.ticks()
        frame = (timeframe, compression) if timeframe else _usual_frame(table)
        start = stamp or ("start" if table.layout.metatrader else "end")
        return [reader.bars(int(frame[0]), frame[1], start)]


def _open(path: Union[str, Path]) -> Any:
    """Open the file in the encoding it is in: UTF-8, or that of Chinese Windows."""
    try:
        with open(path, "rb") as raw:
            head = raw.read(65536)
    except OSError as error:
        expected = f"a file that can be read ({error.strerror})"
        raise ConfigError.of("prices", str(path), expected) from error
    encoding = "utf-8-sig"
    try:
        head[: head.rfind(b"\n") + 1].decode(encoding)
    except UnicodeDecodeError:
        encoding = "gb18030"
    return open(path, newline="", encoding=encoding, errors="replace")


def _open_table(
    name: str,
    lines: Any,
    tz: Optional[str],
    date_format: Optional[str],
    session_end: datetime.time,
) -> Table:
    blank = 0
    first = lines.readline()
    while first and not first.strip():
        blank += 1
        first = lines.readline()
    delimiter = max(",;\t|", key=first.count)
    if not first.count(delimiter):
        delimiter = " "
    rows = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
    numbered = ((rows.line_num + blank, row) for row in rows if not _is_blank(row))
    sample = list(itertools.islice(numbered, SAMPLE_ROWS))
    if not sample:
        raise DataFileError(name, 1, "-", "", "prices, but the file is empty")
    body = sample
    if not _is_data(sample[0][1]):
        body = sample[1:]
    if not body:
        raise DataFileError(name, 2, "-", "", "prices, but there is only a header")
    layout = _layout(name, sample[0], [row for _, row in body])
    text = [_stamp_text(layout, row) for _, row in body if len(row) > layout.columns["date"]]
    stamps = StampReader(text, tz, date_format, session_end)
    return Table(name, itertools.chain(body, numbered), [r for _, r in body], layout, stamps)


def _is_blank(row: List[str]) -> bool:
    return not row or not (row[0] or any(cell.strip() for cell in row))


def _is_data(row: List[str]) -> bool:
    return bool(row[0].strip()[:1].isdigit())


def _stamp_text(layout: Layout, row: List[str]) -> Tuple[str, str]:
    time = layout.columns.get("time", -1)
    return row[layout.columns["date"]].strip(), row[time].strip() if 0 <= time < len(row) else ""


def _plain(name: str) -> str:
    return "".join(c for c in name.strip().lower() if c not in "<>\"' _.")


def _layout(file: str, first: Tuple[int, List[str]], body: List[List[str]]) -> Layout:
    line, header = first
    if _is_data(header):
        return Layout(_columns_by_position(header), line)
    plain = [_plain(name) for name in header]
    # A header without a name for the time, over rows that have one.
    if "time" not in plain and len(body[0]) == len(plain) + 1 and looks_like_time(body[0][1]):
        plain.insert(1, "time")
    found: Dict[str, int] = {}
    for ours, names in NAMES.items():
        there = [plain.index(name) for name in names if name in plain]
        if ours == "volume":
            there.sort(key=lambda column: not _any_number(body, column))
        if there:
            found[ours] = there[0]
    if "date" not in found and "time" in found:
        found["date"] = found.pop("time")
    if "date" in found and len(plain) == 2 and not set(found) & {"close", "price"}:
        found["close"] = 1 - found["date"]
    _require(file, line, header, found)
    return Layout(found, line + 1, header[0].strip().startswith("<"))


def _columns_by_position(row: List[str]) -> Dict[str, int]:
    names = ["date"]
    if len(row) > 1 and looks_like_time(row[1]):
        names.append("time")
    if len(row) - len(names) < 4:
        names.append("close")
    names += [*OHLC, "volume", "openinterest"] if "close" not in names else []
    return {name: column for column, name in enumerate(names) if column < len(row)}


def _require(file: str, line: int, header: List[str], found: Dict[str, int]) -> None:
    there = ", ".join(header)
    if "date" not in found:
        raise DataFileError(file, line, "-", there, "a column with the date or the time")
    some = {"open", "high", "low"} & set(found)
    missing = [name for name in OHLC if name not in found]
    if some and missing:
        raise DataFileError(file, line, missing[0], there, f"a column {missing[0]!r}")
    if not set(found) & {"close", "price", "bid", "ask"}:
        raise DataFileError(file, line, "-", there, "columns open, high, low and close")


def _any_number(rows: List[List[str]], column: int) -> bool:
    return any(row[column].strip(" 0.") for row in rows if column < len(row))


def _has_ticks(table: Table, timeframe: Optional[int]) -> bool:
    """Return whether the rows are single trades or quotes, not bars."""
    if timeframe is not None:
        return timeframe == TimeFrame.TICKS
    columns = table.layout.columns
    if "open" not in columns:
        return "close" not in columns
    one_price = all(len({row[columns[n]] for n in OHLC}) == 1 for row in table.sample[:50])
    return one_price and table.stamps.has_fractions


def _usual_frame(table: Table) -> Tuple[int, int]:
    times = []
    for row in table.sample:
        try:
            times.append(table.stamps.read(*_stamp_text(table.layout, row)))
        except (ValueError, IndexError):
            continue
    frame = usual_timeframe(times)
    return (TimeFrame.DAYS, 1) if frame[0] == TimeFrame.TICKS else frame


class _Reader:
    """Turns the rows of a table into series."""

    def __init__(self, table: Table, instrument: Instrument, skip: bool) -> None:
        self._table = table
        self._instrument = instrument
        self._skip = skip
        self._skipped = 0

    def bars(self, timeframe: int, compression: int, stamp: str) -> Series:
        """Return the rows as bars."""
        table = self._table
        checker = RowChecker(table.file, self._instrument.symbol, timeframe, compression)
        columns = table.layout.columns
        wanted = [columns.get(name, columns["close"]) for name in OHLC]
        wanted += [columns[name] for name in ("volume", "openinterest") if name in columns]
        no_volume = "openinterest" in columns and "volume" not in columns
        for line, row in table.rows:
            try:
                time_ns = self._time(line, row)
                try:
                    values: List[Any] = [float(row[column]) for column in wanted]
                except (ValueError, IndexError):
                    self._explain(line, row, wanted)
                    raise
                if no_volume:
                    values.insert(4, None)
                checker.add(line, time_ns, *values)
            except DataFileError:
                self._bad_row()
        self._done(len(checker.bars))
        return series_of(self._instrument, checker.bars, timeframe, compression, stamp=stamp)

    def ticks(self) -> List[Series]:
        """Return the rows as trades, quotes or both."""
        ticks: List[Tick] = []
        quotes: List[Quote] = []
        before = 0
        for line, row in self._table.rows:
            try:
                time_ns = self._time(line, row)
                if time_ns < before - LATE_NS:
                    self._fail(line, row, "date", "no earlier time than the row before")
                values = {n: self._number(line, row, n) for n in ("price", "bid", "ask")}
            except DataFileError:
                self._bad_row()
                continue
            before = max(before, time_ns)
            if values["price"] is not None:
                ticks.append(self._tick(line, row, time_ns, values["price"]))
            quote = self._quote(line, row, time_ns, values)
            if quote is not None and (not quotes or quotes[-1][2:] != quote[2:]):
                quotes.append(quote)
        self._done(len(ticks) + len(quotes))
        ticks.sort(key=lambda tick: tick.time_ns)
        quotes.sort(key=lambda quote: quote.time_ns)
        made = []
        if ticks:
            made.append(series_of(self._instrument, ticks, TimeFrame.TICKS))
        if quotes:
            made.append(series_of(self._instrument, quotes, TimeFrame.TICKS, quotes=True))
        return made

    def _tick(self, line: int, row: List[str], time_ns: int, price: float) -> Tick:
        side = self._text(row, "side").lower()
        return Tick(
            self._instrument.symbol,
            time_ns,
            price,
            self._number(line, row, "volume", least=0.0),
            {"b": Side.BUY, "s": Side.SELL}.get(side[:1]),
            self._text(row, "trade_id") or None,
        )

    def _quote(
        self, line: int, row: List[str], time_ns: int, values: Dict[str, Optional[float]]
    ) -> Optional[Quote]:
        if values["bid"] is None and values["ask"] is None:
            return None
        bid_size = self._number(line, row, "bid_size", least=0.0)
        ask_size = self._number(line, row, "ask_size", least=0.0)
        symbol = self._instrument.symbol
        return Quote(symbol, time_ns, values["bid"], values["ask"], bid_size, ask_size)

    def _time(self, line: int, row: List[str]) -> int:
        try:
            return self._table.stamps.read(*_stamp_text(self._table.layout, row))
        except (ValueError, IndexError):
            self._fail(line, row, "date", f"a time such as {self._table.stamps.example}")
            raise

    def _number(
        self, line: int, row: List[str], name: str, least: Optional[float] = None
    ) -> Optional[float]:
        """Return a number of a row, None where it is empty: a price, or not below ``least``."""
        if name == "price" and name not in self._table.layout.columns:
            name = "close"
        text = self._text(row, name)
        if not text:
            return None
        expected = "a price above zero" if least is None else "zero or more"
        try:
            value = float(text)
        except ValueError:
            self._fail(line, row, name, expected)
            raise
        if not (value > 0 if least is None else value >= least) or math.isinf(value):
            self._fail(line, row, name, expected)
        return value

    def _text(self, row: List[str], name: str) -> str:
        column = self._table.layout.columns.get(name, -1)
        return row[column].strip() if 0 <= column < len(row) else ""

    def _explain(self, line: int, row: List[str], columns: List[int]) -> None:
        """Raise the error for the first column that is no number."""
        by_column = {column: name for name, column in self._table.layout.columns.items()}
        for column in columns:
            try:
                float(row[column])
            except (ValueError, IndexError):
                self._fail(line, row, by_column[column], "a number")

    def _fail(self, line: int, row: List[str], name: str, expected: str) -> None:
        column = self._table.layout.columns[name]
        value = row[column] if column < len(row) else "nothing"
        raise DataFileError(self._table.file, line, f"{column + 1} ({name})", value, expected)

    def _bad_row(self) -> None:
        """Raise the error that is being handled, unless such rows are left out."""
        if not self._skip:
            raise
        self._skipped += 1

    def _done(self, count: int) -> None:
        if self._skipped:
            log.warning("csv.rows_skipped file=%s count=%d", self._table.file, self._skipped)
        if not count:
            raise DataFileError(self._table.file, 1, "-", "", "prices, but no row holds any")
