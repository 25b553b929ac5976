"""`btstores markets`: what is known of each market, and where it is from."""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
from decimal import Decimal
from typing import Any, Dict, List, Optional, Sequence, TextIO, Tuple, Union

from btstores.cli.markettext import show_all, show_one
from btstores.cli.settings import as_enum
from btstores.cli.text import Screen
from btstores.clock import NS_PER_SECOND, wall_clock
from btstores.errors import ConfigError, MissingExtraError
from btstores.markets import MarketConfig, MarketType, Sessions, calendars, get_market_config
from btstores.markets.fees import FeeItem, FeeSchedule
from btstores.markets.futures import CONTRACTS, SIZES, Contract, FuturesRules, contract_of
from btstores.markets.rules import ShortSaleRule, SizeRule, Source
from btstores.markets.segments import On, Segment, SessionInfo
from btstores.markets.zones import date_in, zone

__all__ = ["markets_command"]

#: One symbol of each kind that a market's rules tell apart.
EXAMPLES: Dict[MarketType, Tuple[str, ...]] = {
    MarketType.HK_STOCK: ("HK.00700",),
    MarketType.HK_FUTURE: ("HK.HSImain", "HK.MHImain"),
    MarketType.US_STOCK: ("US.AAPL",),
    MarketType.US_FUTURE: ("CME.ESmain", "NYMEX.CLmain", "COMEX.GCmain"),
    MarketType.CN_STOCK: ("SH.600519", "SH.688981", "SZ.300750", "BJ.920799", "SH.510300"),
    MarketType.CN_FUTURE: ("SHFE.rb2610", "DCE.i2609", "CZCE.SR609", "CFFEX.IF2609"),
    MarketType.HK_OPTION: ("HK.TCH261230C600000",),
    MarketType.US_OPTION: ("US.AAPL261218C250000",),
    MarketType.CN_OPTION: ("SH.10010001",),
    MarketType.FOREX: ("EUR_USD", "USD_JPY"),
    MarketType.CRYPTO: ("BTC/USDT",),
}


