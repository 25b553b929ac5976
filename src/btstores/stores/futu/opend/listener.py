"""A port that accepts connections, and can be closed at any moment."""

from __future__ import annotations

import logging
import select
import socket
import sys
import threading
from typing import Callable

__all__ = ["Listener"]

log = logging.getLogger(__name__)

_BACKLOG = 128


class Listener:
    """Accepts connections on a thread of its own, and hands them to ``welcome``.

    ``port`` 0 takes a free one. Raises `OSError` if the port is taken.
    """

    def __init__(self, host: str, port: int, welcome: Callable[[socket.socket, str], None]) -> None:
        self._welcome = welcome
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if sys.platform != "win32":
                # There it would let two of us have the same port.
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._sock.bind((host, port))
            self._sock.listen(_BACKLOG)
        except OSError:
            self._sock.close()
            raise
        self.port: int = self._sock.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="opend-accept", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def stop(self) -> None:
        """Free the port; wait for the thread unless it is the caller's."""
        self._wake.send(b"x")
        if threading.current_thread() is not self._thread:
            self._thread.join(2.0)

    def _run(self) -> None:
        try:
            while True:
                ready, _, _ = select.select([self._sock, self._woken], [], [])
                if self._woken in ready:
                    return
                self._accept()
        finally:
            for sock in (self._sock, self._wake, self._woken):
                sock.close()

    def _accept(self) -> None:
        try:
            sock, address = self._sock.accept()
        except OSError as error:
            log.warning("opend.accept_failed: %s", error)
            return
        self._welcome(sock, f"{address[0]}:{address[1]}")
