"""Several accounts in one Cerebro: what goes where, and what is added up."""

from __future__ import annotations

import math
import runpy
import sys
from pathlib import Path

import backtrader as bt
import pytest

from btstores.brokers.rates import read_rates
from btstores.brokers.router import RouterBroker
from btstores.errors import ConfigError, LinkError
from btstores.markets.currencies import Rates
from btstores.orders.riskrules import TradingState
from btstores.reports import AccountReport, MassStatus, PositionReport
from btstores.stores.paper import PaperStore
from tests.support.session import SECOND, Diary, Session, bar
from tests.support.venue import T0, new_store

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
NAN = float("nan")
RATES = {"HKD": 0.125}


class Two:
    """Two scripted accounts on one Cerebro: ``us`` in USD trades A, ``hk`` in HKD trades H."""

    def __init__(self, rates=RATES, symbols="AH", us_risk=None, **options):
        self.us, self.hk = Session(new_store(risk=us_risk)), Session(new_store())
        self.router = RouterBroker([self.us.store, self.hk.store], rates=rates, **options)
        self.cerebro = self.hk.cerebro = self.us.cerebro
        self.cerebro.setbroker(self.router)
        self.has(self.us, "USD", 1000.0, 1500.0)
        self.has(self.hk, "HKD", 8000.0, 16000.0)
        self.us.feed(symbols[0], name="us")
        self.hk.feed(symbols[1], name="hk")
        self.symbols = symbols

    def has(self, side, currency, cash, value, *positions):
        accounts = (AccountReport("acc", currency, cash, value),)
        side.venue.status = MassStatus(0, accounts=accounts, positions=positions)

    def bars(self, *closes, hk=None):
        self.us.bars(*closes, symbol=self.symbols[0])
        self.hk.bars(*(hk or closes), symbol=self.symbols[1])

    def run(self, strategy=Diary, **params):
        last_ns = max(self.us._last_ns, self.hk._last_ns)
        self.hk.clock.call_at(last_ns + SECOND, self.hk._end)
        self.us._last_ns = last_ns
        return self.us.run(strategy, **params)


@pytest.fixture
def two():
    two = Two()
    two.bars(10.0, 10.0, 10.0)
    return two


def both(strategy):
    return [strategy.buy(data=data, size=1) for data in strategy.datas]


def codes(diary):
    return [order.info.reason_code for order in diary.made]


def statuses(diary):
    return [diary.statuses_of(order) for order in diary.made]


def look(two, at, *looks):
    """Return what each of ``looks`` sees at a bar."""
    seen = []
    two.run(script={at: lambda s: seen.extend(each(s) for each in looks)})
    assert len(seen) == len(looks)
    return seen


# What goes where


def test_an_order_goes_to_the_store_of_its_feed(two):
    diary = two.run(script={2: both})
    assert [request.symbol for request in two.us.venue.placed] == ["A"]
    assert [request.symbol for request in two.hk.venue.placed] == ["H"]
    assert [order.broker for order in diary.made] == two.router.brokers


def test_cancels_changes_and_questions_go_to_the_store_of_the_order(two):
    limit = {"exectype": bt.Order.Limit, "price": 9.0, "size": 2}
    seen = []

    def change(strategy):
        us, hk = strategy.made
        seen.append([order.ref for order in strategy.broker.get_orders_open()])
        seen.append(strategy.broker.orderstatus(hk))
        assert strategy.broker.modify(hk, size=5)
        strategy.cancel(us)

    two.us.accept(61)
    two.hk.accept(61)
    script = {2: lambda s: [s.buy(data=d, **limit) for d in s.datas], 4: change}
    diary = two.run(script=script)
    assert seen == [[order.ref for order in diary.made], bt.Order.Accepted]
    assert two.us.venue.cancelled == [two.us.request(0).client_order_id]
    assert two.hk.venue.cancelled == two.us.venue.modified == []
    assert [each.size for each in two.hk.venue.modified] == [5]


def test_fills_reach_the_position_of_their_own_feed(two):
    two.us.fill(62)
    two.hk.fill(63)
    seen = look_after_orders(two, lambda s: [s.getposition(d).size for d in s.datas])
    assert seen == [1, 1]


def look_after_orders(two, what):
    seen = []
    two.run(script={2: both, 6: lambda s: seen.append(what(s))})
    return seen[0]


def test_positions_of_all_accounts_are_read_by_feed_and_by_name(two):
    two.has(two.us, "USD", 1.0, 1.0, PositionReport("A", 5.0, 10.0))
    two.has(two.hk, "HKD", 1.0, 1.0, PositionReport("H", -3.0, 10.0))
    seen = look(
        two,
        4,
        lambda s: [s.positions[d].size for d in s.datas],
        lambda s: {name: held.size for name, held in s.positionsbyname.items()},
        lambda s: s.position.size,
        lambda s: [s.broker.account_position(d).size for d in s.datas],
        lambda s: (len(s.positions), [d._name for d in s.positions]),
    )
    assert seen == [[5, -3], {"us": 5, "hk": -3}, 5, [5, -3], (2, ["us", "hk"])]


