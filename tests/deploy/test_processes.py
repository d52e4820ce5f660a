"""The process tree, with real child processes: one stream, restarts, an orderly end, nothing left behind.

Where signals and exit codes count, the supervisor is a process of its own, as `casewright up` is.
"""

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.processes import GaveUp, LineStream, ProcessTree, Program, RestartPolicy

ROOT = Path(__file__).resolve().parents[2]
FACT_WITHIN_S = 10.0
QUICK = RestartPolicy(first_delay_s=0.01, longest_delay_s=0.02, quick_deaths_allowed=4)

# Stand-ins. Each says its process id first, so that a test can ask whether it still lives.
WAITS = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"
DIES = "import os, sys; print('pid', os.getpid(), flush=True); sys.exit(3)"
WITH_A_CHILD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); {WAITS}"

PRELUDE = """
import os, signal, sys
from deploy.processes import ProcessTree, Program, RestartPolicy
def program(name, code, **more):
    return Program(name=name, argv=[sys.executable, "-c", code], env=dict(os.environ), **more)
"""


def program(name: str, code: str, *, ready: Callable[[], bool] | None = None, ready_within_s: float = 60.0) -> Program:
    argv = [sys.executable, "-c", code]
    return Program(name=name, argv=argv, env=dict(os.environ), ready=ready, ready_within_s=ready_within_s)


@contextmanager
def supervisor(stages: str, *, policy: str = "RestartPolicy(first_delay_s=0.01)") -> Iterator[subprocess.Popen[str]]:
    """A process that runs a tree of these stages; `[[program('a', WAITS)]]` with the stand-ins above as names."""
    names = {"WAITS": WAITS, "STUBBORN": STUBBORN, "DIES": DIES, "WITH_A_CHILD": WITH_A_CHILD}
    constants = "".join(f"{name} = {code!r}\n" for name, code in names.items())
    run = f"ProcessTree({stages}, policy={policy}).run(lambda: print('ALL READY', flush=True))"
    code = f"{PRELUDE}{constants}sys.exit({run})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def lines_until(process: subprocess.Popen[str], pattern: str) -> list[str]:
    """Everything the supervisor says up to the line that matches."""
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line.rstrip("\n"))
        if re.search(pattern, line):
            return said
    raise AssertionError(f"the supervisor ended and never said {pattern!r}: {said}")


def said_pids(lines: list[str]) -> list[int]:
    return [int(found[1]) for line in lines if (found := re.search(r"\| pid (\d+)", line))]


