"""Trading through the simulated OpenD, with the real client over loopback."""

from __future__ import annotations

import pytest

pytest.importorskip("futu", reason="futu-api is not installed")

import hashlib
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from btstores.clock import SimulatedClock
from btstores.errors import ConfigError
from btstores.reports import Quote, Tick
from btstores.sim.switches import Faults
from btstores.stores.futu import sdk
from btstores.stores.futu.opend.accounts import DEFAULT_ACCOUNTS, AccountConfig
from btstores.stores.futu.opend.codes import Status
from btstores.stores.futu.opend.faults import FAULTS
from btstores.stores.futu.opend.listings import made_up
from btstores.stores.futu.opend.server import OpenD
from btstores.stores.futu.opend.trading import Trading
from btstores.stores.futu.opend.world import World
from tests.support.opend import wait_for

# The client calls Thread.setDaemon.
pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")

HK, US, MHI = "HK.00700", "US.AAPL", "HK.MHImain"
PAPER = {"trd_env": "SIMULATE", "acc_id": 1001}
REAL = {"trd_env": "REAL", "acc_id": 2001}


class Rig:
    """An OpenD with accounts, and clients of it."""

    def __init__(self, state: Optional[str] = None, **options: Any) -> None:
        self.clock = SimulatedClock()
        self.world = World(made_up([HK, US, MHI], bars=3), self.clock, history=1, auction=False)
        self.faults = Faults(FAULTS)
        options.setdefault("throttled", False)
        self.trading = Trading(self.world, DEFAULT_ACCOUNTS, self.faults, state=state, **options)
        self.opend = OpenD(self.world, [self.trading], faults=self.faults)
        self.opend.start()
        self.clients: List[Any] = []
        self.book(HK, 399.8, 400.0)

    def book(self, symbol: str, bid: float, ask: float, size: float = 1e6) -> None:
        self.world.inject(Quote(symbol, 0, bid, ask, size, size))

    def trade(self, symbol: str, price: float, size: float = 1e6) -> None:
        self.world.inject(Tick(symbol, 0, price, size))

    def client(self, kind: str = "OpenSecTradeContext", **options: Any) -> Any:
        if kind == "OpenSecTradeContext":
            options.setdefault("filter_trdmarket", "N/A")
        client = getattr(sdk.futu(), kind)(
            port=self.opend.port, security_firm="FUTUSECURITIES", **options
        )
        self.clients.append(client)
        # The client asks for pushes and does not wait for the answer.
        wait_for(lambda: len(self.trading._sessions) == len(self.clients))
        return client

    def listen(self, client: Any) -> Pushes:
        pushes = Pushes()
        for handler in pushes.handlers():
            client.set_handler(handler)
        return pushes

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.opend.stop()


class Pushes:
    """What a client was pushed, as it came."""

    def __init__(self) -> None:
        self.orders: List[Any] = []
        self.fills: List[Any] = []
        self.headers: List[Tuple[int, int, int]] = []

    def handlers(self) -> List[Any]:
        futu, pushes = sdk.futu(), self

        class Orders(futu.TradeOrderHandlerBase):  # type: ignore[name-defined]
            def on_recv_rsp(self, response: Any) -> Any:
                header = response.s2c.header
                pushes.headers.append((header.trdEnv, header.accID, header.trdMarket))
                pushes.orders.append(response.s2c.order)
                return 0, None

        class Fills(futu.TradeDealHandlerBase):  # type: ignore[name-defined]
            def on_recv_rsp(self, response: Any) -> Any:
                pushes.fills.append(response.s2c.orderFill)
                return 0, None

        return [Orders(), Fills()]

    def statuses(self) -> List[str]:
        return [Status(one.orderStatus).name for one in self.orders]


@pytest.fixture
def make() -> Iterator[Callable[..., Rig]]:
    rigs: List[Rig] = []

    def build(*args: Any, **options: Any) -> Rig:
        rigs.append(Rig(*args, **options))
        return rigs[-1]

    yield build
    for rig in rigs:
        rig.close()