def test_a_position_that_is_handed_out_is_a_copy(two):
    two.has(two.hk, "HKD", 1.0, 1.0, PositionReport("H", -3.0, 10.0))
    look(two, 4, lambda s: s.broker.getposition(s.datas[1]).update(100, 1.0))
    assert two.router.getposition(two.hk.feeds[0]).size == -3


def test_close_and_targets_of_size_work_on_each_feed(two):
    two.has(two.us, "USD", 1.0, 1.0, PositionReport("A", 5.0, 10.0))
    two.has(two.hk, "HKD", 1.0, 1.0, PositionReport("H", -3.0, 10.0))
    two.run(
        script={4: lambda s: [s.close(), s.order_target_size(data=s.datas[1], target=4)]},
    )
    assert [r.size * r.side.sign for r in two.us.venue.placed] == [-5]
    assert [r.size * r.side.sign for r in two.hk.venue.placed] == [7]


def test_an_order_for_a_feed_of_no_store_is_refused(two):
    stranger = new_store().getdata(dataname="A", timeframe=bt.TimeFrame.Minutes)
    two.has(two.us, "USD", 1.0, 1.0, PositionReport("A", 5.0, 10.0))
    diary = two.run(script={2: lambda s: s.buy(data=stranger, size=1)})
    assert codes(diary) == ["OTHER_STORE"]
    assert statuses(diary) == [["Rejected"]]
    assert two.us.venue.placed == two.hk.venue.placed == []
    assert two.router.broker_of(stranger) is None
    assert two.router.getposition(stranger).size == 0
    assert two.router.account_position(stranger).size == two.router.claim_position(stranger) == 0
    assert two.router.getvalue([stranger]) == 0.0
    assert two.router.getcommissioninfo(stranger).p.commission == 0.0


def test_an_order_of_somebody_else_is_claimed_at_its_own_account(two):
    def by_hand():
        from btstores.reports import FillReport, Side

        two.hk.store.put(FillReport("F1", "H", Side.BUY, 4.0, 10.0, T0 + 62 * SECOND))

    two.hk.at(62, by_hand)
    seen = look(
        two,
        6,
        lambda s: [s.broker.account_position(d).size for d in s.datas],
        lambda s: [s.broker.claim_position(d) for d in s.datas],
        lambda s: [s.getposition(d).size for d in s.datas],
        lambda s: s.broker.claim("no such order"),
    )
    assert seen == [[0, 4], [0, 4], [0, 4], False]


def test_what_was_refused_before_the_run_is_told_in_it(two):
    two.router.buy(None, two.hk.feeds[0], 1)
    assert [told.status for told in two.run().told] == ["Rejected"]


# Orders that hang together


def test_a_bracket_goes_whole_to_its_own_store(two):
    two.run(
        script={
            2: lambda s: [
                order
                for data in s.datas
                for order in s.buy_bracket(
                    data=data, size=1, price=9.0, stopprice=8.0, limitprice=12.0
                )
            ]
        }
    )
    for side, symbol in ((two.us, "A"), (two.hk, "H")):
        parent, stop, limit = side.venue.placed
        assert {parent.symbol, stop.symbol, limit.symbol} == {symbol}
        assert stop.parent_id == limit.parent_id == parent.client_order_id


def limit_on(strategy, number, **options):
    data = strategy.datas[number]
    return strategy.buy(data=data, size=1, price=9.0, exectype=bt.Order.Limit, **options)


def test_an_oco_group_over_two_stores_is_refused(two):
    def group(strategy):
        first = limit_on(strategy, 0)
        return [first, limit_on(strategy, 1, oco=first)]

    diary = two.run(script={2: group})
    assert codes(diary) == [None, "OCO_OTHER_STORE"]
    assert statuses(diary) == [["Submitted"], ["Rejected"]]
    assert two.hk.venue.placed == []


def test_an_oco_group_with_an_order_that_another_store_holds_is_refused(two):
    def group(strategy):
        first = limit_on(strategy, 0, transmit=False)
        return [first, limit_on(strategy, 1, oco=first)]

    diary = two.run(script={2: group})
    assert codes(diary)[1] == "OCO_OTHER_STORE"
    assert two.hk.venue.placed == []


def test_a_bracket_over_two_stores_is_refused_whole(two):
    def group(strategy):
        parent = limit_on(strategy, 0, transmit=False)
        return [parent, limit_on(strategy, 1, parent=parent)]

    diary = two.run(script={2: group})
    assert codes(diary) == ["BRACKET_INVALID", "PARENT_GONE"]
    assert statuses(diary) == [["Rejected"], ["Rejected"]]
    assert two.us.venue.placed == two.hk.venue.placed == []


# News


