"""One tree of supervised processes: started in stages, kept alive, heard in one stream, stopped in the reverse order.

Why not honcho: it ends everything when one process dies. Here a worker's death is an expected event (state is truth,
another worker goes on), so the dead one is started again and the others are left alone; and the stages let Redis start
first and stop last.

Three promises, each with its own means:

- Nothing is left behind when a program stops: it leads a process group, and the group is killed after it has gone.
- Nothing is left behind when the supervisor itself is killed: on Linux the kernel then signals each program
  (`PR_SET_PDEATHSIG`, prctl(2)). That signal is tied to the *thread* that forked, so only the main thread starts.
- A terminal that takes no output stops nobody from being supervised: each program has a reader thread of its own.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import IO, TextIO

READY_POLL_S = 0.05
SUPERVISION_POLL_S = 1.0
READY_PROBE_DEATHS_ALLOWED = 3
READER_ENDS_WITHIN_S = 2.0
LONGEST_LINE_BYTES = 64 * 1024

# `timeout` and some shells send one signal both to a process and to its group; no hand presses Ctrl-C twice this fast.
SAME_KEYPRESS_S = 0.3

OWN_NAME = "casewright"
COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)

# Runs in the new process before the program: a `preexec_fn` would run Python between fork and exec while reader threads
# may hold locks. SIGPIPE and SIGXFSZ are given back because Python ignores them, and ignoring survives an exec.
DIE_WITH_PARENT = """
import ctypes, os, signal, sys
parent, death_signal, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
ctypes.CDLL(None).prctl(1, death_signal, 0, 0, 0)
if os.getppid() != parent:
    sys.exit("the supervisor has gone")
try:
    os.execvp(program[0], program)
except OSError as error:
    sys.exit(f"{program[0]} cannot be run: {error.strerror}")
"""


@dataclass(frozen=True, slots=True)
class Program:
    """One process to run: what it is, how one sees that it is ready, how it is stopped.

    `env` is the whole environment. `ready` is asked again and again until it says True, so it must answer within a
    second or so. `death_signal` is what it gets when the supervisor is killed.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10.0
    ready_within_s: float = 60.0
    death_signal: signal.Signals = signal.SIGKILL
    cwd: Path | None = None
    pass_fds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How long a dead program waits for its next start, and when the supervisor gives up.

    A death is quick when it comes within `steady_after_s` of the start; a steady life forgets the quick deaths before,
    and whoever has had one is never given up.
    """

    first_delay_s: float = 0.2
    longest_delay_s: float = 5.0
    steady_after_s: float = 30.0
    quick_deaths_allowed: int = 10

    def delay_s(self, quick_deaths: int) -> float:
        doublings = min(max(quick_deaths - 1, 0), 32)
        return min(self.first_delay_s * 2.0**doublings, self.longest_delay_s)


class LineStream:
    """One readable stream of many programs' lines, each under its padded name; coloured only on a terminal."""

    def __init__(self, out: TextIO, names: Sequence[str], *, no_colour: bool = False) -> None:
        self._out = out
        self._lock = threading.Lock()
        width = max(map(len, names), default=0)
        coloured = out.isatty() and not no_colour
        self._prefixes = {
            name: f"\033[{COLOURS[n % len(COLOURS)]}m{name:<{width}} |\033[0m" if coloured else f"{name:<{width}} |"
            for n, name in enumerate(names)
        }

    def write(self, name: str, text: str) -> None:
        line = f"{self._prefixes[name]} {text}".rstrip() + "\n"
        encoding = self._out.encoding or "utf-8"
        # Where the reader of the stream has gone (`| head`) the lines are lost, and the programs go on.
        with self._lock, suppress(OSError, ValueError):
            self._out.write(line.encode(encoding, "backslashreplace").decode(encoding))
            self._out.flush()


class GaveUp(Exception):
    """A program cannot be kept alive or does not become ready; the message is one line."""


class _StopRequested(Exception):
    """SIGINT, SIGTERM or SIGHUP came."""


