"""What a trade costs and what a position is worth, in backtrader's form."""

from __future__ import annotations

from typing import Optional

import backtrader as bt

from btstores.instruments import Instrument

__all__ = ["StoreCommInfo"]


class StoreCommInfo(bt.CommInfoBase):
    """Commission scheme of an instrument that nobody has set another one for.

    Without commission: a live venue tells the commission of each fill. Multiplier and margin
    are the instrument's; without a margin it is stock-like. Give the broker another scheme with
    ``setcommission`` or ``addcommissioninfo``, as with backtrader's own broker.
    """

    params = (("percabs", True), ("stocklike", True))

    @classmethod
    def of(cls, instrument: Optional[Instrument]) -> StoreCommInfo:
        """Return the scheme for ``instrument``."""
        if instrument is None:
            return cls()
        multiplier, margin = instrument.multiplier, instrument.margin
        if margin is None:
            return cls(mult=multiplier)
        return cls(
            mult=multiplier,
            automargin=multiplier * margin,
            stocklike=False,
            commtype=cls.COMM_FIXED,
        )

    def getvaluesize(self, size: float, price: float) -> float:
        """Return what ``size`` is worth at ``price``; negative when short."""
        value: float = super().getvaluesize(size, price)
        return value * float(self.p.mult) if self.stocklike else value

    def getoperationcost(self, size: float, price: float) -> float:
        """Return the cash that trading ``size`` at ``price`` takes."""
        cost: float = super().getoperationcost(size, price)
        return cost * float(self.p.mult) if self.stocklike else cost
