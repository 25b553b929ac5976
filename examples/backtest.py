"""The strategy of `btstores demo` on history, with nothing but backtrader.

python examples/backtest.py FILE.csv     rows: date, open, high, low, close, volume
python examples/backtest.py              AAPL, if bokeh_sampledata is installed
"""

import os
import sys
import tempfile

import backtrader as bt

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sma_bracket import SmaBracket


def sample(folder):
    """Write the AAPL of bokeh_sampledata into a file, as everybody's data comes."""
    from bokeh_sampledata.stocks import AAPL

    path = os.path.join(folder, "AAPL.csv")
    columns = [AAPL[name] for name in ("date", "open", "high", "low", "close", "volume")]
    with open(path, "w", encoding="utf-8") as file:
        for row in zip(*columns):
            # The months that the demo plays.
            if "2005-11-16" <= row[0] <= "2006-06-08":
                file.write(",".join(map(str, row)) + "\n")
    return path


def backtest(path):
    cerebro = bt.Cerebro()
    cerebro.broker.setcash(1_000_000)
    cerebro.broker.setcommission(commission=0.0001)
    cerebro.adddata(bt.feeds.GenericCSVData(dataname=path, dtformat="%Y-%m-%d", openinterest=-1))
    cerebro.addstrategy(SmaBracket)
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    strategy = cerebro.run()[0]
    total = strategy.analyzers.trades.get_analysis().get("total", {})
    print(f"{total.get('closed', 0)} trades")
    print(f"Final value: {cerebro.broker.getvalue():,.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        backtest(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as folder:
            backtest(sample(folder))