def test_notifications_come_in_the_order_in_which_they_were_queued(two):
    two.hk.accept(62)
    two.us.accept(63)
    two.hk.fill(64)
    two.us.fill(65)
    diary = two.run(script={2: lambda s: list(reversed(both(s)))})
    names = {order.ref: order.data._name for order in diary.made}
    assert [(names[told.ref], told.status) for told in diary.told] == [
        ("us", "Submitted"),
        ("hk", "Submitted"),
        ("hk", "Accepted"),
        ("us", "Accepted"),
        ("hk", "Completed"),
        ("us", "Completed"),
    ]


def test_refusals_of_both_stores_come_in_the_order_of_the_orders(two):
    wrong = {"size": 1, "exectype": bt.Order.Limit, "price": NAN}
    diary = two.run(script={2: lambda s: [s.buy(data=s.datas[n], **wrong) for n in (1, 0, 1)]})
    assert [told.ref for told in diary.told] == [order.ref for order in diary.made]
    assert {told.status for told in diary.told} == {"Rejected"}


def test_orders_are_told_at_once_whichever_account_they_are_on(two):
    two.us.fill(70)
    two.hk.fill(80)
    diary = two.run(script={2: both})
    filled = [told for told in diary.told if told.status == "Completed"]
    assert len(filled) == 2
    assert {told.bars for told in filled} == {2}, "after the first bars, before the second"


def test_the_trade_of_a_feed_is_reckoned_in_its_own_currency(two):
    two.hk.fill(62, 0, price=10.0)
    two.hk.fill(122, 1, price=12.0)
    diary = two.run(
        script={2: lambda s: s.buy(data=s.datas[1], size=2), 4: lambda s: s.close(s.datas[1])}
    )
    assert diary.trades == [(2, 0.0, False), (0, 4.0, True)]


# Cash and value in the base currency


def test_cash_and_value_are_added_up_in_the_base_currency(two):
    seen = look(
        two,
        4,
        lambda s: s.broker.getcash(),
        lambda s: s.broker.getvalue(),
        lambda s: s.broker.startingcash,
    )
    assert seen == [1000 + 8000 / 8, 1500 + 16000 / 8, 2000]
    assert two.router.get_cash == two.router.getcash
    assert two.router.get_value == two.router.getvalue


def test_the_value_of_some_feeds_is_that_of_their_positions_in_the_base_currency(two):
    two.has(two.us, "USD", 1.0, 100.0, PositionReport("A", 5.0, 10.0))
    two.has(two.hk, "HKD", 1.0, 800.0, PositionReport("H", -3.0, 10.0))
    seen = look(
        two,
        4,
        lambda s: [s.broker.getvalue([d]) for d in s.datas],
        lambda s: s.broker.getvalue(s.datas),
        lambda s: s.broker.getvalue([]),
        lambda s: s.broker.get_leverage(),
    )
    assert seen == [[50.0, -3.75], 46.25, 0.0, (50 + 3.75) / (100 + 100)]


def test_a_balance_that_changes_reaches_the_strategy_with_the_next_bar(two):
    two.hk.say(70, AccountReport("acc", "HKD", 80.0, 160.0, time_ns=1))
    assert two.run().sums[-1] == (1010.0, 1520.0)


def test_the_accounts_are_one_fund(two):
    two.hk.say(70, AccountReport("acc", "HKD", 8000.0, 44000.0, time_ns=1))
    seen = look(two, 6, lambda s: s.broker.fundshares, lambda s: s.broker.fundvalue)
    assert seen == [35.0, 200.0]
    two.router.set_fundmode(True, 10.0)
    assert two.router.fundmode is True


def test_setcash_is_ignored_and_says_so(two):
    two.router.setcash(5.0)
    diary = two.run()
    assert two.router.getcash() == 2000.0
    assert any(message.startswith("setcash ignored") for message in diary.messages())


@pytest.mark.parametrize(
    ("target", "sizes"),
    [
        # At 10 HKD and 0.125 USD for one, a share is 1.25 USD.
        (("order_target_value", 125.0), (12, 100)),
        (("order_target_percent", 0.1), (35, 280)),  # of 3500 USD
    ],
)
def test_targets_of_value_are_sized_in_the_base_currency(two, target, sizes):
    method, value = target
    two.run(
        script={2: lambda s: [getattr(s, method)(data=d, target=value) for d in s.datas]},
    )
    assert (two.us.request(0).size, two.hk.request(0).size) == sizes


def test_analyzers_and_observers_of_backtrader_work(two):
    for kind in (bt.analyzers.PyFolio, bt.analyzers.DrawDown, bt.analyzers.Returns):
        two.cerebro.addanalyzer(kind)
    two.cerebro.addobserver(bt.observers.Broker)
    diary = two.run(script={2: both})
    assert diary.observers.broker.value[0] == 3500.0
    assert two.router.getcommissioninfo(two.us.feeds[0]).p.mult == 1.0
    assert isinstance(two.router.getcommissioninfo(two.us.feeds[0]), bt.CommInfoBase)
    assert diary.analyzers[0].get_analysis()["positions"]


# Rates


