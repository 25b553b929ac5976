"""The simulated OANDA without its network: prices on a clock, and accounts that deal at them."""

from __future__ import annotations

import threading
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Union

from btstores.clock import NS_PER_SECOND, Clock, Timer
from btstores.errors import ConfigError
from btstores.reports import Bar, Quote, Tick
from btstores.sim.market import Market, Published
from btstores.sim.prices.series import Series
from btstores.stores.oanda.simulator.account import Account, AccountConfig
from btstores.stores.oanda.simulator.board import Board
from btstores.stores.oanda.simulator.dealing import Dealer
from btstores.stores.oanda.simulator.ledger import Transaction
from btstores.stores.oanda.simulator.listings import LISTINGS, Listing
from btstores.stores.oanda.simulator.rates import Rates

__all__ = ["Oanda", "PriceListener", "TransactionListener"]

PriceListener = Callable[[Board], None]
TransactionListener = Callable[[str, Transaction], None]


class Oanda:
    """Plays prices and lets accounts deal. All is done while `lock` is held.

    ``series`` are quotes, or bars that are taken apart; what lies before ``history`` (a number of
    events of the first series, or epoch nanoseconds) has gone by at the start. ``listings`` are all
    that may be in ``series``.
    """

    def __init__(
        self,
        series: Sequence[Series],
        clock: Clock,
        accounts: Sequence[AccountConfig],
        history: int = 0,
        speed: Optional[float] = 1.0,
        max_pause: Optional[float] = None,
        listings: Mapping[str, Listing] = LISTINGS,
    ) -> None:
        self.lock = threading.RLock()
        self.market = Market(series, clock, history, speed, max_pause)
        self.market.catch_up()
        self.clock: Clock = self.market.clock
        symbols = dict.fromkeys(one.instrument.symbol for one in series)
        self.rates = Rates(symbols, self.clock.time_ns, listings)
        self.spreads: Dict[str, float] = {
            name: listing.spread * 10.0**listing.pip
            for name, listing in self.rates.listings.items()
        }
        self._price_listeners: List[PriceListener] = []
        self._transaction_listeners: List[TransactionListener] = []
        self._timer: Optional[Timer] = None
        for one in series:
            for event in one.events[: one.known_at(self.market.position_ns)]:
                self._take(event)
        self.accounts: Dict[str, Account] = {}
        self.dealers: Dict[str, Dealer] = {}
        for config in accounts:
            self._open(config)

    def _open(self, config: AccountConfig) -> None:
        if config.account_id in self.accounts:
            raise ConfigError.of("accounts", config.account_id, "each account once")
        account = Account(config, self.rates, self.clock.time_ns)
        account.ledger.listeners.append(
            lambda transaction: self._tell(config.account_id, transaction)
        )
        self.accounts[config.account_id] = account
        self.dealers[config.account_id] = Dealer(account)

    def listen(self, prices: PriceListener, transactions: TransactionListener) -> None:
        """Call these with each new price and each new transaction, while the lock is held."""
        self._price_listeners.append(prices)
        self._transaction_listeners.append(transactions)

    def _tell(self, account_id: str, transaction: Transaction) -> None:
        for listener in self._transaction_listeners:
            listener(account_id, transaction)

    # What makes it run

    def start(self) -> None:
        """Let prices come and time pass."""
        self.market.play(self._publish)
        self._plan()

    def stop(self) -> None:
        """Let them rest."""
        self.market.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _plan(self) -> None:
        self._timer = self.clock.call_at(self.clock.time_ns() + NS_PER_SECOND, self._pass_time)

    def _pass_time(self) -> None:
        if self._timer is None:
            return
        self.look_at_time()
        self._plan()

    def look_at_time(self) -> None:
        """End what has expired by now, and charge what a day costs."""
        with self.lock:
            for name, dealer in self.dealers.items():
                with self.accounts[name].ledger.batch():
                    dealer.on_time(self.clock.time_ns())

    def _publish(self, batch: Sequence[Published]) -> None:
        for _, event, _ in batch:
            self.happen(event)

    def happen(self, event: Union[Bar, Tick, Quote]) -> None:
        """Let a price come now."""
        with self.lock:
            board = self._take(event)
            if board is None:
                return
            for listener in self._price_listeners:
                listener(board)
            for name, dealer in self.dealers.items():
                with self.accounts[name].ledger.batch():
                    dealer.on_price(board)

    def _take(self, event: Union[Bar, Tick, Quote]) -> Optional[Board]:
        if isinstance(event, Quote):
            return self.rates.take(event)
        if isinstance(event, Tick):
            return self.rates.take(self._around(event.symbol, event.time_ns, event.price))
        return None

    def _around(self, symbol: str, time_ns: int, middle: float) -> Quote:
        half = self.spreads.get(symbol, 0.0) / 2
        return Quote(symbol, time_ns, middle - half, middle + half)
