"""Cash, value, commission schemes and the helpers of a strategy that read them."""

from __future__ import annotations

import math

import backtrader as bt
import pytest

from btstores.brokers.comminfo import StoreCommInfo
from btstores.brokers.positions import Positions, symbol_of
from btstores.instruments import Instrument
from btstores.reports import AccountReport, MassStatus, PositionReport
from tests.support.session import Session


def session_with(cash=1000.0, value=1050.0, position=5):
    session = Session()
    positions = (PositionReport("A", position, 10.0), PositionReport("B", -2.0, 20.0))
    accounts = (AccountReport("acc", "USD", cash, value),)
    session.venue.status = MassStatus(0, positions=positions, accounts=accounts)
    session.feed("A")
    session.feed("B")
    session.say(60, *(bar_of(symbol, 10.0) for symbol in "AB"))
    session.bar(2, 10.0)
    return session


def bar_of(symbol, close):
    from tests.support.session import bar

    return bar(1, close, symbol)


def at_second_bar(session, look):
    seen = []
    session.run(script={3: lambda s: seen.append(look(s))})
    assert len(seen) == 1
    return seen[0]


def test_cash_and_value_are_the_accounts_own():
    session = session_with()
    cash, value, starting = at_second_bar(
        session, lambda s: (s.broker.getcash(), s.broker.getvalue(), s.broker.startingcash)
    )
    assert (cash, value, starting) == (1000.0, 1050.0, 1000.0)


def test_both_spellings_of_each_name_are_there():
    broker = Session().broker
    assert broker.get_cash == broker.getcash
    assert broker.get_value == broker.getvalue
    assert broker.set_cash == broker.setcash


def test_the_value_of_some_feeds_is_that_of_their_positions():
    session = session_with()
    values = at_second_bar(
        session,
        lambda s: [s.broker.getvalue(d) for d in ([s.datas[0]], [s.datas[1]], s.datas, [])],
    )
    assert values == [50.0, -20.0, 30.0, 0.0]


@pytest.mark.parametrize(
    ("method", "target", "size"),
    [
        ("order_target_value", 100.0, 5),  # from 50 to 100 at a price of 10
        ("order_target_value", 20.0, -3),
        ("order_target_percent", 0.2, 16),  # 20 percent of 1050 are 210
        ("order_target_size", 7, 2),
        ("order_target_value", 0.0, -5),
    ],
)
def test_orders_for_a_target_are_sized_by_the_position_and_not_by_the_account(method, target, size):
    session = session_with()
    session.run(script={3: lambda s: getattr(s, method)(target=target)})
    request = session.request(0)
    assert request.size * request.side.sign == size


def test_a_balance_that_changes_reaches_the_strategy_with_the_next_bar():
    session = session_with()
    session.say(70, AccountReport("acc", "USD", 900.0, 950.0, time_ns=1))
    diary = session.run()
    assert diary.sums[-1] == (900.0, 950.0)


def test_an_unknown_balance_is_not_zero():
    broker = Session().broker
    assert math.isnan(broker.getcash())
    assert math.isnan(broker.getvalue())


def test_balances_stay_while_the_link_is_down():
    session = session_with()
    session.at(90, session.venue.break_link)
    assert at_second_bar(session, lambda s: s.broker.getvalue()) == 1050.0


def test_setcash_is_ignored_and_says_so():
    session = session_with()
    session.broker.setcash(5.0)
    diary = session.run()
    assert session.broker.getcash() == 1000.0
    assert any(message.startswith("setcash ignored") for message in diary.messages())


def test_the_account_is_a_fund_of_the_starting_value():
    session = session_with()
    session.say(70, AccountReport("acc", "USD", 900.0, 2100.0, time_ns=1))
    shares, value = at_second_bar(session, lambda s: (s.broker.fundshares, s.broker.fundvalue))
    assert (shares, value) == (10.5, 200.0)
    assert session.broker.fundmode is False
    session.broker.set_fundmode(True, 10.0)
    assert session.broker.fundmode is True


def test_leverage_is_the_size_of_all_positions_over_the_value():
    assert at_second_bar(session_with(), lambda s: s.broker.get_leverage()) == 70.0 / 1050.0


def test_analyzers_and_observers_of_backtrader_work():
    session = session_with()
    for kind in (bt.analyzers.PyFolio, bt.analyzers.TradeAnalyzer, bt.analyzers.DrawDown):
        session.cerebro.addanalyzer(kind)
    session.cerebro.addobserver(bt.observers.Broker)
    diary = session.run()
    assert diary.analyzers[0].get_analysis()["positions"]
    assert diary.observers.broker.value[0] == 1050.0


def test_positions_are_read_by_feed_and_by_name():
    session = session_with()
    by_data, by_name = at_second_bar(
        session,
        lambda s: (
            [s.positions[d].size for d in s.datas],
            {name: p.size for name, p in s.positionsbyname.items()},
        ),
    )
    assert by_data == [5, -2]
    assert by_name == {"A": 5, "B": -2}


def test_a_position_that_is_handed_out_is_a_copy():
    session = session_with()
    at_second_bar(session, lambda s: s.broker.getposition(s.data).update(100, 1.0))
    assert session.broker.getposition(session.feeds[0]).size == 5


def test_the_scheme_is_the_one_set_for_the_name_or_for_all_or_the_instruments():
    session = session_with()
    broker, (a, b) = session.broker, session.feeds
    own, general = StoreCommInfo(commission=1.0), StoreCommInfo(commission=2.0)
    assert broker.getcommissioninfo(a) is broker.getcommissioninfo(a)
    assert broker.getcommissioninfo(a).p.mult == 1.0
    broker.addcommissioninfo(own, name="A")
    assert broker.getcommissioninfo(a) is own
    broker.addcommissioninfo(general)
    assert broker.getcommissioninfo(b) is general
    broker.setcommission(commission=3.0, name="B")
    assert broker.getcommissioninfo(b).p.commission == 3.0


def test_the_scheme_that_a_broker_is_made_with_is_for_all():
    session = Session()
    session.store.broker = None
    general = bt.CommissionInfo(commission=2.0)
    broker = session.store.getbroker(commission=general)
    assert broker.getcommissioninfo(session.feed("A")) is general


def test_a_contract_is_worth_its_multiplier():
    scheme = StoreCommInfo.of(Instrument("IF", multiplier=300.0))
    assert scheme.getvaluesize(2, 4000.0) == 2_400_000.0
    assert scheme.getoperationcost(2, 4000.0) == 2_400_000.0
    assert scheme.profitandloss(2, 4000.0, 4001.0) == 600.0
    assert scheme.getcommission(2, 4000.0) == 0.0
    assert StoreCommInfo.of(None).getvaluesize(-2, 5.0) == -10.0


def test_positions_are_kept_by_symbol_whatever_the_feed():
    class Feed:
        def __init__(self, symbol, name):
            self.symbol, self._name, self._dataname = symbol, name, symbol

    one, two, other = Feed("A", "x"), Feed("A", "y"), Feed(None, "csv file")
    positions = Positions()
    for feed in (one, two, other):
        positions.add_data(feed)
    positions[one].update(5, 1.0)
    assert positions[two].size == positions["A"].size == 5
    assert list(positions) == [one, other]
    assert len(positions) == 2
    assert symbol_of(other) == "csv file"