def test_a_missing_rate_is_nan_and_is_told_once():
    two = Two(rates={"EUR": 1.1})
    two.bars(10.0, 10.0, 10.0)
    two.has(two.hk, "HKD", 1.0, 1.0, PositionReport("H", 3.0, 10.0))
    seen = look(
        two,
        6,
        lambda s: s.broker.getcash(),
        lambda s: s.broker.getvalue(),
        lambda s: s.broker.getvalue([s.datas[1]]),
        lambda s: s.broker.fundvalue,
        lambda s: s.broker.startingcash,
    )
    assert all(math.isnan(each) for each in seen), seen
    assert two.router.getvalue([two.us.feeds[0]]) == 0.0, "the other account is as known as ever"


def test_the_strategy_hears_of_a_missing_rate_once_for_each_time_that_it_is_missing():
    known = {"HKD": 0.125}
    two = Two(rates=lambda source, target: known.get(source))
    two.bars(10.0, 10.0, 10.0, 10.0, 10.0)
    two.us.at(61, known.clear)
    two.us.at(181, lambda: known.update(HKD=0.5))
    two.us.at(241, known.clear)
    diary = two.run()
    told = [args for message, args in diary.news if message == "no rate"]
    assert told == [("HKD",), ("HKD",)]
    values = [value for _, value in diary.sums]
    assert values[0] == 3500.0
    assert 9500.0 in values
    assert math.isnan(values[-1])


def test_no_order_is_sized_without_a_rate():
    two = Two(rates=None)
    two.bars(10.0, 10.0)
    diary = two.run(
        script={2: lambda s: s.order_target_value(data=s.datas[1], target=100.0)},
    )
    assert two.hk.venue.placed == []
    assert "no rate" in diary.messages()
    assert two.router.getcommissioninfo(two.hk.feeds[0]).getsize(10.0, 1000.0) == 0
    assert two.router.getcommissioninfo(two.us.feeds[0]).getsize(10.0, 1000.0) == 100


def test_the_close_of_a_feed_may_be_the_rate():
    two = Two(rates=None)
    feed = two.us.feed("HKDUSD", name="rate")
    two.router = RouterBroker([two.us.store, two.hk.store], rates={"HKD": feed})
    two.cerebro.setbroker(two.router)
    two.us.bars(0.125, 0.25, 0.5, symbol="HKDUSD")
    two.bars(10.0, 10.0, 10.0)
    diary = two.run()
    assert "no rate" not in diary.messages(), "before its first bar nobody has asked"
    assert two.router.startingcash == 2000.0
    assert diary.sums[-1] == (1000 + 8000 * 0.5, 1500 + 16000 * 0.5)


def test_a_table_of_rates_may_grow_too_old():
    table = Rates(max_age_ns=100 * SECOND)
    table.set("USD", "HKD", 8.0, T0)
    two = Two(rates=table)
    two.bars(10.0, 10.0)
    values = [value for _, value in two.run().sums]
    assert values[0] == 3500.0
    assert math.isnan(values[-1])


@pytest.mark.parametrize("rate", [0.0, -1.0, NAN, math.inf, None])
def test_a_senseless_rate_is_none_at_all(rate):
    rate_of = read_rates(lambda source, target: rate, "USD", lambda: 0)
    assert rate_of("HKD") is None
    assert rate_of("USD") == 1.0


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"rates": {"HKD": 0}}, "rates['HKD']"),
        ({"rates": {"HKD": True}}, "rates['HKD']"),
        ({"rates": {"HKD": "0.128"}}, "rates['HKD']"),
        ({"rates": {"HKD": NAN}}, "rates['HKD']"),
        ({"rates": 0.128}, "rates"),
        ({"currency": ""}, "currency"),
        ({"risk": {"account": {"max_order_value": -1}}}, "account.max_order_value"),
        ({"risk": {}, "timezone": "Mars/Olympus"}, "tz"),
    ],
)
def test_parameters_that_make_no_sense_are_named(options, field):
    with pytest.raises(ConfigError) as caught:
        RouterBroker([new_store()], **options)
    assert caught.value.field == field


def test_stores_are_given_each_once_as_stores_or_as_their_brokers():
    store, other = new_store(), new_store()
    router = RouterBroker([store, other.getbroker()])
    assert router.stores == [store, other]
    for wrong in ([], [store, store], [store, store.getbroker()], [17]):
        with pytest.raises(ConfigError) as caught:
            RouterBroker(wrong)
        assert caught.value.field == "stores"


# Commission schemes


def test_a_scheme_goes_to_the_account_of_the_feed_of_that_name_or_to_all(two):
    us, hk = two.router.brokers
    feed_us, feed_hk = two.us.feeds[0], two.hk.feeds[0]
    two.router.setcommission(commission=1.0, name="hk")
    assert hk.getcommissioninfo(feed_hk).p.commission == 1.0
    assert "hk" not in us.comminfo
    two.router.setcommission(commission=2.0)
    assert us.getcommissioninfo(feed_us).p.commission == 2.0
    assert two.router.getcommissioninfo(feed_hk).p.commission == 1.0
    scheme = bt.CommInfoBase(commission=3.0)
    two.router.addcommissioninfo(scheme, name="us")
    assert two.router.getcommissioninfo(feed_us) is scheme


