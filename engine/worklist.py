"""What people do with items: the moves that touch no token, and those for which the case takes a step in the request.

Each move holds when its function returns. Where somebody else was faster it is tried again on what then stands, a
bounded number of times; mostly the table of moves then says why it is no longer possible.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from engine import names
from engine.case import Case, CaseStatus
from engine.data.expressions import ExpressionFailed
from engine.data.mapping import OUTPUT, ValidationFailed
from engine.errors import Conflict, Forbidden, InvalidInput, NotFound, Problem
from engine.events import (
    CaseMigrated,
    Envelope,
    Event,
    InstanceAdded,
    ItemCancelled,
    ItemCompleted,
    ItemFailed,
    ItemMoved,
    ItemSkipped,
    ItemStarted,
    ItemUpdated,
)
from engine.executions import execution_of
from engine.items import moves
from engine.items.moves import Move
from engine.items.work_item import LIVE, WorkItem
from engine.journal import Entry
from engine.names import case_of, number_of
from engine.net import firing, guards
from engine.net.guards import PostconditionUnmet
from engine.runner import COMMIT_ATTEMPTS, Runner
from engine.spec.model import Task
from engine.store.port import Outcome, Store


class Done(NamedTuple):
    """The item after a move, and whether its shard has events or calls that somebody must be told of."""

    item: WorkItem
    ring: bool = False
    calls: bool = False


class Added(NamedTuple):
    """The id of an instance that was added, its item where a person does it, and whom to tell, as in `Done`."""

    item_id: str
    item: WorkItem | None
    ring: bool
    calls: bool


class Migrated(NamedTuple):
    """The case after its migration, and whom to tell, as in `Done`."""

    case: Case
    ring: bool
    calls: bool


class Worklist:
    """The moves of items, by the people who may make them. Every method may raise `NotFound`, `Forbidden`, `Conflict`.

    `correlation_id` is that of the request; without one the journal shows the one the item came with.
    """

    def __init__(self, store: Store, runner: Runner) -> None:
        self._store = store
        self._runner = runner

    def claim(self, item_id: str, by: str, correlation_id: str = "") -> Done:
        """Makes an offered item one's own. Of many who try at once exactly one succeeds."""
        return self._move(item_id, Move.CLAIM, by, correlation_id, lambda item, at: moves.claim(item, by, at))

    def reject_offer(self, item_id: str, by: str, correlation_id: str = "") -> Done:
        """Says that one does not want an offered item."""
        return self._move(
            item_id, Move.REJECT_OFFER, by, correlation_id, lambda item, at: moves.reject_offer(item, by, at)
        )

    def offer(self, item_id: str, to: tuple[str, ...], by: str, correlation_id: str = "") -> Done:
        """Offers a waiting item to these people (who administers items)."""
        return self._move(
            item_id,
            Move.OFFER,
            by,
            correlation_id,
            lambda item, at: moves.offer(item, to, by, at, administrator=True),
            to=",".join(to),
        )

    def allocate(self, item_id: str, to: str, by: str, correlation_id: str = "") -> Done:
        """Gives a waiting item to one person (who administers items)."""
        return self._move(
            item_id,
            Move.ALLOCATE,
            by,
            correlation_id,
            lambda item, at: moves.allocate(item, to, by, at, administrator=True),
            to=to,
        )

    def suspend(self, item_id: str, by: str, correlation_id: str = "", *, administrator: bool = False) -> Done:
        """Puts an item aside (its owner, and who administers items). Its case goes on beside it."""
        return self._move(
            item_id,
            Move.SUSPEND,
            by,
            correlation_id,
            lambda item, at: moves.suspend(item, by, at, administrator=administrator),
        )

    def resume(self, item_id: str, by: str, correlation_id: str = "", *, administrator: bool = False) -> Done:
        """Makes a suspended item what it was (its owner, and who administers items)."""
        return self._move(
            item_id,
            Move.RESUME,
            by,
            correlation_id,
            lambda item, at: moves.resume(item, by, at, administrator=administrator),
        )

    def update(self, item_id: str, data: dict[str, Any], by: str, correlation_id: str = "") -> Done:
        """Changes parts of the input of a started item (who may tell cases what happens outside)."""
        return self._change(
            item_id,
            ItemUpdated(item_id, data, by),
            correlation_id,
            lambda item, at: moves.update(item, data, by, at, administrator=True),
        )

    def start(self, item_id: str, by: str, correlation_id: str = "") -> Done:
        """Starts an item: its task fires, and rivals that can no longer be taken are withdrawn."""
        return self._step(item_id, Move.START, ItemStarted(item_id, by), by, correlation_id)

    def fail(self, item_id: str, reason: str, by: str, correlation_id: str = "") -> Done:
        """Gives a started item up: the exception `item_failed` is raised at its task."""
        return self._step(item_id, Move.FAIL, ItemFailed(item_id, reason, by), by, correlation_id)

    def skip(self, item_id: str, by: str, correlation_id: str = "") -> Done:
        """Lets a waiting item count as done (who administers items)."""
        return self._step(item_id, Move.SKIP, ItemSkipped(item_id, by), by, correlation_id, administrator=True)

    def cancel(self, item_id: str, by: str, correlation_id: str = "") -> Done:
        """Cancels one item: its path ends there (who administers items)."""
        return self._step(item_id, Move.CANCEL, ItemCancelled(item_id, by), by, correlation_id, administrator=True)

    def add_instance(
        self, item_id: str, data: Any, by: str, correlation_id: str = "", *, administrator: bool = False
    ) -> Added:
        """One more instance of the task that an item (or a call, or a child case) is an instance of.

        Its owner may ask for it, and who administers items.
        """
        for _ in range(COMMIT_ATTEMPTS):
            loaded = self._store.load([case_of(item_id)], [item_id])
            case, item = loaded.case(case_of(item_id)), loaded.items.get(item_id)
            if case is None or (item is None and execution_of(case, number_of(item_id)) is None):
                raise NotFound(f"no item {item_id}", code="item_not_found")
            if not administrator and (item is None or item.owner != by):
                raise Forbidden(f"item {item_id} is not yours", code="not_your_item")
            if case.status is CaseStatus.SUSPENDED:
                raise Conflict(f"case {case.id} is suspended", code="case_suspended")
            progress = self._runner.progress(case)
            progress.take(InstanceAdded(item_id, data, by), loaded.at, correlation_id or case.correlation_id)
            commit = progress.finished()
            if self._store.commit([commit])[0] is Outcome.DONE:
                # Before it the case may have read anew what it shares.
                notes = (note for entry in commit.entries for note in entry.notes)
                [number] = [note.number for note in notes if note.what == "added"]
                added = names.item_id(case.id, number)
                ring = bool(commit.appended or commit.started)
                return Added(added, commit.items.get(added, (None, None))[1], ring, calls=bool(commit.placed))
        raise _busy(item_id)

    def migrate(self, case_id: str, version: str, by: str, correlation_id: str = "") -> Migrated:
        """Lets a case go on with another version of its specification.

        Raises `Conflict` (`cannot_migrate`) with every reason, `NotFound`.
        """
        for _ in range(COMMIT_ATTEMPTS):
            loaded = self._store.load([case_id], [])
            case = loaded.case(case_id)
            if case is None:
                raise NotFound(f"no case {case_id}", code="case_not_found")
            progress = self._runner.progress(case)
            tasks = progress.specification.nets[case.net].tasks
            kinds = {run.task: str(tasks[run.task].kind) for run in case.runs.values()}
            migrated = CaseMigrated(version, by, case.specification_version, kinds)
            progress.take(migrated, loaded.at, correlation_id or case.correlation_id)
            commit = progress.finished()
            if self._store.commit([commit])[0] is Outcome.DONE:
                return Migrated(commit.after, bool(commit.appended or commit.started), calls=bool(commit.placed))
        raise Conflict(f"case {case_id} is changed by others all the time; try again", code="case_busy")

    def complete(self, item_id: str, output: Any, by: str, correlation_id: str = "") -> Done:
        """Completes a started item. The item and its event are written together, so what is answered holds for ever.

        Raises `InvalidInput` (`invalid_output`) with every problem when the output breaks the form or what the
        variables it is mapped to allow; the item stays started then. So it does when what the task is to ensure does
        not hold: `InvalidInput` (`postcondition_unmet`) where another output might help, `Conflict` of the same code
        where only other data can.
        """
        for _ in range(COMMIT_ATTEMPTS):
            case, item, at = self._read(item_id)
            after = moves.complete(item, output, by, at)
            self._check_output(case, item, output)
            envelope = Envelope(case.id, ItemCompleted(item_id, output, by, at), correlation_id or item.correlation_id)
            done, ring = self._store.move(item, after, None, envelope)
            if done:
                return Done(after, ring)
            self._refuse_unless_live(item_id)
        raise _busy(item_id)

    def _move(
        self,
        item_id: str,
        move: Move,
        by: str,
        correlation_id: str,
        moved: Callable[[WorkItem, int], WorkItem],
        to: str | None = None,
    ) -> Done:
        return self._change(item_id, ItemMoved(item_id, move, by, to), correlation_id, moved)

    def _change(
        self,
        item_id: str,
        event: ItemMoved | ItemUpdated,
        correlation_id: str,
        changed: Callable[[WorkItem, int], WorkItem],
    ) -> Done:
        for _ in range(COMMIT_ATTEMPTS):
            _, item, at = self._read(item_id)
            after = changed(item, at)
            entry = Entry(at, event, correlation_id=correlation_id or item.correlation_id)
            if self._store.move(item, after, entry).done:
                return Done(after)
            self._refuse_unless_live(item_id)
        raise _busy(item_id)

    def _step(
        self, item_id: str, move: Move, event: Event, by: str, correlation_id: str, *, administrator: bool = False
    ) -> Done:
        for _ in range(COMMIT_ATTEMPTS):
            case, item, at = self._read(item_id)
            moves.check(item, move, by=by, administrator=administrator)
            progress = self._runner.progress(case)
            progress.knows({item_id: item})
            progress.take(event, at, correlation_id or item.correlation_id)
            commit = progress.finished()
            if self._store.commit([commit])[0] is Outcome.DONE:
                # A start whose input cannot be mapped fails the case; of many runs this item may be swept later.
                _, after = commit.items.get(item_id, (item, item))
                return Done(after, ring=bool(commit.appended or commit.started), calls=bool(commit.placed))
        raise _busy(item_id)

    def _read(self, item_id: str) -> tuple[Case, WorkItem, int]:
        loaded = self._store.load([case_of(item_id)], [item_id])
        case, item = loaded.case(case_of(item_id)), loaded.items.get(item_id)
        if case is None or item is None:
            raise NotFound(f"no item {item_id}", code="item_not_found")
        if item.state in LIVE and not case.ended and execution_of(case, number_of(item_id)) is None:
            # Its run has ended, and it is only waiting to be cleared away with the others.
            raise Conflict(f"item {item_id} no longer waits: its task is done", code="item_state_conflict")
        return case, item, loaded.at

    def _refuse_unless_live(self, item_id: str) -> None:
        case, item, _ = self._read(item_id)
        if case.status is CaseStatus.SUSPENDED:
            raise Conflict(f"case {case.id} is suspended", code="case_suspended")
        if case.status is not CaseStatus.RUNNING:
            raise Conflict(f"item {item.id}: its case is {case.status}", code="item_state_conflict")

    def _check_output(self, case: Case, item: WorkItem, output: Any) -> None:
        specification = self._runner.specification_of(case)
        net = specification.nets[item.net]
        task = net.tasks[item.task]
        problems: list[Problem] = []
        if task.form is not None:
            problems += task.form.check(output)
        if not problems:
            try:
                _try_mappings(task, firing.seen(output, _trigger_of(case, item)), self._runner.variables_of(case))
            except ValidationFailed as failure:
                problems += failure.problems
            except ExpressionFailed as failure:
                problems.append(Problem("$", str(failure)))
            except PostconditionUnmet as unmet:
                if not unmet.own:
                    raise Conflict(str(unmet), code="postcondition_unmet") from unmet
                problem = Problem("ensures", f"{unmet.source!r} does not hold")
                raise InvalidInput(str(unmet), code="postcondition_unmet", problems=(problem,)) from unmet
        if problems:
            raise InvalidInput(
                f"the output of item {item.id} does not fit task {task.name}", code="invalid_output", problems=problems
            )


def _try_mappings(task: Task, output: Any, data: Mapping[str, Any]) -> None:
    """Raises what keeps the output of a task, or of one of its instances, from being taken."""
    changes = task.output.apply(output, data) if task.output is not None else {}
    if task.instances is None:
        guards.check_postcondition(task, {**data, **changes}, changes)
    for gather in task.instances.gathers if task.instances is not None else ():
        gather.source.read(output, {**data, OUTPUT: output})


def _trigger_of(case: Case, item: WorkItem) -> firing.Trigger:
    found = execution_of(case, number_of(item.id))
    return found.run.trigger if found is not None else None


def _busy(item_id: str) -> Conflict:
    return Conflict(f"item {item_id} is changed by others all the time; try again", code="item_busy")
