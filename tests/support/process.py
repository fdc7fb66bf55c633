"""One process of the stack: found by its pid file, ended or paused in any way, started again."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from support.wait import wait_for

PAUSED_S = 20


def stat_fields(process):
    """State and the fields after it, of the stat file in a directory of /proc; None when there is
    no such process or thread."""
    try:
        return Path(process, "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def thread_states(pid):
    """Of the threads that live, each its state. A process whose first thread has ended is a zombie
    to /proc/<pid>/stat, whatever its others do."""
    fields = [stat_fields(thread) for thread in Path(f"/proc/{pid}/task").glob("*")]
    return [found[0] for found in fields if found is not None and found[0] not in ("Z", "X")]


def is_alive(pid):
    """False for a zombie too: it runs no code any more."""
    return bool(thread_states(pid))


def children(pid):
    try:
        texts = [thread.read_text() for thread in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(word) for text in texts for word in text.split()]


def start_time(pid):
    """Clock ticks since boot, the second word of a pid file of start-services.sh."""
    return stat_fields(f"/proc/{pid}")[19]


class Process:
    """What start-services.sh started. start() runs it again, same arguments and environment;
    then it is our child, and its exit status is known.
    """

    def __init__(self, name, pid_file, log_file):
        self.name, self.pid_file, self.log_file = name, Path(pid_file), Path(log_file)
        self.child = None
        self.argv = None
        self.changes = {}  # of the environment, for every start from now on; see Stack.changed()
        if self.pid is not None:
            self._capture()

    def __repr__(self):
        return f"<{self.name} pid {self.pid}>"

    @property
    def pid(self):
        try:
            return int(self.pid_file.read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def _own_child(self):
        """None too when start-services.sh has started another one since."""
        is_ours = self.child is not None and self.pid in (None, self.child.pid)
        return self.child if is_ours else None

    @property
    def is_running(self):
        child = self._own_child()
        if child is not None and child.poll() is not None:
            return False
        return self.pid is not None and is_alive(self.pid)

    def _capture(self):
        proc = Path(f"/proc/{self.pid}")
        self.argv = proc.joinpath("cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        pairs = proc.joinpath("environ").read_bytes().rstrip(b"\0").split(b"\0")
        self.env = dict(pair.decode().partition("=")[::2] for pair in pairs if pair)
        self._cwd = os.readlink(proc / "cwd")
        self._exe = os.readlink(proc / "exe")

    def start(self, **extra_env):
        assert not self.is_running, f"{self.name} runs"
        with open(self.log_file, "ab") as log:
            self.child = subprocess.Popen(
                self.argv,
                executable=self._exe,
                env={**self.env, **self.changes, **extra_env},
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{self.child.pid} {start_time(self.child.pid)}\n")

    def send(self, number):
        os.kill(self.pid, number)

    def wait_end(self, within):
        """Waits for the process to end; its exit status (negative: the signal) if our child."""
        child = self._own_child()
        if child is not None:
            return child.wait(within)
        pid = self.pid
        wait_for(lambda: not is_alive(pid), within, f"{self.name} (pid {pid}) ended")
        return None

    def stop(self, within=30, number=signal.SIGTERM):
        if not self.is_running:
            return None
        self.send(number)
        return self.wait_end(within)

    def kill(self):
        return self.stop(10, signal.SIGKILL)

    def pause(self):
        """Until it does nothing any more: kill() returns before its threads have stopped, and a
        thread that waits for the disk stops after that. PostgreSQL is a process per connection,
        each of which would go on: once it is stopped itself, there are no more of them."""
        self.send(signal.SIGSTOP)
        wait_for(lambda: self.is_paused, PAUSED_S, f"all threads of {self.name} are stopped")
        self._send_children(signal.SIGSTOP)
        wait_for(lambda: all(set(thread_states(pid)) <= {"T"} for pid in children(self.pid)),
                 PAUSED_S, f"all processes of {self.name} are stopped")

    @property
    def is_paused(self):
        return set(thread_states(self.pid)) == {"T"}

    def resume(self):
        self._send_children(signal.SIGCONT)
        self.send(signal.SIGCONT)

    def _send_children(self, number):
        for pid in children(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def log_text(self, start=0):
        try:
            with open(self.log_file, "rb") as log:
                log.seek(start)
                return log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def log_size(self):
        return self.log_file.stat().st_size if self.log_file.exists() else 0
