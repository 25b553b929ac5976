"""The core's own record of each order, and the rules that move it. Knows no venue and no Cerebro."""
