"""The core's own record of each order and its rules; knows no venue and no Cerebro."""
