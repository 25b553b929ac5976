"""The errors of btstores, in three families.

    BtstoresError
    ├── UsageError            you asked for something wrong; nothing was sent
    │   ├── ConfigError           a parameter, file or command line
    │   ├── UnknownStoreError     no store of that name
    │   ├── MissingExtraError     the store's client library is not installed
    │   ├── UnknownInstrumentError
    │   ├── UnsupportedError      the venue cannot do it and the core does not emulate it
    │   └── DataFileError         a malformed price file: file, line, column, value
    ├── VenueError            the venue answered, and said no
    │   ├── LinkError             no usable connection
    │   └── VenueRefused          a request was refused
    ├── OutcomeUnknown        a request may or may not have reached the venue
    └── JournalError          the journal cannot be written or trusted

Each class has a stable ``code``. Messages name the field, the value and what was expected.
"""

from __future__ import annotations

from typing import Any, Optional

__all__ = [
    "BtstoresError",
    "ConfigError",
    "DataFileError",
    "JournalError",
    "LinkError",
    "MissingExtraError",
    "OutcomeUnknown",
    "UnknownInstrumentError",
    "UnknownStoreError",
    "UnsupportedError",
    "UsageError",
    "VenueError",
    "VenueRefused",
]


class BtstoresError(Exception):
    """Base class of every error that btstores raises on purpose."""

    code = "ERROR"


class UsageError(BtstoresError, ValueError):
    """The caller asked for something wrong. Nothing was sent to a venue."""

    code = "USAGE"


class ConfigError(UsageError):
    """A parameter has the wrong name, type or value."""

    code = "CONFIG"

    def __init__(
        self, message: str, field: Optional[str] = None, value: Any = None, expected: str = ""
    ) -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.expected = expected

    @classmethod
    def of(cls, field: str, value: Any, expected: str) -> ConfigError:
        """Return the error for ``field`` that holds ``value`` instead of what was expected."""
        return cls(f"{field}={value!r}: expected {expected}", field, value, expected)


class UnknownStoreError(UsageError):
    """No store of that name is installed."""

    code = "STORE_UNKNOWN"


class MissingExtraError(UsageError, ImportError):
    """The client library of a store is not installed; the message names the command."""

    code = "EXTRA_MISSING"

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"{library} is not installed. Install it with: pip install 'btstores[{extra}]'"
        )
        self.library = library
        self.extra = extra


class UnknownInstrumentError(UsageError):
    """The venue does not know the symbol."""

    code = "INSTRUMENT_UNKNOWN"

    def __init__(self, symbol: str, venue: str, known: str = "") -> None:
        hint = f"; it knows {known}" if known else ""
        super().__init__(f"{venue} does not know the symbol {symbol!r}{hint}")
        self.symbol = symbol


class UnsupportedError(UsageError):
    """The venue cannot do this and the core does not emulate it."""

    code = "UNSUPPORTED"


class DataFileError(UsageError):
    """A row of a price file cannot be read. Lines and columns count from 1."""

    code = "DATA_FILE"

    def __init__(self, file: str, line: int, column: str, value: Any, expected: str) -> None:
        super().__init__(f"{file}, line {line}, column {column}: {value!r}, expected {expected}")
        self.file = file
        self.line = line
        self.column = column
        self.value = value
        self.expected = expected


class VenueError(BtstoresError):
    """The venue answered, and its answer is an error."""

    code = "VENUE"

    def __init__(self, message: str, venue_code: Optional[str] = None) -> None:
        super().__init__(message)
        self.venue_code = venue_code


class LinkError(VenueError):
    """There is no usable connection to the venue."""

    code = "LINK"


class VenueRefused(VenueError):
    """The venue refused a request; the request had no effect."""

    code = "REFUSED"


class OutcomeUnknown(BtstoresError):
    """A request may or may not have reached the venue; only evidence may settle it."""

    code = "OUTCOME_UNKNOWN"


class JournalError(BtstoresError):
    """The journal cannot be opened, written or trusted."""

    code = "JOURNAL"
