"""Connections to OpenD by the genuine client, without its own reconnecting.

The client's reconnect can leave a connection dead for ever, waits with calls until it is back
and then sends them. So a connection is used until it breaks and never again: whoever uses it
hears of the break at once and makes a new one.
"""

from __future__ import annotations

import functools
import logging
import socket
from typing import Any, Callable, Optional

from btstores.errors import LinkError, OutcomeUnknown, VenueRefused
from btstores.stores.futu import sdk

__all__ = ["Connection", "Heard", "Lost", "is_reachable", "open_quotes", "open_trading"]

log = logging.getLogger(__name__)

#: Called on the client's network thread with the protocol's number and the message.
Heard = Callable[[int, Any], None]
#: Called once with the reason when the connection is gone.
Lost = Callable[[str], None]

#: What the client says of a request that did not leave.
_NOT_SENT = ("Context status bad", "Connection lost", "Not connected")
#: Seconds that OpenD may take for an answer; the client itself waits no longer.
_LONGEST_ANSWER = 12.0


def is_reachable(host: str, port: int, timeout: float) -> str:
    """Return why nobody listens there, or an empty string."""
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


class NotSent(VenueRefused):
    """There was no connection: the request had no effect, and may have one later."""


class Connection:
    """One connection of the client, of quotes or of an account. Any thread may ask."""

    def __init__(self, context: Any) -> None:
        self._context = context

    @property
    def ready(self) -> bool:
        """Return whether requests can be sent."""
        return bool(self._context.status == sdk.context_status().READY)

    @property
    def user_id(self) -> int:
        """Return the number of the user that OpenD is logged in with."""
        return int(self._context.get_login_user_id())

    def ask(self, name: str, fill: Optional[Callable[[Any], None]] = None) -> Any:
        """Send a request, such as 'Trd_GetFunds', and return the s2c part of the answer.

        ``fill`` fills in the c2s part. Raises `VenueRefused` when OpenD refuses or the request
        did not leave, and `OutcomeUnknown` when nobody has answered.
        """
        module = sdk.pb(name)
        request = module.Request()
        serial = sdk.utils().get_unique_id32()
        context_id = self._context.get_sync_conn_id()
        c2s = request.c2s
        if name in _GUARDED:
            c2s.packetID.connID, c2s.packetID.serialNo = context_id, serial
        if fill is not None:
            fill(c2s)
        c2s.SetInParent()
        number = sdk.proto_id(name)

        def pack() -> Any:
            return sdk.utils().pack_pb_req(request, number, context_id, serial)

        failed, text, response = self._context._query_sync(pack, _as_it_is)
        if failed:
            if text in _NOT_SENT:
                raise NotSent(f"OpenD is not connected: {name} was not sent")
            raise OutcomeUnknown(f"OpenD has not answered {name}: {text}")
        if response.retType != 0:
            code = str(response.errCode) if response.errCode else None
            raise VenueRefused(response.retMsg or f"{name} failed", code)
        return response.s2c

    def close(self) -> None:
        """Log out; safe to call on what is gone already."""
        try:
            self._context.close()
        except Exception as error:
            log.warning("futu.close_failed error=%s", error)


#: Requests that OpenD takes once only.
_GUARDED = frozenset({"Trd_PlaceOrder", "Trd_ModifyOrder"})


def _as_it_is(response: Any) -> Any:
    return 0, "", response


def open_quotes(
    host: str, port: int, encrypted: Optional[bool], heard: Heard, lost: Lost
) -> Connection:
    """Connect for market data. Blocks up to forty seconds; raises `LinkError`."""
    kind = _quiet(sdk.futu().OpenQuoteContext)
    return _connected(kind, heard, lost, host=host, port=port, is_encrypt=encrypted)


def open_trading(
    host: str,
    port: int,
    encrypted: Optional[bool],
    heard: Heard,
    lost: Lost,
    futures: bool,
    firm: Optional[str],
) -> Connection:
    """Connect for trading. Blocks up to forty seconds; raises `LinkError`."""
    package = sdk.futu()
    if firm is not None:
        sdk.firm_number(firm)
    options = {"host": host, "port": port, "is_encrypt": encrypted}
    options["security_firm"] = firm or package.SecurityFirm.NONE
    if futures:
        return _connected(_quiet(package.OpenFutureTradeContext), heard, lost, **options)
    options["filter_trdmarket"] = package.TrdMarket.NONE
    return _connected(_quiet(package.OpenSecTradeContext), heard, lost, **options)


def _connected(kind: Any, heard: Heard, lost: Lost, **options: Any) -> Connection:
    context = kind.__new__(kind)
    context.heard, context.lost, context.refusal = heard, lost, ""
    context.__init__(**options)
    connection = Connection(context)
    if not connection.ready:
        connection.close()
        where = f"{options['host']}:{options['port']}"
        raise LinkError(f"OpenD at {where} does not let us in: {context.refusal or 'no answer'}")
    return connection


@functools.lru_cache(maxsize=None)
def _quiet(base: Any) -> Any:
    """Return a kind of context that never reconnects and hands out messages as they are.

    The client would put each message into a queue for a thread of its own, and turn it into a
    table that drops the times of bars and trades.
    """

    class Quiet(base):
        heard: Heard
        lost: Lost
        refusal: str

        @property
        def _auto_reconnect(self) -> bool:
            return False

        @_auto_reconnect.setter
        def _auto_reconnect(self, value: bool) -> None:
            return

        def _send_init_connect_sync(self) -> Any:
            self._query_timeout = _LONGEST_ANSWER
            failed, text = super()._send_init_connect_sync()
            self.refusal = str(text) if failed else ""
            return failed, text

        def handle_push(
            self, conn_id: int, proto_id: int, serial_no: int, rsp_pb: Any, err: Any, msg: str
        ) -> None:
            if rsp_pb is None or rsp_pb.retType != 0:
                log.warning("futu.push_broken proto=%s error=%s", proto_id, msg)
                return
            try:
                self.heard(proto_id, rsp_pb.s2c)
            except Exception:
                log.exception("futu.push_failed proto=%s", proto_id)

        def on_disconnect(self, conn_id: int, reason: Any, msg: str) -> None:
            super().on_disconnect(conn_id, reason, msg)
            self.lost(f"{getattr(reason, 'name', reason)} {msg}".strip())

    return Quiet
