"""The simulated exchange as a store: paper trading on recorded, made-up or live prices."""
