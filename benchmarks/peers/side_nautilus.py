"""nautilus_trader: a TradingNode, a data client of ours, and the sandbox execution client.

The variants are ``loop`` (the data client runs on the node's event loop, as the adapters do) and
``thread`` (another thread hands each tick to that loop by ``call_soon_threadsafe``).
"""

from __future__ import annotations

import asyncio
from typing import Any, Dict, List

import nautilus_trader
from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import (
    LiveDataClientConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    StrategyConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.live.factories import LiveDataClientFactory
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientId, InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from benchmarks.peers.shapes import (
    CASH,
    FAR_PRICE,
    FIRST_PRICE,
    Shape,
    drive_apart,
    drive_async,
    main,
)

VENUE = "SIM"
ANY_RATE = "1000000/00:00:01"
DEEP = Quantity.from_int(1_000_000)


class PushClient(LiveMarketDataClient):
    """Pushes the quotes that it is told to."""

    instance: PushClient

    def __init__(self, loop: Any, msgbus: Any, cache: Any, clock: Any) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(VENUE),
            venue=Venue(VENUE),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=InstrumentProvider(),
        )
        PushClient.instance = self

    async def _connect(self) -> None:
        pass

    async def _disconnect(self) -> None:
        pass

    async def _subscribe_quote_ticks(self, command: Any) -> None:
        pass

    async def _unsubscribe_quote_ticks(self, command: Any) -> None:
        pass

    def quote(self, instrument_id: InstrumentId, price: float) -> QuoteTick:
        now_ns = self._clock.timestamp_ns()
        exact = Price(price, 2)
        return QuoteTick(instrument_id, exact, exact, DEEP, DEEP, now_ns, now_ns)

    def push(self, instrument_id: InstrumentId, price: float) -> None:
        self._handle_data(self.quote(instrument_id, price))


class PushFactory(LiveDataClientFactory):
    @staticmethod
    def create(loop: Any, name: str, config: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
        return PushClient(loop, msgbus, cache, clock)


class Prober(Strategy):
    """Hands everything to the shape."""

    def __init__(self, shape: Shape, ids: List[InstrumentId], number: int) -> None:
        super().__init__(StrategyConfig(order_id_tag=f"{number:03}"))
        self.shape = shape
        self.ids = ids

    def on_start(self) -> None:
        for instrument_id in self.ids:
            self.subscribe_quote_ticks(instrument_id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        self.shape.on_tick(self, tick.bid_price.as_double())

    def on_order_submitted(self, event: Any) -> None:
        self.shape.on_order(event.client_order_id, "submitted")

    def on_order_accepted(self, event: Any) -> None:
        self.shape.on_order(event.client_order_id, "accepted")

    def on_order_filled(self, event: Any) -> None:
        self.shape.on_order(event.client_order_id, "filled")

    def on_order_canceled(self, event: Any) -> None:
        self.shape.on_order(event.client_order_id, "canceled")

    def on_order_denied(self, event: Any) -> None:
        raise RuntimeError(f"denied: {event.reason}")

    def buy_at_market(self) -> None:
        order = self.order_factory.market(self.ids[0], OrderSide.BUY, Quantity.from_int(1))
        self.submit_order(order)

    def buy_far_below(self) -> Any:
        order = self.order_factory.limit(
            self.ids[0], OrderSide.BUY, Quantity.from_int(1), Price(FAR_PRICE, 2)
        )
        self.submit_order(order)
        return order.client_order_id

    def cancel_resting(self, key: Any) -> None:
        self.cancel_order(self.cache.order(key))


def equity(symbol: str) -> Equity:
    return Equity(
        instrument_id=InstrumentId(Symbol(symbol), Venue(VENUE)),
        raw_symbol=Symbol(symbol),
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )


def node_for(shape: Shape) -> TradingNode:
    exec_clients = {}
    if shape.has_orders:
        exec_clients[VENUE] = SandboxExecutionClientConfig(
            venue=VENUE, starting_balances=[f"{CASH} USD"], base_currency="USD"
        )
    return TradingNode(
        config=TradingNodeConfig(
            trader_id="PEER-001",
            # By default each order and event is written to the terminal.
            logging=LoggingConfig(log_level="WARNING"),
            # By default the risk engine denies what comes after 100 orders in a second.
            risk_engine=LiveRiskEngineConfig(
                max_order_submit_rate=ANY_RATE, max_order_modify_rate=ANY_RATE
            ),
            data_clients={VENUE: LiveDataClientConfig()},
            exec_clients=exec_clients,
        )
    )


def run(shape: Shape, variant: str) -> None:
    node = node_for(shape)
    node.add_data_client_factory(VENUE, PushFactory)
    if shape.has_orders:
        node.add_exec_client_factory(VENUE, SandboxLiveExecClientFactory)
    instruments = [equity(f"S{i}") for i in range(shape.instruments)]
    for instrument in instruments:
        node.cache.add_instrument(instrument)
    ids = [instrument.id for instrument in instruments]
    for number in range(shape.strategies):
        node.trader.add_strategy(Prober(shape, ids, number))
    node.build()
    node.kernel.loop.run_until_complete(work(node, shape, ids, variant))


async def work(node: TradingNode, shape: Shape, ids: List[InstrumentId], variant: str) -> None:
    """Run the node, and the adapter's steps when it has started."""
    loop = asyncio.get_running_loop()
    # Kept: a loop holds its tasks weakly.
    running = loop.create_task(node.run_async())
    while not (running.done() or node.trader.is_running):
        await asyncio.sleep(0.05)
    client = PushClient.instance
    for instrument_id in ids:
        client.push(instrument_id, FIRST_PRICE)
    await asyncio.sleep(0.5)
    if variant == "thread":
        done = asyncio.Event()

        def push(instrument: int, price: float) -> None:
            tick = client.quote(ids[instrument], price)
            loop.call_soon_threadsafe(client._handle_data, tick)

        drive_apart(shape, push, lambda: loop.call_soon_threadsafe(done.set))
        await done.wait()
    else:
        await drive_async(shape, lambda i, price: client.push(ids[i], price))


def versions() -> Dict[str, str]:
    return {"nautilus_trader": nautilus_trader.__version__}


if __name__ == "__main__":
    main(run, versions)
