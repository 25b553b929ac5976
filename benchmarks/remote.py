"""A venue in a process of its own, which does what a benchmark tells it."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
from multiprocessing.connection import Client, Connection, Listener
from typing import Any, Callable, Iterator, Tuple

__all__ = ["Remote", "Where", "running_venue"]

#: Where the process listens, and the key that opens it.
Where = Tuple[Tuple[str, int], bytes]
LIMIT = 600.0


class Remote:
    """The process, as a benchmark asks it. Used by one thread at a time."""

    def __init__(self, address: Tuple[str, int], key: bytes) -> None:
        self._client = Client(address, authkey=key)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def ask(self, name: str, *args: Any) -> Any:
        """Return what the method of this name returns. Raises `RuntimeError`."""
        self._client.send((name, args))
        if not self._client.poll(LIMIT):
            raise RuntimeError(f"{name}: no answer in {LIMIT:g} s")
        result, error = self._client.recv()
        if error is not None:
            raise RuntimeError(f"{name}: {error}")
        return result

    def end(self) -> None:
        """End the process."""
        self._client.send(("quit", ()))


def _serve(pipe: Connection, key: bytes, make: Callable[[], Any]) -> None:
    venue = make()
    with Listener(("127.0.0.1", 0), authkey=key) as listener:
        pipe.send(listener.address)
        while True:
            with listener.accept() as client:
                while True:
                    try:
                        name, args = client.recv()
                    except EOFError:
                        break
                    if name == "quit":
                        venue.stop()
                        return
                    try:
                        client.send((getattr(venue, name)(*args), None))
                    except Exception as error:
                        client.send((None, repr(error)))


@contextlib.contextmanager
def running_venue(make: Callable[[], Any], what: str) -> Iterator[Where]:
    """Start a process with what ``make`` returns, which has `stop`; yield what `Remote` takes."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    key = random.SystemRandom().getrandbits(128).to_bytes(16, "big")
    process = context.Process(target=_serve, args=(its, key, make), daemon=True)
    process.start()
    try:
        if not ours.poll(LIMIT):
            raise RuntimeError(f"{what} does not start")
        address = ours.recv()
        yield address, key
        with Remote(address, key) as remote:
            remote.end()
        process.join(10)
    finally:
        if process.is_alive():
            process.kill()
