"""The strategy of `btstores demo`, live on a paper account: what changes is how Cerebro is fed.

python examples/paper.py     made-up prices, ten minutes of them a second
"""

import os
import sys

import backtrader as bt

from btstores import PaperStore

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sma_bracket import SmaBracket

# Another store here, and the same lines trade at a broker.
store = PaperStore(symbols=["DEMO"], seed=10, bars=140, history=40, speed=600, cash=100_000)

cerebro = bt.Cerebro()
cerebro.setbroker(store.getbroker())
cerebro.adddata(store.getdata(dataname="DEMO", timeframe=bt.TimeFrame.Minutes))
cerebro.addstrategy(SmaBracket)
cerebro.adddatacb(lambda data, status, *args: print(data._name, data._getstatusname(status)))
cerebro.addanalyzer(bt.analyzers.Transactions)
strategy = cerebro.run()[0]
for when, deals in strategy.analyzers.transactions.get_analysis().items():
    for size, price, _, symbol, _ in deals:
        print(f"{when:%H:%M}  {symbol}  {size:+6.0f} at {price:.2f}")
print(f"Final value: {cerebro.broker.getvalue():,.2f}")
