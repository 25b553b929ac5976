"""How `btstores markets` prints what is known."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any, Dict, List, Optional, Sequence, Tuple

from btstores.cli.text import Screen, size_text, table

__all__ = ["show_all", "show_one"]

_YES = {True: "yes", False: "-"}
_BEFORE = "* begins on the day before"
_NOTES = {
    "CN_FUTURE": "Limits and margins are set by notices, often far above a contract's text.",
    "HK_STOCK": "Ticks are those of shares and, by their codes, warrants; ETFs have their own.",
}


def show_all(screen: Screen, found: Sequence[Dict[str, Any]]) -> None:
    """Print a line for each market."""
    rows = [
        [
            one["name"],
            one["currency"],
            one["timezone"],
            _hours(one["regular_hours"]),
            _settlement(one["settlement_days"]) or "by venue",
            _known(one["ticks_known"]),
            _known(one["fees_known"]),
        ]
        for one in found
    ]
    names = ["market", "currency", "time zone", "regular hours", "settled", "ticks", "fees"]
    _table(screen, names, rows)
    if any("*" in row[3] for row in rows):
        screen.line(_BEFORE, "dim")
    screen.line()
    screen.line("btstores markets NAME tells all of one, with sources.", "dim")


def _known(known: bool) -> str:
    return "known" if known else "by venue"


def _hours(spans: Optional[List[Dict[str, Any]]]) -> str:
    if spans is None:
        return "not known"
    marks = {True: "*", False: ""}
    return ", ".join(f"{s['opens']}{marks[s['day_before']]}-{s['closes']}" for s in spans)


def _settlement(days: Optional[int]) -> str:
    return "" if days is None else f"T+{days}"


def show_one(screen: Screen, one: Dict[str, Any]) -> None:
    """Print all of one market."""
    screen.line(f"{one['name']}: {one['about']}", "bold")
    screen.line(f"in {one['currency']}, times of {one['timezone']}")
    _show_hours(screen, one)
    _show_rules(screen, one)
    _show_fees(screen, one)
    _show_sources(screen, one["sources"])


def _show_hours(screen: Screen, one: Dict[str, Any]) -> None:
    _heading(screen, "Hours")
    if not one["hours"]:
        screen.line("not known")
        return
    rows = [
        [
            part["opens"],
            part["closes"],
            part["kind"] + ("" if part["trades"] else ", nothing trades"),
            _YES[part["regular"]],
            part["begins_on"],
        ]
        for part in one["hours"]
    ]
    _table(screen, ["from", "to", "session", "regular", "begins on"], rows)
    screen.line()
    spans = ", ".join(f"{_time(a, one['date'])}-{_time(b, one['date'])}" for a, b in one["day"])
    screen.line(f"on {one['date']}: {spans or 'no trading'}")
    screen.line(f"holidays: {_holidays(one['holidays'])}")
    for group in one["product_hours"]:
        screen.line()
        screen.line(f"{_hours(group['regular_hours'])}, for")
        for exchange, codes in _by_exchange(group["products"]):
            screen.line(f"  {exchange}: {', '.join(codes)}")
    if any("*" in _hours(group["regular_hours"]) for group in one["product_hours"]):
        screen.line(_BEFORE, "dim")
    now = one["now"]
    screen.line()
    state = now["session"] or "closed"
    screen.line(f"now {_moment(now['time'])}: {state}")
    screen.line(f"next open {_moment(now['next_open'])}, next close {_moment(now['next_close'])}")


def _by_exchange(products: Sequence[str]) -> List[Tuple[str, List[str]]]:
    pairs = [product.split(".", 1) for product in products]
    return [
        (exchange, [code for _, code in group])
        for exchange, group in itertools.groupby(pairs, key=lambda pair: pair[0])
    ]


def _time(moment: str, date: str) -> str:
    """Return the time of day, with the date where it is another."""
    return moment[11:16] if moment.startswith(date) else _moment(moment)


def _moment(moment: str) -> str:
    return f"{moment[:10]} {moment[11:16]}"


def _holidays(holidays: Dict[str, Any]) -> str:
    if "missing" in holidays:
        return f"not known, every weekday is a full day. {holidays['missing']}"
    if "until" in holidays:
        return f"known until {holidays['until']} (calendar {holidays['calendar']})"
    return "known" if holidays["known"] else "none are known"


def _show_rules(screen: Screen, one: Dict[str, Any]) -> None:
    _heading(screen, f"Rules on {one['date']}")
    terms = one["symbols"]
    rows = [
        [each["symbol"], _price(price), _price(tick), each["ticks"]["source"]["effective"]]
        for each in terms
        if each["ticks"] is not None
        for price, tick in each["ticks"]["rows"]
    ]
    if rows:
        _table(screen, ["symbol", ">price from", ">tick", "since"], rows)
        screen.line()
    names = ["symbol", ">least", ">step", ">at most", ">at market", "rest may be sold"]
    names += ["limits", ">multiplier", ">margin", "settled", "sold same day"]
    _table(screen, names, [_terms(each) for each in terms])
    short = one["short_sale"]
    screen.line()
    screen.line(f"short sales: {_short_sale(short) if short else 'no rule of the market is known'}")
    if one["name"] in _NOTES:
        screen.line(_NOTES[one["name"]], "dim")
    screen.line("What a venue tells of an instrument (ticks, lots, margins) wins.", "dim")


def _terms(each: Dict[str, Any]) -> List[Any]:
    sizes = each["sizes"] or {}
    most = f"{size_text(each['most_lots'])} lots" if each["most_lots"] else _size(sizes.get("most"))
    return [
        each["symbol"],
        _size(sizes.get("least")),
        _size(sizes.get("step")) or "by venue",
        most,
        _size(sizes.get("most_at_market")),
        "yes" if sizes.get("odd_sale") else "",
        " ".join(f"{100 * part:+g} %" for part in each["limits"] or ()),
        _size(each["multiplier"]),
        "" if each["margin"] is None else f"{100 * each['margin']:g} %",
        _settlement(each["settlement_days"]) or "by venue",
        _YES[each["sold_same_day"]],
    ]


def _size(size: Optional[float]) -> str:
    return "" if size is None else size_text(size)


def _price(price: float) -> str:
    return f"{Decimal(repr(float(price))).normalize():f}"


_FLOORS = {
    "ask": "not below the best ask",
    "bid": "above the best bid",
    "last": "not below the last price",
}


def _short_sale(rule: Dict[str, Any]) -> str:
    parts = ["only in securities on the exchange's list"] if rule["listed_only"] else []
    parts += [_FLOORS[rule["floor"]]] if rule["floor"] else []
    if rule["floor_after_fall"]:
        fall = f"{100 * rule['floor_after_fall']:g} %"
        parts.append(f"after a fall of {fall} in a day, on that day and the next")
    return ", ".join(parts) or "free"


def _show_fees(screen: Screen, one: Dict[str, Any]) -> None:
    _heading(screen, f"Fees on {one['date']}")
    fees = one["fees"]
    if fees is None:
        screen.line("not known: they are the venue's or the broker's own")
        return
    if fees:
        names = ["fee", "to", ">rate", "of", ">least", ">at most", "side", "trade", "only", "since"]
        _table(screen, [*names, "source"], [_fee(fee) for fee in fees])
    for name, since in one["fees_not_known"].items():
        screen.line(f"{name}: not known" + (f" before {since}" if since else ""))
    screen.line("What brokers take comes on top of it.", "dim")


def _fee(fee: Dict[str, Any]) -> List[Any]:
    of_value = fee["basis"] == "value"
    rate = f"{(Decimal(fee['rate']) * 100).normalize():f} %" if of_value else fee["rate"]
    return [
        fee["name"],
        fee["payee"],
        rate,
        {"value": "value", "unit": "share or contract", "order": "order"}[fee["basis"]],
        fee["minimum"],
        fee["maximum"],
        "" if len(fee["sides"]) == 2 else ", ".join(fee["sides"]),
        "" if len(fee["offsets"]) == 3 else ", ".join(fee["offsets"]),
        ", ".join(fee["instruments"]),
        fee["since"],
        fee["source"],
    ]


def _show_sources(screen: Screen, sources: Sequence[Dict[str, str]]) -> None:
    if not sources:
        return
    _heading(screen, "Sources of hours and rules, by the day from which they are known to hold")
    for source in sources:
        screen.line(f"{source['effective']}  {source['document']}")
        screen.line(f"            {source['url']}", "dim")


def _heading(screen: Screen, text: str) -> None:
    screen.line()
    screen.line(text, "bold")


def _table(screen: Screen, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table without the columns that are empty in all rows."""
    kept = [i for i in range(len(names)) if any(row[i] for row in rows)]
    for line in table([names[i] for i in kept], [[row[i] for i in kept] for row in rows]):
        screen.line(line)
