"""Trading of the simulated OpenD: who may do what, what is pushed to whom, orders in.

Queries are in `btstores.stores.futu.opend.queries`; what an account does with an order is in
`btstores.stores.futu.opend.accounts`.
"""

from __future__ import annotations

import collections
import hashlib
import threading
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Dict,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from btstores.clock import Clock, wall_clock
from btstores.errors import ConfigError
from btstores.reports import Quote, Tick
from btstores.sim.switches import Faults
from btstores.stores.futu import sdk
from btstores.stores.futu.opend.accounts import AccountConfig, TradingAccount
from btstores.stores.futu.opend.codes import (
    FIRMS,
    FUTURES_MARKETS,
    SIM_TYPES,
    Op,
    Tif,
    TrdMarket,
    symbol_of,
)
from btstores.stores.futu.opend.codes import (
    Session as OrderSession,
)
from btstores.stores.futu.opend.faults import FAULTS
from btstores.stores.futu.opend.keeping import StateFile
from btstores.stores.futu.opend.orders import FutuFill, FutuOrder, Ticket, write_fill, write_order
from btstores.stores.futu.opend.queries import Queries
from btstores.stores.futu.opend.rules import check_op
from btstores.stores.futu.opend.session import Refused, Route, Session
from btstores.stores.futu.opend.throttles import Throttles
from btstores.stores.futu.opend.world import WorldListener

if TYPE_CHECKING:
    from btstores.stores.futu.opend.server import OpenD
    from btstores.stores.futu.opend.world import World

__all__ = ["Trading"]

_UPDATE_ORDER, _UPDATE_FILL = 2208, 2218
#: Categories of a request for the list of accounts.
_SECURITIES, _FUTURES = 1, 2


