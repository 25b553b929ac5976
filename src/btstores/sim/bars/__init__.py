"""The fill model of backtrader's own broker: orders matched against bars."""
