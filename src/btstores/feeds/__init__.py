"""What Cerebro reads prices from."""
