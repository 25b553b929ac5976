"""The gateway to OpenD: one connection for quotes, one for an account, and a thread of its own."""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from btstores.clock import NS_PER_SECOND, Clock, Timer
from btstores.errors import ConfigError, LinkError, OutcomeUnknown, VenueRefused
from btstores.inbox import Outbox, Signal
from btstores.instruments import Instrument
from btstores.markets import MarketConfig, MarketType
from btstores.reports import (
    Bar,
    LinkReport,
    LinkState,
    MassStatus,
    OrderModification,
    OrderRequest,
    Subscription,
    Tick,
)
from btstores.stores.futu import sdk
from btstores.stores.futu.link import Connection, is_reachable, open_quotes, open_trading
from btstores.stores.futu.marketdata import MarketData
from btstores.stores.futu.orders import Terms
from btstores.stores.futu.symbols import MARKETS, trade_market
from btstores.stores.futu.trading import Trading, choose_account
from btstores.stores.gateway import Gateway, PutReport

__all__ = ["FutuGateway"]

log = logging.getLogger(__name__)

_CONNECTION_STATUS = 3
#: So long no password is asked for again.
_UNLOCKED_NS = 10 * NS_PER_SECOND
#: Seconds between two looks at what has come due.
_TURN = 0.05
#: Nanoseconds between two looks at balances after something has happened, and otherwise: OpenD
#: answers from its own memory, without a limit, and a change is to be told within a second.
_SOON_NS, _USUALLY_NS = NS_PER_SECOND // 5, NS_PER_SECOND * 4 // 5
#: Nanoseconds between two looks at the orders.
_ORDERS_NS = 3 * NS_PER_SECOND


