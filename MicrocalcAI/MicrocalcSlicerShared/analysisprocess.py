"""The analysis as a child process: a crash or a lack of memory never takes Slicer down, and Cancel works at once."""

import collections
import contextlib
import json
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from MicrocalcAILib.base.errors import MicrocalcError

_LIBRARY_FOLDER = Path(__file__).resolve().parent.parent
_LINES_KEPT_FOR_THE_LOG = 40
_MESSAGE_KEYS = {"pid", "stage", "result", "error"}


class AnalysisProcessError(MicrocalcError):
    """The child process failed or ended without a result."""


def pythonExecutable() -> str:
    """PythonSlicer inside Slicer, the running Python elsewhere."""
    return shutil.which("PythonSlicer") or sys.executable


class AnalysisProcess:
    """One run of ``python -m MicrocalcAILib …`` that reports in JSON lines.

    The first line is ``{"pid": …}``, because PythonSlicer is a launcher whose end leaves the real process alive; then
    come ``{"stage": …, "done": …, "total": …}`` and at last ``{"result": folder}`` or ``{"error": sentence}``. Every
    other line is kept for the log.

    Parameters
    ----------
    arguments : sequence of str
        What follows ``python``.
    """

    def __init__(self, arguments: Sequence[str]):
        environment = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONUTF8="1")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_LIBRARY_FOLDER), environment.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [pythonExecutable(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=environment,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._childPid: int | None = None
        self._messages: queue.SimpleQueue = queue.SimpleQueue()
        self._otherLines: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT_FOR_THE_LOG)
        self._reader = threading.Thread(target=self._readLines, daemon=True)
        self._reader.start()

    def messages(self) -> list[dict]:
        """What the child has said since the last call.

        Raises
        ------
        AnalysisProcessError
            When the child has ended and there is nothing more to read.
        """
        hasEnded = self._process.poll() is not None
        if hasEnded:
            self._reader.join(timeout=1.0)
        messages = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self._messages.get_nowait())
        if hasEnded and not messages:
            logging.error("Output of the analysis:\n%s", "\n".join(self._otherLines))
            raise AnalysisProcessError(self._howItEnded())
        return messages

    def kill(self) -> None:
        """End the child and everything it started; nothing happens when it has ended already."""
        isRunning = self._process.poll() is None
        _killTree(self._process.pid)
        if isRunning and self._childPid is not None:
            _killProcess(self._childPid)
        with contextlib.suppress(subprocess.TimeoutExpired):  # never hold Slicer up
            self._process.wait(timeout=5.0)
        self._reader.join(timeout=1.0)
        if not self._reader.is_alive():
            self._process.stdout.close()

    def _readLines(self) -> None:
        for line in self._process.stdout:
            message = _messageIn(line)
            if message is None:
                self._otherLines.append(line.rstrip())
            elif "pid" in message:
                self._childPid = int(message["pid"])
            else:
                self._messages.put(message)

    def _howItEnded(self) -> str:
        code = self._process.returncode
        if code in (-9, 137):
            return "The system ended the analysis, most likely for lack of memory; close other programs and try again."
        return f"The analysis ended unexpectedly (exit status {code}); the application log shows its last output."


def _messageIn(line: str) -> dict | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) and _MESSAGE_KEYS & message.keys() else None


def _killTree(leaderPid: int) -> None:
    """End the process that leads a session, and all that belong to it."""
    if sys.platform == "win32":
        _killProcess(leaderPid)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS forbids it when all have just ended
            os.killpg(leaderPid, signal.SIGKILL)


def _killProcess(pid: int) -> None:
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/PID", str(pid), "/T", "/F"],
            capture_output=True,
            creationflags=subprocess.CREATE_NO_WINDOW,
            check=False,
        )
    else:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