def test_a_scheme_may_be_set_before_its_feed_is_there(two):
    two.router.setcommission(commission=4.0, name="later")
    feed = two.hk.feed("X", name="later")
    assert two.router.getcommissioninfo(feed).p.commission == 4.0


# One account down, and a second run


def test_one_account_goes_on_while_the_other_is_down(two):
    two.us.at(61, two.us.venue.break_link)
    two.us.store.params.reconnect = False
    two.hk.fill(122)
    diary = two.run(script={4: both})
    assert codes(diary) == ["LINK_DOWN", None]
    assert statuses(diary) == [["Rejected"], ["Submitted", "Completed"]]
    assert diary.sums[-1] == (2000.0, 3500.0), "balances stay as last told"


def test_if_one_account_cannot_be_reached_none_stays_connected():
    two = Two()
    first, second = two.us.store, two.hk.store
    two.us.store.connect()

    def fail(put, timeout):
        raise OSError("no route")

    two.hk.venue.connect = fail
    with pytest.raises(LinkError, match="no route"):
        two.router.start()
    assert (first.connected, second.connected) == (False, False)


def test_a_second_run_begins_like_the_first(two):
    two.us.fill(62)
    two.run(script={2: both})
    assert not two.us.store.connected
    two.has(two.us, "USD", 500.0, 600.0, PositionReport("A", 1.0, 10.0))
    two.cerebro.strats.clear()
    two.cerebro.addstrategy(Diary)
    for side, symbol in ((two.us, "A"), (two.hk, "H")):
        minute = round((side.clock.time_ns() - T0) / SECOND / 60) + 1
        side.say(60 * minute, bar(minute, 10.0, symbol))
        side.clock.call_at(T0 + (60 * minute + 1) * SECOND, side._end)
    diary = two.cerebro.run()[0]
    assert two.router.startingcash == 500.0 + 1000.0
    assert two.router.getposition(two.us.feeds[0]).size == 1
    assert diary.sums[-1] == (1500.0, 600.0 + 2000.0)
    assert two.us.venue.connects == 2


def test_a_second_run_knows_nothing_of_the_rates_of_the_first():
    known = {"HKD": 0.125}
    two = Two(rates=lambda source, target: known.get(source))
    two.bars(10.0, 10.0)
    two.us.at(61, known.clear)
    assert two.run().messages().count("no rate") == 1
    assert two.router.startingcash == 2000.0
    two.us.say(180, bar(3, 10.0, "A"))
    two.us.at(181, two.us._end)
    two.hk.at(181, two.hk._end)
    two.cerebro.strats.clear()
    two.cerebro.addstrategy(Diary)
    assert two.cerebro.run()[0].messages().count("no rate") == 1
    assert math.isnan(two.router.startingcash)


# Risk over all accounts


def risky(symbols="AH", **account):
    two = Two(symbols=symbols, risk={"account": account})
    two.bars(10.0, 10.0, 10.0, 10.0)
    return two


def reasons(diary):
    return [order.info.reason for order in diary.made]


def test_the_value_of_an_order_is_limited_in_the_base_currency():
    two = risky(max_order_value=100.0)
    orders = [(0, 10), (0, 11), (1, 80), (1, 81)]  # 100, 110, 100 and 101.25 USD
    diary = two.run(script={2: lambda s: [s.buy(data=s.datas[n], size=size) for n, size in orders]})
    assert codes(diary) == [None, "RISK_ORDER_VALUE", None, "RISK_ORDER_VALUE"]
    assert reasons(diary)[3] == (
        "max_order_value for H: 101.25 is above 100 (limit of all accounts)"
    )
    assert diary.made[3].info.denied_by == "risk"


def test_a_value_that_no_rate_is_known_for_is_refused():
    two = Two(rates=None, risk={"account": {"max_order_value": 100.0}})
    two.bars(10.0, 10.0)
    diary = two.run(script={2: both})
    assert codes(diary) == [None, "RISK_NO_PRICE"]
    assert reasons(diary)[1] == (
        "max_order_value for H: cannot be checked, no rate of HKD is known (limit of all accounts)"
    )


def test_open_orders_of_all_accounts_count_together():
    two = risky(max_open_orders=2)
    diary = two.run(script={2: lambda s: [*both(s), limit_on(s, 0), limit_on(s, 1)]})
    assert codes(diary) == [None, None, "RISK_OPEN_ORDERS", "RISK_OPEN_ORDERS"]


@pytest.mark.parametrize("symbols", ["AH", "AA"])
def test_orders_of_accounts_are_kept_apart_whatever_their_symbols_and_ids(symbols):
    two = risky(symbols=symbols, max_open_orders=1)
    diary = two.run(script={2: both})
    assert codes(diary) == [None, "RISK_OPEN_ORDERS"]