class Trading(WorldListener):
    """The service of all Trd protocols, and a listener of the world.

    ``before_ack`` is the part of orders whose first pushes leave before the answer to the request;
    the others leave right after it. ``throttled`` False takes any number of requests. ``state``
    is a JSON file from which the accounts are restored and to which each change is saved.
    ``clock`` is that of the wall, for the limits of requests. Raises `ConfigError` for two
    accounts of one id, and for a file that cannot be read.
    """

    def __init__(
        self,
        world: World,
        accounts: Sequence[AccountConfig],
        faults: Optional[Faults] = None,
        *,
        before_ack: float = 0.8,
        throttled: bool = True,
        state: Optional[str] = None,
        clock: Optional[Clock] = None,
    ) -> None:
        self.world = world
        self.clock: Clock = clock if clock is not None else wall_clock()
        self.faults = faults if faults is not None else Faults(FAULTS, clock=self.clock)
        self.throttles = Throttles(self.clock, throttled)
        self.before_ack = before_ack
        self.accounts: Dict[int, TradingAccount] = {}
        #: Firms whose real accounts may trade now; for the whole of OpenD, as Futu has it.
        self.unlocked: Set[str] = set()
        self._sessions: Dict[Session, Set[int]] = {}
        self._pushes: Deque[Tuple[int, int, Any]] = collections.deque()
        self._sending = threading.Lock()
        self._holding = threading.local()
        for config in accounts:
            if config.acc_id in self.accounts:
                raise ConfigError.of("acc_id", config.acc_id, "each id once")
            account = TradingAccount(config, world)
            account.tell_order, account.tell_fill = self._tell_order, self._tell_fill
            account.settled = self._settle
            self.accounts[config.acc_id] = account
        self._state = None if state is None else StateFile(state, self.accounts)
        if self._state is not None:
            self._state.restore()
        self._queries = Queries(self)
        world.listen(self)

    def attach(self, opend: OpenD) -> None:
        """Belong to an OpenD. Pushes go to the sessions that ask for them, so none is needed."""

    def routes(self) -> Mapping[int, Route]:
        """Return who answers which protocol."""
        answers: Dict[str, Callable[[Session, Any, Any], None]] = {
            "Trd_GetAccList": self._get_acc_list,
            "Trd_UnlockTrade": self._unlock_trade,
            "Trd_SubAccPush": self._sub_acc_push,
            "Trd_PlaceOrder": self._place_order,
            "Trd_ModifyOrder": self._modify_order,
            **self._queries.answers(),
        }
        found = {}
        for name, answer in answers.items():
            module = sdk.pb(name)
            found[sdk.proto_id(name)] = Route(module.Request, module.Response, answer)
        return found

    def session_closed(self, session: Session) -> None:
        """Push no more to a session."""
        self._sessions.pop(session, None)

    # The world, on its thread

    def on_tick(self, tick: Tick, number: int) -> None:
        for account in self.accounts.values():
            account.on_tick(tick)

    def on_quote(self, quote: Quote) -> None:
        for account in self.accounts.values():
            account.on_quote(quote)

    # Who it is about

    def account_of(self, header: Any) -> TradingAccount:
        """Return the account that a request is about. Raises `Refused`."""
        account = self.accounts.get(header.accID)
        if account is None:
            raise Refused(f"accID {header.accID}: nonexisting account")
        if bool(header.trdEnv) == account.config.simulated:
            raise Refused(f"trdEnv {header.trdEnv}: not the environment of account {header.accID}")
        if header.trdMarket not in account.markets:
            text = f"trdMarket {header.trdMarket}: account {header.accID} has no authority there"
            raise Refused(text)
        return account

    def throttle(self, name: str, key: Any) -> None:
        """Count a request. Raises `Refused` when it comes too soon."""
        text = self.throttles.take(name, key)
        if text is not None:
            raise Refused(text)

    def is_locked(self, account: TradingAccount) -> bool:
        """Return whether a real account must be unlocked first."""
        config = account.config
        return config.password is not None and config.firm not in self.unlocked

    # Accounts

    def _get_acc_list(self, session: Session, c2s: Any, s2c: Any) -> None:
        for account in self.accounts.values():
            config = account.config
            future = bool(account.markets & FUTURES_MARKETS)
            securities = bool(account.markets - FUTURES_MARKETS)
            if c2s.trdCategory == _SECURITIES:
                # Only those who know of universal accounts are told of them.
                if not securities or (config.universal and not c2s.needGeneralSecAccount):
                    continue
            elif c2s.trdCategory == _FUTURES and not future:
                continue
            message = s2c.accList.add()
            message.trdEnv = 0 if config.simulated else 1
            message.accID = config.acc_id
            message.trdMarketAuthList.extend(TrdMarket[name] for name in config.markets)
            message.accType = 2 if config.margin else 1
            message.accStatus = 1 if config.disabled else 0
            if config.simulated:
                message.simAccType = SIM_TYPES[config.sim_acc_type]
            else:
                message.securityFirm = FIRMS[config.firm]
                message.cardNum = f"{config.acc_id:016d}"
                message.accRole = 1
                if config.universal:
                    message.uniCardNum = f"{config.acc_id:016d}"

    def _unlock_trade(self, session: Session, c2s: Any, s2c: Any) -> None:
        firms = {
            one.config.firm
            for one in self.accounts.values()
            if not one.config.simulated and c2s.securityFirm in (0, FIRMS[one.config.firm])
        }
        if not firms:
            raise Refused(f"securityFirm {c2s.securityFirm}: no real account with this firm")
        if not c2s.unlock:
            self.unlocked -= firms
            return
        self.throttle("UnlockTrade", "user")
        fault = self.faults.take("unlock_fails")
        if fault is not None:
            raise Refused(fault.text or "unlock trade failed: the server is busy")
        passwords = {
            _md5(one.config.password)
            for one in self.accounts.values()
            if one.config.firm in firms and one.config.password is not None
        }
        if passwords and c2s.pwdMD5.lower() not in passwords:
            raise Refused("unlock trade failed: the trade password is wrong")
        self.unlocked |= firms

    def _sub_acc_push(self, session: Session, c2s: Any, s2c: Any) -> None:
        wanted = set(c2s.accIDList)
        unknown = sorted(wanted - set(self.accounts))
        if unknown:
            raise Refused(f"accID {unknown[0]}: nonexisting account")
        self._sessions[session] = wanted

    # Orders

    def _place_order(self, session: Session, c2s: Any, s2c: Any) -> None:
        account = self._may_trade(c2s.header)
        acc_id = account.config.acc_id
        self.throttle("PlaceOrder", acc_id)
        symbol = symbol_of(c2s.code, c2s.secMarket, c2s.header.trdMarket)
        if symbol is None or symbol not in self.world.instruments:
            raise Refused(f"unknown stock {symbol or c2s.code}")
        if account.market_of(symbol) != c2s.header.trdMarket:
            raise Refused(f"trdMarket {c2s.header.trdMarket} is not the market of {symbol}")
        ticket = _ticket_of(symbol, c2s)
        lag = self.faults.take("order_list_lag", acc_id=acc_id)
        early = self.clock.random.random() < self.before_ack
        if self.faults.take("push_before_ack", acc_id=acc_id):
            early = True
        self._holding.on = not early
        try:
            with account.guard():
                order = account.place(ticket)
                if lag is not None:
                    self._queries.hide(order.key, lag.seconds)
        finally:
            self._holding.on = False
        s2c.header.CopyFrom(c2s.header)
        s2c.orderID, s2c.orderIDEx = order.order_id, order.key
        if not early:
            session.after_answer(self._flush)

    def _modify_order(self, session: Session, c2s: Any, s2c: Any) -> None:
        account = self._may_trade(c2s.header)
        self.throttle("ModifyOrder", account.config.acc_id)
        s2c.header.CopyFrom(c2s.header)
        if c2s.forAll:
            self._for_all(account, c2s)
            s2c.orderID = 0
            return
        order = account.found(c2s.orderIDEx or _key_of(account, c2s.orderID))
        check_op(c2s.modifyOrderOp, account.config_of(order.symbol), account.config.simulated)
        if c2s.modifyOrderOp == Op.NORMAL:
            trigger = {
                name: getattr(c2s, field) if c2s.HasField(field) else None
                for name, field in _TRIGGERS
            }
            account.modify(
                order.key,
                c2s.qty if c2s.HasField("qty") else None,
                c2s.price if c2s.HasField("price") else None,
                _adjust_of(c2s),
                **trigger,
            )
        else:
            account.apply(order.key, c2s.modifyOrderOp)
        s2c.orderID, s2c.orderIDEx = order.order_id, order.key

    def _for_all(self, account: TradingAccount, c2s: Any) -> None:
        """Cancel all orders of an account, or of one of its markets."""
        if c2s.modifyOrderOp != Op.CANCEL:
            raise Refused(f"modifyOrderOp {c2s.modifyOrderOp}: only cancel (2) can be for all")
        if account.config.simulated:
            raise Refused("paper trading does not support cancelling all orders")
        market = c2s.trdMarket
        if market == TrdMarket.HKCC:
            raise Refused("cancelling all orders is not supported for China Connect")
        if market and market not in account.markets:
            raise Refused(f"trdMarket {market}: the account has no authority there")
        with account.guard():
            for order in account.active():
                wanted = market in (0, order.trd_market) and order.trd_market != TrdMarket.HKCC
                if wanted and order.active:
                    account.cancel(order.key)

    def _may_trade(self, header: Any) -> TradingAccount:
        account = self.account_of(header)
        if account.config.disabled:
            raise Refused(f"account {account.config.acc_id} is disabled")
        if self.is_locked(account):
            raise Refused(f"account {account.config.acc_id} is locked: please unlock trade first")
        return account

    # Pushes. They wait in one line, so that nobody sends while an account is locked.

    def _tell_order(self, account: Any, order: FutuOrder) -> None:
        no_numbers = self.faults.is_on("na_numbers", symbol=order.symbol)
        response = sdk.pb("Trd_UpdateOrder").Response(retType=0)
        _write_header(response.s2c.header, account, order.trd_market)
        write_order(response.s2c.order, order, no_numbers)
        self._pushes.append((account.config.acc_id, _UPDATE_ORDER, response))

    def _tell_fill(self, account: Any, fill: FutuFill) -> None:
        if account.config.simulated:
            return
        response = sdk.pb("Trd_UpdateOrderFill").Response(retType=0)
        _write_header(response.s2c.header, account, fill.trd_market)
        write_fill(response.s2c.orderFill, fill)
        self._pushes.append((account.config.acc_id, _UPDATE_FILL, response))

    def _settle(self) -> None:
        if self._state is not None:
            self._state.save()
        if not getattr(self._holding, "on", False):
            self._flush()

    def _flush(self) -> None:
        """Send what waits, in order, unless another thread is at it."""
        while self._pushes and self._sending.acquire(blocking=False):
            try:
                while self._pushes:
                    acc_id, proto_id, response = self._pushes.popleft()
                    for session, wanted in list(self._sessions.items()):
                        if acc_id in wanted:
                            session.push(proto_id, response)
            finally:
                self._sending.release()


