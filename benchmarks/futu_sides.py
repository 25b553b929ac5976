"""The two that are compared at a simulated OpenD: stock Cerebro on FutuStore, and futu-api bare.

Bare is a handler of futu-api which reads the same fields of the same message, with logs at
WARNING and threads that end with the process; the usual handler makes a table of it first.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any, Callable, Dict, List, Sequence, Tuple

import backtrader as bt

from benchmarks.futu_opend import (
    ACCOUNT,
    FIRST_PRICE,
    LIMIT_PRICE,
    LOT,
    SYMBOL,
)
from benchmarks.remote import Remote, Where
from benchmarks.sides import Upstream, run
from btstores.clock import wall_clock
from btstores.sim.replay import ReplayClock
from btstores.stores.futu import sdk
from btstores.stores.futu.store import FutuStore

Delays = Dict[str, List[float]]

LIMIT = 60.0
#: Seconds between two pushes, and between two that are answered by an order.
GAP, ORDER_GAP = (0.005, 0.025), (0.03, 0.06)
WARM = 20
_ORDER_SIZE = 200_000
_MARKET, _LIMIT_ORDER, _HK, _BUY, _PARTIAL = 2, 1, 1, 1, 10


class Probe:
    """What a strategy or a handler has seen, in nanoseconds of the common clock."""

    def __init__(self) -> None:
        self.live, self.working = threading.Event(), threading.Event()
        self.ticks: List[int] = []
        self.fills: List[int] = []
        self.buys = self.wants_order = False

    def measure(self, remote: Remote, what: str, seen: List[int], count: int) -> List[float]:
        """Let OpenD push ``what``, first to warm up; return the milliseconds to ``seen``."""
        warm = min(WARM, count)
        remote.ask(what, warm, GAP)
        until(lambda: len(seen) >= warm, what)
        time.sleep(0.2)
        remote.ask("forget")
        del seen[:]
        written = remote.ask(what, count, GAP)
        until(lambda: len(seen) >= count, what)
        return _delays(written, seen, what)

    def pushes(self, remote: Remote, count: int, order: Callable[[], None]) -> Delays:
        ticks = self.measure(remote, "ticks", self.ticks, count)
        order()
        if not self.working.wait(LIMIT):
            raise TimeoutError("the order is not accepted")
        return {"tick": ticks, "order": self.measure(remote, "fills", self.fills, count)}

    def orders(self, remote: Remote, count: int) -> Delays:
        """Return the milliseconds from ticks written to orders received."""
        self.buys = True
        warm = min(WARM, count)
        remote.ask("ticks", warm, ORDER_GAP)
        until(lambda: len(remote.ask("placed")) >= warm, "orders")
        time.sleep(0.2)
        remote.ask("forget")
        written = remote.ask("ticks", count, ORDER_GAP)
        until(lambda: len(remote.ask("placed")) >= count, "orders")
        self.buys = False
        return {"placed": _delays(written, remote.ask("placed"), "orders")}


def until(done: Callable[[], bool], what: str) -> None:
    """Wait until it is done. Raises `TimeoutError`."""
    deadline = time.monotonic() + LIMIT
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not all come in {LIMIT:g} s")
        time.sleep(0.01)


def _delays(written: Sequence[int], seen: Sequence[int], what: str) -> List[float]:
    if len(written) != len(seen):
        raise RuntimeError(f"{what}: {len(written)} written, {len(seen)} seen")
    return [(end - start) / 1e6 for start, end in zip(written, seen)]


# Ours


class Ours:
    """Cerebro, FutuStore and its broker at an OpenD; no limit of orders in thirty seconds."""

    def __init__(self, remote: Remote, port: int, symbols: Sequence[str], **feed: Any) -> None:
        # The time of a trader is that of the markets.
        clock = ReplayClock(wall_clock(), remote.ask("now_ns"))
        clock.run()
        make: Any = FutuStore
        self.store = store = make(port=port, clock=clock)
        store.capabilities = dataclasses.replace(store.capabilities, rates=())
        store.desk.sender.keep_to(())
        self.cerebro = bt.Cerebro()
        self.cerebro.setbroker(store.getbroker())
        for symbol in symbols:
            self.cerebro.adddata(store.getdata(dataname=symbol, **feed))


class Trader(bt.Strategy):
    params = (("probe", None),)

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        if status == data.LIVE:
            self.p.probe.live.set()

    def next(self) -> None:
        probe = self.p.probe
        probe.ticks.append(time.perf_counter_ns())
        if probe.buys:
            self.buy(size=LOT)
        elif probe.wants_order:
            probe.wants_order = False
            self.buy(size=_ORDER_SIZE, price=LIMIT_PRICE, exectype=bt.Order.Limit)

    def notify_order(self, order: Any) -> None:
        if order.status == order.Partial:
            self.p.probe.fills.append(time.perf_counter_ns())
        elif order.status == order.Accepted:
            self.p.probe.working.set()


def _ours(where: Where, act: Callable[[Remote, Probe], Delays]) -> Delays:
    probe, found = Probe(), {}
    with Remote(*where) as remote:
        port = remote.ask("fresh", [SYMBOL])
        ticks = {"timeframe": bt.TimeFrame.Ticks, "backfill_start": False}
        side = Ours(remote, port, [SYMBOL], **ticks)

        def send() -> None:
            if not probe.live.wait(LIMIT):
                raise TimeoutError("the feed is not live")
            found.update(act(remote, probe))

        run(side, Trader, send, probe=probe)
    if not found:
        raise RuntimeError("nothing was measured")
    return found


def ours_pushes(where: Where, count: int) -> Delays:
    """Return the milliseconds from pushes to `Strategy.next` and `Strategy.notify_order`."""

    def act(remote: Remote, probe: Probe) -> Delays:
        def order() -> None:
            probe.wants_order = True
            remote.ask("ticks", 1, GAP)

        return probe.pushes(remote, count, order)

    return _ours(where, act)


def ours_orders(where: Where, count: int) -> Delays:
    """Return the milliseconds from a tick to the order that `Strategy.next` makes of it."""
    return _ours(where, lambda remote, probe: probe.orders(remote, count))


# Bare


class Bare:
    """Connections of futu-api; ``tables`` lets its handlers make their tables first."""

    def __init__(self, port: int, probe: Probe, tables: bool = False) -> None:
        package = self.package = sdk.futu()
        self.quotes = package.OpenQuoteContext("127.0.0.1", port)
        self.trading = package.OpenSecTradeContext(package.TrdMarket.NONE, "127.0.0.1", port)
        self.on_tick: Callable[[], None] = lambda: None
        bare = self

        class Ticks(package.TickerHandlerBase):
            def on_recv_rsp(self, rsp_pb: Any) -> Any:
                result = super().on_recv_rsp(rsp_pb) if tables else _read_ticks(rsp_pb.s2c)
                probe.ticks.append(time.perf_counter_ns())
                bare.on_tick()
                return result

        class Orders(package.TradeOrderHandlerBase):
            def on_recv_rsp(self, rsp_pb: Any) -> Any:
                result = super().on_recv_rsp(rsp_pb) if tables else _read_order(rsp_pb.s2c)
                if rsp_pb.s2c.order.orderStatus == _PARTIAL:
                    probe.fills.append(time.perf_counter_ns())
                return result

        self.quotes.set_handler(Ticks())
        self.trading.set_handler(Orders())

    def subscribe(self, symbols: Sequence[str], *kinds: str) -> None:
        failed, text = self.quotes.subscribe(list(symbols), list(kinds))
        if failed:
            raise RuntimeError(text)

    def place(self, kind: int, size: float, price: float, remark: str) -> None:
        """Send an order: one request, with the fields that the store fills in."""
        request = sdk.pb("Trd_PlaceOrder").Request()
        c2s, serial = request.c2s, sdk.utils().get_unique_id32()
        context_id = self.trading.get_sync_conn_id()
        c2s.packetID.connID, c2s.packetID.serialNo = context_id, serial
        c2s.header.trdEnv, c2s.header.accID, c2s.header.trdMarket = 0, ACCOUNT, _HK
        c2s.secMarket, c2s.code = _HK, SYMBOL.partition(".")[2]
        c2s.trdSide, c2s.orderType, c2s.qty, c2s.price = _BUY, kind, size, price
        c2s.remark, c2s.timeInForce = remark, 0
        number = sdk.proto_id("Trd_PlaceOrder")
        failed, text, _ = self.trading._query_sync(
            lambda: sdk.utils().pack_pb_req(request, number, context_id, serial),
            lambda response: (response.retType, response.retMsg, None),
        )
        if failed:
            raise RuntimeError(text)

    def place_publicly(self, remark: str) -> None:
        """Send an order by the method of futu-api, which asks for more on its way."""
        package = self.package
        failed, text = self.trading.place_order(
            FIRST_PRICE,
            LOT,
            SYMBOL,
            package.TrdSide.BUY,
            package.OrderType.MARKET,
            trd_env=package.TrdEnv.SIMULATE,
            acc_id=ACCOUNT,
            remark=remark,
        )
        if failed:
            raise RuntimeError(text)

    def close(self) -> None:
        self.quotes.close()
        self.trading.close()


def _read_ticks(s2c: Any) -> List[Tuple[Any, ...]]:
    code = s2c.security.code
    return [
        (code, one.timestamp, one.price, one.volume, one.dir, one.sequence)
        for one in s2c.tickerList
    ]


def _read_order(s2c: Any) -> Tuple[Any, ...]:
    order = s2c.order
    return (
        s2c.header.accID,
        order.orderIDEx,
        order.remark,
        order.orderStatus,
        order.updateTimestamp,
        order.fillQty,
        order.fillAvgPrice,
    )


def _bare(where: Where, act: Callable[[Remote, Probe, Bare], Delays], tables: bool) -> Delays:
    probe = Probe()
    with Remote(*where) as remote:
        bare = Bare(remote.ask("fresh", [SYMBOL]), probe, tables)
        try:
            bare.subscribe([SYMBOL], "TICKER")
            return act(remote, probe, bare)
        finally:
            bare.close()


def _bare_pushes(where: Where, count: int, tables: bool) -> Delays:
    def act(remote: Remote, probe: Probe, bare: Bare) -> Delays:
        def order() -> None:
            bare.place(_LIMIT_ORDER, _ORDER_SIZE, LIMIT_PRICE, "0" * 16)
            probe.working.set()

        return probe.pushes(remote, count, order)

    return _bare(where, act, tables)


def bare_pushes(where: Where, count: int) -> Delays:
    """Return the milliseconds from pushes to a handler that reads the message itself."""
    return _bare_pushes(where, count, tables=False)


def table_pushes(where: Where, count: int) -> Delays:
    """Return the milliseconds from pushes to the end of the usual handler."""
    return _bare_pushes(where, count, tables=True)


def _bare_orders(where: Where, count: int, publicly: bool) -> Delays:
    def act(remote: Remote, probe: Probe, bare: Bare) -> Delays:
        def on_tick() -> None:
            if probe.buys:
                remark = f"{len(probe.ticks):016d}"
                if publicly:
                    bare.place_publicly(remark)
                else:
                    bare.place(_MARKET, LOT, FIRST_PRICE, remark)

        bare.on_tick = on_tick
        return probe.orders(remote, count)

    return _bare(where, act, tables=False)


def bare_orders(where: Where, count: int) -> Delays:
    """Return the milliseconds from a tick to the order that its handler sends in one request."""
    return _bare_orders(where, count, publicly=False)


def public_orders(where: Where, count: int) -> Delays:
    """Return the milliseconds from a tick to the order that its handler sends by place_order."""
    return _bare_orders(where, count, publicly=True)


# Bare, below stock backtrader: what is left when all of ours is taken away


class Sender(bt.Strategy):
    """Notes ticks, and answers them by an order of backtrader's own broker and a request."""

    params = (("probe", None), ("place", None))

    def next(self) -> None:
        probe = self.p.probe
        probe.ticks.append(time.perf_counter_ns())
        if probe.buys:
            self.buy(size=LOT)
            self.p.place(f"{len(probe.ticks):016d}")


