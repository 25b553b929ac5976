"""A simulated OpenD: it speaks Futu's protocol over TCP, so that any Futu program can use it."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, List, Mapping, Optional, Sequence

from btstores.clock import NS_PER_SECOND, Clock, wall_clock
from btstores.errors import ConfigError
from btstores.stores.futu.opend.accountconfig import DEFAULT_ACCOUNTS, AccountConfig

if TYPE_CHECKING:
    from btstores.sim.prices.series import Series
    from btstores.stores.futu.opend.server import OpenD

__all__ = ["DEFAULT_ACCOUNTS", "DEFAULT_SYMBOLS", "AccountConfig", "OpenDConfig", "make_opend"]

DEFAULT_SYMBOLS = ("HK.00700", "US.AAPL", "SH.600519")

#: So many bars of the first symbol are over at the start: more than a day, so that there is
#: something to look back to, and in the middle of a session of all markets but those at night.
_HISTORY = 400


@dataclasses.dataclass(frozen=True)
class OpenDConfig:
    """What a simulated OpenD is made of.

    ``data`` are price files by symbol, with times in UTC unless they say otherwise; ``symbols``
    get prices made up from ``seed``, ``bars`` minutes from the day ``start`` on, in the hours of
    their markets. ``history`` counts bars of the first symbol that are over at the start. Time
    goes ``speed`` times as fast as on the wall, and no pause takes more than ``max_pause`` real
    seconds. ``faults`` is the path of a plan, ``rsa_key`` that of a private key. ``tier`` is one of
    Futu's quotas, from 0 to 3. ``state`` is the file in which the accounts survive, ``throttled``
    whether requests are limited as Futu limits them.
    """

    host: str = "127.0.0.1"
    port: int = 11111
    data: Mapping[str, str] = dataclasses.field(default_factory=dict)
    symbols: Sequence[str] = ()
    seed: int = 0
    bars: int = 2000
    start: datetime.date = datetime.date(2024, 1, 2)
    history: Optional[int] = None
    speed: float = 1.0
    max_pause: Optional[float] = 2.0
    accounts: Sequence[AccountConfig] = DEFAULT_ACCOUNTS
    faults: Optional[str] = None
    rsa_key: Optional[str] = None
    aes: str = "cbc"
    keepalive: int = 10
    tier: int = 1
    state: Optional[str] = None
    throttled: bool = True


def make_opend(
    config: OpenDConfig, clock: Optional[Clock] = None, wall: Optional[Clock] = None
) -> OpenD:
    """Put a simulated OpenD together; it is not started.

    Markets run on ``clock``, which may be a simulated one. Connections, faults and the limits of
    requests run on ``wall``: clients live in real time, whatever the time of the markets. Both
    are the wall clock by default. Raises `ConfigError`, `DataFileError`, and `MissingExtraError`
    without futu-api.
    """
    from btstores.sim.switches import Faults
    from btstores.stores.futu.opend.faults import FAULTS, read_plan
    from btstores.stores.futu.opend.quotes import Quotes
    from btstores.stores.futu.opend.server import OpenD
    from btstores.stores.futu.opend.trading import Trading
    from btstores.stores.futu.opend.world import World

    clock = clock if clock is not None else wall_clock()
    wall = wall if wall is not None else wall_clock()
    plan = read_plan(config.faults) if config.faults is not None else []
    faults = Faults(FAULTS, plan, wall)
    series = _series(config)
    world = World(
        series,
        clock,
        speed=config.speed,
        history=_history(config, series[0]),
        seed=config.seed,
        max_pause=config.max_pause,
    )
    quotes = Quotes(world, faults, tier=config.tier, throttled=config.throttled)
    trading = Trading(
        world,
        config.accounts,
        faults,
        throttled=config.throttled,
        state=config.state,
        clock=wall,
    )
    opend = OpenD(
        world,
        [quotes, trading],
        host=config.host,
        port=config.port,
        rsa_key=config.rsa_key,
        aes=config.aes,
        keepalive=config.keepalive,
        faults=faults,
        clock=wall,
    )
    opend.accounts = trading.accounts
    opend.system.user.update(subQuota=quotes.quota, historyKLQuota=quotes.quota)
    trading.attach(opend)
    return opend


def _series(config: OpenDConfig) -> List[Series]:
    from btstores.sim.prices.csvfile import read_csv
    from btstores.stores.futu.opend.listings import made_up

    symbols = tuple(config.symbols)
    if not symbols and not config.data:
        symbols = DEFAULT_SYMBOLS
    twice = sorted(symbol for symbol in set(symbols) if symbol in config.data)
    if twice:
        raise ConfigError.of("symbols", twice[0], "one that has no price file")
    for symbol in (*config.data, *symbols):
        _check_symbol(symbol)
    series: List[Series] = []
    for symbol, path in config.data.items():
        series += read_csv(path, symbol)
    start = datetime.datetime(*config.start.timetuple()[:3], tzinfo=datetime.timezone.utc)
    start_ns = int(start.timestamp()) * NS_PER_SECOND
    return series + made_up(symbols, config.seed, config.bars, start_ns)


def _check_symbol(symbol: str) -> None:
    from btstores.stores.futu.opend.text import security_of

    try:
        security_of(symbol)
    except ValueError:
        raise ConfigError.of(
            "symbol", symbol, "one such as HK.00700, US.AAPL or SH.600519"
        ) from None


def _history(config: OpenDConfig, first: Series) -> int:
    if config.history is not None:
        return config.history
    return min(_HISTORY, 2 * len(first.times) // 3) if first.is_bars else 0
