"""vnpy: MainEngine, a gateway of ours, the paper account app and CTA strategies."""

from __future__ import annotations

import datetime
import threading
from importlib import metadata
from typing import Any, Dict

from vnpy.event import EventEngine
from vnpy.trader.constant import Exchange, Product, Status
from vnpy.trader.engine import MainEngine
from vnpy.trader.gateway import BaseGateway
from vnpy.trader.object import ContractData, OrderData, TickData
from vnpy_ctastrategy import CtaStrategyApp, CtaTemplate
from vnpy_paperaccount import PaperAccountApp

from benchmarks.peers.shapes import (
    FAR_PRICE,
    FIRST_PRICE,
    LIMIT,
    STEP,
    Shape,
    drive_apart,
    main,
)

EXCHANGE = Exchange.SMART
STATES = {
    Status.SUBMITTING: "submitted",
    Status.NOTTRADED: "accepted",
    Status.ALLTRADED: "filled",
    Status.CANCELLED: "canceled",
}


class PushGateway(BaseGateway):
    """Has contracts, and pushes the ticks that it is told to."""

    default_name = "PUSH"
    exchanges = [EXCHANGE]

    def connect(self, setting: Dict[str, Any]) -> None:
        for symbol in setting["symbols"]:
            self.on_contract(
                ContractData(
                    gateway_name=self.gateway_name,
                    symbol=symbol,
                    exchange=EXCHANGE,
                    name=symbol,
                    product=Product.EQUITY,
                    size=1,
                    pricetick=STEP,
                    net_position=True,
                )
            )

    def push(self, symbol: str, price: float) -> None:
        self.on_tick(
            TickData(
                gateway_name=self.gateway_name,
                symbol=symbol,
                exchange=EXCHANGE,
                datetime=datetime.datetime.now(datetime.timezone.utc),
                last_price=price,
                last_volume=1.0,
                bid_price_1=price,
                ask_price_1=price,
                bid_volume_1=100.0,
                ask_volume_1=100.0,
            )
        )

    def close(self) -> None:
        pass

    def subscribe(self, req: Any) -> None:
        pass

    def send_order(self, req: Any) -> str:
        return ""

    def cancel_order(self, req: Any) -> None:
        pass

    def query_account(self) -> None:
        pass

    def query_position(self) -> None:
        pass


class Prober(CtaTemplate):
    """Hands everything to the shape."""

    shape: Shape

    def on_init(self) -> None:
        pass

    def on_tick(self, tick: TickData) -> None:
        self.shape.on_tick(self, tick.last_price)

    def on_order(self, order: OrderData) -> None:
        self.shape.on_order(order.vt_orderid, STATES[order.status])

    def buy_at_market(self) -> None:
        # A CTA strategy has limit orders only: one above the price takes what there is.
        self.buy(FIRST_PRICE + 10, 1)

    def buy_far_below(self) -> str:
        return self.buy(FAR_PRICE, 1)[0]

    def cancel_resting(self, key: str) -> None:
        self.cancel_order(key)


def run(shape: Shape, variant: str) -> None:
    engine = MainEngine(EventEngine())
    gateway = engine.add_gateway(PushGateway)
    if shape.has_orders:
        # By default an order waits for the next tick, however long that takes.
        engine.add_app(PaperAccountApp).instant_trade = True
    cta = engine.add_app(CtaStrategyApp)
    cta.init_engine()
    Prober.shape = shape
    cta.classes[Prober.__name__] = Prober
    symbols = [f"S{i}" for i in range(shape.instruments)]
    engine.connect({"symbols": symbols}, PushGateway.default_name)
    wait_for_contracts(engine, len(symbols))
    for number in range(max(shape.instruments, shape.strategies)):
        name = f"prober{number}"
        symbol = symbols[number % shape.instruments]
        cta.add_strategy(Prober.__name__, name, f"{symbol}.{EXCHANGE.value}", {})
        cta.init_strategy(name).result()
        cta.start_strategy(name)
    for symbol in symbols:
        gateway.push(symbol, FIRST_PRICE)
    done = threading.Event()
    drive_apart(shape, lambda i, price: gateway.push(symbols[i], price), done.set)
    done.wait()


def wait_for_contracts(engine: MainEngine, count: int) -> None:
    waiting = threading.Event()
    for _ in range(int(LIMIT / 0.01)):
        if len(engine.get_all_contracts()) == count:
            return
        waiting.wait(0.01)
    raise TimeoutError("the contracts did not arrive")


def versions() -> Dict[str, str]:
    names = ("vnpy", "vnpy_ctastrategy", "vnpy_paperaccount")
    return {name: metadata.version(name) for name in names}


if __name__ == "__main__":
    main(run, versions)
