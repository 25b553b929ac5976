"""The journal: what we intended and what we were told, in order, on disk."""

from __future__ import annotations

from btstores.journal.base import Journal, MemoryJournal, NullJournal
from btstores.journal.reader import JournalReader, Run
from btstores.journal.records import KINDS, Record, decode
from btstores.journal.sqlite import SqliteJournal

__all__ = [
    "KINDS",
    "Journal",
    "JournalReader",
    "MemoryJournal",
    "NullJournal",
    "Record",
    "Run",
    "SqliteJournal",
    "decode",
]
