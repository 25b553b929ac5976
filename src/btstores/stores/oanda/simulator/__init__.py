"""A simulated OANDA: its v20 REST interface and its streams, over HTTP.

Any program that uses v20 can be pointed at it; it needs no library but Python's own.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, List, Mapping, Optional, Sequence

from btstores.clock import Clock, wall_clock
from btstores.errors import ConfigError
from btstores.stores.oanda.simulator.account import AccountConfig

if TYPE_CHECKING:
    from btstores.sim.prices.series import Series
    from btstores.stores.oanda.simulator.server import OandaServer

__all__ = ["AccountConfig", "OandaConfig", "make_oanda"]

DEFAULT_SYMBOLS = ("EUR_USD", "GBP_USD", "USD_JPY", "XAU_USD")
DEFAULT_ACCOUNTS = (
    AccountConfig(),
    AccountConfig("101-004-1234567-002", hedging=True, alias="Hedging"),
)


@dataclasses.dataclass(frozen=True)
class OandaConfig:
    """What a simulated OANDA is made of.

    ``data`` are price files by symbol; ``symbols`` get ``prices`` prices each, one in ``every``
    seconds on average, made up from ``seed`` from the day ``start`` on, in the hours of the
    currency market. ``history`` prices of the first symbol have gone by at the start. Time goes
    ``speed`` times as fast as on the wall, and no pause takes more than ``max_pause`` real seconds.
    ``token`` is the only one that is let in; None lets anybody in. ``faults`` is the path of a
    plan, ``heartbeat`` in real seconds, ``throttled`` whether there is a limit of requests.
    """

    host: str = "127.0.0.1"
    port: int = 8020
    data: Mapping[str, str] = dataclasses.field(default_factory=dict)
    symbols: Sequence[str] = ()
    seed: int = 0
    prices: int = 20_000
    every: float = 2.0
    start: datetime.date = datetime.date(2024, 1, 2)
    history: int = 10_000
    speed: float = 1.0
    max_pause: Optional[float] = 2.0
    accounts: Sequence[AccountConfig] = DEFAULT_ACCOUNTS
    token: Optional[str] = None
    faults: Optional[str] = None
    heartbeat: float = 5.0
    throttled: bool = True


def make_oanda(
    config: OandaConfig, clock: Optional[Clock] = None, wall: Optional[Clock] = None
) -> OandaServer:
    """Put a simulated OANDA together; it is not started.

    The market runs on ``clock``, which may be a simulated one; connections, faults and limits run
    on ``wall``. Both are the wall clock by default. Raises `ConfigError` and `DataFileError`.
    """
    from btstores.sim.switches import Faults
    from btstores.stores.oanda.simulator.faults import FAULTS, read_plan
    from btstores.stores.oanda.simulator.server import OandaServer
    from btstores.stores.oanda.simulator.venue import Oanda

    clock = clock if clock is not None else wall_clock()
    wall = wall if wall is not None else wall_clock()
    plan = read_plan(config.faults) if config.faults is not None else []
    series = _series(config)
    history = min(config.history, 2 * len(series[0].times) // 3)
    speed = config.speed if clock.threaded else None
    venue = Oanda(series, clock, config.accounts, history, speed, config.max_pause)
    return OandaServer(
        venue,
        Faults(FAULTS, plan, wall),
        wall,
        host=config.host,
        port=config.port,
        token=config.token,
        heartbeat=config.heartbeat,
        throttled=config.throttled,
    )


def _series(config: OandaConfig) -> List[Series]:
    from btstores.stores.oanda.simulator.prices import made_up, of_files

    symbols = tuple(config.symbols)
    if not symbols and not config.data:
        symbols = DEFAULT_SYMBOLS
    for symbol in symbols:
        if symbol in config.data:
            raise ConfigError.of("symbols", symbol, "one that has no price file")
    return of_files(config.data) + made_up(
        symbols, config.seed, config.prices, config.every, config.start
    )
