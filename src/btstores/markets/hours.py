"""Ready-made sessions of the markets, each with where its hours are published.

They are the hours of now. A backtest of years in which a market kept others takes its own
`Sessions`; `Source.effective` is the first day on which these are known to hold.
"""

from __future__ import annotations

import datetime
from typing import Dict, Mapping, Optional, Tuple

from btstores.errors import ConfigError
from btstores.markets.rules import Source
from btstores.markets.segments import Kind, On, Segment
from btstores.markets.sessions import Sessions

__all__ = [
    "CN_FUTURES",
    "CN_OPTION",
    "CN_STOCK",
    "CRYPTO",
    "FOREX",
    "HK_FUTURE",
    "HK_OPTION",
    "HK_STOCK",
    "US_FUTURE",
    "US_OPTION",
    "US_STOCK",
    "cn_future",
    "forex",
]

_date = datetime.date

_HKEX = "https://www.hkex.com.hk/Services/Trading-hours-and-Severe-Weather-Arrangements"

HK_STOCK = Sessions(
    "Asia/Hong_Kong",
    (
        # Matched at random from 9:20 to 9:22; then nothing is taken until 9:30.
        Segment("09:00", "09:22", Kind.OPENING_AUCTION),
        Segment("09:22", "09:30", Kind.OPENING_AUCTION, trades=False),
        Segment("09:30", "12:00"),
        Segment("13:00", "16:00"),
        # Closes at random from 16:08 to 16:10.
        Segment("16:00", "16:10", Kind.CLOSING_AUCTION),
    ),
    calendar="XHKG",
    sources=(
        Source("Trading hours, securities market", _HKEX, _date(2012, 3, 5)),
        Source("Closing auction session", _HKEX, _date(2016, 7, 25)),
        Source("Enhanced pre-opening session", _HKEX, _date(2020, 10, 19)),
    ),
)

HK_FUTURE = Sessions(
    "Asia/Hong_Kong",
    (
        Segment("17:15", "03:00", Kind.NIGHT, On.TRADING_DAY_BEFORE),
        Segment("08:45", "09:15", Kind.OPENING_AUCTION),
        Segment("09:15", "12:00"),
        Segment("12:30", "13:00", Kind.OPENING_AUCTION),
        Segment("13:00", "16:30"),
    ),
    calendar="XHKG",
    half_close="12:30",
    sources=(
        Source(
            "Hang Seng Index futures, after-hours trading until 3:00",
            "https://www.hkex.com.hk/News/News-Release/2019/190520news",
            _date(2019, 6, 17),
        ),
        Source(
            "Futures hours; half days close at 12:30",
            "http://www.successfn.com/en/Futures_Info_Local",
            _date(2017, 11, 6),
        ),
    ),
)

US_STOCK = Sessions(
    "America/New_York",
    (
        Segment("20:00", "03:50", Kind.OVERNIGHT, On.DAY_BEFORE),
        Segment("04:00", "09:30", Kind.PRE_MARKET),
        Segment("09:30", "16:00"),
        Segment("16:00", "20:00", Kind.AFTER_HOURS),
    ),
    calendar="XNYS",
    sources=(
        Source(
            "Core trading, early and late sessions",
            "https://www.nyse.com/markets/hours-calendars",
            _date(2020, 1, 1),
        ),
        Source(
            "Overnight session, which begins the next trading day",
            "https://support.longbridgehk.com/topics/marketdata/Overnight20230922",
            _date(2023, 9, 22),
        ),
    ),
)

US_FUTURE = Sessions(
    "America/Chicago",
    (Segment("17:00", "16:00", Kind.CONTINUOUS, On.DAY_BEFORE),),
    calendar="CMES",
    sources=(
        Source(
            "E-mini S&P 500 futures, contract specifications",
            "https://www.cmegroup.com/markets/equities/sp/e-mini-sandp500.contractSpecs.html",
            _date(2021, 6, 28),
        ),
    ),
)

CN_STOCK = Sessions(
    "Asia/Shanghai",
    (
        Segment("09:15", "09:25", Kind.OPENING_AUCTION),
        Segment("09:30", "11:30"),
        Segment("13:00", "14:57"),
        # Limit orders are taken as before and trade at 15:00.
        Segment("14:57", "15:00", Kind.CLOSING_AUCTION, regular=True),
    ),
    calendar="XSHG",
    sources=(
        Source("上海证券交易所交易规则", "http://www.sse.com.cn/lawandrules", _date(2018, 8, 20)),
        Source("深圳证券交易所交易规则", "http://www.szse.cn/lawrules", _date(2006, 7, 1)),
    ),
)

_NO_NIGHTS = (
    # After a holiday on a Sunday, for which no other day was closed.
    (_date(2015, 9, 28), _date(2015, 9, 28)),
    # From the outbreak of the epidemic, see the sources.
    (_date(2020, 2, 3), _date(2020, 5, 6)),
)

_CN_FUTURE_SOURCES = (
    Source(
        "夜盘交易品种及交易时间; 法定节假日前无夜盘",
        "https://www.crfutu.com.cn/wsyyt/kfzx/qhqqjygz/ypjysj/",
        _date(2025, 7, 22),
    ),
    Source(
        "夜盘品种新增日盘集合竞价",
        "https://www.jtqh.com/show-31-8106-1.html",
        _date(2023, 5, 26),
    ),
    Source("上海期货交易所: 恢复夜盘交易", "https://m.tgb.cn/a/1ykHzr2EKsz", _date(2020, 5, 6)),
)

