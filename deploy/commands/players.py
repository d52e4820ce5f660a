"""Who plays a case: a script, chance, or somebody at the terminal. Each says which move comes next."""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Any, NamedTuple, NoReturn, Protocol

import click

from connectors.port import FailureKind
from deploy.commands.output import Failure, Refused, WrongUsage, one_line, printable
from deploy.commands.played_case import Work
from deploy.commands.samples import referred, sample
from deploy.commands.text_file import TextFile
from engine.errors import Refusal

MOST_TRIES = 10
"""How often chance tries one thing that is refused (a form it fills in wrongly) before it leaves that one alone."""

MOST_TRIGGERS = 10
"""How often chance lets one thing happen outside."""

TRIGGERED = 0.2
"""How likely something happens outside while something else could be done."""

QUIT = "quit"
HOW_TO_ANSWER = """\
Answer with a number or a task to complete it (it is started first), or with
start N | fail N | add N (an instance) | trigger NAME | cancel (the whole case) | quit"""


class Verb(StrEnum):
    """What can be done in a played case."""

    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    TRIGGER = "trigger"
    ADD = "add"
    CALL = "call"


class Move(NamedTuple):
    """One thing to do. `call` has the connector answer; `name` is that of a trigger; what is not needed is None."""

    verb: Verb
    work: Work | None = None
    output: Any = None
    reason: str = ""
    kind: str = FailureKind.CONNECTION
    name: str = ""


SCRIPT_LINES = (
    '{"complete": "task", "output": ...}, {"start": "task"}, {"fail": "task", "reason": "...", "kind": "timeout"}, '
    '{"trigger": "name", "data": ...}, {"add": "task", "data": ...}, {"cancel": true}'
)
SCRIPTED: Mapping[str, frozenset[str]] = {
    Verb.START: frozenset({"start"}),
    Verb.COMPLETE: frozenset({"complete", "output"}),
    Verb.FAIL: frozenset({"fail", "reason", "kind"}),
    Verb.CANCEL: frozenset({"cancel"}),
    Verb.TRIGGER: frozenset({"trigger", "data"}),
    Verb.ADD: frozenset({"add", "data"}),
}
"""The moves of a script, and the keys each may have."""


NAMED_WITH_WORK = (Verb.START, Verb.COMPLETE, Verb.FAIL, Verb.ADD)


class Player(Protocol):
    """Decides what happens next."""

    def decides(self, work: Work) -> bool:
        """Whether the player decides when a call is made that could be made by itself."""

    def choose(self, works: Sequence[Work], triggers: Sequence[str]) -> Move | None:
        """The next move; None when nobody goes on. `triggers` are the events that tasks may wait for."""

    def refused(self, move: Move, refusal: Refusal) -> None:
        """The move was not possible: chooses another the next time, or raises `Failure`."""


class Script:
    """Plays the lines of a script: `{"complete": "task", "output": {...}}` and the like.

    A task that waits is started by being completed: a start and a completion are two moves.
    """

    def __init__(self, file: TextFile) -> None:
        self._name = file.name
        lines = enumerate(file.text.split("\n"), 1)
        self._lines = [(n, _scripted(text, f"{file.name}:{n}")) for n, text in lines if text.strip()]
        self._lines.reverse()

    def decides(self, work: Work) -> bool:
        if not self._lines:
            return False
        _, line = self._lines[-1]
        return work.task.name in (line.get(Verb.COMPLETE), line.get(Verb.FAIL))

    def choose(self, works: Sequence[Work], triggers: Sequence[str]) -> Move | None:
        if not self._lines:
            return None
        number, line = self._lines[-1]
        verb = next(verb for verb in Verb if verb in SCRIPTED and verb in line)
        if verb is Verb.CANCEL:
            self._lines.pop()
            return Move(verb)
        if verb is Verb.TRIGGER:
            self._lines.pop()
            return Move(verb, output=line.get("data"), name=line[verb])
        work = self._found(number, verb, line[verb], works)
        if verb is Verb.ADD:
            self._lines.pop()
            return Move(verb, work, line.get("data"))
        if not work.executing:
            if verb is Verb.START:
                self._lines.pop()
            return Move(Verb.START, work)
        self._lines.pop()
        return Move(
            verb,
            work,
            line.get("output", {}),
            line.get("reason", "the script says so"),
            line.get("kind", Move(verb).kind),
        )

    def refused(self, move: Move, refusal: Refusal) -> NoReturn:
        raise failure_of(refusal)

    def _found(self, number: int, verb: Verb, task: str, works: Sequence[Work]) -> Work:
        """The oldest work of a task; what is to be completed is sought among what is executing first."""
        named = [work for work in works if work.task.name == task]
        waiting = [work for work in named if not work.executing]
        found = waiting if verb is Verb.START else [work for work in named if work.executing] + waiting
        if found:
            return found[0]
        now = ", ".join(dict.fromkeys(work.task.name for work in works)) or "nothing"
        raise Refused(f"{self._name}:{number}: there is no {task} to {verb} now; what waits: {now}")


