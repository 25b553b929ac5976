"""Orders of scripts for backtrader's own OandaStore, and what its broker is made with."""

from __future__ import annotations

import datetime
import logging

import backtrader as bt
import pytest

pytest.importorskip("oandapyV20", reason="oandapyV20 is not installed")

from tests.support.oanda_script import EUR, FIVE_SECONDS, Script, ScriptedOanda, run

DONE = ["Submitted", "Accepted", "Completed"]
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def oanda(caplog):
    caplog.set_level(logging.CRITICAL, "btstores")
    made = ScriptedOanda()
    yield made
    made.stop()


def cerebro_at(oanda, **broker):
    cerebro = bt.Cerebro()
    store = bt.stores.OandaStore(**oanda.login)
    cerebro.setbroker(store.getbroker(**broker))
    cerebro.adddata(store.getdata(dataname=EUR, backfill_start=False, **FIVE_SECONDS))
    return cerebro


class Orders(Script):
    """Makes its orders at the first bar, and ends when none of them is alive."""

    params = (("make", None),)
    made = ()

    def on_bar(self):
        if not self.made:
            self.made = self.p.make(self)

    def on_order(self, order):
        if self.made and order.ref == self.made[-1].ref and order.alive():
            self.after(order)
        if self.made and not any(one.alive() for one in self.made):
            self.env.runstop()

    def after(self, order):
        if order.status == order.Accepted and order.exectype not in (order.Market, order.Limit):
            self.cancel(order)


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({}, DONE),
        ({"exectype": bt.Order.Market, "valid": None}, DONE),
        ({"exectype": bt.Order.Limit, "price": 1.2, "valid": HOUR}, DONE),
        ({"exectype": bt.Order.Limit, "price": 1.2, "tradeid": 7}, DONE),
        ({"exectype": bt.Order.Stop, "price": 1.2, "valid": None}, [*DONE[:2], "Canceled"]),
        (
            {"exectype": bt.Order.StopLimit, "price": 1.2, "plimit": 1.21},
            [*DONE[:2], "Canceled"],
        ),
        ({"exectype": bt.Order.StopTrail, "trailamount": 0.01}, [*DONE[:2], "Canceled"]),
        ({"exectype": bt.Order.StopTrail, "trailpercent": 0.02}, [*DONE[:2], "Canceled"]),
        ({"exectype": bt.Order.Close}, [*DONE[:2], "Canceled"]),
    ],
    ids=str,
)
def test_an_order(oanda, terms, told):
    script = run(cerebro_at(oanda), Orders, make=lambda one: [one.buy(size=1000, **terms)])
    assert script.of(script.made[0]) == told


def test_an_order_that_ends_by_itself(oanda):
    def make(script):
        then = script.data.datetime.datetime() + datetime.timedelta(seconds=20)
        return [script.buy(size=1000, exectype=bt.Order.Limit, price=1.0, valid=then)]

    script = run(cerebro_at(oanda), Orders, make=make)
    assert script.of(script.made[0]) == [*DONE[:2], "Expired"]


def test_a_bracket(oanda):
    class Bracket(Orders):
        def after(self, order):
            if order.status == order.Accepted:
                oanda.bid = 1.2

    def make(script):
        return script.buy_bracket(
            size=1000,
            exectype=bt.Order.Market,
            stopprice=1.05,
            limitprice=1.15,
        )

    script = run(cerebro_at(oanda), Bracket, make=make)
    entry, stop, limit = script.made
    assert script.of(entry) == DONE
    assert script.of(stop) == [*DONE[:2], "Canceled"]
    assert script.of(limit) == DONE
    assert script.trades[-1] == (0, True)


def test_names_of_oanda_s_own_go_into_the_order_s_info(oanda):
    own = {"lowerBound": 1.0, "upperBound": 1.3, "takeProfit": 1.2, "stopLoss": 1.0}
    own["trailingStop"] = 20

    script = run(cerebro_at(oanda), Orders, make=lambda one: [one.buy(size=1000, **own)])
    (order,) = script.made
    assert {name: order.info[name] for name in own} == own
    assert oanda.desk.account.pending() == []


def test_an_order_that_is_refused(oanda):
    terms = {"exectype": bt.Order.Limit, "price": 1.123456789}
    script = run(cerebro_at(oanda), Orders, make=lambda one: [one.buy(size=1000, **terms)])
    (order,) = script.made
    assert script.of(order)[-1] == "Rejected"
    assert order.info.reason


class Holds(Script):
    """Looks at what is held, and sells some."""

    sold = None

    def on_bar(self):
        if self.sold is None:
            self.begun = self.position.size, list(self.orders)
            self.sold = self.sell(size=400)

    def on_order(self, order):
        if self.sold is not None and order.ref == self.sold.ref and not order.alive():
            self.env.runstop()


def test_positions_of_before_are_shown_as_an_order(oanda):
    oanda.deal(1000)
    script = run(cerebro_at(oanda, use_positions=True), Holds)
    size, orders = script.begun
    assert size == 1000
    assert [told[1:] for told in orders] == [("Completed", 1000)]
    assert script.position.size == 600
    assert script.position.price == pytest.approx(1.1002)


def test_positions_of_before_are_left_alone(oanda):
    oanda.deal(1000)
    script = run(cerebro_at(oanda, use_positions=False), Holds)
    assert script.begun == (0, [])
    assert script.position.size == -400
    assert script.broker.account_size(EUR) == 600


def test_a_commission_scheme(oanda):
    scheme = bt.CommissionInfo(commission=0.5, commtype=bt.CommInfoBase.COMM_FIXED, mult=3.0)
    cerebro = cerebro_at(oanda, commission=scheme)
    script = run(cerebro)
    assert script.broker.getcommissioninfo(script.data) is scheme
    usual = run(cerebro_at(oanda))
    assert usual.broker.getcommissioninfo(usual.data).p.stocklike is False


def test_cash_and_value(oanda):
    class Sums(Script):
        sold = None

        def on_bar(self):
            if self.sold is None:
                self.sold = self.sell(size=400)

        def notify_cashvalue(self, cash, value):
            self.sums = cash, value
            if cash < value - 1 and self.broker.store.get_positions():
                self.env.runstop()

    script = run(cerebro_at(oanda), Sums)
    store = script.broker.store
    assert script.sums == (store.get_cash(), store.get_value())
    assert store.get_value() == pytest.approx(100_000, abs=1)
    assert store.get_positions()[EUR].size == -400
