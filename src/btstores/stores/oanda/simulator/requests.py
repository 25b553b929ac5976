"""One request to the simulated OANDA, and what is read from it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple
from urllib.parse import parse_qs, urlsplit

from btstores.stores.oanda.simulator.orders import BadRequest
from btstores.stores.oanda.simulator.text import parse_time

__all__ = ["ACCOUNT", "Answer", "Failure", "Handler", "Request", "Route"]

#: How the path of an account begins.
ACCOUNT = r"/accounts/(?P<account>[^/]+)"


@dataclasses.dataclass
class Answer:
    """A status and a body."""

    status: int
    body: Dict[str, Any]


class Failure(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, code: str = "", **more: Any) -> None:
        super().__init__(message)
        body = {"errorMessage": message, **more}
        if code:
            body["errorCode"] = code
        self.answer = Answer(status, body)


class Request:
    """Method, path, query and body; ``unix`` is how it wants times written."""

    def __init__(
        self, method: str, target: str, headers: Mapping[str, Any], body: bytes, number: str
    ) -> None:
        parts = urlsplit(target)
        self.method = method
        self.path = parts.path.rstrip("/")
        self.query: Dict[str, str] = {
            name: values[-1] for name, values in parse_qs(parts.query).items()
        }
        self.unix = str(headers.get("Accept-Datetime-Format", "")).upper() == "UNIX"
        self.token = str(headers.get("Authorization", "")).partition(" ")[2]
        self._raw = body
        self.number = number

    def body(self) -> Dict[str, Any]:
        """Return the JSON object that was sent. Raises `BadRequest`."""
        try:
            read = json.loads(self._raw.decode("utf-8") or "{}")
        except ValueError:
            raise BadRequest("Invalid JSON, ParseErrorCode: 1") from None
        if not isinstance(read, dict):
            raise BadRequest("Invalid JSON, an object is expected")
        return read

    def text(self, name: str, default: str) -> str:
        """Return a word of the query."""
        return self.query.get(name, default)

    def number_of(self, name: str, default: Optional[int], most: int) -> Optional[int]:
        """Return a whole number of the query, up to ``most``. Raises `BadRequest`."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isdigit() or not 0 < int(text) <= most:
            raise BadRequest(f"Invalid value specified for '{name}'")
        return int(text)

    def time_of(self, name: str) -> Optional[int]:
        """Return a time of the query in epoch nanoseconds. Raises `BadRequest`."""
        text = self.query.get(name)
        if text is None:
            return None
        try:
            return parse_time(text)
        except ValueError:
            raise BadRequest(f"Invalid value specified for '{name}'") from None

    def flag(self, name: str, default: bool) -> bool:
        """Return yes or no from the query."""
        return self.query.get(name, str(default)).lower() in ("true", "1", "yes")

    def names(self, name: str) -> List[str]:
        """Return a list of the query, separated by commas."""
        return [one for one in self.query.get(name, "").split(",") if one]


Handler = Callable[..., Answer]
#: Method, pattern of the path after /v3, and what answers.
Route = Tuple[str, str, Handler]