def _below_engine(where: Where, act: Callable[[Remote, Probe], Delays]) -> Delays:
    probe, found = Probe(), {}
    with Remote(*where) as remote:
        # What the handler notes is not what is asked for here.
        bare = Bare(remote.ask("fresh", [SYMBOL]), Probe())
        side = Upstream(1, 0.5)
        bare.on_tick = lambda: side.tick(0, time.time_ns(), FIRST_PRICE)

        def place(remark: str) -> None:
            bare.place(_MARKET, LOT, FIRST_PRICE, remark)

        def send() -> None:
            bare.subscribe([SYMBOL], "TICKER")
            found.update(act(remote, probe))

        try:
            run(side, Sender, send, probe=probe, place=place)
        finally:
            bare.close()
    if not found:
        raise RuntimeError("nothing was measured")
    return found


def engine_ticks(where: Where, count: int) -> Delays:
    """Return the milliseconds from ticks to `next` of a queue feed that a handler fills."""

    def act(remote: Remote, probe: Probe) -> Delays:
        return {"tick": probe.measure(remote, "ticks", probe.ticks, count)}

    return _below_engine(where, act)


def engine_orders(where: Where, count: int) -> Delays:
    """Return the milliseconds from a tick to the request that such a `next` sends itself."""
    return _below_engine(where, lambda remote, probe: probe.orders(remote, count))
