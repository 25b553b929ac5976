"""OANDA's v20 interface by way of oandapyV20: one session of requests, and its errors as ours."""

from __future__ import annotations

import functools
import importlib
import json
import logging
import warnings
from typing import Any, Generator, Mapping, Optional

from btstores.errors import LinkError, MissingExtraError, OutcomeUnknown, VenueRefused

__all__ = ["UNAUTHORIZED", "Client", "Place", "endpoint", "library"]

log = logging.getLogger(__name__)

#: Where practice and real accounts are (OANDA's development guide, "Environments").
PRACTICE = ("https://api-fxpractice.oanda.com", "https://stream-fxpractice.oanda.com")
LIVE = ("https://api-fxtrade.oanda.com", "https://stream-fxtrade.oanda.com")

#: The code of a refusal for the sake of the token, whatever else OANDA calls it.
UNAUTHORIZED = "HTTP_401"


@functools.lru_cache(maxsize=None)
def library(name: str = "oandapyV20") -> Any:
    """Return a module of oandapyV20. Raises `MissingExtraError`."""
    try:
        # What it logs as errors are refusals, which we tell as what they are.
        logging.getLogger("oandapyV20").setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            # Its source has escapes that newer Pythons warn of.
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "oanda") from error


def endpoint(group: str, name: str, *args: Any, **kwargs: Any) -> Any:
    """Return a request of oandapyV20, such as ``endpoint("orders", "OrderCreate", account)``."""
    return getattr(library(f"oandapyV20.endpoints.{group}"), name)(*args, **kwargs)


class Place:
    """Where OANDA is, and the token that opens it. Shows neither token nor account."""

    def __init__(self, api: str, stream: str, token: str, timeout: float) -> None:
        self.api, self.stream = api, stream
        self._token = token
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"Place({self.api!r})"

    def session(self, timeout: Optional[float]) -> Any:
        """Return a new session; ``timeout`` is that of each read, in seconds.

        Raises `MissingExtraError`.
        """
        name = f"btstores {self.api} {self.stream}"
        environments = library("oandapyV20.oandapyV20").TRADING_ENVIRONMENTS
        environments[name] = {"api": self.api, "stream": self.stream}
        return library().API(
            access_token=self._token,
            environment=name,
            headers={"Accept-Datetime-Format": "UNIX"},
            request_params={"timeout": timeout or self._timeout},
        )


class Client:
    """One session; for one thread at a time.

    A read ends after ``timeout`` seconds, or after the place's. For a stream that is how long it
    may be without a heartbeat.
    """

    def __init__(self, place: Place, timeout: Optional[float] = None) -> None:
        self._place, self._timeout = place, timeout
        self._made: Any = None

    @property
    def _session(self) -> Any:
        # Made when it is needed: a store is made, and examined, without the library too.
        if self._made is None:
            self._made = self._place.session(self._timeout)
        return self._made

    def get(self, request: Any) -> Mapping[str, Any]:
        """Return the answer to a question.

        Raises `VenueRefused` with OANDA's code, or `LinkError` when there is no answer.
        """
        try:
            return self._call(request)
        except OutcomeUnknown as error:
            raise LinkError(str(error)) from error

    def act(self, request: Any) -> Mapping[str, Any]:
        """Return the answer to a request that changes something.

        Raises `VenueRefused` when it had no effect, and `OutcomeUnknown` when nobody knows.
        """
        return self._call(request)

    def close(self) -> None:
        """Free the connections; the next request makes new ones."""
        if self._made is not None:
            self._made.client.close()

    def _call(self, request: Any) -> Mapping[str, Any]:
        try:
            answer = self._session.request(request)
        except library("oandapyV20.exceptions").V20Error as error:
            raise _refusal(error) from error
        except (library("requests").RequestException, OSError, ValueError) as error:
            raise OutcomeUnknown(f"OANDA does not answer: {_words(error)}") from error
        if not isinstance(answer, dict):
            raise OutcomeUnknown("OANDA has answered something that is no object")
        return answer

    def lines(self, request: Any) -> Generator[Mapping[str, Any], None, None]:
        """Yield the lines of a stream. Raises `LinkError` at its end, and `VenueRefused`."""
        try:
            for line in self._session.request(request):
                if isinstance(line, dict):
                    yield line
        except library("oandapyV20.exceptions").V20Error as error:
            raise _refusal(error) from error
        except Exception as error:
            raise LinkError(f"a stream of OANDA has ended: {_words(error)}") from error
        finally:
            self.close()
        raise LinkError("a stream of OANDA has ended")


def _refusal(error: Any) -> Exception:
    """Return what OANDA's refusal is for us: nothing was done, unless its server has failed."""
    try:
        told = json.loads(error.msg)
    except (TypeError, ValueError):
        told = {}
    told = told if isinstance(told, dict) else {}
    text = str(told.get("errorMessage") or f"status {error.code}")
    named = None if error.code == 401 else told.get("errorCode")
    if error.code >= 500:
        return OutcomeUnknown(f"OANDA has failed: status {error.code}, {text}")
    return VenueRefused(text, str(named or f"HTTP_{error.code}"))


def _words(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