_TRIGGERS = (
    ("aux_price", "auxPrice"),
    ("trail_type", "trailType"),
    ("trail_value", "trailValue"),
    ("trail_spread", "trailSpread"),
)


def _ticket_of(symbol: str, c2s: Any) -> Ticket:
    """Return what a request to place an order asks for."""
    terms = {
        name: getattr(c2s, field) if c2s.HasField(field) else None for name, field in _TRIGGERS
    }
    return Ticket(
        symbol,
        c2s.trdSide,
        c2s.qty,
        c2s.price,
        c2s.orderType,
        c2s.timeInForce if c2s.HasField("timeInForce") else Tif.DAY,
        c2s.remark if c2s.HasField("remark") else None,
        c2s.fillOutsideRTH,
        c2s.session if c2s.HasField("session") else OrderSession.NONE,
        expire_time=c2s.expireTime,
        adjust=_adjust_of(c2s),
        **terms,
    )


def _adjust_of(c2s: Any) -> Optional[float]:
    return c2s.adjustSideAndLimit if c2s.adjustPrice else None


def _key_of(account: TradingAccount, order_id: int) -> str:
    for order in account.orders.values():
        if order.order_id == order_id:
            return order.key
    return str(order_id)


def _write_header(header: Any, account: TradingAccount, market: int) -> None:
    header.trdEnv = 0 if account.config.simulated else 1
    header.accID = account.config.acc_id
    header.trdMarket = market


def _md5(password: str) -> str:
    return hashlib.md5(password.encode("utf-8")).hexdigest()  # noqa: S324 - Futu's protocol
