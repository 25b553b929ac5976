"""One process at a time: an advisory lock on a small file that names its holder.

The operating system drops the lock when the process dies, however it dies; the file itself
stays and means nothing. A child that is forked does not get it.
"""

from __future__ import annotations

import errno
import os
import sys
import weakref
from typing import Optional

from btstores.clock import give_way, wall_clock
from btstores.errors import JournalError

__all__ = ["FileLock", "holder"]

if sys.platform == "win32":
    import msvcrt

    def _take(fd: int) -> bool:
        # A locked byte cannot be read by others: lock one far behind the text.
        os.lseek(fd, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _take(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        return True


class FileLock:
    """Holds the lock of ``path`` from construction to `release`.

    Raises `JournalError` when another journal object holds it, in this or another process,
    or when the file cannot be made.
    """

    def __init__(self, path: str) -> None:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened: {error.strerror}") from None
        try:
            self._hold(fd, path)
        except OSError as error:
            os.close(fd)
            raise JournalError(f"{path}: cannot be locked: {error.strerror}") from None
        except BaseException:
            os.close(fd)
            raise
        self._fd: Optional[int] = fd
        _locks.add(self)

    @staticmethod
    def _hold(fd: int, path: str) -> None:
        clock = wall_clock()
        until_ns = clock.monotonic_ns() + _PATIENCE_NS
        while not _take(fd):
            if clock.monotonic_ns() > until_ns:
                pid = _read_pid(fd)
                raise JournalError(
                    f"{path}: the journal is in use by "
                    + ("this process" if pid == os.getpid() else f"the process {pid or 'unknown'}")
                )
            give_way()
        os.ftruncate(fd, 0)
        os.write(fd, b"%d\n" % os.getpid())

    @property
    def held(self) -> bool:
        """Return whether it is still this process's."""
        return self._fd is not None

    def release(self) -> None:
        """Let the next one in. May be called twice."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


#: `holder` takes a lock that is free for a moment, which must keep nobody out; on a busy machine
#: that moment may be long.
_PATIENCE_NS = 300_000_000

_locks: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _leave_to_parent() -> None:
    for lock in list(_locks):
        lock.release()  # closes the child's copy alone


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def holder(path: str) -> Optional[int]:
    """Return the pid that holds the lock of ``path`` (0 if unknown), or None when nobody does."""
    try:
        fd = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _take(fd) else _read_pid(fd)
    except OSError:
        return None
    finally:
        os.close(fd)


def _read_pid(fd: int) -> int:
    text = os.read(fd, 32).strip()
    return int(text) if text.isdigit() else 0
