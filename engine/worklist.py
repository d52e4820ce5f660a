"""What people do with items: the moves that touch no token, and those for which the case takes a step in the request.

Each move holds when its function returns. Where somebody else was faster it is tried again on what then stands, a
bounded number of times; mostly the table of moves then says why it is no longer possible.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from engine import names
from engine.case import Case, CaseStatus
from engine.data.expressions import ExpressionFailed
from engine.data.mapping import OUTPUT, Source, ValidationFailed
from engine.drain import COMMIT_ATTEMPTS
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
    ItemRedone,
    ItemReturned,
    ItemSkipped,
    ItemStarted,
    ItemTaken,
    ItemUpdated,
    TaskBroughtForward,
    WorkletReplaced,
)
from engine.executions import execution_of
from engine.items import moves
from engine.items.moves import Asked, Move
from engine.items.privileges import Asker, Person, PersonPrivilege, asker
from engine.items.urgency import urgency
from engine.items.work_item import LIVE, ItemState, WorkItem
from engine.journal import Entry
from engine.names import case_of, child_number, number_of, parent_of, root_of
from engine.net import firing, guards, redoing
from engine.net.guards import PostconditionUnmet
from engine.runner import Runner
from engine.spec.model import Initiator, Task
from engine.store.detours import Detours
from engine.store.engagements import Engagement, Engagements, is_over
from engine.store.memory_detours import MemoryDetours
from engine.store.memory_engagements import MemoryEngagements
from engine.store.port import ItemQuery, Outcome, Store


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
    """The case after it was changed, and whom to tell, as in `Done`."""

    case: Case
    ring: bool
    calls: bool


Persons = Callable[[str], Person]
"""Knows a participant's roles and privileges."""

Follows = Callable[[Case, WorkItem], Event | None]
"""Says what event follows a move, given the case and the item after it."""