@pytest.fixture
def rig(make: Callable[..., Rig]) -> Rig:
    return make()


def rows(answer: Any) -> List[Dict[str, Any]]:
    code, data = answer
    assert code == 0, data
    found: List[Dict[str, Any]] = data.to_dict("records")
    return found


def refusal(answer: Any) -> str:
    code, text = answer
    assert code == -1, text
    return str(text)


# Accounts


def test_each_kind_of_context_sees_its_accounts(rig: Rig) -> None:
    found = {one["acc_id"]: one for one in rows(rig.client().get_acc_list())}
    assert sorted(found) == [1001, 1002, 1003, 2001]
    assert found[1002]["acc_type"] == "MARGIN"
    assert found[1002]["sim_acc_type"] == "STOCK_AND_OPTION"
    assert found[2001]["trdmarket_auth"] == ["HK", "US", "HKCC", "FUTURES"]
    assert found[2001]["security_firm"] == "FUTUSECURITIES"
    futures = rows(rig.client("OpenFutureTradeContext").get_acc_list())
    assert [one["acc_id"] for one in futures] == [1004, 1005, 2001]


def test_a_real_account_must_be_unlocked(rig: Rig) -> None:
    client = rig.client()
    assert "unlock" in refusal(client.place_order(390.0, 100, HK, "BUY", **REAL))
    assert "password is wrong" in refusal(client.unlock_trade("654321"))
    rig.faults.on("unlock_fails", text="token needed")
    assert refusal(client.unlock_trade("123456")) == "token needed"
    assert client.unlock_trade("123456") == (0, None)
    assert rows(client.place_order(390.0, 100, HK, "BUY", **REAL))[0]["order_status"] == "SUBMITTED"
    md5 = hashlib.md5(b"123456").hexdigest()
    assert client.unlock_trade(password_md5=md5)[0] == 0
    assert client.unlock_trade(is_unlock=False)[0] == 0
    assert "unlock" in refusal(client.place_order(390.0, 100, HK, "BUY", **REAL))


def test_attempts_to_unlock_are_counted(make: Callable[..., Rig]) -> None:
    wall = SimulatedClock()
    client = make(throttled=True, clock=wall).client()
    for _ in range(10):
        assert "wrong" in refusal(client.unlock_trade("0"))
    assert "request frequency limit" in refusal(client.unlock_trade("123456"))
    wall.advance(30)
    assert client.unlock_trade("123456")[0] == 0


def test_a_header_must_fit_its_account(rig: Rig) -> None:
    client = rig.client()
    text = refusal(client.place_order(190.0, 1, US, "BUY", **PAPER))
    assert "trdMarket 2: account 1001 has no authority" in text
    assert "Nonexisting" in refusal(client.accinfo_query(trd_env="SIMULATE", acc_id=7))


# Orders


def test_the_life_of_a_paper_order(rig: Rig) -> None:
    client = rig.client()
    pushes = rig.listen(client)
    order = rows(client.place_order(399.0, 200, HK, "BUY", remark="r-1", **PAPER))[0]
    assert (order["order_status"], order["remark"]) == ("SUBMITTED", "r-1")
    key = order["order_id"]
    assert rows(client.modify_order("NORMAL", key, 300, 398.0, **PAPER))[0]["order_id"] == key
    rig.book(HK, 397.8, 398.0, 100)
    rig.book(HK, 397.8, 398.0, 500)
    wait_for(lambda: pushes.statuses()[-1:] == ["FILLED_ALL"])
    assert pushes.statuses() == [
        "SUBMITTING",
        "SUBMITTED",
        "SUBMITTED",
        "FILLED_PART",
        "FILLED_ALL",
    ]
    last = pushes.orders[-1]
    assert (last.orderIDEx, last.remark, last.fillQty, last.fillAvgPrice) == (key, "r-1", 300, 398)
    assert set(pushes.headers) == {(0, 1001, 1)}
    assert pushes.fills == []
    found = rows(client.order_list_query(order_id=key, **PAPER))
    assert [one["dealt_qty"] for one in found] == [300.0]
    assert "does not support querying deals" in refusal(client.deal_list_query(**PAPER))