class Chance:
    """Plays at random: the same seed plays the same specification the same way.

    Forms are filled in by their schemas. A call that nobody can make or answer is answered with null.
    """

    def __init__(self, seed: int, schemas: Mapping[str, Any]) -> None:
        self._random = Random(seed)
        self._schemas = schemas
        self._tries: Counter[str] = Counter()
        self._triggered: Counter[str] = Counter()
        self._refusal: Refusal | None = None

    def decides(self, work: Work) -> bool:
        return True

    def choose(self, works: Sequence[Work], triggers: Sequence[str]) -> Move | None:
        if self._refusal is None:
            self._tries.clear()
        left = [work for work in works if self._tries[work.item] < MOST_TRIES]
        waiting = [name for name in triggers if self._triggered[name] < MOST_TRIGGERS]
        if waiting and (not left or self._random.random() < TRIGGERED):
            name = self._random.choice(waiting)
            self._triggered[name] += 1
            return Move(Verb.TRIGGER, name=name)
        if not left:
            if self._refusal is not None:
                raise failure_of(self._refusal)
            return None
        self._refusal = None
        work = self._random.choice(left)
        if work.executing:
            return Move(Verb.CALL if work.call is not None else Verb.COMPLETE, work, self._filled_in(work))
        return Move(Verb.START, work)

    def refused(self, move: Move, refusal: Refusal) -> None:
        assert move.work is not None, "chance cancels nothing"
        self._tries[move.work.item] += 1
        self._refusal = refusal

    def _filled_in(self, work: Work) -> Any:
        if work.call is not None:
            return None
        form = work.task.form
        return {} if form is None else sample(form.document, self._schemas, self._random)


class Terminal:
    """Asks somebody, on stderr, because stdout is for the lines of the play."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._explained = False
        self._to_complete: str | None = None

    def decides(self, work: Work) -> bool:
        return False

    def choose(self, works: Sequence[Work], triggers: Sequence[str]) -> Move | None:
        begun = [work for work in works if work.item == self._to_complete and work.executing]
        self._to_complete = None
        if begun:
            return Move(Verb.COMPLETE, begun[0], self._output_of(begun[0]))
        if not works and not triggers:
            return None
        if not self._explained:
            click.echo(HOW_TO_ANSWER, err=True)
            self._explained = True
        for number, work in enumerate(works, 1):
            click.echo(_described(number, work), err=True)
        if triggers:
            click.echo(f"  triggers: {', '.join(triggers)}", err=True)
        while True:
            words = _asked("which? ").split()
            if words == [QUIT]:
                return None
            move = self._understood(words, works)
            if move is not None:
                return move
            click.echo("that is none of them", err=True)

    def refused(self, move: Move, refusal: Refusal) -> None:
        failure_of(refusal).show()

    def _understood(self, words: Sequence[str], works: Sequence[Work]) -> Move | None:
        """The move that an answer means."""
        if words == [Verb.CANCEL]:
            return Move(Verb.CANCEL)
        if len(words) == 2 and words[0] == Verb.TRIGGER:
            data = _json_asked(f"data of {words[1]}, as JSON [null]: ", "null")
            return Move(Verb.TRIGGER, output=data, name=words[1])
        verb = Verb(words[0]) if len(words) == 2 and words[0] in NAMED_WITH_WORK else None
        work = _named(words[-1], works) if len(words) == 1 or verb is not None else None
        if work is None:
            return None
        if verb is Verb.ADD:
            return Move(verb, work, _json_asked("data of the instance, as JSON [null]: ", "null"))
        if not work.executing:
            self._to_complete = work.item if verb in (None, Verb.COMPLETE) else None
            return Move(Verb.START, work) if verb is not Verb.FAIL else None
        if verb is Verb.START:
            return None
        if verb is Verb.FAIL:
            return Move(verb, work, reason=_asked("why? ").strip() or "no reason was given")
        return Move(Verb.COMPLETE, work, self._output_of(work))

    def _output_of(self, work: Work) -> Any:
        """What somebody says came of a task: JSON, an empty object when nothing is said."""
        if work.call is not None:
            click.echo(f"  {work.call.connector} is not really called; say what it returns", err=True)
        if work.task.form is not None:
            click.echo(f"  form {one_line(referred(work.task.form.document, self._schemas))}", err=True)
        return _json_asked(f"output of {work.task.name}, as JSON [{{}}]: ", "{}")


def failure_of(refusal: Refusal) -> Failure:
    """What the engine refused."""
    return Refused(
        f"{refusal.message} ({refusal.code})",
        [f"{problem.path}: {problem.message}" for problem in refusal.problems],
    )


def _scripted(text: str, place: str) -> dict[str, Any]:
    """One line of a script. Raises `Failure` where it is none."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongUsage(f"{place} is not JSON: {error}") from None
    verbs = [verb for verb in SCRIPTED if isinstance(line, dict) and verb in line]
    if len(verbs) != 1 or not line.keys() <= SCRIPTED[verbs[0]] or not isinstance(line[verbs[0]], str | bool):
        raise WrongUsage(f"{place} is no move: {SCRIPT_LINES}")
    return dict(line)


def _named(word: str, works: Sequence[Work]) -> Work | None:
    """The work of this number, or the first of this task."""
    if word.isdecimal() and 0 < int(word) <= len(works):
        return works[int(word) - 1]
    return next((work for work in works if work.task.name == word), None)


def _described(number: int, work: Work) -> str:
    how = "is called" if work.call is not None else "is started" if work.executing else "waits"
    title = f" ({work.task.title})" if work.task.title else ""
    return printable(f"  {number}  {work.task.name}{title} {how}, input {one_line(work.input)}")


def _json_asked(question: str, otherwise: str) -> Any:
    while True:
        text = _asked(question).strip() or otherwise
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            click.echo(f"that is not JSON: {error}", err=True)


def _asked(question: str) -> str:
    click.echo(question, err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer:
        raise WrongUsage("somebody has to decide and nobody answers: give --seed or --script")
    return answer