def test_the_rate_of_orders_counts_over_all_accounts_and_recovers():
    two = risky(max_order_rate="2 per 60 s")
    two.us.fill(62, 0)
    diary = two.run(
        script={2: lambda s: [*both(s), limit_on(s, 1)], 6: lambda s: limit_on(s, 0)},
    )
    assert codes(diary) == [None, None, "RISK_ORDER_RATE", None]


def test_the_loss_of_the_day_is_that_of_all_accounts():
    two = risky(max_daily_loss=300.0)
    # 3500 at first; 250 lost at one and 60 at the other.
    two.us.say(61, AccountReport("acc", "USD", 1000.0, 1250.0, time_ns=1))
    two.hk.say(121, AccountReport("acc", "HKD", 8000.0, 15520.0, time_ns=1))
    diary = two.run(script={4: both, 6: both})
    assert codes(diary)[:2] == [None, None]
    assert set(codes(diary)[2:]) <= {"RISK_REDUCING", "RISK_DAILY_LOSS"}
    assert two.router.trading_state is TradingState.REDUCING
    changes = [args for message, args in diary.news if message == "trading state"]
    assert [change[:2] for change in changes] == [("active", "reducing")] * 2
    assert {change[2] for change in changes} == {
        "daily_loss: a loss of 310 is above max_daily_loss 300"
    }
    last = reasons(diary)[-1]
    assert last.count("RISK") == 0
    assert last.count("trading is reducing") == 1, "what both rules say is said once"
    assert "310 is above 300 (limit of all accounts)" in last


def test_a_gain_at_one_account_makes_up_for_a_loss_at_the_other():
    two = risky(max_daily_loss=300.0)
    two.hk.say(61, AccountReport("acc", "HKD", 8000.0, 20000.0, time_ns=1))
    two.us.say(62, AccountReport("acc", "USD", 1000.0, 1000.0, time_ns=1))
    diary = two.run(script={4: both})
    assert codes(diary) == [None, None]


def test_loss_cannot_be_checked_without_a_value():
    two = Two(rates=None, risk={"account": {"max_daily_loss": 300.0}})
    two.bars(10.0, 10.0)
    diary = two.run(script={2: both})
    assert codes(diary) == ["RISK_NO_ACCOUNT"] * 2


@pytest.mark.parametrize("side", ["us", "hk"])
@pytest.mark.parametrize(
    ("timezone", "state"),
    [("UTC", TradingState.ACTIVE), ("Asia/Hong_Kong", TradingState.REDUCING)],
)
def test_a_day_of_all_accounts_begins_at_midnight_in_the_given_zone(timezone, state, side):
    # It begins at 22:14 UTC. Each time 250 USD are lost, two hours apart, and the other account
    # has nothing to tell.
    two = Two(risk={"account": {"max_daily_loss": 300.0}}, timezone=timezone)
    one, currency, symbol = getattr(two, side), *{"us": ("USD", "A"), "hk": ("HKD", "H")}[side]
    value, lost = {"us": (1500.0, 250.0), "hk": (16000.0, 2000.0)}[side]
    for count, minute in ((1, 1), (2, 121)):
        one.bar(minute, symbol=symbol)
        told = AccountReport("acc", currency, 1000.0, value - count * lost, time_ns=minute)
        one.say(60 * minute + 5, told)
    one.bar(122, symbol=symbol)
    two.run()
    assert two.router.trading_state is state


def test_spans_are_measured_by_the_clock_of_the_newest_account():
    two = Two(risk={"account": {"max_order_rate": "1 per 30 s"}})
    two.hk.bar(1, symbol="H")  # its clock stands still from here on
    two.us.bars(10.0, 10.0, 10.0, 10.0, symbol="A")

    def order(strategy):
        return strategy.buy(data=strategy.datas[1], size=1)

    diary = two.run(script={4: order, 5: order})
    assert codes(diary) == [None, None], "a minute lies between them"


def test_shared_rules_loosen_no_state_of_an_account():
    two = risky(max_daily_loss=300.0)
    two.us.at(61, lambda: two.router.brokers[0].halt("by hand"))
    two.hk.say(62, AccountReport("acc", "HKD", 8000.0, 8000.0, time_ns=1))
    two.run()
    assert [each.trading_state.value for each in two.router.brokers] == ["halted", "reducing"]


@pytest.mark.parametrize("switch", ["halt", "kill"])
def test_no_account_resumes_what_was_stopped_for_all(switch):
    two = Two(risk={})
    two.bars(10.0, 10.0)
    states = []

    def act(strategy):
        getattr(strategy.broker, switch)("enough")
        for each in strategy.broker.brokers:
            each.resume_trading()
        states.append(strategy.broker.trading_state)
        return both(strategy)

    diary = two.run(script={2: act})
    assert states == [TradingState.HALTED]
    assert codes(diary) == ["RISK_HALTED"] * 2


