"""What a trader with OpenD has to have right, looked at one thing after the other."""

from __future__ import annotations

import datetime
import functools
import os
from typing import Any, Callable, Iterator, List, Optional, Sequence

from btstores.clock import NS_PER_SECOND, wall_clock
from btstores.errors import BtstoresError, ConfigError, MissingExtraError
from btstores.markets import get_market_config
from btstores.stores.examine import Finding
from btstores.stores.futu import sdk
from btstores.stores.futu.link import Connection, is_reachable, open_quotes, open_trading
from btstores.stores.futu.orders import CURRENCIES, Terms, fill_header
from btstores.stores.futu.symbols import MARKETS, REAL, SIMULATE, trade_market
from btstores.stores.futu.trading import choose_account

__all__ = ["examine_opend"]

#: The oldest client whose messages these are.
OLDEST_CLIENT = (10, 11)
#: Seconds by which clocks may differ before bars are closed at the wrong moment.
CLOCK = 2.0

#: Qot_Common.QotRight: what may be seen of a market.
_RIGHTS = {0: "unknown", 1: "BMP", 2: "level 1", 3: "level 2", 4: "SF", 5: "none", 6: "level 3"}
_NO_RIGHT = (0, 5)

#: What a universal account can tell its balance in.
_CURRENCY_NUMBERS = {name: number for number, name in CURRENCIES.items()}
_CURRENCY_NUMBERS["CNY"] = _CURRENCY_NUMBERS["CNH"]
#: Futu's servers, as a simulated OpenD names them.
_NOWHERE = "127.0.0.1"


def examine_opend(params: Any) -> Iterator[Finding]:
    """Look at the client, OpenD, its login, clock, quotas, rights and accounts."""
    try:
        version = sdk.version()
    except MissingExtraError as error:
        yield Finding("futu-api", False, "not installed", str(error))
        return
    is_new = tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_CLIENT
    cure = "" if is_new else "pip install --upgrade futu-api"
    yield Finding("futu-api", is_new, f"version {version}", cure)
    where = f"{params.host}:{params.port}"
    why = is_reachable(params.host, params.port, 3.0)
    if why:
        cure = "start OpenD and log in, or give its port with --set port=...; "
        cure += "btstores sim opend starts a simulated one"
        yield Finding("OpenD", False, f"nobody listens at {where}: {why}", cure)
        return
    try:
        firm = sdk.firm_number(params.security_firm) if params.security_firm else None
    except ConfigError as error:
        yield Finding("broker", False, str(error), "give it with --set security_firm=...")
        return
    try:
        if params.rsa_key is not None:
            sdk.use_key(os.fspath(params.rsa_key))
    except ConfigError as error:
        cure = "give the file that rsa_private_key in OpenD names"
        yield Finding("RSA key", False, str(error), cure)
        return
    connections: List[Connection] = []
    try:
        yield from _with_connections(params, firm, where, connections)
    finally:
        for connection in connections:
            connection.close()