class FutuGateway(Gateway):
    """OpenD, as the store sees it.

    ``unlock`` returns the password for trading. It is called after connecting, but not again once
    its password has been refused.
    """

    def __init__(
        self,
        clock: Clock,
        host: str,
        port: int,
        market: MarketType,
        environment: str,
        config: Callable[[], MarketConfig],
        account: Optional[str] = None,
        firm: Optional[str] = None,
        rsa_key: Optional[str] = None,
        unlock: Optional[Callable[[], str]] = None,
    ) -> None:
        self._clock = clock
        self._host, self._port = host, port
        self._market, self._environment = market, environment
        self._config = config
        self._account, self._firm, self._rsa_key = account, firm, rsa_key
        self._unlock = unlock
        self._refused, self._unlock_ns = False, 0
        self._stop = Signal()
        self._worker = Outbox("futu-gateway")
        self._timer: Optional[Timer] = None
        self._refreshed_ns = self._polled_ns = 0
        self._connections: List[Connection] = []
        self._put: Optional[PutReport] = None
        self._generation = 0
        self._routes: Dict[int, Callable[[Any], None]] = {}
        self.quotes = MarketData(clock, config, self._pause)
        self.trading: Optional[Trading] = None

    # The link

    def connect(self, put: PutReport, timeout: float) -> None:
        self.disconnect()
        self._generation += 1
        deadline_ns = self._clock.monotonic_ns() + round(timeout * NS_PER_SECOND)
        why = is_reachable(self._host, self._port, timeout)
        if why:
            where = f"{self._host}:{self._port}"
            raise LinkError(f"OpenD does not listen at {where}: {why}. Is it running?")
        if self._rsa_key is not None:
            sdk.use_key(self._rsa_key)
        encrypted = True if self._rsa_key is not None else None
        lost = self._loser_of(self._generation)
        heard = self._heard
        quotes = self._in_time(
            deadline_ns, lambda: open_quotes(self._host, self._port, encrypted, heard, lost)
        )
        trading = self._in_time(
            deadline_ns,
            lambda: open_trading(
                self._host,
                self._port,
                encrypted,
                heard,
                lost,
                MARKETS[self._market].futures,
                self._firm,
            ),
        )
        self._log_in(quotes, trading)
        self._put = self.quotes.put = put
        assert self.trading is not None
        self.trading.put = put
        self._begin()

    def _in_time(self, deadline_ns: int, make: Callable[[], Connection]) -> Connection:
        """Return a new connection. The client may take longer than we wait: it is closed then."""
        made: List[Connection] = []

        def connection() -> Connection:
            made.append(make())
            return made[0]

        seconds = (deadline_ns - self._clock.monotonic_ns()) / NS_PER_SECOND
        maker = Outbox("futu-connect")
        try:
            self._connections.append(maker.call(connection, timeout=max(0.1, seconds)))
        except LinkError:
            maker.submit(lambda: _close_all(made))
            raise
        finally:
            maker.stop(0.0)
        return self._connections[-1]

    def _log_in(self, quotes: Connection, trading: Connection) -> None:
        """Look whether OpenD is logged in, choose the account and open it."""
        state = quotes.ask("GetGlobalState", lambda c2s: setattr(c2s, "userID", quotes.user_id))
        for logged_in, what in ((state.qotLogined, "quotes"), (state.trdLogined, "trading")):
            if not logged_in:
                raise LinkError(f"OpenD is not logged in for {what}: look at its window")
        # The time of a simulated market may be another; of a real one whole seconds are told.
        offset_ns = state.time * NS_PER_SECOND - self._clock.time_ns()
        self.quotes.offset_ns = offset_ns if abs(offset_ns) > 10 * NS_PER_SECOND else 0
        self.quotes.connection = quotes
        if self.trading is None:
            self.trading = self._open_account(trading)
        self.trading.connection = trading
        self._unlock_once(trading)
        self._routes = {
            sdk.proto_id(name): call
            for name, call in (*self.quotes.pushes.items(), *self.trading.pushes.items())
        }
        self._routes[sdk.proto_id("Notify")] = self._on_notify

    def _open_account(self, connection: Connection) -> Trading:
        def fill(c2s: Any) -> None:
            c2s.userID = connection.user_id
            c2s.needGeneralSecAccount = True

        firm = sdk.firm_number(self._firm) if self._firm is not None else None
        accounts = connection.ask("Trd_GetAccList", fill).accList
        chosen = choose_account(
            accounts, MARKETS[self._market], self._environment, self._account, firm
        )
        number, config = trade_market(self._market, self._environment), self._config()
        exchanges = MARKETS[self._market].exchanges
        terms = Terms(chosen.accID, self._environment, number, config.timezone, exchanges)
        log.info("futu.account id=%s environment=%s", chosen.accID, self._environment)
        return Trading(self._clock, terms, config.currency)

    def _unlock_once(self, connection: Connection) -> None:
        """Unlock trading, if it is asked for. A refused password is not tried again.

        OpenD takes ten attempts in half a minute: links that break again and again get none.
        """
        now_ns = self._clock.monotonic_ns()
        if self._unlock is None or self._refused or now_ns < self._unlock_ns:
            return
        self._unlock_ns = now_ns + _UNLOCKED_NS
        hashed = hashlib.md5(self._unlock().encode()).hexdigest()  # noqa: S324  Futu wants it so

        def fill(c2s: Any) -> None:
            c2s.unlock, c2s.pwdMD5 = True, hashed

        try:
            connection.ask("Trd_UnlockTrade", fill)
        except VenueRefused as error:
            self._refused = True
            message = f"OpenD does not unlock trading: {error}. It is not tried again."
            raise ConfigError(message, "unlock") from error

    def disconnect(self) -> None:
        self._generation += 1
        self._stop.set()
        self._put = self.quotes.put = None
        self.quotes.link_lost()
        if self.trading is not None:
            self.trading.put = self.trading.connection = None
        if self._timer is not None:
            self._timer.cancel()
        connections, self._connections = self._connections, []
        _close_all(connections)  # which ends the questions that are not answered
        self._worker.stop(5.0)

    def _loser_of(self, generation: int) -> Callable[[str], None]:
        """Return what hears of the end of the connections of this time."""

        def lost(reason: str) -> None:
            put = self._put
            if generation != self._generation or put is None:
                return
            self._put = None
            put(LinkReport(LinkState.DOWN, self._clock.time_ns(), detail=f"OpenD: {reason}"))

        return lost

    # What comes by itself, on the client's network thread

    def _heard(self, proto_id: int, s2c: Any) -> None:
        call = self._routes.get(proto_id)
        if call is not None:
            call(s2c)

    def _on_notify(self, s2c: Any) -> None:
        """Hear of OpenD itself. Without its own link to Futu there is none of ours."""
        if s2c.type != _CONNECTION_STATUS:
            log.info("futu.notify type=%d", s2c.type)
            return
        status = s2c.connectStatus
        if not (status.qotLogined and status.trdLogined):
            self._loser_of(self._generation)("it has lost its own link to Futu")

    # The thread

    def _begin(self) -> None:
        self._stop = Signal()
        self._refreshed_ns = self._polled_ns = self._clock.monotonic_ns()
        self._take_turns(self._stop)

    def _take_turns(self, stop: Signal) -> None:
        """Look at what has come due, again and again until the link is given up."""

        def turn() -> None:
            if not stop.is_set():
                self._turn()
                self._timer = self._clock.call_later(_TURN, lambda: self._worker.submit(turn))

        self._worker.submit(turn)

    def _turn(self) -> None:
        trading = self.trading
        assert trading is not None
        try:
            self.quotes.close_bars()
            self.quotes.end_streams()
            now_ns = self._clock.monotonic_ns()
            if now_ns - self._refreshed_ns > (_SOON_NS if trading.stale else _USUALLY_NS):
                trading.refresh()
                self._refreshed_ns = self._clock.monotonic_ns()
            if now_ns - self._polled_ns > _ORDERS_NS:
                trading.poll()
                self._polled_ns = self._clock.monotonic_ns()
        except Exception:
            log.exception("futu.turn_failed")

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise LinkError("OpenD is not connected any more")

    # What the store asks for

    def instrument(self, symbol: str) -> Instrument:
        return self.quotes.instrument(symbol)

    def subscribe(self, subscription: Subscription) -> None:
        self.quotes.subscribe(subscription)

    def missing(self, subscriptions: Sequence[Subscription]) -> Sequence[Subscription]:
        return self.quotes.missing(subscriptions)

    def unsubscribe(self, subscription: Subscription) -> None:
        self.quotes.unsubscribe(subscription)

    def history(
        self,
        subscription: Subscription,
        start_ns: Optional[int],
        end_ns: Optional[int],
        count: Optional[int] = None,
    ) -> Sequence[Union[Bar, Tick]]:
        return self.quotes.history(subscription, start_ns, end_ns, count)

    def _open(self) -> Trading:
        if self.trading is None:
            raise VenueRefused("OpenD has not been connected yet")
        return self.trading

    def place(self, group: Sequence[OrderRequest]) -> None:
        for request in group:
            self._open().place(request)

    def cancel(self, client_order_id: str, venue_order_id: Optional[str]) -> None:
        self._open().cancel(client_order_id, venue_order_id)

    def modify(self, modification: OrderModification) -> None:
        self._open().modify(modification)

    def mass_status(self, since_ns: Optional[int] = None) -> MassStatus:
        try:
            return self._open().mass_status(since_ns)
        except (OutcomeUnknown, VenueRefused) as error:
            raise LinkError(str(error)) from error


def _close_all(connections: List[Connection]) -> None:
    for connection in connections:
        connection.close()