def test_a_stores_own_rules_remember_and_hear_as_without_shared_ones():
    own = {"account": {"max_order_rate": "1 per 30 s", "max_daily_loss": 100.0}}
    two = Two(us_risk=own, risk={"on": {"journal_failed": "active"}})
    two.bars(10.0, 10.0, 10.0)
    two.us.say(61, AccountReport("acc", "USD", 1000.0, 1399.0, time_ns=1))
    two.us.at(125, lambda: two.us.store.desk.journal_failed(OSError("disk full")))
    states = []

    def look_and_order(strategy):
        states.append([each.trading_state.value for each in strategy.broker.brokers])
        return [strategy.buy(size=1), strategy.buy(size=1)]

    diary = two.run(script=dict.fromkeys((2, 4, 6), look_and_order))
    assert states == [["active"] * 2, ["reducing", "active"], ["halted", "active"]]
    assert codes(diary)[:2] == [None, "RISK_ORDER_RATE"]


def test_a_run_that_was_broken_off_leaves_nothing_behind():
    two = risky(max_open_orders=1)
    own = [store.desk.risk for store in two.router.stores]
    two.router.start()
    two.router.start()
    two.router.stop()
    assert [store.desk.risk for store in two.router.stores] == own


def test_what_reduces_is_about_the_account_of_the_order():
    two = Two(symbols="AA", risk={})
    two.has(two.us, "USD", 1.0, 1.0, PositionReport("A", 5.0, 10.0))
    two.has(two.hk, "HKD", 1.0, 1.0, PositionReport("A", -5.0, 10.0))
    two.bars(10.0, 10.0)

    def close_both(strategy):
        strategy.broker.reduce_only("only out")
        return [
            strategy.close(strategy.datas[0]),
            strategy.close(strategy.datas[1]),
            strategy.buy(data=strategy.datas[0], size=1),
            strategy.sell(data=strategy.datas[1], size=1),
        ]

    diary = two.run(script={4: close_both})
    assert codes(diary) == [None, None, "RISK_REDUCING", "RISK_REDUCING"]


def test_an_order_at_another_account_is_none_towards_this_ones_position():
    two = risky(symbols="AA", max_position=5.0)
    diary = two.run(
        script={2: lambda s: [s.buy(data=d, size=size) for d in s.datas for size in (3, 2, 1)]}
    )
    assert codes(diary) == [None, None, "RISK_POSITION"] * 2


def test_a_change_is_checked_as_the_order_that_it_leads_to():
    two = risky(max_order_value=100.0)
    answers = []
    two.hk.accept(61)
    two.run(
        script={
            2: lambda s: s.buy(data=s.datas[1], size=8, price=10.0, exectype=bt.Order.Limit),
            4: lambda s: answers.extend(s.broker.modify(s.made[0], size=n) for n in (81, 80)),
        }
    )
    assert answers == [False, True]
    assert [each.size for each in two.hk.venue.modified] == [80]


def test_each_stores_own_rules_count_beside_the_shared_ones():
    own = {"account": {"max_order_size": 3}}
    two = Two(us_risk=own, risk={"account": {"max_order_value": 35.0}})
    two.bars(10.0, 10.0)
    diary = two.run(script={2: lambda s: [s.buy(size=3), s.buy(size=4)]})
    assert codes(diary) == [None, "RISK_ORDER_SIZE"]
    assert [problem.code for problem in diary.made[1].info.problems] == [
        "RISK_ORDER_SIZE",
        "RISK_ORDER_VALUE",
    ]


def test_an_event_at_one_account_stops_all_if_the_rules_say_so():
    two = Two(risk={"on": {"link_down": "halted"}})
    two.bars(10.0, 10.0, 10.0)
    two.us.store.params.reconnect = False
    two.us.at(61, two.us.venue.break_link)
    diary = two.run(script={4: both})
    assert codes(diary)[1] == "RISK_HALTED"
    assert two.us.store.params.account in reasons(diary)[1]
    assert "cable cut" in reasons(diary)[1]


def test_without_shared_rules_an_event_stops_its_own_account_only(two):
    two.us.at(61, lambda: two.us.store.desk.journal_failed(OSError("disk full")))
    diary = two.run(script={4: both})
    assert codes(diary) == ["RISK_HALTED", None]
    assert two.router.trading_state is TradingState.HALTED, "the strictest"


@pytest.mark.parametrize("risk", [None, {}], ids=["no shared rules", "shared rules"])
def test_the_trading_state_of_all_accounts_is_changed_at_once(risk):
    two = Two(risk=risk)
    two.bars(10.0, 10.0, 10.0, 10.0, 10.0)
    states = []

    def with_state(change):
        def act(strategy):
            change(strategy.broker)
            states.append([each.trading_state.value for each in two.router.brokers])
            return both(strategy)

        return act

    diary = two.run(
        script={
            2: with_state(lambda b: b.halt("enough")),
            4: with_state(lambda b: b.reduce_only("only out")),
            6: with_state(lambda b: b.resume_trading()),
        }
    )
    assert states == [["halted"] * 2, ["reducing"] * 2, ["active"] * 2]
    assert codes(diary) == ["RISK_HALTED"] * 2 + ["RISK_REDUCING"] * 2 + [None] * 2
    assert reasons(diary)[0] == "trading is halted (enough)"