def test_a_real_account_hears_of_its_fills(rig: Rig) -> None:
    client = rig.client()
    client.unlock_trade("123456")
    pushes = rig.listen(client)
    order = rows(client.place_order(400.0, 100, HK, "BUY", remark="r-2", **REAL))[0]
    wait_for(lambda: pushes.fills)
    fill = pushes.fills[0]
    assert (fill.orderIDEx, fill.qty, fill.price, fill.status) == (order["order_id"], 100, 400.0, 0)
    deal = rows(client.deal_list_query(**REAL))[0]
    assert deal["deal_id"] == fill.fillID
    fee = rows(client.order_fee_query([order["order_id"]], **REAL))[0]
    assert ("Platform Fee", 15.0) in fee["fee_details"]
    history = {"start": "2024-01-01", "end": "2024-01-31"}
    assert rows(client.history_deal_list_query(**history, **REAL))[0]["deal_id"] == fill.fillID
    assert len(rows(client.history_order_list_query(**history, **REAL))) == 1
    assert rows(client.history_order_list_query(start="2023-01-01", end="2023-02-01", **REAL)) == []
    rig.trading.accounts[2001].cancel_fill(fill.fillID)
    wait_for(lambda: len(pushes.fills) == 2)
    assert pushes.fills[1].status == 1
    assert pushes.statuses()[-1] == "FILL_CANCELLED"


def test_operations_by_market_and_environment(rig: Rig) -> None:
    client = rig.client()
    client.unlock_trade("123456")
    paper = rows(client.place_order(390.0, 100, HK, "BUY", **PAPER))[0]["order_id"]
    for op in ("DISABLE", "ENABLE", "DELETE"):
        assert "not supported in paper" in refusal(client.modify_order(op, paper, 0, 0, **PAPER))
    assert "paper trading" in refusal(client.cancel_all_order(**PAPER))
    real = rows(client.place_order(390.0, 100, HK, "BUY", **REAL))[0]["order_id"]
    for op in ("DISABLE", "ENABLE", "DELETE"):
        assert client.modify_order(op, real, 0, 0, **REAL)[0] == 0
    american = rows(client.place_order(190.0, 1, US, "BUY", **REAL))[0]["order_id"]
    assert "not supported" in refusal(client.modify_order("DISABLE", american, 0, 0, **REAL))
    other = rows(client.place_order(390.0, 100, HK, "BUY", **REAL))[0]["order_id"]
    assert client.cancel_all_order(trdmarket="US", **REAL)[0] == 0
    found = {one["order_id"]: one["order_status"] for one in rows(client.order_list_query(**REAL))}
    assert found == {real: "DELETED", american: "CANCELLED_ALL", other: "SUBMITTED"}
    assert client.cancel_all_order(**REAL)[0] == 0
    states = rows(client.order_list_query(status_filter_list=["CANCELLED_ALL"], **REAL))
    assert {one["order_id"] for one in states} == {american, other}


def test_conditional_orders_come_back_as_they_were_sent(rig: Rig) -> None:
    client = rig.client()
    client.unlock_trade("123456")
    rig.trade(HK, 400.0)
    order = rows(
        client.place_order(
            0.0,
            100,
            HK,
            "BUY",
            order_type="TRAILING_STOP_LIMIT",
            trail_type="RATIO",
            trail_value=2.5,
            trail_spread=0.4,
            time_in_force="GTC",
            **REAL,
        )
    )[0]
    assert (order["trail_type"], order["trail_value"]) == ("RATIO", 2.5)
    assert (order["trail_spread"], order["time_in_force"]) == (0.4, "GTC")
    key = order["order_id"]
    client.modify_order("NORMAL", key, 100, 0.0, trail_type="AMOUNT", trail_value=5.0, **REAL)
    order = rows(client.order_list_query(order_id=key, **REAL))[0]
    assert (order["trail_type"], order["trail_value"]) == ("AMOUNT", 5.0)


