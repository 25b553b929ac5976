"""The control port: whoever tests tells OpenD what is to happen, a JSON object a line.

A line such as ``{"do": "fault", "name": "reset"}`` is answered by one with "ok", and what was
asked for or an "error". It listens on this machine only.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from btstores.clock import NS_PER_SECOND
from btstores.config import Param, check_params
from btstores.errors import ConfigError
from btstores.reports import Quote, Side, Tick
from btstores.stores.futu.opend.faults import FAULTS
from btstores.stores.futu.opend.listener import Listener
from btstores.stores.futu.opend.session import Refused

if TYPE_CHECKING:
    from btstores.stores.futu.opend.accounts import TradingAccount
    from btstores.stores.futu.opend.server import OpenD

__all__ = ["Control"]

log = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_NEEDED = object()
_SYMBOL = Param("symbol", _NEEDED, (str,))
_ACCOUNT = Param("acc_id", _NEEDED, (int,))
_ORDER = Param("order", _NEEDED, (int, str))


def _number(name: str, default: Any = None) -> Param:
    return Param(name, default, (float,))


class _Command(NamedTuple):
    doc: str
    options: Tuple[Param, ...] = ()
    #: Whether it takes options of its own kind, which are checked elsewhere.
    is_free: bool = False


_COMMANDS: Dict[str, _Command] = {
    "help": _Command("all commands and faults"),
    "state": _Command("time, connections, faults, symbols and accounts"),
    "fault": _Command("switch a fault on: name, times, lasts and its own options", (), True),
    "clear": _Command("end the faults of a name, or all", (Param("name", None, (str,)),)),
    "price": _Command(
        "let a trade happen now; side buy or sell",
        (_SYMBOL, _number("price", _NEEDED), _number("size", 1.0), Param("side", None, (str,))),
    ),
    "quote": _Command(
        "set the best bid and ask",
        (_SYMBOL, _number("bid"), _number("ask"), _number("bid_size"), _number("ask_size")),
    ),
    "halt": _Command("suspend a symbol", (_SYMBOL,)),
    "resume": _Command("end its suspension", (_SYMBOL,)),
    "order": _Command(
        "an order that somebody places by hand, at market without a price",
        (
            _ACCOUNT,
            _SYMBOL,
            Param("side", _NEEDED, (str,)),
            _number("size", _NEEDED),
            _number("price"),
        ),
    ),
    "cancel": _Command("cancel an order by hand, by its id", (_ACCOUNT, _ORDER)),
    "cancel_fill": _Command(
        "take a fill back, by its id", (_ACCOUNT, Param("fill", _NEEDED, (int, str)))
    ),
    "reject_next": _Command(
        "let the next order fail after it was taken",
        (_ACCOUNT, Param("reason", "rejected by the exchange", (str,))),
    ),
    "deposit": _Command(
        "pay in, or out with a negative amount",
        (_ACCOUNT, _number("amount", _NEEDED), Param("currency", None, (str,))),
    ),
    "notify": _Command("send a notice in the names of Notify.proto: kind and its fields", (), True),
    "quit": _Command(
        "end; at_close: when this connection ends", (Param("at_close", False, (bool,)),)
    ),
}


class Control:
    """The control port of an OpenD. ``quit`` is called when somebody asks for the end."""

    def __init__(
        self, opend: OpenD, port: int = 0, quit: Callable[[], None] = lambda: None
    ) -> None:
        self.opend = opend
        self.port = port
        self._quit = quit
        self._leaving = False
        self._listener: Optional[Listener] = None
        self._lock = threading.Lock()
        self._clients: List[Tuple[socket.socket, threading.Thread]] = []
        self._does: Dict[str, Callable[[Mapping[str, Any]], Any]] = {
            name: getattr(self, f"_do_{name}") for name in _COMMANDS
        }

    def start(self) -> None:
        """Listen. Raises `ConfigError` if the port is taken."""
        try:
            listener = Listener(_HOST, self.port, self._welcome)
        except OSError as error:
            expected = f"a free port ({error.strerror})"
            raise ConfigError.of("control_port", self.port, expected) from None
        self.port = listener.port
        self._listener = listener
        listener.start()

    def stop(self) -> None:
        """Close the port and all connections to it."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()
        with self._lock:
            clients, self._clients = self._clients, []
        for sock, thread in clients:
            _shut(sock)
            if thread is not threading.current_thread():
                thread.join(1.0)

    def answer(self, line: str) -> Dict[str, Any]:
        """Carry out a line and return the answer."""
        try:
            asked = json.loads(line)
            if not isinstance(asked, dict):
                raise ConfigError('expected an object such as {"do": "help"}')
            name = asked.pop("do", None)
            command = _COMMANDS.get(name) if isinstance(name, str) else None
            if command is None:
                raise ConfigError.of("do", name, "one of " + ", ".join(_COMMANDS))
            if not command.is_free:
                asked = _checked(name, command, asked)
            return {"ok": True, **(self._does[name](asked) or {})}
        except Refused as refused:
            return {"ok": False, "error": refused.text}
        except (ValueError, TypeError) as error:
            # JSON that is none, and all of our own errors of use.
            return {"ok": False, "error": str(error)}
        except Exception as error:
            log.exception("control.failed %s", line)
            return {"ok": False, "error": repr(error)}

    # Commands

    def _do_help(self, asked: Mapping[str, Any]) -> Dict[str, Any]:
        return {
            "commands": {
                name: {"doc": one.doc, "options": [option.name for option in one.options]}
                for name, one in _COMMANDS.items()
            },
            "faults": {
                name: {
                    "when": kind.when,
                    "doc": kind.doc,
                    "options": {option.name: option.default for option in kind.options},
                }
                for name, kind in FAULTS.items()
            },
        }

    def _do_state(self, asked: Mapping[str, Any]) -> Dict[str, Any]:
        opend, world = self.opend, self.opend.world
        return {
            "time": world.now_ns() / NS_PER_SECOND,
            "port": opend.port,
            "logged_in": opend.system.logged_in,
            "sessions": [
                {"conn_id": one.conn_id, "peer": one.peer, "client": one.client_id}
                for one in opend.sessions
            ],
            "faults": opend.faults.current(),
            "symbols": {symbol: self._symbol(symbol) for symbol in world.instruments},
            "accounts": {number: _account(one) for number, one in opend.accounts.items()},
        }

    def _symbol(self, symbol: str) -> Dict[str, Any]:
        world = self.opend.world
        quote = world.quote(symbol)
        return {
            "last": world.last_price(symbol),
            "bid": quote.bid if quote is not None else None,
            "ask": quote.ask if quote is not None else None,
            "open": world.is_open(symbol),
            "halted": world.boards[symbol].halted,
        }

    def _do_fault(self, asked: Mapping[str, Any]) -> Dict[str, Any]:
        options = {name: value for name, value in asked.items() if name != "name"}
        return {"fault": self.opend.faults.on(str(asked.get("name")), **options).as_dict()}

    def _do_clear(self, asked: Mapping[str, Any]) -> Dict[str, Any]:
        return {"cleared": self.opend.faults.clear(asked["name"])}

    def _do_price(self, asked: Mapping[str, Any]) -> None:
        side = Side(asked["side"].lower()) if asked["side"] else None
        if not asked["price"] > 0 or not asked["size"] > 0:
            raise ConfigError("price and size: expected numbers above zero")
        self._inject(Tick(asked["symbol"], 0, asked["price"], asked["size"], side))

    def _do_quote(self, asked: Mapping[str, Any]) -> None:
        self._inject(Quote(time_ns=0, **asked))

    def _inject(self, event: Any) -> None:
        self._known(event.symbol)
        self.opend.world.inject(event._replace(time_ns=self.opend.world.now_ns()))

    def _do_halt(self, asked: Mapping[str, Any]) -> None:
        self._halt(asked["symbol"], True)

    def _do_resume(self, asked: Mapping[str, Any]) -> None:
        self._halt(asked["symbol"], False)

    def _halt(self, symbol: str, halted: bool) -> None:
        self.opend.world.halt(self._known(symbol), halted)
        for account in self.opend.accounts.values():
            try:
                account.halt(symbol, halted)
            except Refused:
                pass  # it does not trade there anyway

    def _do_order(self, asked: Mapping[str, Any]) -> Dict[str, Any]:
        account = self._account(asked["acc_id"])
        side, size, price = asked["side"], asked["size"], asked["price"]
        return {"order": account.place_by_hand(asked["symbol"], side, size, price)}

    def _do_cancel(self, asked: Mapping[str, Any]) -> Dict[str, Any]:
        return {"order": self._account(asked["acc_id"]).cancel_by_hand(asked["order"])}

    def _do_cancel_fill(self, asked: Mapping[str, Any]) -> Dict[str, Any]:
        return {"fill": self._account(asked["acc_id"]).cancel_fill(asked["fill"])}

    def _do_reject_next(self, asked: Mapping[str, Any]) -> None:
        self._account(asked["acc_id"]).reject_next(asked["reason"])

    def _do_deposit(self, asked: Mapping[str, Any]) -> None:
        self._account(asked["acc_id"]).deposit(asked["amount"], asked["currency"])

    def _do_notify(self, asked: Mapping[str, Any]) -> None:
        fields = {name: value for name, value in asked.items() if name != "kind"}
        self.opend.notify(str(asked.get("kind")), **fields)

    def _do_quit(self, asked: Mapping[str, Any]) -> Dict[str, Any]:
        # What is said of one connection only is remembered where its lines are read.
        self._leaving = self._leaving or not asked["at_close"]
        return {"at_close": True} if asked["at_close"] else {}

    def _known(self, symbol: str) -> str:
        known = self.opend.world.instruments
        if symbol not in known:
            raise ConfigError.of("symbol", symbol, "one of " + ", ".join(known))
        return symbol

    def _account(self, number: int) -> TradingAccount:
        accounts = self.opend.accounts
        if number not in accounts:
            raise ConfigError.of("acc_id", number, "one of " + ", ".join(map(str, accounts)))
        return accounts[number]

    # Connections

    def _welcome(self, sock: socket.socket, peer: str) -> None:
        thread = threading.Thread(
            target=self._serve, args=(sock,), name=f"opend-control-{peer}", daemon=True
        )
        with self._lock:
            self._clients = [one for one in self._clients if one[1].is_alive()]
            # Alive before it is listed, so that it is not taken for one that has ended.
            thread.start()
            self._clients.append((sock, thread))

    def _serve(self, sock: socket.socket) -> None:
        at_close = False
        try:
            with sock, sock.makefile("rw", encoding="utf-8", newline="\n") as file:
                for line in file:
                    if line.strip():
                        answer = self.answer(line)
                        file.write(json.dumps(answer, default=str) + "\n")
                        file.flush()
                        at_close = at_close or bool(answer.get("at_close"))
                        if self._leaving:
                            self._quit()
        except (OSError, UnicodeDecodeError) as error:
            log.debug("control.closed: %s", error)
        # Whoever asked for it may have been killed. When we stop ourselves there is no need.
        if at_close and self._listener is not None:
            self._quit()


def _checked(name: str, command: _Command, asked: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the options of a command. Raises `ConfigError`."""
    values = dict(check_params(name, command.options, asked))
    missing = [option for option, value in values.items() if value is _NEEDED]
    if missing:
        raise ConfigError(f"{name} lacks {', '.join(missing)}", missing[0])
    return values


def _account(account: TradingAccount) -> Dict[str, Any]:
    return {
        "trd_env": account.config.trd_env,
        "markets": list(account.config.markets),
        "funds": account.funds(),
        "positions": account.positions(),
        "orders": account.order_list(),
        "fills": account.fill_list(),
    }


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has gone by itself