@dataclass(slots=True)
class _Child:
    """One program in its present life: running (`process`), or waiting for its next start (`restart_at`)."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    reader: threading.Thread | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    quick_deaths: int = 0
    was_ready: bool = False
    was_steady: bool = False


class ProcessTree:
    """Programs in stages: those of a stage start together, once all of the stage before are ready; stages stop last to
    first. Use from the main thread, once.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[Program]],
        *,
        out: TextIO | None = None,
        policy: RestartPolicy | None = None,
    ) -> None:
        self._stages = [[_Child(program) for program in stage] for stage in stages]
        self._children = [child for stage in self._stages for child in stage]
        names = [OWN_NAME, *(child.program.name for child in self._children)]
        assert len(set(names)) == len(names), "two programs have one name"
        self._stream = LineStream(out or sys.stdout, names, no_colour="NO_COLOR" in os.environ)
        self._policy = policy or RestartPolicy()
        self._signals: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()

    def say(self, text: str) -> None:
        """Prints lines of the supervisor's own into the stream."""
        for line in text.splitlines():
            self._stream.write(OWN_NAME, line)

    def run(self, on_ready: Callable[[], None] | None = None) -> int:
        """Starts, supervises until a signal asks to stop, stops. Gives 0, or 1 after giving up or a forced end.

        `on_ready` is called once all stages are ready, in a thread of its own, so that supervision goes on meanwhile.
        """
        exit_code = 0
        with self._caught_signals(), self._nothing_left():
            try:
                self._start_stages()
                if on_ready is not None:
                    threading.Thread(target=on_ready, name="on-ready", daemon=True).start()
                self._supervise(until=lambda: False, poll_s=SUPERVISION_POLL_S)
            except _StopRequested:
                self.say("stopping")
            except GaveUp as reason:
                self.say(str(reason))
                exit_code = 1
            return exit_code if self._stop_stages() else 1

    @contextmanager
    def started(self) -> Iterator[None]:
        """All stages ready within the block, all stopped after it. What dies meanwhile is not started again, and
        signals are left to the caller. Raises `GaveUp`.
        """
        with self._nothing_left():
            try:
                self._start_stages()
                yield
            finally:
                self._stop_stages()

    @contextmanager
    def _nothing_left(self) -> Iterator[None]:
        """Whatever goes wrong within, no program outlives it."""
        try:
            yield
        finally:
            for child in reversed(self._children):
                self._end(child)

    # -- starting ------------------------------------------------------------------------------------------------------

    def _start_stages(self) -> None:
        for stage in self._stages:
            for child in stage:
                self._start(child)
            self._supervise(until=partial(self._all_ready, stage), poll_s=READY_POLL_S)

    def _start(self, child: _Child) -> None:
        assert threading.current_thread() is threading.main_thread(), "a parent's death signal follows its thread"
        program = child.program
        child.process = subprocess.Popen(
            _argv(program),
            env=dict(program.env),
            cwd=program.cwd,
            pass_fds=program.pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        assert child.process.stdout is not None
        child.restart_at = None
        child.started_at = time.monotonic()
        child.reader = threading.Thread(
            target=self._read_lines, args=(program.name, child.process.stdout), name=f"read-{program.name}", daemon=True
        )
        child.reader.start()

    def _read_lines(self, name: str, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(LONGEST_LINE_BYTES):
                self._stream.write(name, line.decode(errors="replace"))

    def _all_ready(self, stage: Sequence[_Child]) -> bool:
        return all(self._is_ready(child) for child in stage)

    def _is_ready(self, child: _Child) -> bool:
        program = child.program
        if not child.was_ready and child.process is not None:
            child.was_ready = program.ready is None or program.ready()
            if not child.was_ready and time.monotonic() - child.started_at > program.ready_within_s:
                raise GaveUp(f"{program.name} was not ready within {program.ready_within_s:g} s: everything stops")
        return child.was_ready

    # -- supervising ---------------------------------------------------------------------------------------------------

    def _supervise(self, *, until: Callable[[], bool], poll_s: float) -> None:
        """Restarts what dies. Ends by `until`, by `_StopRequested` or by `GaveUp`."""
        while not until():
            pauses = [child.restart_at - time.monotonic() for child in self._children if child.restart_at is not None]
            received = self._next_signal(within_s=min([poll_s, *pauses]))
            if received is not None and received is not signal.SIGCHLD:
                raise _StopRequested
            for child in self._children:
                if child.process is not None and child.process.poll() is not None:
                    self._note_death(child)
                elif child.restart_at is not None and child.restart_at <= time.monotonic():
                    self._start(child)

    def _note_death(self, child: _Child) -> None:
        assert child.process is not None
        name, how, policy = child.program.name, _ending(child.process.returncode), self._policy
        lived_s = time.monotonic() - child.started_at
        self._end(child)
        child.was_steady |= lived_s >= policy.steady_after_s
        child.quick_deaths = 0 if lived_s >= policy.steady_after_s else child.quick_deaths + 1
        # What never became ready is wrongly set up rather than unlucky, and somebody waits for it: give up sooner.
        allowed = policy.quick_deaths_allowed
        if not child.was_ready:
            allowed = min(allowed, READY_PROBE_DEATHS_ALLOWED)
        # What has run for a while is set up rightly, and dies of what it needs (a broker whose disk is full): it is
        # started again for as long as that takes.
        if child.quick_deaths >= allowed and not child.was_steady:
            raise GaveUp(f"{name} ended {child.quick_deaths} times in a row soon after its start ({how}): giving up")
        delay_s = policy.delay_s(child.quick_deaths)
        child.restart_at = time.monotonic() + delay_s
        self.say(f"{name} ended ({how}) and starts again in {delay_s:g} s")

    # -- stopping ------------------------------------------------------------------------------------------------------

    def _stop_stages(self) -> bool:
        """Last stage first, each program within its bound. False when a second SIGINT cut it short."""
        patient_until = time.monotonic() + SAME_KEYPRESS_S
        for stage in reversed(self._stages):
            running = [child for child in stage if child.process is not None]
            for child in running:
                _signal(child, child.program.stop_signal)
            asked_at = time.monotonic()
            while running := [child for child in running if not self._has_stopped(child, asked_at)]:
                if self._next_signal(within_s=READY_POLL_S) is signal.SIGINT and time.monotonic() > patient_until:
                    self.say("interrupted again: killing everything")
                    return False
        return True

    def _has_stopped(self, child: _Child, asked_at: float) -> bool:
        assert child.process is not None
        stopped = child.process.poll() is not None
        overdue = time.monotonic() - asked_at > child.program.stop_within_s
        if not stopped and overdue:
            self.say(f"{child.program.name} did not stop within {child.program.stop_within_s:g} s: killed")
        if stopped or overdue:
            self._end(child)
        return stopped or overdue

    def _end(self, child: _Child) -> None:
        """Ends whatever is left of a program: it leads its group, so what it started goes with it."""
        if child.process is None or child.reader is None:
            return
        with suppress(ProcessLookupError, PermissionError):  # the group has gone; macOS says so by EPERM
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
        # Its last words come before what the supervisor says about its end.
        child.reader.join(READER_ENDS_WITHIN_S)
        child.process = child.reader = None

    # -- signals -------------------------------------------------------------------------------------------------------

    def _next_signal(self, *, within_s: float) -> signal.Signals | None:
        try:
            return self._signals.get(timeout=max(within_s, 0.0))
        except queue.Empty:
            return None

    @contextmanager
    def _caught_signals(self) -> Iterator[None]:
        """Signals become entries of a queue: the handler decides nothing, and a child's death wakes the supervisor."""

        def keep(number: int, frame: FrameType | None) -> None:
            self._signals.put(signal.Signals(number))

        wanted = [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: the terminal may go
            wanted.append(signal.SIGHUP)
        before = {number: signal.signal(number, keep) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _argv(program: Program) -> list[str]:
    if sys.platform != "linux":
        return list(program.argv)
    wrapper = [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), str(int(program.death_signal))]
    return [*wrapper, *program.argv]


def _signal(child: _Child, number: signal.Signals) -> None:
    assert child.process is not None
    child.process.send_signal(number)


def _ending(returncode: int) -> str:
    return f"exit code {returncode}" if returncode >= 0 else signal.Signals(-returncode).name
