"""The play itself: moves are chosen, made and shown, until the case has ended or nobody goes on."""

import os
from collections.abc import Mapping
from typing import Any

import click

from deploy.commands.checking import checked_specification
from deploy.commands.connectors import connectors_checked
from deploy.commands.output import NotCompleted, WrongUsage, one_line
from deploy.commands.played_case import PlayedCase, Work, parts_in_memory
from deploy.commands.players import Chance, Move, Player, Script, Terminal, Verb, failure_of
from deploy.commands.settings import settings_with
from deploy.commands.specifications import failure_of_invalid
from deploy.commands.text_file import TextFile
from engine.case import CaseStatus
from engine.errors import Refusal
from engine.events import CallAnswered
from engine.spec.diagnostics import SpecificationInvalid
from engine.spec.model import Kind, Specification

REALLY_CALLED = frozenset({"echo", "function", "shared"})
"""Connectors whose calls reach nothing outside."""


def run(
    file: TextFile,
    data: Mapping[str, Any],
    *,
    seed: int | None,
    script: TextFile | None,
    answers: Mapping[str, list[Any]],
    most_steps: int,
) -> None:
    """Plays a specification. Raises `Failure` unless the case completes."""
    settings = settings_with()
    with connectors_checked():
        parts = parts_in_memory(settings, os.environ)
    try:
        specification = checked_specification(file.text, file.name, parts.connectors)
    except SpecificationInvalid as invalid:
        raise failure_of_invalid(invalid) from None
    _check_answers(answers, specification)
    case = PlayedCase(parts, specification)
    play = Play(case, _player(case, seed, script), answers)
    try:
        case.begin(data)
    except Refusal as refusal:
        raise failure_of(refusal) from None
    try:
        play.go_on(most_steps)
    finally:
        _print({"end": _end(case, specification)})
    _expect_completed(case)


class Play:
    """A case, who plays it, and the answers that calls get."""

    def __init__(self, case: PlayedCase, player: Player, answers: Mapping[str, list[Any]]) -> None:
        self._case = case
        self._player = player
        self._answers = {task: list(given) for task, given in answers.items()}
        self._steps = 0

    def go_on(self, most_steps: int) -> None:
        """Makes moves until the case ends, nobody goes on, or there were too many. Raises `Failure`."""
        self._show(None)
        while self._case.case.status is CaseStatus.RUNNING:
            move = self._next()
            if move is None:
                return
            if self._steps == most_steps:
                click.echo(f"casewright: stopped after {most_steps} steps", err=True)
                return
            try:
                event = self._made(move)
            except Refusal as refusal:
                self._player.refused(move, refusal)
                continue
            self._steps += 1
            self._show(event)

    def _next(self) -> Move | None:
        works = self._case.works
        for work in works:
            if self._plays_itself(work) and not self._player.decides(work):
                return Move(Verb.CALL, work)
        return self._player.choose(works, self._case.triggers)

    def _plays_itself(self, work: Work) -> bool:
        if work.call is None:
            return False
        return work.task.name in self._answers or work.call.connector in REALLY_CALLED

    def _made(self, move: Move) -> dict[str, Any]:
        """Makes a move; the line of a script that makes it again."""
        if move.verb is Verb.TRIGGER:
            self._case.trigger(move.name, move.output)
            return {"trigger": move.name, "data": move.output}
        if move.work is None:
            self._case.cancel()
            return {"cancel": True}
        task = move.work.task.name
        match move.verb:
            case Verb.START:
                self._case.start(move.work)
                return {"start": task}
            case Verb.FAIL:
                self._case.fail(move.work, move.reason, move.kind, retryable=True)
                return {"fail": task, "reason": move.reason, "kind": move.kind}
            case Verb.CALL:
                return self._called(move.work)
            case Verb.ADD:
                self._case.add_instance(move.work, move.output)
                return {"add": task, "data": move.output}
        self._case.complete(move.work, move.output)
        return {"complete": task, "output": move.output}

    def _called(self, work: Work) -> dict[str, Any]:
        task = work.task.name
        if not self._plays_itself(work) or task in self._answers:
            output = self._answer(task)
            self._case.complete(work, output)
            return {"complete": task, "output": output}
        event = self._case.make_call(work)
        if isinstance(event, CallAnswered):
            return {"complete": task, "output": event.output}
        return {"fail": task, "reason": event.message, "kind": event.kind}

    def _answer(self, task: str) -> Any:
        """The next answer of a task, null where none was given."""
        given = self._answers.get(task, [None])
        return given.pop(0) if len(given) > 1 else given[0]

    def _show(self, event: dict[str, Any] | None) -> None:
        case = self._case.case
        standing = self._case.standing
        children = self._case.children
        _print(
            {
                "step": self._steps,
                "event": event,
                "fired": self._case.fired(),
                "enabled": standing.enabled,
                "executing": standing.executing,
                "marking": case.marking,
                **({"children": children} if children else {}),
            }
        )


def _player(case: PlayedCase, seed: int | None, script: TextFile | None) -> Player:
    if script is not None:
        return Script(script)
    return Chance(seed, case.schemas) if seed is not None else Terminal(case.schemas)


def _check_answers(answers: Mapping[str, list[Any]], specification: Specification) -> None:
    calls = {
        task.name for net in specification.nets.values() for task in net.tasks.values() if task.kind is Kind.AUTOMATED
    }
    for task in answers:
        if task not in calls:
            known = ", ".join(sorted(calls)) or "none"
            raise WrongUsage(f"--answer: {task} is no automated task (there is {known})")


def _end(played: PlayedCase, specification: Specification) -> dict[str, Any]:
    """How the case stands at the end."""
    case = played.case
    failure = case.failure
    outputs = [name for name, variable in specification.nets[case.net].variables.items() if variable.output]
    completed = case.status is CaseStatus.COMPLETED
    return {
        "status": case.status,
        "data": case.data,
        "marking": case.marking,
        "result": {name: case.data.get(name) for name in outputs} if completed else None,
        "failure": {"kind": failure.kind, "task": failure.task, "message": failure.message} if failure else None,
    }


def _expect_completed(played: PlayedCase) -> None:
    case = played.case
    if case.status is CaseStatus.COMPLETED:
        return
    if case.status is CaseStatus.RUNNING:
        raise NotCompleted("the case still runs, and nobody goes on")
    failure = case.failure
    why = f": {failure.kind} at {failure.task}: {failure.message}" if failure is not None else ""
    raise NotCompleted(f"the case is {case.status}{why}")


def _print(line: Mapping[str, Any]) -> None:
    click.echo(one_line(line))
