"""LiveCerebro: `bt.Cerebro` for many live feeds.

    cerebro = btstores.LiveCerebro()

It takes what `bt.Cerebro` takes and returns what that returns. What an event costs depends on the
event and not on how many feeds wait; see `btstores.cerebro.loop`.
"""

from btstores.cerebro.live import LiveCerebro

__all__ = ["LiveCerebro"]