def test_futures_accounts_trade_futures(rig: Rig) -> None:
    client = rig.client("OpenFutureTradeContext")
    rig.book(MHI, 16999.0, 17000.0)
    futures = {"trd_env": "SIMULATE", "acc_id": 1004}
    pushes = rig.listen(client)
    order = rows(client.place_order(16999.0, 2, MHI, "SELL", **futures))[0]
    assert order["order_status"] == "FILLED_ALL"
    wait_for(lambda: pushes.headers)
    assert pushes.headers[0] == (0, 1004, 10)
    position = rows(client.position_list_query(**futures))[0]
    assert (position["position_side"], position["qty"]) == ("SHORT", -2.0)
    funds = rows(client.accinfo_query(**futures))[0]
    assert funds["initial_margin"] > 0
    assert funds["hk_cash"] == funds["cash"]
    most = rows(client.acctradinginfo_query("NORMAL", MHI, 17000.0, **futures))[0]
    assert most["long_required_im"] > 0


# Money


def test_money_of_paper_and_universal_accounts(rig: Rig) -> None:
    client = rig.client()
    client.place_order(400.0, 100, HK, "BUY", **PAPER)
    client.place_order(390.0, 100, HK, "BUY", **PAPER)
    funds = rows(client.accinfo_query(**PAPER))[0]
    assert funds["currency"] == "HKD"
    assert funds["frozen_cash"] == 39_000.0
    assert funds["power"] == pytest.approx(funds["cash"] - 39_000.0 - 0.0)
    assert funds["hk_cash"] == "N/A"
    real = rows(client.accinfo_query(currency="USD", **REAL))[0]
    assert (real["hk_cash"], real["us_cash"], real["cn_cash"]) == (1_000_000, 200_000, 500_000)
    assert real["cash"] == pytest.approx(1_000_000 / 7.8 + 200_000 + 500_000 * 1.08 / 7.8, abs=0.01)
    assert real["cnh_assets"] == 500_000.0
    most = rows(client.acctradinginfo_query("NORMAL", HK, 400.0, **PAPER))[0]
    assert most["max_position_sell"] == 100
    assert most["max_cash_buy"] % 100 == 0
    assert most["max_cash_buy"] * 400 < funds["power"]
    assert rows(client.get_margin_ratio([HK]))[0]["im_long_ratio"] == 50.0
    assert rows(client.get_acc_cash_flow("2024-01-02", **REAL)) == []


def test_positions_as_the_client_reads_them(rig: Rig) -> None:
    client = rig.client()
    client.place_order(400.0, 200, HK, "BUY", **PAPER)
    client.place_order(410.0, 100, HK, "SELL", **PAPER)
    position = rows(client.position_list_query(**PAPER))[0]
    assert (position["code"], position["qty"], position["can_sell_qty"]) == (HK, 200, 100)
    assert (position["position_side"], position["currency"]) == ("LONG", "HKD")
    assert position["average_cost"] == "N/A"
    assert position["cost_price"] == 400.0
    assert rows(client.position_list_query(pl_ratio_min=50, **PAPER)) == []
    assert rows(client.position_list_query(code="HK.00005", **PAPER)) == []
    rig.faults.on("na_numbers")
    position = rows(client.position_list_query(**PAPER))[0]
    assert (position["cost_price"], position["pl_ratio"]) == ("N/A", "N/A")
    assert rows(client.accinfo_query(**PAPER))[0]["max_power_short"] == "N/A"


# Limits


