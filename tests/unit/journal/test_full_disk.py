"""A disk that takes no more, under a session that goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from btstores.clock import RealClock, SimulatedClock
from btstores.journal import SqliteJournal
from btstores.journal.verify import verify
from tests.support.session import Session
from tests.support.venue import T0, new_store

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits and mounts")

MOUNT = 'mount -t tmpfs -o size=400k none "$1" && shift && exec "$@"'


def in_small_disk(folder):
    """Return a command that runs another one with a real file system of 400 kB at ``folder``."""
    for options in (["-m"], ["-r", "-m"]):
        command = ["unshare", *options, "sh", "-c", MOUNT, "sh", str(folder)]
        try:
            tried = subprocess.run([*command, "true"], capture_output=True, timeout=20)
        except OSError:
            break
        if tried.returncode == 0:
            return command
    pytest.skip("no small file system may be mounted here (unshare -m)")


def run(prefix, path, way):
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "tests.support.full_disk", str(path), way],
        cwd=str(ROOT),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("way", ["fill", "limit"])
def test_entries_end_cancels_go_out_and_the_next_start_is_sound(tmp_path, way):
    prefix = in_small_disk(tmp_path) if way == "fill" else []
    told = run(prefix, tmp_path / "a.journal", way)

    assert told["broken"] is not None
    # What was sent is recorded, and what could not be recorded was not sent.
    assert told["placed"] == told["intents"]
    code, refused = told["refused"]
    assert code == "JOURNAL"
    assert refused not in told["placed"]
    # No entry passes any more, a cancel does, and the session goes on.
    assert (told["state"], told["halted"]) == ("halted", "RISK_HALTED")
    assert told["cancelled"] == [told["working"]]
    assert told["working_end"] == "Canceled"
    assert told["bars"] == 60
    # The strategy hears of it, once.
    assert told["news"].count("journal failed") == 1
    assert told["news"].count("trading state") == 1
    # With room again the next session trades, and the journal is sound.
    assert told["next_placed"] == 1
    assert told["errors"] == []
    assert told["runs"] == ["crashed", "ended"]


def test_a_start_on_a_full_disk_says_so_and_harms_nothing(tmp_path):
    told = run(in_small_disk(tmp_path), tmp_path / "a.journal", "fill")
    for text in told["starts"]:
        assert "full" in text or "No space left" in text
        assert "move it away" not in text
    assert told["later_starts"] == ["sound, with findings", "sound"]


def test_a_session_ends_well_on_a_disk_that_is_full_at_the_end(tmp_path, caplog):
    path, clock = str(tmp_path / "a.journal"), SimulatedClock(T0)
    journal = SqliteJournal(path, clock)
    session = Session(new_store(journal=journal, clock=clock))
    session.feed()
    session.bars(10.0, 10.0)

    def fill_up() -> None:
        journal.append("note", {"text": "x" * 100_000})
        (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
        journal._db.execute(f"PRAGMA max_page_count={pages}")

    session.at(121, fill_up)
    strategy = session.run()
    assert len(strategy.bars) == 2
    assert "disk is full" in journal.broken
    assert "journal.not_closed" in caplog.text
    assert [run.state for run in verify(path).runs] == ["crashed"]
    SqliteJournal(path, clock).close()


# fsync, and fdatasync, as a disk answers that could not write what it had taken.
NO_SYNC = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int sync_as(long call, int fd) {
    if (getenv("SYNC_FAILS")) { errno = EIO; return -1; }
    return (int) syscall(call, fd);
}
int fsync(int fd) { return sync_as(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_as(SYS_fdatasync, fd); }
"""

SYNCING = """
import os, sys
from btstores.clock import RealClock, SimulatedClock
from btstores.errors import JournalError
from btstores.journal import SqliteJournal
journal = SqliteJournal(sys.argv[1], RealClock())
for number in range(20):
    last = journal.append_durable("note", {"number": number})
os.environ["SYNC_FAILS"] = "1"
try:
    journal.append_durable("note", {"number": 20})
except JournalError as error:
    print(last, journal.broken is not None, error)
del os.environ["SYNC_FAILS"]
try:
    journal.append_durable("note", {"number": 21})  # the disk answers again: too late
except JournalError:
    print("refused")
journal.close()
"""


def test_a_failing_fsync_breaks_the_journal_for_good(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler and LD_PRELOAD")
    (tmp_path / "sync.c").write_text(NO_SYNC)
    shim, path = tmp_path / "sync.so", str(tmp_path / "a.journal")
    command = [compiler, "-shared", "-fPIC", "-o", str(shim), str(tmp_path / "sync.c")]
    subprocess.run(command, check=True, timeout=60)
    environment = dict(
        os.environ,
        PYTHONPATH=os.pathsep.join(filter(None, sys.path)),
        LD_PRELOAD=str(shim),
    )
    done = subprocess.run(
        [sys.executable, "-c", SYNCING, path],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    told, refused = done.stdout.splitlines()
    last, broken, message = told.split(" ", 2)
    assert broken == "True"
    assert "disk I/O error" in message
    assert refused == "refused"

    with SqliteJournal(path, RealClock()) as journal:
        kept = [r.payload["number"] for r in journal.records(kinds=["note"])]
    # What was durable is there; what was not may be there too, but nothing came after it.
    assert kept[:20] == list(range(20))
    assert kept[20:] in ([], [20])
    assert int(last) == 21
    assert not verify(path).errors
