"""The rates of each market with the day they begin and the document that says so.

What could not be found in a public document is not here. Rates that a broker sets for each
customer are parameters of the commission schemes, not tables.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple

from btstores.errors import ConfigError
from btstores.markets.fees import FeeItem, FeeSchedule, Number, broker_fee, to_decimal

__all__ = ["PLANS", "SCHEDULES", "crypto_schedule", "forex_schedule", "plan_of"]


class _Rate(NamedTuple):
    """A rate from ``since`` until the next one of its series; None is the end of the fee."""

    since: str
    rate: Optional[str]
    source: str
    minimum: Optional[str] = None
    maximum: Optional[str] = None


def _day(text: str) -> datetime.date:
    year, month, day = map(int, text.split("-"))
    return datetime.date(year, month, day)


def _decimal(text: Optional[str]) -> Optional[Decimal]:
    return None if text is None else Decimal(text)


def _series(
    name: str, payee: str, basis: str, *rates: _Rate, per: int = 1, **more: Any
) -> Iterator[FeeItem]:
    """Yield a fee item for each rate in turn. Rates are for ``per`` of what they multiply."""
    ends = [_day(following.since) - datetime.timedelta(1) for following in rates[1:]]
    for row, until in zip(rates, [*ends, datetime.date.max]):
        if row.rate is not None:
            yield FeeItem(
                name,
                payee,
                basis,
                Decimal(row.rate) / per,
                _day(row.since),
                until,
                _decimal(row.minimum),
                _decimal(row.maximum),
                source=row.source,
                **more,
            )


# Hong Kong

_HK_START = "2015-02-13"
_HK_BROKER = "https://www.futuhk.com/en/commissionnew"

_HK_ITEMS = (
    *_series(
        "stamp duty",
        "Hong Kong government",
        "value",
        _Rate(_HK_START, "0.001", "Cap. 117; ETFs exempt by the Amendment Ordinance 2015"),
        _Rate("2021-08-01", "0.0013", "https://ird.gov.hk/eng/tax/budget2021_sd.htm"),
        _Rate("2023-11-17", "0.001", "Amendment Ordinance 2023; HKEX circular CT/152/23"),
        instruments=("stock",),
        rounding="unit_up",
    ),
    *_series(
        "transaction levy",
        "SFC",
        "value",
        _Rate(_HK_START, "0.000027", "Levy (Amendment) Order 2014, from 2014-11-01"),
    ),
    *_series(
        "AFRC levy",
        "AFRC",
        "value",
        _Rate("2022-01-01", "0.0000015", "Financial Reporting Council Ordinance, Schedule 7"),
    ),
    *_series(
        "trading fee",
        "HKEX",
        "value",
        _Rate(_HK_START, "0.00005", "HKEX news release 2022-11-01, the rate before"),
        _Rate("2023-01-01", "0.0000565", "HKEX news release 2022-11-01"),
    ),
    *_series(
        "trading tariff",
        "HKEX",
        "order",
        _Rate(_HK_START, "0.50", "HKEX news release 2022-11-01, the rate before"),
        _Rate("2023-01-01", None, "HKEX news release 2022-11-01"),
    ),
    *_series(
        "settlement fee",
        "HKSCC",
        "value",
        _Rate(_HK_START, "0.00002", "HKEX fees, Operational, updated 2023-11-22", "2", "100"),
        _Rate("2025-06-30", "0.000042", "HKEX news release 2025-02-21; PANews 2025-06-30"),
    ),
)

# United States. Brokers pass both fees on to the seller, rounded up to the cent.

_US_START = "2018-05-22"

_US_ITEMS = (
    *_series(
        "SEC fee",
        "SEC",
        "value",
        _Rate(_US_START, "13.00", "FINRA Information Notice 2018-05-07"),
        _Rate("2019-04-16", "20.70", "SEC Fee Rate Advisory #2 for fiscal year 2019"),
        _Rate("2020-02-18", "22.10", "FINRA Information Notice 2020-02-03"),
        _Rate("2021-02-25", "5.10", "FINRA Information Notice 2021-02-16"),
        _Rate("2022-05-14", "22.90", "Barron's 2022-05; SEC release 34-96724 for its end"),
        _Rate("2023-02-27", "8.00", "SEC release 34-96724, 88 FR 5051"),
        _Rate("2024-05-22", "27.80", "SEC Fee Rate Advisory #2 for fiscal year 2024"),
        _Rate("2025-05-14", "0.00", "SEC release 34-102779, 90 FR 15492"),
        _Rate("2026-04-04", "20.60", "SEC release 34-104909, 91 FR 10643"),
        per=1_000_000,
        sides=("sell",),
        rounding="cent_up",
    ),
    *_series(
        "trading activity fee",
        "FINRA",
        "unit",
        _Rate(_US_START, "0.000119", "FINRA By-Laws, Schedule A, section 1", None, "5.95"),
        _Rate("2022-01-01", "0.000130", "SR-FINRA-2020-032, 85 FR 66592", None, "6.49"),
        _Rate("2023-01-01", "0.000145", "SR-FINRA-2020-032, 85 FR 66592", None, "7.27"),
        _Rate("2024-01-01", "0.000166", "SR-FINRA-2020-032, 85 FR 66592", None, "8.30"),
        _Rate("2026-01-01", "0.000195", "SR-FINRA-2024-019, 89 FR 93709", None, "9.79"),
        sides=("sell",),
        rounding="cent_up",
    ),
)

# Chinese shares and ETFs in Shanghai and Shenzhen

_CN_START = "2015-08-01"
_CN_ETF_START = "2023-08-28"
_CONNECT = "https://www.swhyhk.com/en/wealth-management_china-connect/"

_CN_ITEMS = (
    *_series(
        "stamp duty",
        "tax administration",
        "value",
        _Rate(_CN_START, "0.001", "Cai Shui Ming Dian [2008] No. 2, from 2008-09-19"),
        _Rate("2023-08-28", "0.0005", "SSE and SZSE announcement of 2023-08-27"),
        sides=("sell",),
        instruments=("stock",),
    ),
    *_series(
        "transfer fee",
        "ChinaClear",
        "value",
        _Rate(_CN_START, "0.00002", "SSE, SZSE and ChinaClear announcement of 2015-07-01"),
        _Rate("2022-04-29", "0.00001", "ChinaClear announcement of 2022-04-28"),
        instruments=("stock",),
    ),
    *_series(
        "handling fee",
        "exchange",
        "value",
        _Rate(_CN_START, "0.0000487", "CSRC announcement of 2023-08-18, the rate before"),
        _Rate("2023-08-28", "0.0000341", "CSRC announcement of 2023-08-18"),
        instruments=("stock",),
    ),
    *_series(
        "handling fee",
        "exchange",
        "value",
        _Rate(_CN_ETF_START, "0.00004", _CONNECT + ", next to the rates of 2023-08-28"),
        instruments=("etf",),
    ),
    *_series(
        "management fee",
        "CSRC",
        "value",
        _Rate(_CN_START, "0.00002", _CONNECT + "; ETFs are exempt"),
        instruments=("stock",),
    ),
)

# Chinese futures: the exchange's own fee. Single contracts may have other rates for a while.

_SHFE = "SHFE, Fees and Charges, updated 2021-12-31"
_SHFE_TODAY = _SHFE + "; closing on the same day: notice [2021] 129"
_SHFE_UNKNOWN = _SHFE + "; closing on the same day: not found, charged as another close"
_DCE = "DCE announcement of 2019-07-16; confirmed by notice [2022] 174"
_CFFEX = "CFFEX notice of 2023-03-17 for closing on the same day; notice of April 2019 otherwise"


class _Future(NamedTuple):
    """Rates of one product: per lot or of the value, and of closing what was opened today."""

    product: str
    payee: str
    basis: str
    rate: str
    today: str
    since: str
    source: str


_FUTURES = (
    _Future("rb", "SHFE", "value", "0.0001", "0.0001", "2021-12-31", _SHFE_TODAY),
    _Future("hc", "SHFE", "value", "0.0001", "0.0001", "2021-12-31", _SHFE_TODAY),
    _Future("cu", "SHFE", "value", "0.00005", "0.0001", "2021-12-31", _SHFE_TODAY),
    _Future("al", "SHFE", "unit", "3", "3", "2021-12-31", _SHFE_TODAY),
    _Future("ni", "SHFE", "unit", "3", "3", "2021-12-31", _SHFE_TODAY),
    _Future("au", "SHFE", "unit", "10", "10", "2021-12-31", _SHFE_UNKNOWN),
    _Future("ag", "SHFE", "value", "0.00005", "0.00005", "2021-12-31", _SHFE_UNKNOWN),
    _Future("i", "DCE", "value", "0.0001", "0.0001", "2019-07-18", _DCE),
    _Future("IF", "CFFEX", "value", "0.000023", "0.00023", "2023-03-20", _CFFEX),
    _Future("IH", "CFFEX", "value", "0.000023", "0.00023", "2023-03-20", _CFFEX),
    _Future("IC", "CFFEX", "value", "0.000023", "0.00023", "2023-03-20", _CFFEX),
    _Future("IM", "CFFEX", "value", "0.000023", "0.00023", "2023-03-20", _CFFEX),
)


def _future_items(row: _Future) -> Iterator[FeeItem]:
    for rate, offsets in ((row.rate, ("open", "close")), (row.today, ("close_today",))):
        yield FeeItem(
            "exchange fee",
            row.payee,
            row.basis,
            Decimal(rate),
            _day(row.since),
            offsets=offsets,
            instruments=(row.product,),
            source=row.source,
        )


#: Schedules by the value of `btstores.markets.MarketType`.
SCHEDULES: Dict[str, FeeSchedule] = {
    "hk_stock": FeeSchedule(
        "hk_stock", "HKD", dict.fromkeys(("stock", "etf", "warrant"), _day(_HK_START)), _HK_ITEMS
    ),
    "us_stock": FeeSchedule(
        "us_stock", "USD", dict.fromkeys(("stock", "etf"), _day(_US_START)), _US_ITEMS
    ),
    "cn_stock": FeeSchedule(
        "cn_stock", "CNY", {"stock": _day(_CN_START), "etf": _day(_CN_ETF_START)}, _CN_ITEMS
    ),
    "cn_future": FeeSchedule(
        "cn_future",
        "CNY",
        {row.product: _day(row.since) for row in _FUTURES},
        tuple(item for row in _FUTURES for item in _future_items(row)),
    ),
}

#: What brokers publish as the price list of a new customer, by market and name.
PLANS: Dict[str, Dict[str, Tuple[FeeItem, ...]]] = {
    "hk_stock": {
        "fixed": (
            broker_fee("commission", "value", "0.0003", minimum=3, source=_HK_BROKER),
            broker_fee("platform fee", "order", 15, source=_HK_BROKER),
        ),
    },
    "us_stock": {
        "fixed": (
            broker_fee(
                "commission",
                "unit",
                "0.005",
                minimum=1,
                maximum_part="0.01",
                source="https://rocketsciencetrading.com/?p=101, 2025-07-12",
            ),
        ),
    },
}


def plan_of(market: str, name: str) -> Tuple[FeeItem, ...]:
    """Return a broker's charges by the name of its plan; ``none`` has no charges.

    Raises `ConfigError` for a name that the market does not have.
    """
    plans = {"none": (), **PLANS.get(market, {})}
    if name not in plans:
        raise ConfigError.of("plan", name, "one of " + ", ".join(map(repr, sorted(plans))))
    return plans[name]


def crypto_schedule(maker: Number, taker: Number, currency: str = "USDT") -> FeeSchedule:
    """Return the schedule of a venue that takes ``maker`` or ``taker`` of the value.

    A venue may pay for making: ``maker`` may be negative. Nothing is rounded.
    """
    rates = (("maker", to_decimal("maker", maker)), ("taker", to_decimal("taker", taker)))
    items = tuple(
        FeeItem(
            f"{who} fee",
            "venue",
            "value",
            rate,
            liquidity=(who,),
            rounding="none",
            source="the venue's fee page",
        )
        for who, rate in rates
    )
    return FeeSchedule("crypto", currency, {"crypto": datetime.date.min}, items)


def forex_schedule(spread: Number, currency: str = "USD") -> FeeSchedule:
    """Return the schedule of a dealer without commission whose quotes are ``spread`` apart.

    Half of it is paid by each trade against the middle price. Raises `ConfigError` below 0.
    """
    number = to_decimal("spread", spread)
    if number < 0:
        raise ConfigError.of("spread", spread, "0 or more")
    half = broker_fee("spread", "unit", number / 2, rounding="none")
    return FeeSchedule("forex", currency, {"forex": datetime.date.min}, (half,))
