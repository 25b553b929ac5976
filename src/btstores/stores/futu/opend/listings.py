"""What is known of securities beyond their prices, and prices made up for them."""

from __future__ import annotations

import datetime
import functools
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from btstores.clock import NS_PER_SECOND
from btstores.instruments import Instrument
from btstores.markets import MarketConfig, MarketType, get_market_config
from btstores.sim.prices.generator import Generator
from btstores.sim.prices.series import Series
from btstores.stores.futu.opend.text import (
    market_type_of,
    read_time,
    rule_symbol,
    timezone_of,
)

__all__ = [
    "Listing",
    "complete",
    "config_for",
    "exchange_of",
    "listed_seconds",
    "listing_of",
    "made_up",
]


class Listing(NamedTuple):
    """Name, kind ('stock' or 'etf'), lot, and a price to begin with."""

    name: str
    kind: str = "stock"
    lot: Optional[float] = None
    price: float = 0.0
    listed: str = "2004-06-16"


_LISTINGS: Dict[str, Listing] = {
    "HK.00700": Listing("TENCENT", "stock", 100, 400.0, "2004-06-16"),
    "HK.09988": Listing("BABA-W", "stock", 100, 90.0, "2019-11-26"),
    "HK.00005": Listing("HSBC HOLDINGS", "stock", 400, 70.0, "1991-04-08"),
    "HK.00388": Listing("HKEX", "stock", 100, 280.0, "2000-06-27"),
    "HK.00941": Listing("CHINA MOBILE", "stock", 500, 70.0, "1997-10-23"),
    "HK.02800": Listing("TRACKER FUND", "etf", 500, 20.0, "1999-11-12"),
    "HK.03033": Listing("CSOP HS TECH", "etf", 200, 4.0, "2020-08-28"),
    "US.AAPL": Listing("Apple", "stock", 1, 190.0, "1980-12-12"),
    "US.TSLA": Listing("Tesla", "stock", 1, 240.0, "2010-06-29"),
    "US.NVDA": Listing("NVIDIA", "stock", 1, 120.0, "1999-01-22"),
    "US.SPY": Listing("SPDR S&P 500 ETF", "etf", 1, 480.0, "1993-01-29"),
    "US.QQQ": Listing("Invesco QQQ Trust", "etf", 1, 400.0, "1999-03-10"),
    "SH.600519": Listing("KWEICHOW MOUTAI", "stock", 100, 1600.0, "2001-08-27"),
    "SZ.300750": Listing("CATL", "stock", 100, 180.0, "2018-06-11"),
    "SZ.000001": Listing("PING AN BANK", "stock", 100, 11.0, "1991-04-03"),
    "HK.HSImain": Listing("HSI Futures", price=17000.0, listed="1986-05-06"),
    "HK.MHImain": Listing("MHI Futures", price=17000.0, listed="2000-10-09"),
    "US.ESmain": Listing("E-mini S&P 500", price=4800.0, listed="1997-09-09"),
    "US.NQmain": Listing("E-mini NASDAQ 100", price=17000.0, listed="1999-06-21"),
    "US.CLmain": Listing("Crude Oil", price=75.0, listed="1983-03-30"),
    "US.GCmain": Listing("Gold", price=2050.0, listed="1974-12-31"),
}

#: Lot and price of a security of which nothing more is known.
_USUAL: Dict[MarketType, Listing] = {
    MarketType.HK_STOCK: Listing("", "stock", 500, 50.0),
    MarketType.CN_STOCK: Listing("", "stock", 100, 20.0),
    MarketType.US_STOCK: Listing("", "stock", 1, 100.0),
    MarketType.HK_FUTURE: Listing("", "stock", 1, 17000.0),
    MarketType.US_FUTURE: Listing("", "stock", 1, 1000.0),
}
_OTHER = Listing("", "stock", 1, 100.0)

#: Numbers of Qot_Common.ExchType.
_EXCHANGES = {
    MarketType.HK_STOCK: 1,
    MarketType.HK_FUTURE: 3,
    MarketType.HK_OPTION: 3,
    MarketType.US_STOCK: 5,
    MarketType.US_OPTION: 8,
}
_FUTURE_EXCHANGES = {"CME": 12, "NYMEX": 9, "COMEX": 10, "HK": 3}


