"""What a trader with OANDA has to have right, looked at one thing after the other."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any, Generator, Iterator, List, Mapping, Optional, Sequence

from btstores.clock import NS_PER_SECOND, wall_clock
from btstores.errors import BtstoresError, LinkError, MissingExtraError, VenueRefused
from btstores.instruments import Instrument, TimeFrame
from btstores.markets import get_market_config
from btstores.reports import Subscription
from btstores.stores.examine import Finding
from btstores.stores.oanda.client import UNAUTHORIZED, Client, Place, endpoint, library
from btstores.stores.oanda.convert import (
    CANDLES,
    bars_of,
    instrument_of,
    number_of,
    number_text,
    quote_of,
    time_of,
)

__all__ = ["examine_oanda"]

#: The oldest client that knows all requests.
OLDEST_CLIENT = (0, 7)
#: What it needs and does not ask for.
_LIBRARIES = ("oandapyV20", "requests", "six")
#: Seconds by which clocks may differ before bars are asked for at the wrong moment.
CLOCK = 2.0
#: Seconds to wait for an answer.
_PATIENCE = 10.0
#: What most accounts may trade, and trade most.
_USUAL = "EUR_USD"

_MANAGE = (
    "make one on OANDA's page Manage API access and give it in BTSTORES_OANDA_TOKEN. One of a "
    "practice account is good with practice=true only, one of a real account with practice=false"
)
_CURES = {
    UNAUTHORIZED: _MANAGE,
    "HTTP_403": "the token may not see this account: give the account of its owner, or its token",
    "HTTP_429": "end other programs that ask OANDA: it takes 120 requests a second, and few "
    "streams at a time",
}

Ask = Generator[Finding, None, Any]


def examine_oanda(params: Any, place: Place) -> Iterator[Finding]:
    """Look at the client, OANDA, the token, its account, instruments, clock, prices, history."""
    found = _client_library()
    yield found
    if not found.good:
        return
    client = Client(place, _PATIENCE)
    try:
        yield from _with_client(params, place, client)
    finally:
        client.close()


def _client_library() -> Finding:
    try:
        versions = [library(name).__version__ for name in _LIBRARIES]
    except MissingExtraError as error:
        return Finding("oandapyV20", False, f"{error.library} is not installed", str(error))
    is_new = tuple(int(part) for part in versions[0].split(".")[:2]) >= OLDEST_CLIENT
    cure = "" if is_new else "pip install --upgrade 'btstores[oanda]'"
    names = ", ".join(f"{name} {at}" for name, at in zip(_LIBRARIES[1:], versions[1:]))
    return Finding("oandapyV20", is_new, f"version {versions[0]}, with {names}", cure)


def _with_client(params: Any, place: Place, client: Client) -> Iterator[Finding]:
    names = yield from _accounts_of_token(params, place, client)
    if names is None:
        return
    account = params.account or (names[0] if len(names) == 1 else None)
    if account not in names:
        yield _no_account(account, names)
        return
    if not (yield from _asked("account", _account(client, params, account))):
        return
    instruments = yield from _asked("instruments", _instruments(client, account))
    if not instruments:
        return
    chosen = yield from _asked("instruments", _tradeable(client, params, account, instruments))
    if chosen is not None:
        yield from _asked("prices", _prices(place, params, account, chosen))
        yield from _asked("history", _history(client, params, chosen))


def _asked(what: str, look: Ask) -> Ask:
    """Yield what a look finds, and what keeps it from looking; return what it returns."""
    try:
        return (yield from look)
    except BtstoresError as error:
        yield Finding(what, False, _text_of(error), _cure_of(error))
        return None


# The place and the token


def _accounts_of_token(
    params: Any, place: Place, client: Client
) -> Generator[Finding, None, Optional[List[str]]]:
    if _is_simulated(params):
        kind = "simulated"
    else:
        kind = "practice accounts" if params.practice else "accounts with real money"
    there = Finding("OANDA", True, f"answers at {place.api}, {kind}")
    try:
        rows = _part(client.get(endpoint("accounts", "AccountList")), "accounts", list)
    except VenueRefused as error:
        yield there
        yield Finding("token", False, f"is refused: {error}", _cure_of(error))
        return None
    except LinkError as error:
        cure = "is there a way to it? HTTPS_PROXY in the environment names a proxy"
        if _is_simulated(params):
            cure = "give its port with --set port=...; btstores sim oanda starts a simulated one"
        yield Finding("OANDA", False, f"{_text_of(error)} ({place.api})", cure)
        return None
    yield there
    names = [str(row.get("id")) for row in rows if isinstance(row, dict)]
    yield Finding("token", True, f"is taken, for {_accounts(len(names))}")
    return names


def _is_simulated(params: Any) -> bool:
    return params.port is not None


def _accounts(number: int) -> str:
    return "one account" if number == 1 else f"{number or 'no'} accounts"


def _no_account(wanted: Optional[str], names: Sequence[str]) -> Finding:
    if not names:
        cure = "open an account at OANDA that trades by v20, or make a token of its owner"
        return Finding("account", False, "the token has none", cure)
    there = ", ".join(names)
    text = f"{wanted} is not one of the token's" if wanted else "which one is not said"
    return Finding("account", False, text, f"give one with --set account=...: {there}")


def _text_of(error: BaseException) -> str:
    """Return what went wrong, of the network in its own words."""
    root = error
    while True:
        context = None if root.__suppress_context__ else root.__context__
        inner = root.__cause__ or context
        if inner is None:
            break
        root = inner
    if isinstance(root, OSError) and not isinstance(root, library("requests").RequestException):
        return f"no answer: {root or type(root).__name__}"
    return str(error)


def _cure_of(error: BtstoresError) -> str:
    code = getattr(error, "venue_code", None)
    return _CURES.get(str(code), "try again in a while; OANDA tells on its site when it is away")


def _part(answer: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return what an answer is about. Raises `LinkError` when it is not in it."""
    found = answer.get(name)
    if not isinstance(found, kind):
        raise LinkError(f"OANDA has answered without {name}")
    return found


