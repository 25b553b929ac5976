"""Live trading for backtrader: one Store contract, many brokers."""

from __future__ import annotations

__version__ = "0.1.0"