def listing_of(symbol: str) -> Listing:
    """Return what is known of a symbol, with what is usual in its market."""
    usual = _USUAL.get(market_type_of(symbol), _OTHER)
    found = _LISTINGS.get(symbol)
    if found is None:
        name = symbol.partition(".")[2]
        kind = get_market_config(market_type_of(symbol)).rules.kind_of(symbol)
        return usual._replace(name=name, kind=kind)
    return found._replace(lot=found.lot or usual.lot)


@functools.lru_cache(maxsize=4096)
def listed_seconds(symbol: str) -> float:
    """Return the day of the listing in epoch seconds."""
    return read_time(listing_of(symbol).listed, timezone_of(symbol)) / NS_PER_SECOND


def exchange_of(symbol: str) -> int:
    """Return Qot_Common.ExchType; 0 when it is not known."""
    prefix, _, code = symbol.partition(".")
    if prefix == "SH":
        return 16 if code.startswith("688") else 14
    if prefix == "SZ":
        return 15
    market = market_type_of(symbol)
    if market is MarketType.US_FUTURE:
        return _FUTURE_EXCHANGES.get(rule_symbol(symbol).partition(".")[0], 0)
    return _EXCHANGES.get(market, 0)


def config_for(symbol: str) -> MarketConfig:
    """Return the figures of the market of a symbol."""
    return get_market_config(market_type_of(symbol))


def complete(
    instrument: Instrument, day: datetime.date, lots: Mapping[str, float] = {}
) -> Instrument:
    """Return the instrument with what market and listing know where it says nothing itself."""
    symbol = instrument.symbol
    config, listing, known_as = config_for(symbol), listing_of(symbol), rule_symbol(symbol)
    rules, any_other = config.rules, Instrument("")
    figures: Dict[str, Any] = {
        "currency": config.currency,
        "multiplier": rules.multiplier_of(known_as),
        "margin": rules.margin_of(known_as),
        "lot": lots.get(symbol, listing.lot),
        "kind": listing.kind,
        "name": listing.name,
        "timezone": timezone_of(symbol),
    }
    if instrument.tick_size is None and not instrument.tick_table:
        table = rules.tick_table_of(known_as, day, listing.kind)
        if table is None:
            figures["tick_size"] = config.tick_size or 0.01
        else:
            figures["tick_table"] = table.rows
    changes = {
        name: figure
        for name, figure in figures.items()
        if figure is not None and getattr(instrument, name) == getattr(any_other, name)
    }
    if symbol in lots:
        changes["lot"] = lots[symbol]
    return instrument._replace(**changes)


def made_up(
    symbols: Sequence[str],
    seed: int = 0,
    bars: int = 2000,
    start_ns: int = Generator.start_ns,
    lots: Mapping[str, float] = {},
) -> List[Series]:
    """Return one-minute bars for each symbol, in the hours and on the grid of its market."""
    day = datetime.date(1970, 1, 1) + datetime.timedelta(seconds=start_ns // 10**9)
    found = []
    for symbol in symbols:
        instrument = complete(Instrument(symbol), day, lots)
        lot = instrument.lot or 1.0
        price = listing_of(symbol).price or _OTHER.price
        options: Dict[str, Any] = {
            "seed": seed,
            "start_ns": start_ns,
            "price": price,
            "volume": 100.0,
            "tick_size": instrument.tick_at(price) or 0.01,
            "instrument": instrument,
        }
        sessions = config_for(symbol).sessions_of(rule_symbol(symbol))
        if sessions is not None:
            options["sessions"] = sessions
        found.append(_in_lots(Generator(**options).bars(symbol, bars), lot))
    return found


def _in_lots(series: Series, lot: float) -> Series:
    """Multiply the volumes, which count lots."""
    columns: Any = series.events
    volumes = columns.columns[4]
    for index, volume in enumerate(volumes):
        volumes[index] = max(1.0, volume) * lot
    return series