HK_OPTION = Sessions(
    "Asia/Hong_Kong",
    (("09:30", "12:00"), ("13:00", "16:00")),
    calendar="XHKG",
    sources=(
        Source(
            "Stock options traded on HKEX, contract summary",
            "https://www.cmbi.com/en-US/contract",
            _date(2024, 11, 4),
        ),
    ),
)

# Options on some funds and indices go on until 16:15.
US_OPTION = Sessions(
    "America/New_York",
    (("09:30", "16:00"),),
    calendar="XNYS",
    sources=(
        Source(
            "Options trading hours; options on stocks end at 16:00",
            "https://www.scottrade.com/knowledge-center/help-how-to/client-website/"
            "option-trading/options-trading-hours.html",
            _date(2017, 1, 1),
        ),
    ),
)

CN_OPTION = Sessions(
    "Asia/Shanghai",
    CN_STOCK.hours,
    calendar="XSHG",
    sources=(
        Source(
            "上证50ETF期权合约基本条款",
            "https://licai.cofool.com/ask/qa_2228080.html",
            _date(2023, 4, 1),
        ),
    ),
)

_NIGHT_ENDS = ("23:00", "01:00", "02:30")

#: Products with a night session, by exchange and the time at which it ends.
_NIGHTS = {
    ("SHFE", "23:00"): "BR BU FU HC OP RB RU SP",
    ("SHFE", "01:00"): "AD AL AO CU NI PB SN SS ZN",
    ("SHFE", "02:30"): "AG AU",
    ("INE", "23:00"): "LU NR",
    ("INE", "01:00"): "BC",
    ("INE", "02:30"): "SC",
    ("DCE", "23:00"): "A B BZ C CS EB EG I J JM L M P PG PP RR V Y",
    ("CZCE", "23:00"): "CF CY FG MA OI PF PL PR PX RM SA SH SR TA ZC",
}


def cn_future(night_end: Optional[str] = None) -> Sessions:
    """Return the sessions of a Chinese commodity future.

    ``night_end`` is when its night session ends: "23:00" (rebar, soybean meal, PTA), "01:00"
    (copper and other base metals) or "02:30" (gold, silver, crude oil); None is for a product
    without one. Raises `ConfigError` for another time.
    """
    if night_end is not None and night_end not in _NIGHT_ENDS:
        raise ConfigError.of("night_end", night_end, f"None or one of {', '.join(_NIGHT_ENDS)}")
    return Sessions(
        "Asia/Shanghai",
        _night(night_end)
        + (
            Segment("08:55", "09:00", Kind.OPENING_AUCTION),
            Segment("09:00", "10:15"),
            Segment("10:30", "11:30"),
            Segment("13:30", "15:00"),
        ),
        calendar="XSHG",
        no_nights=_NO_NIGHTS,
        sources=_CN_FUTURE_SOURCES,
    )


def _night(end: Optional[str]) -> Tuple[Segment, ...]:
    if end is None:
        return ()
    return (
        Segment("20:55", "21:00", Kind.OPENING_AUCTION, On.WEEKDAY_BEFORE),
        Segment("21:00", end, Kind.NIGHT, On.WEEKDAY_BEFORE),
    )


def _cffex(closes: str, source: Source) -> Sessions:
    return Sessions(
        "Asia/Shanghai",
        (
            Segment("09:25", "09:30", Kind.OPENING_AUCTION),
            Segment("09:30", "11:30"),
            Segment("13:00", closes),
        ),
        calendar="XSHG",
        sources=(source,),
    )


def _cn_products() -> Dict[str, Sessions]:
    """Return the sessions of the products that keep other hours than `cn_future` says."""
    found = {}
    for (exchange, end), codes in _NIGHTS.items():
        sessions = cn_future(end)
        found.update({f"{exchange}.{code}": sessions for code in codes.split()})
    shares = _cffex("15:00", _CFFEX_INDEX)
    bonds = _cffex("15:15", _CFFEX_BONDS)
    found.update({f"CFFEX.{code}": shares for code in ("IC", "IF", "IH", "IM")})
    found.update({f"CFFEX.{code}": bonds for code in ("T", "TF", "TL", "TS")})
    return found


_CFFEX_INDEX = Source(
    "CFFEX CSI 300 index futures contract",
    "http://www.cffex.com.cn/en_new/CSI300IndexFutures.html",
    _date(2016, 1, 1),
)
_CFFEX_BONDS = Source(
    "CFFEX 10-year treasury bond futures contract",
    "http://cffex.com.cn/en_new/sspz/10t/",
    _date(2022, 1, 18),
)

#: By product, as 'SHFE.RB'.
CN_FUTURES: Mapping[str, Sessions] = _cn_products()


def forex(opens: str = "17:00", closes: str = "17:00") -> Sessions:
    """Return the week of foreign exchange, Sunday to Friday, in New York time.

    A trading day runs from ``opens`` on the day before to ``closes``; a broker with a daily
    break has other times than the market's 17:00. There are no holidays in it.
    """
    return Sessions(
        "America/New_York",
        (Segment(opens, closes, Kind.CONTINUOUS, On.DAY_BEFORE),),
        sources=(
            Source(
                "Week from Sunday to Friday, 17:00 in New York",
                "https://land-fx.co.uk/trading/trading_hours",
                _date(2024, 1, 1),
            ),
        ),
    )


FOREX = forex()

# There are no hours to publish; a venue tells its maintenance itself.
CRYPTO = Sessions("UTC", (("00:00", "24:00"),), frozenset(range(7)))