def _with_connections(
    params: Any, firm: Optional[int], where: str, connections: List[Connection]
) -> Iterator[Finding]:
    encrypted = True if params.rsa_key is not None else None
    try:
        quotes = open_quotes(params.host, params.port, encrypted, _ignore, _ignore_end)
        connections.append(quotes)
        futures = MARKETS[params.market].futures
        trading = open_trading(
            params.host,
            params.port,
            encrypted,
            _ignore,
            _ignore_end,
            futures,
            params.security_firm,
        )
        connections.append(trading)
    except BtstoresError as error:
        cure = "is it OpenD that listens there? An RSA key must be the same on both sides: "
        cure += "rsa_key here, rsa_private_key in OpenD; none on both if it listens on 127.0.0.1"
        yield Finding("OpenD", False, str(error), cure)
        return
    try:
        state = quotes.ask("GetGlobalState", lambda c2s: setattr(c2s, "userID", quotes.user_id))
    except BtstoresError as error:
        yield Finding("OpenD", False, str(error), "restart OpenD")
        return
    is_simulated = state.qotSvrIpAddr == _NOWHERE
    numbers = (state.serverVer // 100, state.serverVer % 100, state.serverBuildNo)
    text = f"listens at {where}, version {'.'.join(map(str, numbers))}"
    yield Finding("OpenD", True, text + (", simulated" if is_simulated else ""))
    for what, logged_in in (("quotes", state.qotLogined), ("trading", state.trdLogined)):
        cure = "" if logged_in else "log in in OpenD's window; a phone code may be asked for"
        yield Finding(f"login for {what}", logged_in, "yes" if logged_in else "no", cure)
    yield _time_of_simulation(state.time) if is_simulated else _clock(state.time)
    yield from _asked(_quota, quotes, params, "streams")
    yield from _asked(_rights, quotes, params, "right to quotes")
    yield from _asked(functools.partial(_accounts, firm=firm), trading, params, "account")


def _ignore(proto_id: int, s2c: Any) -> None:
    return


def _ignore_end(reason: str) -> None:
    return


Look = Callable[[Connection, Any], Iterator[Finding]]


def _asked(look: Look, connection: Connection, params: Any, what: str) -> Iterator[Finding]:
    try:
        yield from look(connection, params)
    except BtstoresError as error:
        yield Finding(what, False, str(error), "see the text of OpenD")


def _clock(server_seconds: int) -> Finding:
    # It tells whole seconds: half of one is no difference.
    apart = server_seconds + 0.5 - wall_clock().time_ns() / NS_PER_SECOND
    good = abs(apart) <= CLOCK
    cure = "" if good else "let the operating system set the clock from the network"
    return Finding("clock", good, f"{apart:+.1f} s from ours", cure)


def _time_of_simulation(server_seconds: int) -> Finding:
    moment = datetime.datetime.fromtimestamp(server_seconds, datetime.timezone.utc)
    return Finding("clock", True, f"it is {moment:%Y-%m-%d %H:%M} UTC in the simulated markets")


def _quota(connection: Connection, params: Any) -> Iterator[Finding]:
    used = connection.ask("Qot_GetSubInfo", lambda c2s: setattr(c2s, "isReqAllConn", True))
    text = f"{used.totalUsedQuota} streams used, {used.remainQuota} left"
    cure = (
        "" if used.remainQuota else "end other programs; a stream is free a minute after its start"
    )
    yield Finding("streams", used.remainQuota > 0, text, cure)


def _rights(connection: Connection, params: Any) -> Iterator[Finding]:
    info = connection.ask("GetUserInfo")
    name = _RIGHT_OF.get(params.market.name)
    if name is None:
        return
    level = getattr(info, name)
    good = level not in _NO_RIGHT
    cure = "" if good else "buy or activate quotes for this market in the app"
    text = f"{_RIGHTS.get(level, level)} for {params.market.name}"
    yield Finding("right to quotes", good, text, cure)


_RIGHT_OF = {
    "HK_STOCK": "hkQotRight",
    "US_STOCK": "usQotRight",
    "CN_STOCK": "cnQotRight",
    "HK_OPTION": "hkOptionQotRight",
    "HK_FUTURE": "hkFutureQotRight",
}


def _accounts(connection: Connection, params: Any, firm: Optional[int]) -> Iterator[Finding]:
    def fill(c2s: Any) -> None:
        c2s.userID, c2s.needGeneralSecAccount = connection.user_id, True

    accounts = connection.ask("Trd_GetAccList", fill).accList
    wanted = None if params.account is None else str(params.account)
    try:
        market = MARKETS[params.market]
        chosen = choose_account(accounts, market, params.trade_env, wanted, firm)
    except BtstoresError as error:
        yield Finding("account", False, str(error), _accounts_there_are(accounts))
        return
    yield Finding("account", True, f"{chosen.accID}, {params.trade_env}")
    terms = Terms(chosen.accID, params.trade_env, trade_market(params.market, params.trade_env), "")
    currency = get_market_config(params.market).currency

    def fill_funds(c2s: Any) -> None:
        fill_header(c2s.header, terms)
        c2s.currency = _CURRENCY_NUMBERS.get(currency, 0)

    funds = connection.ask("Trd_GetFunds", fill_funds).funds
    told = CURRENCIES.get(funds.currency, currency) if funds.HasField("currency") else currency
    yield Finding("balance", True, f"{funds.totalAssets:,.2f} {told}")
    if params.trade_env == REAL and params.unlock is None:
        text = "orders are refused until trading is unlocked"
        yield Finding("unlock", True, f"{text}; unlock in OpenD's window, or give unlock=")


def _accounts_there_are(accounts: Sequence[Any]) -> str:
    """Return what to do when none or more than one fits: give one, or another parameter."""
    names = [f"{each.accID} {REAL if each.trdEnv else SIMULATE}" for each in accounts]
    there = ", ".join(names) or "no account"
    return f"OpenD tells of: {there}. Give account, market, trade_env or security_firm with --set"