# The account


def _account(client: Client, params: Any, account: str) -> Ask:
    answer = client.get(endpoint("accounts", "AccountSummary", account))
    row = _part(answer, "account", dict)
    value, left = number_of(row.get("NAV")), number_of(row.get("marginAvailable"))
    if value is None or left is None:
        raise LinkError("OANDA has answered without NAV and marginAvailable")
    mode = "hedging" if row.get("hedgingEnabled") else "netting"
    money = "" if _is_simulated(params) or params.practice else ", real money"
    yield Finding("account", True, f"{account}, {mode}{money}")
    currency = row.get("currency")
    cure = "" if left > 0 else "put money in, or close positions: no order can open one now"
    text = f"NAV {value:,.2f} {currency}, margin left {left:,.2f} {currency}"
    yield Finding("balance", left > 0, text, cure)
    orders, trades = row.get("pendingOrderCount", "?"), row.get("openTradeCount", "?")
    yield Finding("open", True, f"orders {orders}, trades {trades}")
    return True


# Prices


def _instruments(client: Client, account: str) -> Ask:
    answer = client.get(endpoint("accounts", "AccountInstruments", account))
    rows = _part(answer, "instruments", list)
    if not rows:
        text = "this account may trade none"
        yield Finding("instruments", False, text, "ask OANDA which account trades by v20")
    return {one.symbol: one for one in map(instrument_of, rows)}