class Worklist:
    """The moves of items, by the people who may make them. Every method may raise `NotFound`, `Forbidden`, `Conflict`.

    `correlation_id` is that of the request; without one the journal shows the one the item came with. `administrator`:
    who asks administers items, and needs neither the item nor a privilege where the table of moves says so.
    """

    def __init__(
        self,
        store: Store,
        runner: Runner,
        persons: Persons | None = None,
        detours: Detours | None = None,
        engagements: Engagements | None = None,
    ) -> None:
        """Without `persons` everybody has the usual privileges; what else is not given is kept in memory."""
        self._store = store
        self._runner = runner
        self._persons = persons or (lambda participant: Person())
        self._detours = detours or MemoryDetours()
        self._engagements = engagements or MemoryEngagements()

    def claim(self, item_id: str, by: str, correlation_id: str = "") -> Done:
        """Makes an offered item one's own. Of many who try at once exactly one succeeds."""
        return self._move(item_id, Move.CLAIM, by, correlation_id, follows=self._starts)

    def reject_offer(self, item_id: str, by: str, correlation_id: str = "") -> Done:
        """Says that one does not want an offered item. When nobody else has it, it is offered to the next who may."""
        return self._move(
            item_id,
            Move.REJECT_OFFER,
            by,
            correlation_id,
            follows=lambda case, item: ItemReturned(item.id, why="rejected") if not item.offered_to else None,
        )

    def offer(self, item_id: str, to: tuple[str, ...], by: str, correlation_id: str = "") -> Done:
        """Offers a waiting item to these people (who administers items)."""
        return self._move(
            item_id,
            Move.OFFER,
            by,
            correlation_id,
            to=to,
            administrator=True,
            follows=lambda case, item: self._allocates(case, item, to),
        )

    def allocate(self, item_id: str, to: str, by: str, correlation_id: str = "") -> Done:
        """Gives a waiting item to one person (who administers items)."""
        return self._move(
            item_id, Move.ALLOCATE, by, correlation_id, to=(to,), administrator=True, follows=self._starts
        )

    def suspend(self, item_id: str, by: str, correlation_id: str = "", *, administrator: bool = False) -> Done:
        """Puts an item aside (its owner, and who administers items). Its case goes on beside it."""
        return self._move(item_id, Move.SUSPEND, by, correlation_id, administrator=administrator)

    def resume(self, item_id: str, by: str, correlation_id: str = "", *, administrator: bool = False) -> Done:
        """Makes a suspended item what it was (its owner, and who administers items)."""
        return self._move(item_id, Move.RESUME, by, correlation_id, administrator=administrator)

    def save(self, item_id: str, output: Any, by: str, correlation_id: str = "") -> Done:
        """Keeps what the owner of a started item has so far, unchecked. Completing it says what came of it."""
        return self._move(item_id, Move.SAVE, by, correlation_id, data={"output": output})

    def delegate(
        self, item_id: str, to: str, by: str, correlation_id: str = "", *, administrator: bool = False
    ) -> Done:
        """Hands an allocated item on to somebody else, unstarted."""
        return self._move(item_id, Move.DELEGATE, by, correlation_id, to=(to,), administrator=administrator)

    def deallocate(self, item_id: str, by: str, correlation_id: str = "", *, administrator: bool = False) -> Done:
        """Gives an allocated item back: it is offered to the others again, and not to who had it."""
        return self._move(item_id, Move.DEALLOCATE, by, correlation_id, administrator=administrator)

    def reallocate(
        self,
        item_id: str,
        to: str,
        by: str,
        correlation_id: str = "",
        *,
        keep_data: bool = True,
        administrator: bool = False,
    ) -> Done:
        """Gives a started item to somebody else, with what was done of it (`keep_data`) or as it was begun."""
        move = Move.REALLOCATE_STATEFUL if keep_data else Move.REALLOCATE_STATELESS
        return self._move(item_id, move, by, correlation_id, to=(to,), administrator=administrator)

    def escalate(self, item_id: str, to: tuple[str, ...], by: str, correlation_id: str = "") -> Done:
        """Takes an item from whoever has it: one gets it, several are offered it (who administers items)."""
        return self._move(item_id, Move.ESCALATE, by, correlation_id, to=to, administrator=True)

    def edit(
        self,
        item_id: str,
        changes: Mapping[str, Any],
        by: str,
        correlation_id: str = "",
        *,
        administrator: bool = False,
    ) -> Done:
        """Changes `priority` (its owner too) or `due_at` (ms since 1970; who administers items) of an item."""
        return self._move(item_id, Move.EDIT, by, correlation_id, data=dict(changes), administrator=administrator)

    def pile(self, item_id: str, by: str, correlation_id: str = "") -> Done:
        """Has new items of this task, of whatever case, started for him from now on.

        Raises `Conflict` (`already_piled`) while somebody else has.
        """
        case, item, _ = self._read(item_id)
        self._check(case, item, Move.PILE, by)
        piler = self._detours.pile(item.specification, item.task, by)
        if piler != by:
            message = f"the items of {item.task} of {item.specification} are piled by {piler} already"
            raise Conflict(message, code="already_piled")
        return self._move(item_id, Move.PILE, by, correlation_id)

    def unpile(self, item_id: str, by: str, correlation_id: str = "", *, administrator: bool = False) -> Done:
        """New items of this task are distributed again (who piled them, and who administers items)."""
        _, item, _ = self._read(item_id)
        piler = self._detours.of(item.specification, item.task, root_of(item.case_id)).piler
        if piler != by and not administrator:
            raise Forbidden(f"{by} does not pile the items of {item.task}", code="not_your_pile")
        self._detours.unpile(item.specification, item.task)
        return self._move(item_id, Move.UNPILE, by, correlation_id)

    def chain(self, item_id: str, by: str, correlation_id: str = "") -> Done:
        """Has the next items of this case that are offered to him started for him, until it ends.

        Raises `Conflict` (`already_chained`) while somebody else has.
        """
        case, item, _ = self._read(item_id)
        self._check(case, item, Move.CHAIN, by)
        chainer = self._detours.chain(root_of(item.case_id), by)
        if chainer != by:
            message = f"the items of case {root_of(item.case_id)} are chained by {chainer} already"
            raise Conflict(message, code="already_chained")
        return self._move(item_id, Move.CHAIN, by, correlation_id)

    def unchain(self, item_id: str, by: str, correlation_id: str = "", *, administrator: bool = False) -> Done:
        """The next items of the case are distributed again (who chained it, and who administers items)."""
        _, item, _ = self._read(item_id)
        chainer = self._detours.of(item.specification, item.task, root_of(item.case_id)).chainer
        if chainer != by and not administrator:
            raise Forbidden(f"{by} does not chain case {root_of(item.case_id)}", code="not_your_chain")
        self._detours.unchain(root_of(item.case_id))
        return self._move(item_id, Move.UNCHAIN, by, correlation_id)

    def update(self, item_id: str, data: dict[str, Any], by: str, correlation_id: str = "") -> Done:
        """Changes parts of the input of a started item (who may tell cases what happens outside)."""
        return self._change(
            item_id,
            ItemUpdated(item_id, data, by),
            correlation_id,
            Asked(Move.UPDATE, Asker(by, administrator=True), 0, data=data),
        )

    def start(self, item_id: str, by: str, correlation_id: str = "", *, administrator: bool = False) -> Done:
        """Starts an item: its task fires, and rivals that can no longer be taken are withdrawn.

        Raises `Conflict` (`not_next_item`, `other_item_started`) where he may not choose, or do two things at a time.
        That is looked up before, not compared: two starts of one person at the same moment may both succeed.
        """
        if not administrator:
            self._check_turn(item_id, by)
        also = self._engaged(item_id, by)
        return self._step(item_id, Move.START, ItemStarted(item_id, by, also), by, correlation_id)

    def fail(self, item_id: str, reason: str, by: str, correlation_id: str = "") -> Done:
        """Gives a started item up: the exception `item_failed` is raised at its task."""
        return self._step(item_id, Move.FAIL, ItemFailed(item_id, reason, by), by, correlation_id)

    def skip(self, item_id: str, by: str, correlation_id: str = "", *, administrator: bool = False) -> Done:
        """Lets a waiting item count as done (who has the privilege, and who administers items)."""
        event = ItemSkipped(item_id, by)
        return self._step(item_id, Move.SKIP, event, by, correlation_id, administrator=administrator)

    def cancel(self, item_id: str, by: str, correlation_id: str = "") -> Done:
        """Cancels one item: its path ends there (who administers items)."""
        return self._step(item_id, Move.CANCEL, ItemCancelled(item_id, by), by, correlation_id, administrator=True)

    def redo(self, item_id: str, by: str, correlation_id: str = "", *, administrator: bool = False) -> Done:
        """Has a completed item done again, and takes back what followed from it. Gives the new item.

        Raises `Conflict` (`cannot_redo`) where that cannot be said of the case.
        """

        def event(case: Case, item: WorkItem) -> Event:
            net = self._runner.specification_of(case).nets[case.net]
            restored = redoing.restored(net, item.task, redoing.fired_since(net, self._store.journal(case.id), item_id))
            return ItemRedone(item_id, item.task, by, restored)

        return self._step(item_id, Move.REDO, event, by, correlation_id, administrator=administrator, made="redone")

    def pre_do(
        self, item_id: str, task: str, by: str, correlation_id: str = "", *, administrator: bool = False
    ) -> Done:
        """Brings a later task of an item's case forward: its item, which is given back, can be done ahead of time.

        Raises `Conflict` (`cannot_pre_do`) where the net does not allow it.
        """
        event = TaskBroughtForward(task, by)
        made = "brought_forward"
        return self._step(item_id, Move.PRE_DO, event, by, correlation_id, administrator=administrator, made=made)

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

    def replace_worklet(self, worklet: str, by: str, correlation_id: str = "") -> Migrated:
        """Calls off a worklet, named by its case, and has it chosen anew. Gives the case whose task runs it.

        Raises `NotFound`, and `Conflict` (`no_worklet`) where that case is none.
        """
        case_id = parent_of(worklet)
        assert case_id is not None, f"{worklet} was begun by no case"
        for _ in range(COMMIT_ATTEMPTS):
            loaded = self._store.load([case_id], [])
            case = loaded.case(case_id)
            if case is None:
                raise NotFound(f"no case {case_id}", code="case_not_found")
            if case.status is CaseStatus.SUSPENDED:
                raise Conflict(f"case {case.id} is suspended", code="case_suspended")
            progress = self._runner.progress(case)
            replaced = WorkletReplaced(child_number(worklet), by)
            progress.take(replaced, loaded.at, correlation_id or case.correlation_id)
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
        *,
        to: tuple[str, ...] = (),
        data: dict[str, Any] | None = None,
        administrator: bool = False,
        follows: "Follows | None" = None,
    ) -> Done:
        event = ItemMoved(item_id, move, by, ",".join(to) or None, data)
        asked = Asked(move, Asker(by, administrator), 0, to, data or {})
        return self._change(item_id, event, correlation_id, asked, follows)

    def _starts(self, case: Case, item: WorkItem) -> Event | None:
        """What follows when an item has got an owner: where the system starts items, it does."""
        task = self._task(case, item)
        return ItemTaken(item.id) if task.interaction.start is Initiator.SYSTEM else None

    def _allocates(self, case: Case, item: WorkItem, to: tuple[str, ...]) -> Event | None:
        """What follows when an administrator has offered an item: where the system allocates, it chooses one."""
        task = self._task(case, item)
        if task.interaction.allocate is Initiator.SYSTEM:
            return ItemReturned(item.id, why="offered", among=to)
        return None

    def _task(self, case: Case, item: WorkItem) -> Task:
        return self._runner.specification_of(case).nets[item.net].tasks[item.task]

    def _change(
        self,
        item_id: str,
        event: ItemMoved | ItemUpdated,
        correlation_id: str,
        asked: Asked,
        follows: "Follows | None" = None,
    ) -> Done:
        for _ in range(COMMIT_ATTEMPTS):
            case, item, at = self._read(item_id)
            asker = self._asker(case, item, asked.asker.participant, administrator=asked.asker.administrator)
            after = moves.make(item, asked._replace(asker=asker, at=at))
            correlation = correlation_id or item.correlation_id
            next_event = follows(case, after) if follows is not None else None
            envelope = Envelope(case.id, next_event, correlation) if next_event is not None else None
            moved = self._store.move(item, after, Entry(at, event, correlation_id=correlation), envelope)
            if moved.done:
                return Done(after, moved.ring)
            self._refuse_unless_live(item_id)
        raise _busy(item_id)

    def _step(
        self,
        item_id: str,
        move: Move,
        event: Event | Callable[[Case, WorkItem], Event],
        by: str,
        correlation_id: str,
        *,
        administrator: bool = False,
        made: str | None = None,
    ) -> Done:
        """Lets the case take an event in the request. `made`: what is given is the new item that is noted so."""
        for _ in range(COMMIT_ATTEMPTS):
            case, item, at = self._read(item_id)
            self._check(case, item, move, by, administrator=administrator)
            progress = self._runner.progress(case)
            progress.knows({item_id: item})
            taken = event(case, item) if callable(event) else event
            progress.take(taken, at, correlation_id or item.correlation_id)
            commit = progress.finished()
            if self._store.commit([commit])[0] is Outcome.DONE:
                shown = item_id
                if made is not None:
                    notes = (note for entry in commit.entries for note in entry.notes)
                    shown = next((names.item_id(case.id, note.number) for note in notes if note.what == made), item_id)
                # A start whose input cannot be mapped fails the case; of many runs this item may be swept later.
                _, after = commit.items.get(shown, (item, item))
                return Done(after, ring=bool(commit.appended or commit.started), calls=bool(commit.placed))
        raise _busy(item_id)

    def _check(self, case: Case, item: WorkItem, move: Move, by: str, *, administrator: bool = False) -> None:
        moves.check(item, move, self._asker(case, item, by, administrator=administrator))

    def _asker(self, case: Case, item: WorkItem, by: str, *, administrator: bool) -> Asker:
        if administrator:
            return Asker(by, administrator=True)
        task = self._runner.specification_of(case).nets[item.net].tasks[item.task]
        return asker(by, self._persons(by), task.privileges, administrator=False)

    def _engaged(self, item_id: str, by: str) -> tuple[str, ...]:
        """Engages the further resources that an item takes. Raises `Conflict` where one is not to be had."""
        case, item, at = self._read(item_id)
        task = self._runner.specification_of(case).nets[item.net].tasks[item.task]
        if not task.also:
            return ()
        self._check(case, item, Move.START, by)
        names = names_in(task.also, self._runner.variables_of(case))
        away = [name for name in names if not self._persons(name).available]
        if away:
            raise Conflict(f"item {item_id} also takes {', '.join(away)}: not available", code="resource_unavailable")

        def over(engagement: Engagement) -> bool:
            return is_over(engagement, self._store.item(engagement.item), at)

        busy = self._engagements.engage(item_id, names, at, over)
        if busy:
            told = ", ".join(f"{name} (by {other})" for name, other in busy.items())
            raise Conflict(f"item {item_id} also takes what is engaged: {told}", code="resource_engaged")
        return names

    def _check_turn(self, item_id: str, by: str) -> None:
        privileges = self._persons(by).privileges
        if PersonPrivilege.START_CONCURRENTLY not in privileges:
            started = self._store.items(ItemQuery(person=by, state=ItemState.STARTED, limit=1)).items
            if started:
                message = f"{by} has started {started[0].id} and does one thing at a time"
                raise Conflict(message, code="other_item_started")
        if PersonPrivilege.CHOOSE_ITEM not in privileges:
            states = (ItemState.OFFERED, ItemState.ALLOCATED)
            first = [
                item for state in states for item in self._store.items(ItemQuery(person=by, state=state, limit=1)).items
            ]
            following = min(first, key=urgency, default=None)
            if following is not None and following.id != item_id:
                message = f"{by} takes items in their order, and the next one is {following.id}"
                raise Conflict(message, code="not_next_item")

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


def names_in(sources: tuple[Source, ...], data: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that sources give: each a name or a list of names. Raises `Conflict` where one gives none."""
    found: list[str] = []
    for source in sources:
        value = source.read(data, data)
        names = value if isinstance(value, list) else [value]
        if not all(isinstance(name, str) for name in names):
            raise Conflict(f"also: a resource is named by a string, not {value!r}", code="resource_unavailable")
        found += names
    return tuple(dict.fromkeys(found))


def _busy(item_id: str) -> Conflict:
    return Conflict(f"item {item_id} is changed by others all the time; try again", code="item_busy")
