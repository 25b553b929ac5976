"""The simulated OpenD of the demo: a process of its own, and the line to its control port."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, Optional, Sequence, TextIO

from btstores.errors import LinkError

__all__ = ["DemoOpenD"]

#: Seconds that it may take to answer, and to end when it is asked to.
_ANSWER, _END = 10.0, 5.0


class DemoOpenD:
    """`btstores sim opend` with these options, on free ports, for as long as the block lasts.

    It ends whatever becomes of this process: with the block, and with the connection to its
    control port, which is open until nobody is left to hold it.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        self._process: Optional[subprocess.Popen[str]] = None
        self._socket: Optional[socket.socket] = None
        self._lines: Optional[TextIO] = None
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  it is closed with the process
        self.port = 0

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> DemoOpenD:
        command = [sys.executable, "-m", "btstores.cli", "sim", "opend", "--json"]
        command += ["--port", "0", "--control-port", "0", *self._options]
        try:
            # A Ctrl-C is ours alone: whoever ends a demo still wants to hear how it stood.
            self._process = subprocess.Popen(  # noqa: S603  the command is our own
                command, stdout=subprocess.PIPE, stderr=self._said, text=True, **_alone()
            )
            self._connect(self._process)
        except BaseException:
            self.close()
            raise
        return self

    def _connect(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise LinkError(f"the simulated OpenD does not start: {self._last_words()}")
        told = json.loads(line)
        self.port = told["port"]
        try:
            self._socket = socket.create_connection((told["host"], told["control_port"]), _ANSWER)
        except OSError as error:
            raise LinkError(f"the control port of OpenD does not answer: {error}") from error
        self._lines = self._socket.makefile("rw", encoding="utf-8", newline="\n")
        self.ask("quit", at_close=True)

    def ask(self, do: str, **options: Any) -> Dict[str, Any]:
        """Give an order to the control port; return its answer. Raises `LinkError`."""
        assert self._lines is not None
        try:
            self._lines.write(json.dumps({"do": do, **options}) + "\n")
            self._lines.flush()
            line = self._lines.readline()
        except OSError as error:
            raise LinkError(f"the simulated OpenD is gone: {error}") from error
        if not line:
            raise LinkError(f"the simulated OpenD is gone: {self._last_words()}")
        answer: Dict[str, Any] = json.loads(line)
        if not answer.get("ok"):
            raise LinkError(f"the simulated OpenD refuses {do}: {answer.get('error')}")
        return answer

    def _last_words(self) -> str:
        self._said.seek(0)
        lines: Sequence[str] = self._said.read().split("\n")
        words: List[str] = [line for line in lines if line.strip()]
        return words[-1] if words else "it said nothing"

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, by force if it has to be."""
        for each in (self._lines, self._socket):
            if each is not None:
                try:
                    each.close()
                except OSError:
                    pass  # it is gone already, which is what is wanted
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._said.close()


def _alone() -> Dict[str, Any]:
    """Return what keeps the terminal's Ctrl-C from a process."""
    if os.name == "posix":
        return {"start_new_session": True}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
