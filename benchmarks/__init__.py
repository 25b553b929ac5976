"""How fast, and with how much memory, strategies trade through a Store: `python -m benchmarks`."""
