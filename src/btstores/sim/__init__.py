"""A simulated venue in memory, for paper trading, tests and demos."""