@pytest.mark.parametrize("risk", [None, {}], ids=["no shared rules", "shared rules"])
def test_kill_halts_and_cancels_at_all_accounts(risk):
    two = Two(risk=risk)
    two.bars(10.0, 10.0, 10.0)
    two.us.accept(61)
    two.hk.accept(61)
    counts = []
    diary = two.run(
        script={
            2: lambda s: [limit_on(s, 0), limit_on(s, 1)],
            4: lambda s: counts.append(s.broker.kill("stop it")),
            6: lambda s: limit_on(s, 1),
        }
    )
    assert counts == [2]
    assert [len(side.venue.cancelled) for side in (two.us, two.hk)] == [1, 1]
    assert codes(diary)[2] == "RISK_HALTED"


def test_the_shared_rules_end_with_the_run():
    two = risky(max_open_orders=1)
    own = [store.desk.risk for store in two.router.stores]
    two.run(script={2: both})
    assert [store.desk.risk for store in two.router.stores] == own


# Paper accounts, both ways of filling


class Pair(bt.Strategy):
    """Always long one of its two feeds, and writes down what it is worth at each bar."""

    params = (("stores", ()), ("rate", 1.0))

    def __init__(self):
        self.identities = []
        self.completed = 0

    def notify_order(self, order):
        self.completed += order.status == order.Completed

    def next(self):
        hk, us = self.p.stores
        parts = hk.get_value() * self.p.rate + us.get_value()
        self.identities.append((self.broker.getvalue(), parts))
        if len(self) % 7 == 3:
            self.buy(data=self.datas[len(self) % 2], size=10)
            self.close(data=self.datas[1 - len(self) % 2])


@pytest.mark.parametrize("fill_model", ["book", "backtrader"])
def test_value_is_the_sum_of_both_paper_accounts_after_every_bar(fill_model):
    rate, fill = 0.128, {"fill_model": fill_model, "bars": 60}
    hk = PaperStore(symbols=["H"], seed=1, currency="HKD", cash=100_000, **fill)
    us = PaperStore(symbols=["A"], seed=2, currency="USD", cash=20_000, **fill)
    router = RouterBroker([hk, us], rates={"HKD": rate})
    cerebro = bt.Cerebro()
    cerebro.setbroker(router)
    router.setcommission(commission=0.001)
    for store, symbol in ((hk, "H"), (us, "A")):
        cerebro.adddata(store.getdata(dataname=symbol, timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(Pair, stores=(hk, us), rate=rate)
    (strategy,) = cerebro.run()
    assert strategy.completed > 10
    assert len(strategy.identities) >= 60
    assert len({value for value, _ in strategy.identities}) > 40
    for value, parts in strategy.identities:
        assert value == pytest.approx(parts, rel=1e-12)
    held = sum(
        router.getposition(data).size * data.close[0] * scale
        for data, scale in zip(strategy.datas, (rate, 1.0))
    )
    assert router.getvalue() == pytest.approx(router.getcash() + held, rel=1e-9)
    assert router.getvalue(strategy.datas) == pytest.approx(held, rel=1e-9)


def test_market_orders_may_be_filled_at_the_open_they_are_made_on():
    store = PaperStore(bars=10, fill_model="backtrader")
    router = RouterBroker([store, new_store()])
    router.set_coo(True)
    assert store.bar_engine.options.coo is True


# Examples


def test_the_pair_on_two_accounts_trades_both_legs(capsys):
    names = runpy.run_path(str(EXAMPLES / "hk_us_pair.py"), run_name="__main__")
    printed = capsys.readouterr().out
    fills = [line for line in printed.splitlines() if " at " in line]
    assert sum("HK.09988" in line for line in fills) == sum("US.BABA" in line for line in fills) > 2
    assert "refused" not in printed
    value = names["hk"].get_value() * 0.128 + names["us"].get_value()
    assert f"Together:  USD {value:,.2f}" in printed


def test_one_strategy_trades_on_six_markets(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["six_markets.py"])
    runpy.run_path(str(EXAMPLES / "six_markets.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    told = {line.split()[0]: line for line in lines if "trades" in line}
    assert set(told) == {"HK_STOCK", "US_STOCK", "CN_STOCK", "CN_FUTURE", "FOREX", "CRYPTO"}
    trades = {name: int(line.split(" trades")[0].split()[-1]) for name, line in told.items()}
    # In China what is bought today may not be sold today: so it trades once a day.
    assert trades.pop("CN_STOCK") < 15 < min(trades.values())
    charged = {
        name for name, line in told.items() if float(line.split()[5].strip(",").replace(",", ""))
    }
    assert charged == {"HK_STOCK", "US_STOCK", "CN_STOCK", "CN_FUTURE"}
    (refused,) = [line for line in lines if "refused" in line]
    assert refused.endswith("NOT_SELLABLE")