def pids(process: subprocess.Popen[str], count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        found += said_pids(lines_until(process, r"\| pid \d+"))
    return found


def lives(pid: int) -> bool:
    """A zombie has ended: whether it is collected is up to the machine's first process."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def comes_true(fact: Callable[[], bool]) -> bool:
    give_up_at = time.monotonic() + FACT_WITHIN_S
    while not (known := fact()) and time.monotonic() < give_up_at:
        time.sleep(0.01)
    return known


def all_gone(found: list[int]) -> bool:
    return comes_true(lambda: not any(lives(pid) for pid in found))


# -- one stream --------------------------------------------------------------------------------------------------------


def test_each_line_carries_the_padded_name_of_its_program() -> None:
    out = io.StringIO()
    tree = ProcessTree(
        [[program("a", "print('one'); print('two')"), program("longer-name", "print('three')")]], out=out
    )

    with tree.started():
        assert comes_true(lambda: out.getvalue().count("\n") == 3)
    assert sorted(out.getvalue().splitlines()) == ["a           | one", "a           | two", "longer-name | three"]


def test_what_a_program_says_on_stderr_and_without_a_last_newline_is_heard() -> None:
    out = io.StringIO()
    code = "import sys; sys.stderr.write('wrong\\n'); sys.stderr.write('last words')"

    with ProcessTree([[program("a", code)]], out=out).started():
        assert comes_true(lambda: "last words\n" in out.getvalue())
    assert out.getvalue() == "a          | wrong\na          | last words\n"


def test_names_are_coloured_on_a_terminal_only() -> None:
    terminal, file = io.StringIO(), io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]

    LineStream(terminal, ["api"]).write("api", "hello")
    LineStream(file, ["api"]).write("api", "hello")
    assert terminal.getvalue() == "\033[36mapi |\033[0m hello\n"
    assert file.getvalue() == "api | hello\n"


def test_a_stream_that_nobody_reads_any_more_is_no_error() -> None:
    out = io.StringIO()
    stream = LineStream(out, ["api"])
    out.close()

    stream.write("api", "hello")


# -- starting ----------------------------------------------------------------------------------------------------------


def test_a_stage_starts_when_the_one_before_is_ready(tmp_path: Path) -> None:
    out, fact = io.StringIO(), tmp_path / "fact"
    says_early = "import pathlib, time; time.sleep(0.2); print('early', flush=True)"
    slow = f"{says_early}; pathlib.Path({str(fact)!r}).touch(); time.sleep(600)"
    stages = [[program("first", slow, ready=fact.exists)], [program("second", "print('late')")]]

    with ProcessTree(stages, out=out).started():
        assert comes_true(lambda: "late" in out.getvalue())
    assert comes_true(lambda: out.getvalue().index("early") < out.getvalue().index("late"))


def test_a_program_that_never_becomes_ready_is_given_up() -> None:
    tree = ProcessTree([[program("a", WAITS, ready=lambda: False, ready_within_s=0.1)]], out=io.StringIO())

    with pytest.raises(GaveUp, match=r"a was not ready within 0\.1 s"), tree.started():
        pass


def test_a_program_that_dies_before_it_was_ever_ready_is_given_up_sooner() -> None:
    tree = ProcessTree([[program("a", DIES, ready=lambda: False)]], out=io.StringIO(), policy=QUICK)

    with pytest.raises(GaveUp, match=r"a ended 3 times in a row soon after its start \(exit code 3\)"), tree.started():
        pass


def test_a_program_that_does_not_exist_says_so() -> None:
    out = io.StringIO()
    missing = Program(name="a", argv=["/no/such/program"], env={}, ready=lambda: False)

    with pytest.raises(GaveUp), ProcessTree([[missing]], out=out, policy=QUICK).started():
        pass
    assert "/no/such/program cannot be run: No such file or directory" in out.getvalue()


def test_a_program_gets_its_own_environment_and_directory(tmp_path: Path) -> None:
    out = io.StringIO()
    code = "import os; print(sorted(set(os.environ) & {'ONLY', 'HOME', 'PATH'}), os.getcwd())"
    only = Program(name="a", argv=[sys.executable, "-I", "-c", code], env={"ONLY": "this"}, cwd=tmp_path)

    with ProcessTree([[only]], out=out).started():
        assert comes_true(lambda: f"['ONLY'] {tmp_path}\n" in out.getvalue())


@pytest.mark.skipif(sys.platform != "linux", reason="reads the signal mask from /proc")
def test_a_program_does_not_inherit_that_python_ignores_sigpipe() -> None:
    out = io.StringIO()
    shows = Program(name="a", argv=["cat", "/proc/self/status"], env=dict(os.environ))

    with ProcessTree([[shows]], out=out).started():
        assert comes_true(lambda: re.search(r"SigIgn:.*\n", out.getvalue()) is not None)
    ignored = re.search(r"SigIgn:\s+([0-9a-f]+)", out.getvalue())
    assert ignored is not None
    assert not int(ignored[1], 16) & 1 << (signal.SIGPIPE - 1)


# -- restarts ----------------------------------------------------------------------------------------------------------


def test_the_delay_doubles_up_to_its_bound() -> None:
    policy = RestartPolicy()

    assert [policy.delay_s(deaths) for deaths in (0, 1, 2, 3, 5, 6, 9, 1000)] == [0.2, 0.2, 0.4, 0.8, 3.2, 5, 5, 5]


def test_a_killed_program_is_started_again_and_the_others_are_left_alone() -> None:
    with supervisor("[[program('other', STUBBORN)], [program('a', WAITS)]]") as tree:
        # Ready is what has no `ready` at its start, so either may be the first to speak.
        said = [lines_until(tree, r"\| pid \d+")[-1] for _ in range(2)]
        first, other = said_pids(sorted(said))
        os.kill(first, signal.SIGKILL)
        said = lines_until(tree, r"^a .*\| pid \d+")

        assert any("a ended (SIGKILL) and starts again in 0.01 s" in line for line in said)
        assert said_pids(said) != [first]
        assert lives(other)


def test_quick_deaths_in_a_row_end_everything_with_exit_code_1() -> None:
    policy = "RestartPolicy(first_delay_s=0.001, longest_delay_s=0.002)"
    with supervisor("[[program('good', WAITS)], [program('bad', DIES)]]", policy=policy) as tree:
        said = lines_until(tree, "giving up")

        assert said[-1].endswith("bad ended 10 times in a row soon after its start (exit code 3): giving up")
        assert tree.wait(FACT_WITHIN_S) == 1
        assert all_gone(said_pids(said))


def test_a_steady_life_forgets_the_deaths_before() -> None:
    policy = "RestartPolicy(first_delay_s=0.001, steady_after_s=0.0, quick_deaths_allowed=2)"
    with supervisor("[[program('a', DIES)]]", policy=policy) as tree:
        for _ in range(5):
            lines_until(tree, r"a ended \(exit code 3\) and starts again in 0.001 s")
        assert tree.poll() is None


def test_what_a_dead_program_had_started_is_gone_before_its_next_start() -> None:
    with supervisor("[[program('a', WITH_A_CHILD)]]") as tree:
        found = pids(tree, 2)
        (leader,) = [pid for pid in found if os.getpgid(pid) == pid]
        os.kill(leader, signal.SIGKILL)
        lines_until(tree, "starts again")

        assert all_gone(found)


# -- stopping ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_with_exit_code_0(asked: signal.Signals) -> None:
    with supervisor("[[program('a', WAITS)], [program('b', WAITS), program('c', WITH_A_CHILD)]]") as tree:
        found = pids(tree, 4)
        tree.send_signal(asked)

        assert tree.wait(FACT_WITHIN_S) == 0
        assert all_gone(found)


def test_a_signal_during_the_start_stops_what_had_started() -> None:
    with supervisor("[[program('a', WAITS, ready=lambda: False)], [program('b', WAITS)]]") as tree:
        found = pids(tree, 1)
        tree.send_signal(signal.SIGTERM)

        assert tree.wait(FACT_WITHIN_S) == 0
        assert all_gone(found)


def test_stages_stop_last_to_first() -> None:
    code = (
        "import signal, sys, time\n"
        "def end(*_): time.sleep(0.1); print('END', flush=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('pid 1', flush=True); time.sleep(600)"
    )
    with supervisor(
        f"[[program('redis', {code!r})], [program('worker', {code!r})], [program('api', {code!r})]]"
    ) as tree:
        pids(tree, 3)
        tree.send_signal(signal.SIGTERM)
        said = [line.split()[0] for line in lines_until(tree, "^redis .*END") if line.endswith("END")]

        assert said == ["api", "worker", "redis"]


def test_what_does_not_stop_within_its_bound_is_killed_with_its_group() -> None:
    with supervisor("[[program('a', STUBBORN, stop_within_s=0.2)]]") as tree:
        found = pids(tree, 1)
        tree.send_signal(signal.SIGTERM)

        lines_until(tree, r"a did not stop within 0\.2 s: killed")
        assert tree.wait(FACT_WITHIN_S) == 0
        assert all_gone(found)


def test_a_second_sigint_kills_at_once() -> None:
    with supervisor("[[program('a', STUBBORN, stop_within_s=600)]]") as tree:
        found = pids(tree, 1)
        tree.send_signal(signal.SIGINT)
        lines_until(tree, "stopping")
        while tree.poll() is None:  # the first ones are taken for the same keypress
            tree.send_signal(signal.SIGINT)
            time.sleep(0.05)

        assert tree.wait(FACT_WITHIN_S) == 1
        assert all_gone(found)


def test_one_keypress_that_arrives_twice_is_not_a_second_one() -> None:
    slow_end = (
        "import signal, sys, time\n"
        "def end(*_): time.sleep(0.5); print('ended in peace', flush=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('pid 1', flush=True); time.sleep(600)"
    )
    with supervisor(f"[[program('a', {slow_end!r})]]") as tree:
        pids(tree, 1)
        tree.send_signal(signal.SIGINT)
        tree.send_signal(signal.SIGINT)

        lines_until(tree, "ended in peace")
        assert tree.wait(FACT_WITHIN_S) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_nothing_outlives_a_supervisor_that_was_killed() -> None:
    with supervisor("[[program('a', STUBBORN)], [program('b', WAITS, death_signal=signal.SIGTERM)]]") as tree:
        found = pids(tree, 2)
        tree.kill()

        assert all_gone(found)


def test_what_is_ready_is_told_once_all_stages_are() -> None:
    with supervisor("[[program('a', WAITS)], [program('b', WAITS, ready=lambda: True)]]") as tree:
        lines_until(tree, "^ALL READY$")
        assert tree.poll() is None


def test_what_once_had_a_steady_life_is_started_again_for_as_long_as_it_takes(tmp_path: Path) -> None:
    # Its first life is steady, all further ones are quick: it dies of something beside it.
    been = str(tmp_path / "been")
    life = f"import os, sys, time; os.path.exists({been!r}) and sys.exit(3); open({been!r}, 'w'); time.sleep(0.3)"
    policy = "RestartPolicy(first_delay_s=0.001, longest_delay_s=0.002, steady_after_s=0.2, quick_deaths_allowed=2)"
    with supervisor(f"[[program('a', {life!r})]]", policy=policy) as tree:
        for _ in range(6):
            lines_until(tree, r"a ended \(exit code 3\) and starts again")
        assert tree.poll() is None