def test_too_many_orders_and_refreshes(make: Callable[..., Rig]) -> None:
    wall = SimulatedClock()
    client = make(throttled=True, clock=wall).client()
    for _ in range(15):
        wall.advance(0.02)
        rows(client.place_order(390.0, 100, HK, "BUY", **PAPER))
    wall.advance(1)
    assert "request frequency limit" in refusal(client.place_order(390, 100, HK, "BUY", **PAPER))
    for _ in range(10):
        rows(client.order_list_query(refresh_cache=True, **PAPER))
    text = refusal(client.order_list_query(refresh_cache=True, **PAPER))
    assert "GetOrderList is allowed 10 times" in text
    assert len(rows(client.order_list_query(**PAPER))) == 15
    wall.advance(30)
    assert len(rows(client.order_list_query(refresh_cache=True, **PAPER))) == 15
    key = rows(client.order_list_query(**PAPER))[0]["order_id"]
    rows(client.modify_order("NORMAL", key, 200, 390.0, **PAPER))
    text = refusal(client.modify_order("CANCEL", key, 0, 0, **PAPER))
    assert "ModifyOrder must be at least 0.04 seconds apart" in text


# Pushes and faults


@pytest.mark.parametrize("early", [False, True])
def test_pushes_before_and_after_the_answer(make: Callable[..., Rig], early: bool) -> None:
    rig = make(before_ack=0.0)
    client = rig.client()
    if early:
        rig.faults.on("push_before_ack")
    order: List[str] = []
    pushes = rig.listen(client)
    session = rig.opend.sessions[0]
    push, reply = session.push, session.reply
    session.push = lambda *args: (order.append("push"), push(*args))  # type: ignore[method-assign]
    session.reply = lambda *args: (order.append("reply"), reply(*args))  # type: ignore[method-assign]
    rows(client.place_order(390.0, 100, HK, "BUY", **PAPER))
    wait_for(lambda: len(pushes.orders) == 2)
    # The list of accounts comes first, the list of orders last.
    expected = ["push", "push", "reply"] if early else ["reply", "push", "push"]
    assert order[1:4] == expected


def test_the_order_list_may_lag(rig: Rig) -> None:
    client = rig.client()
    rig.faults.on("order_list_lag", seconds=60.0)
    order = rows(client.place_order(390.0, 100, HK, "BUY", **PAPER))[0]
    assert order["qty"] != order["qty"]
    assert rows(client.order_list_query(**PAPER)) == []
    rig.faults.clear()
    assert rows(client.place_order(390.0, 100, HK, "BUY", **PAPER))[0]["qty"] == 100


def test_all_clients_hear_of_what_is_done_by_hand(rig: Rig) -> None:
    first, second = rig.client(), rig.client()
    both = [rig.listen(first), rig.listen(second)]
    order = rig.trading.accounts[1001].place_by_hand(HK, "BUY", 100, 390.0)
    rig.trading.accounts[1001].cancel_by_hand(order["key"])
    for pushes in both:
        wait_for(lambda pushes=pushes: pushes.statuses()[-1:] == ["CANCELLED_ALL"])


def test_another_process_goes_on_with_the_accounts(
    make: Callable[..., Rig], tmp_path: Path
) -> None:
    path = str(tmp_path / "accounts.json")
    first = make(state=path)
    client = first.client()
    order = rows(client.place_order(390.0, 100, HK, "BUY", remark="kept", **PAPER))[0]
    client.place_order(400.0, 100, HK, "BUY", **PAPER)
    second = make(state=path)
    client = second.client()
    found = {one["order_id"]: one for one in rows(client.order_list_query(**PAPER))}
    assert found[order["order_id"]]["remark"] == "kept"
    assert rows(client.position_list_query(**PAPER))[0]["qty"] == 100
    assert client.modify_order("CANCEL", order["order_id"], 0, 0, **PAPER)[0] == 0


def test_an_id_is_given_once(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="acc_id"):
        Trading(rig.world, [AccountConfig(1), AccountConfig(1)])
