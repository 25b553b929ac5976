"""What an account of the simulated OpenD is, and those that it has unless it is told."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Optional, Tuple

from btstores.errors import ConfigError
from btstores.stores.futu.opend.codes import FIRMS, SIM_TYPES, TrdMarket, purse_of

__all__ = ["DEFAULT_ACCOUNTS", "AccountConfig"]


@dataclasses.dataclass(frozen=True)
class AccountConfig:
    """One account: what it is and what it may trade.

    ``markets`` are names of Trd_Common.TrdMarket, ``firm`` and ``sim_acc_type`` those of the SDK.
    ``cash`` is by currency; renminbi may be called CNY or CNH. ``margin`` allows short sales of
    stocks and positions of ``leverage`` times one's money. A real account with ``password`` must be
    unlocked. ``order_delay`` is how many seconds an order, change or cancel takes to the exchange,
    in the time of the world. ``fees`` False trades for nothing. Raises `ConfigError`.
    """

    acc_id: int
    trd_env: str = "SIMULATE"
    markets: Tuple[str, ...] = ("HK",)
    firm: str = "FUTUSECURITIES"
    sim_acc_type: str = "STOCK"
    cash: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"HKD": 1_000_000.0}, hash=False
    )
    margin: bool = False
    leverage: float = 2.0
    password: Optional[str] = None
    universal: bool = False
    disabled: bool = False
    order_delay: float = 0.0
    fees: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "markets", tuple(self.markets))
        checks: Tuple[Tuple[str, Any, Any], ...] = (
            ("trd_env", self.trd_env, ("SIMULATE", "REAL")),
            ("firm", self.firm, tuple(FIRMS)),
            ("sim_acc_type", self.sim_acc_type, tuple(SIM_TYPES)),
        )
        for field, value, allowed in checks:
            if value not in allowed:
                raise ConfigError.of(field, value, "one of " + ", ".join(allowed))
        for name in self.markets:
            if name not in TrdMarket.__members__ or name == "NONE":
                expected = "one of " + ", ".join(each.name for each in TrdMarket if each)
                raise ConfigError.of("markets", name, expected)
        if not self.markets or not self.cash:
            field = "cash" if self.markets else "markets"
            raise ConfigError.of(field, getattr(self, field), "at least one")

    @property
    def simulated(self) -> bool:
        """Return whether it is a paper account."""
        return self.trd_env == "SIMULATE"

    @property
    def currency(self) -> str:
        """Return the account's first currency."""
        return purse_of(next(iter(self.cash)))


#: Each order path of Futu can be tried with one of these.
DEFAULT_ACCOUNTS: Tuple[AccountConfig, ...] = (
    AccountConfig(1001, markets=("HK",), cash={"HKD": 1_000_000.0}),
    AccountConfig(
        1002,
        markets=("US",),
        sim_acc_type="STOCK_AND_OPTION",
        cash={"USD": 1_000_000.0},
        margin=True,
    ),
    AccountConfig(1003, markets=("CN",), cash={"CNH": 1_000_000.0}),
    AccountConfig(
        1004, markets=("FUTURES_SIMULATE_HK",), sim_acc_type="FUTURES", cash={"HKD": 1_000_000.0}
    ),
    AccountConfig(
        1005, markets=("FUTURES_SIMULATE_US",), sim_acc_type="FUTURES", cash={"USD": 1_000_000.0}
    ),
    AccountConfig(
        2001,
        "REAL",
        markets=("HK", "US", "HKCC", "FUTURES"),
        sim_acc_type="NONE",
        cash={"HKD": 1_000_000.0, "USD": 200_000.0, "CNH": 500_000.0},
        margin=True,
        password="123456",  # noqa: S106 - of an account that does not exist
        universal=True,
    ),
)
