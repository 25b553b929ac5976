"""What a trader with OpenD has to have right, looked at one thing after the other."""

from __future__ import annotations

from typing import Any, Callable, Iterator, List, Optional

from btstores.clock import NS_PER_SECOND, wall_clock
from btstores.errors import BtstoresError, MissingExtraError
from btstores.stores.examine import Finding
from btstores.stores.futu import sdk
from btstores.stores.futu.link import Connection, is_reachable, open_quotes, open_trading
from btstores.stores.futu.orders import CURRENCIES, Terms, fill_header
from btstores.stores.futu.symbols import MARKETS, REAL, trade_market
from btstores.stores.futu.trading import choose_account

__all__ = ["examine_opend"]

#: The oldest client whose messages these are.
OLDEST_CLIENT = (10, 11)
#: Seconds by which clocks may differ before bars are closed at the wrong moment.
CLOCK = 2.0

#: Qot_Common.QotRight: what may be seen of a market.
_RIGHTS = {0: "unknown", 1: "BMP", 2: "level 1", 3: "level 2", 4: "SF", 5: "none", 6: "level 3"}
_NO_RIGHT = (0, 5)


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
    connections: List[Connection] = []
    try:
        yield from _with_connections(params, where, connections)
    finally:
        for connection in connections:
            connection.close()


def _with_connections(params: Any, where: str, connections: List[Connection]) -> Iterator[Finding]:
    encrypted = True if params.rsa_key is not None else None
    if params.rsa_key is not None:
        sdk.futu().SysConfig.set_init_rsa_file(str(params.rsa_key))
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
        cure = "an RSA key must be the same on both sides: rsa_key here, rsa_private_key in OpenD"
        yield Finding("OpenD", False, str(error), cure)
        return
    state = quotes.ask("GetGlobalState", lambda c2s: setattr(c2s, "userID", quotes.user_id))
    text = f"listens at {where}, version {state.serverVer}.{state.serverBuildNo}"
    yield Finding("OpenD", True, text)
    for what, logged_in in (("quotes", state.qotLogined), ("trading", state.trdLogined)):
        cure = "" if logged_in else "log in in OpenD's window; a phone code may be asked for"
        yield Finding(f"login for {what}", logged_in, "yes" if logged_in else "no", cure)
    yield _clock(state.time)
    for look in (_quota, _rights):
        yield from _asked(look, quotes, params)
    yield from _asked(_accounts, trading, params)


def _ignore(proto_id: int, s2c: Any) -> None:
    return


def _ignore_end(reason: str) -> None:
    return


Look = Callable[[Connection, Any], Iterator[Finding]]


def _asked(look: Look, connection: Connection, params: Any) -> Iterator[Finding]:
    try:
        yield from look(connection, params)
    except BtstoresError as error:
        yield Finding(look.__name__.strip("_"), False, str(error), "see the text of OpenD")


def _clock(server_seconds: int) -> Finding:
    # It tells whole seconds: half of one is no difference.
    apart = server_seconds + 0.5 - wall_clock().time_ns() / NS_PER_SECOND
    good = abs(apart) <= CLOCK
    cure = "" if good else "let the operating system set the clock from the network"
    return Finding("clock", good, f"{apart:+.1f} s from ours", cure)


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


def _accounts(connection: Connection, params: Any) -> Iterator[Finding]:
    def fill(c2s: Any) -> None:
        c2s.userID, c2s.needGeneralSecAccount = connection.user_id, True

    accounts = connection.ask("Trd_GetAccList", fill).accList
    wanted = None if params.account is None else str(params.account)
    firm = sdk.firm_number(params.security_firm) if params.security_firm else None
    try:
        market = MARKETS[params.market]
        chosen = choose_account(accounts, market, params.trade_env, wanted, firm)
    except BtstoresError as error:
        yield Finding("account", False, str(error), "give one with --set account=...")
        return
    yield Finding("account", True, f"{chosen.accID}, {params.trade_env}")
    terms = Terms(chosen.accID, params.trade_env, trade_market(params.market, params.trade_env), "")
    funds = connection.ask("Trd_GetFunds", lambda c2s: fill_header(c2s.header, terms)).funds
    currency: Optional[str] = CURRENCIES.get(funds.currency)
    yield Finding("balance", True, f"{funds.totalAssets:,.2f} {currency or ''}".strip())
    if params.trade_env == REAL and params.unlock is None:
        text = "orders are refused until trading is unlocked"
        yield Finding("unlock", True, f"{text}; unlock in OpenD's window, or give unlock=")