def _tradeable(client: Client, params: Any, account: str, instruments: Mapping[str, Any]) -> Ask:
    """Tell how many can be traded now, and the time; return the one to look at further."""
    query = {"instruments": ",".join(instruments)}
    clock = wall_clock()
    asked_ns = clock.time_ns()
    answer = client.get(endpoint("pricing", "PricingInfo", account, params=query))
    ours_ns = (asked_ns + clock.time_ns()) // 2
    prices = _part(answer, "prices", list)
    theirs_ns = time_of(answer.get("time"))
    if theirs_ns is None:
        raise LinkError("OANDA has answered without time")
    open_now = [str(one.get("instrument")) for one in prices if one.get("tradeable") is True]
    names = open_now or list(instruments)
    chosen = _USUAL if _USUAL in names else names[0]
    yield _how_many(params, len(open_now), len(instruments), chosen, theirs_ns)
    yield _time_of_simulation(theirs_ns) if _is_simulated(params) else _clock(theirs_ns, ours_ns)
    return instruments.get(chosen)


def _how_many(params: Any, open_now: int, known: int, symbol: str, time_ns: int) -> Finding:
    if open_now:
        return Finding("instruments", True, f"{open_now} of {known} can be traded now")
    text = f"none of {known} can be traded now"
    sessions = get_market_config(params.market).sessions_of(symbol)
    if sessions is not None and not sessions.is_open(time_ns):
        opens = _moment(sessions.next_open(time_ns))
        return Finding("instruments", True, f"{text}: the market is closed until {opens}")
    cure = "wait: OANDA has halted them, for a holiday or its pause at 17:00 in New York"
    return Finding("instruments", False, f"{text}, at an hour when they usually can be", cure)


def _clock(theirs_ns: int, ours_ns: int) -> Finding:
    apart = (theirs_ns - ours_ns) / NS_PER_SECOND
    good = abs(apart) <= CLOCK
    cure = "" if good else "let the operating system set the clock from the network"
    return Finding("clock", good, f"{apart:+.1f} s from ours", cure)


def _time_of_simulation(time_ns: int) -> Finding:
    return Finding("clock", True, f"it is {_moment(time_ns)} in the simulated market")


def _moment(time_ns: int) -> str:
    moment = datetime.datetime.fromtimestamp(time_ns // NS_PER_SECOND, datetime.timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _prices(place: Place, params: Any, account: str, instrument: Instrument) -> Ask:
    """Wait for the price that a stream begins with."""
    symbol = instrument.symbol
    query = {"instruments": symbol, "snapshot": "True"}
    request = endpoint("pricing", "PricingStream", account, params=query)
    beats = 0
    with contextlib.closing(Client(place, params.silence).lines(request)) as lines:
        for line in lines:
            if line.get("type") == "PRICE":
                yield _price(line, instrument)
                return
            beats += 1
            if beats == 2:
                break
    cure = "try again when the market is open"
    yield Finding("prices", False, f"the stream is open and tells none of {symbol}", cure)


def _price(line: Mapping[str, Any], instrument: Instrument) -> Finding:
    symbol, quote = instrument.symbol, quote_of(line)
    if quote is None or quote.bid is None or quote.ask is None:
        cure = "try again when the market is open"
        return Finding("prices", False, f"{symbol} has come without bid and ask", cure)
    step = instrument.tick_size or 1e-5
    bid, ask = number_text(quote.bid, step), number_text(quote.ask, step)
    state = "tradeable" if line.get("tradeable") is True else "not tradeable now"
    return Finding("prices", True, f"{symbol} {bid} / {ask} by the stream, {state}")


def _history(client: Client, params: Any, instrument: Instrument) -> Ask:
    minutes = Subscription(instrument.symbol, int(TimeFrame.MINUTES))
    query = {"granularity": "M1", "price": CANDLES[params.price][0], "count": 3}
    request = endpoint("instruments", "InstrumentsCandles", instrument.symbol, params=query)
    candles = _part(client.get(request), "candles", list)
    bars = bars_of(candles, minutes, params.price)
    if not bars:
        text = f"there is no complete minute of {instrument.symbol}"
        yield Finding("history", False, text, "try again in a minute")
        return
    text = f"minutes of {instrument.symbol}, the newest until {_moment(bars[-1].time_ns)}"
    yield Finding("history", True, text)
