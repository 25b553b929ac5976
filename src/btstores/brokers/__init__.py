"""What Cerebro trades through."""
