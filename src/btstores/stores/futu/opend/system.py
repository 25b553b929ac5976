"""What OpenD answers about itself: is it there, what is open, who is logged in; and its notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Tuple

from btstores.clock import NS_PER_SECOND, Clock
from btstores.errors import ConfigError
from btstores.markets import MarketType
from btstores.stores.futu import sdk
from btstores.stores.futu.opend import wire
from btstores.stores.futu.opend.session import Route, Session

if TYPE_CHECKING:
    from btstores.stores.futu.opend.world import World

__all__ = ["BUILD", "LOGIN_USER_ID", "SERVER_VERSION", "System", "make_notice"]

#: OpenD 10.11, written as it writes versions.
SERVER_VERSION, BUILD = 1011, 7108
LOGIN_USER_ID = 10_000_001

#: Notices by the name of their field: their number.
_NOTICES = {
    "event": 1,
    "programStatus": 2,
    "connectStatus": 3,
    "qotRight": 4,
    "apiLevel": 5,
    "apiQuota": 6,
    "usedQuota": 7,
}
#: Fields of the global state: the market that each is of.
_MARKETS = {
    "marketHK": MarketType.HK_STOCK,
    "marketUS": MarketType.US_STOCK,
    "marketSH": MarketType.CN_STOCK,
    "marketSZ": MarketType.CN_STOCK,
    "marketHKFuture": MarketType.HK_FUTURE,
    "marketUSFuture": MarketType.US_FUTURE,
}
#: Bits of UserInfoField: the fields that each asks for.
_USER_FIELDS: Dict[int, Tuple[str, ...]] = {
    1: ("nickName", "avatarUrl", "userID"),
    2: ("subQuota", "historyKLQuota"),
    8: ("isNeedAgreeDisclaimer",),
    16: ("updateType",),
}
_RIGHTS = 4
_READY = 10


class System:
    """Answers the protocols of the gateway itself.

    ``logged_in`` is whether OpenD has Futu's quotes and its trading. ``user`` are the fields of
    GetUserInfo, which may be changed at any time.
    """

    def __init__(self, world: World, clock: Clock) -> None:
        self._world = world
        self._clock = clock
        self.logged_in = {"qotLogined": True, "trdLogined": True}
        self.user: Dict[str, Any] = {
            "nickName": "simulated",
            "avatarUrl": "",
            "userID": LOGIN_USER_ID,
            "isNeedAgreeDisclaimer": False,
            "updateType": 0,
            "subQuota": 300,
            "historyKLQuota": 300,
            "hasUSOptionQotRight": True,
            **dict.fromkeys(_rights(), 3),
        }

    def routes(self) -> Mapping[int, Route]:
        """Return who answers what."""
        return {
            wire.KEEP_ALIVE: _route("KeepAlive", self._keep_alive),
            wire.GET_GLOBAL_STATE: _route("GetGlobalState", self._global_state),
            wire.GET_USER_INFO: _route("GetUserInfo", self._user_info),
        }

    def session_closed(self, session: Session) -> None:
        """Forget nothing: nothing is kept of a session."""

    def _keep_alive(self, session: Session, c2s: Any, s2c: Any) -> None:
        s2c.time = self._clock.time_ns() // NS_PER_SECOND

    def _global_state(self, session: Session, c2s: Any, s2c: Any) -> None:
        for field, market in _MARKETS.items():
            setattr(s2c, field, self._world.market_state(market))
        for field, value in self.logged_in.items():
            setattr(s2c, field, value)
        s2c.serverVer, s2c.serverBuildNo = SERVER_VERSION, BUILD
        s2c.time = self._world.now_ns() // NS_PER_SECOND
        s2c.localTime = self._clock.time_ns() / NS_PER_SECOND
        s2c.programStatus.type = _READY
        s2c.qotSvrIpAddr = s2c.trdSvrIpAddr = "127.0.0.1"
        s2c.connID = session.conn_id

    def _user_info(self, session: Session, c2s: Any, s2c: Any) -> None:
        asked = c2s.flag or sum(_USER_FIELDS) + _RIGHTS
        for name, value in self.user.items():
            bit = next((bit for bit, names in _USER_FIELDS.items() if name in names), _RIGHTS)
            if asked & bit:
                setattr(s2c, name, value)


def _route(name: str, answer: Callable[[Session, Any, Any], None]) -> Route:
    module = sdk.pb(name)
    return Route(module.Request, module.Response, answer)


def _rights() -> Tuple[str, ...]:
    """Return the fields of GetUserInfo that tell a right to quotes."""
    names = sdk.pb("GetUserInfo").S2C.DESCRIPTOR.fields_by_name
    return tuple(name for name in names if name.endswith("QotRight") and "has" not in name)


def make_notice(kind: str, fields: Mapping[str, Any]) -> Any:
    """Return a Notify message; ``kind`` and ``fields`` are names of Notify.proto.

    Raises `ConfigError` for a kind or a field that is not there, or one that is missing.
    """
    from google.protobuf import json_format

    if kind not in _NOTICES:
        raise ConfigError.of("kind", kind, "one of " + ", ".join(_NOTICES))
    message = sdk.pb("Notify").Response(retType=0)
    try:
        json_format.ParseDict({"type": _NOTICES[kind], kind: dict(fields)}, message.s2c)
    except json_format.ParseError as error:
        raise ConfigError(f"notice {kind}: {error}", kind) from None
    missing = message.FindInitializationErrors()
    if missing:
        raise ConfigError(f"notice {kind} lacks {', '.join(missing)}", kind)
    return message