def markets_command(args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """List the markets, or tell all of one; return the exit status."""
    if args.name is not None:
        found = [describe(get_market_config(_market(args.name)), args.date, args.symbol)]
    else:
        for option in ("symbol", "date"):
            if getattr(args, option) is not None:
                raise ConfigError.of(
                    f"--{option}", str(getattr(args, option)), "the name of a market with it"
                )
        found = [outline(get_market_config(market)) for market in _MARKETS]
    if args.json:
        out.write(json.dumps({"markets": found}, indent=1, ensure_ascii=False) + "\n")
        return 0
    screen = Screen(out)
    if args.name is not None:
        show_one(screen, found[0])
    else:
        show_all(screen, found)
    return 0


_MARKETS = [market for market in MarketType if market is not MarketType.UNKNOWN]


def _market(name: str) -> MarketType:
    market = as_enum(name, (MarketType,))
    if market not in _MARKETS:
        raise ConfigError.of("market", name, "one of " + ", ".join(each.name for each in _MARKETS))
    assert isinstance(market, MarketType)
    return market


# What is known, as JSON values


def outline(config: MarketConfig, day: Optional[datetime.date] = None) -> Dict[str, Any]:
    """Return the line of the list on one market."""
    day = day or _today(config)
    rules, symbols = config.rules, EXAMPLES.get(config.market, ())
    days = {rules.settlement_days(symbol, day) for symbol in symbols}
    return {
        "name": config.market.name,
        "about": config.name,
        "currency": config.currency,
        "timezone": config.timezone,
        "regular_hours": regular_hours(config.sessions) if config.sessions else None,
        "settlement_days": days.pop() if len(days) == 1 else None,
        "fees_known": config.fees is not None,
        "ticks_known": any(rules.tick_table_of(symbol, day) for symbol in symbols),
    }


def describe(
    config: MarketConfig, day: Optional[datetime.date] = None, symbol: Optional[str] = None
) -> Dict[str, Any]:
    """Return all that is known of a market on ``day``, today by default."""
    day = day or _today(config)
    found = outline(config, day)
    terms = [_terms(config, each, day) for each in _symbols(config, symbol)]
    if symbol is not None and not any(terms[0][field] is not None for field in _COVERED):
        example = ", ".join(EXAMPLES.get(config.market, ())[:1])
        expected = f"a symbol whose rules in {config.market.name} are known, such as {example}"
        raise ConfigError.of("--symbol", symbol, expected)
    contract = _contract(config, symbol)
    hours = config.sessions if symbol is None else config.sessions_of(symbol)
    product = contract.code if contract is not None else None
    found.update(
        date=day.isoformat(),
        hours=[_segment(each) for each in hours.hours] if hours else [],
        day=_regular_on(hours, day) if hours else None,
        holidays=_holidays(hours) if hours else None,
        now=_now(hours) if hours else None,
        product_hours=_product_hours(config) if symbol is None else [],
        symbols=terms,
        short_sale=_with_source(config.rules.short_sale),
        fees=_fees(config.fees, day, product) if config.fees else None,
        fees_not_known=_fees_not_known(config.fees, day, product) if config.fees else {},
        sources=[_source(source) for source in _sources(config, symbol, contract)],
    )
    return found


_COVERED = ("ticks", "sizes", "settlement_days")


def _symbols(config: MarketConfig, symbol: Optional[str]) -> Sequence[str]:
    return EXAMPLES.get(config.market, ()) if symbol is None else (symbol,)


def _contract(config: MarketConfig, symbol: Optional[str]) -> Optional[Contract]:
    if symbol is None or not isinstance(config.rules, FuturesRules):
        return None
    return contract_of(symbol)


def _today(config: MarketConfig) -> datetime.date:
    return date_in(config.timezone, wall_clock().time_ns())


def regular_hours(sessions: Sessions) -> List[Dict[str, Any]]:
    """Return the times of regular trading, those that follow without a break as one."""
    spans: List[Dict[str, Any]] = []
    for each in sessions.hours:
        if not each.regular:
            continue
        if spans and spans[-1]["closes"] == each.opens:
            spans[-1]["closes"] = each.closes
        else:
            before = each.on is not On.TRADING_DAY
            spans.append({"opens": each.opens, "closes": each.closes, "day_before": before})
    return spans


def _product_hours(config: MarketConfig) -> List[Dict[str, Any]]:
    """Return the products that keep hours of their own, those with the same ones together."""
    groups: Dict[Sessions, List[str]] = {}
    for product, sessions in config.product_sessions.items():
        groups.setdefault(sessions, []).append(product)
    return [
        {"regular_hours": regular_hours(sessions), "products": sorted(products)}
        for sessions, products in groups.items()
    ]


def _segment(segment: Segment) -> Dict[str, Any]:
    return {
        "opens": segment.opens,
        "closes": segment.closes,
        "kind": segment.kind.value,
        "begins_on": segment.on.value,
        "regular": segment.regular,
        "trades": segment.trades,
    }


def _regular_on(sessions: Sessions, day: datetime.date) -> List[List[str]]:
    """Return start and end of regular trading on a day, in local time."""
    spans: List[List[int]] = []
    for session in sessions.sessions_on(day):
        if not session.regular:
            continue
        if spans and spans[-1][1] == session.start_ns:
            spans[-1][1] = session.end_ns
        else:
            spans.append([session.start_ns, session.end_ns])
    return [[_local(sessions, time_ns) for time_ns in span] for span in spans]


def _holidays(sessions: Sessions) -> Dict[str, Any]:
    found: Dict[str, Any] = {"calendar": sessions.calendar, "known": sessions.has_holidays}
    if sessions.calendar is None:
        return found
    calendar = calendars.load(sessions.calendar)
    if calendar is not None:
        return {**found, "until": calendar.last.isoformat()}
    if importlib.util.find_spec("exchange_calendars") is None:
        return {**found, "missing": str(MissingExtraError("exchange_calendars", "calendars"))}
    return {**found, "missing": "exchange_calendars does not work here"}


def _now(sessions: Sessions) -> Dict[str, Any]:
    now_ns = wall_clock().time_ns()
    session: Optional[SessionInfo] = sessions.session_of(now_ns)
    return {
        "time": _local(sessions, now_ns),
        "open": sessions.is_open(now_ns),
        "session": session.kind.value if session is not None else None,
        "next_open": _local(sessions, sessions.next_open(now_ns)),
        "next_close": _local(sessions, sessions.next_close(now_ns)),
    }


def _local(sessions: Sessions, time_ns: int) -> str:
    moment = datetime.datetime.fromtimestamp(time_ns // NS_PER_SECOND, zone(sessions.timezone))
    return moment.isoformat(timespec="minutes")


def _terms(config: MarketConfig, symbol: str, day: datetime.date) -> Dict[str, Any]:
    """Return what the rules say of a symbol."""
    rules, contract = config.rules, _contract(config, symbol)
    if contract is not None and contract.currency != config.currency:
        # A future of another market: the rules cover all of them.
        return {"symbol": symbol, **dict.fromkeys(_COVERED)}
    ticks, limits = rules.tick_table_of(symbol, day), rules.limits_of(symbol, _ANY_PRICE, day)
    sizes, in_lots = (rules.size_rule_of(symbol, day, lot) for lot in (None, 1.0))
    return {
        "symbol": symbol,
        "ticks": {"rows": ticks.rows, "source": _source(ticks.source)} if ticks else None,
        "sizes": _with_source(sizes),
        "most_lots": in_lots.most if sizes is None and in_lots is not None else None,
        "limits": [round(price / _ANY_PRICE - 1, 4) for price in limits] if limits else None,
        "settlement_days": rules.settlement_days(symbol, day),
        "sold_same_day": rules.sellable(symbol, 1.0, 1.0) == 1.0,
        "multiplier": contract.multiplier if contract else None,
        "margin": contract.margin if contract else None,
    }


#: Limits are parts of the price before; at this one no tick rounds them.
_ANY_PRICE = 1000.0


def _with_source(rule: Union[SizeRule, ShortSaleRule, None]) -> Optional[Dict[str, Any]]:
    return {**rule._asdict(), "source": _source(rule.source)} if rule is not None else None


def _fees(
    schedule: FeeSchedule, day: datetime.date, product: Optional[str]
) -> List[Dict[str, Any]]:
    return [
        _fee(item)
        for item in schedule.items
        if item.since <= day <= item.until and (product is None or product in item.instruments)
    ]


def _fee(item: FeeItem) -> Dict[str, Any]:
    return {
        "name": item.name,
        "payee": item.payee,
        "basis": item.basis,
        "rate": _plain(item.rate),
        "minimum": _plain(item.minimum),
        "maximum": _plain(item.maximum),
        "sides": list(item.sides),
        "offsets": list(item.offsets),
        "instruments": list(item.instruments),
        "rounding": item.rounding,
        "since": item.since.isoformat(),
        "source": item.source,
    }


def _fees_not_known(
    schedule: FeeSchedule, day: datetime.date, product: Optional[str]
) -> Dict[str, Optional[str]]:
    """Return what has no rates on ``day``, with the first day that has, or None if none has."""
    if product is not None and product not in schedule.known_since:
        return {product: None}
    return {
        name: since.isoformat()
        for name, since in schedule.known_since.items()
        if day < since and product in (None, name)
    }


def _plain(number: Optional[Decimal]) -> Optional[str]:
    return None if number is None else f"{number.normalize():f}"


def _sources(
    config: MarketConfig, symbol: Optional[str], contract: Optional[Contract]
) -> Sequence[Source]:
    kept = [config.sessions, *config.product_sessions.values()]
    if symbol is not None:
        kept = [config.sessions_of(symbol)]
    hours = [source for each in kept if each is not None for source in each.sources]
    rules: Sequence[Source] = config.rules.sources
    if isinstance(config.rules, FuturesRules):
        ours = [each for each in CONTRACTS.values() if each.currency == config.currency]
        rules = _sources_of([contract] if contract is not None else ours)
    return list(dict.fromkeys((*hours, *rules)))


def _sources_of(contracts: Sequence[Contract]) -> List[Source]:
    found = [source for each in contracts for source in (*_of_ticks(each), each.source)]
    names = [f"{each.exchange}.{each.code}".upper() for each in contracts]
    return found + [SIZES[name].source for name in names if name in SIZES]


def _of_ticks(contract: Contract) -> List[Source]:
    return [ticks.source for ticks in contract.ticks]


def _source(source: Source) -> Dict[str, str]:
    return {**source._asdict(), "effective": source.effective.isoformat()}
