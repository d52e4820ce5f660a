"""What must hold at the end, when no more faults strike and everybody has had time to do what is to be done."""

from collections.abc import Mapping

from engine.case import BUSY, Case, CaseStatus
from engine.definitions import Definitions
from engine.events import CallAnswered, CaseRetried
from engine.items.work_item import LIVE
from engine.names import number_of, root_of
from engine.replay import ReplayDiffers, replay, stub_of
from engine.store.port import DeadLetter, Store
from tests.simulation.ledger import Ledger
from tests.simulation.nets import RETRY, Scenario
from tests.simulation.office import ABSENT
from tests.simulation.violation import Violation, demand
from tests.simulation.watch import ONCE, Watch, mark_of
from workers.connect import LOSSES_FORGIVEN

MOST_MADE = RETRY["attempts"] + LOSSES_FORGIVEN
"""How often one call is made at most."""


class Verdict:
    """Judges the store as it stands."""

    def __init__(
        self,
        store: Store,
        watch: Watch,
        ledger: Ledger,
        definitions: Definitions,
        made: Mapping[str, int],
        scenarios: Mapping[str, Scenario],
        meddled: frozenset[str],
    ) -> None:
        """`made` counts calls by item, `scenarios` are by case; nobody knows what comes of `meddled` cases."""
        self._store = store
        self._watch = watch
        self._ledger = ledger
        self._scenarios = scenarios
        self._meddled = meddled
        self._made = made
        self._definitions = definitions

    def at_rest(self) -> bool:
        """Whether nothing is left to do, but for what nobody will ever do."""
        return not self._unrest()

    def judge(self) -> None:
        """Raises `Violation` for the first promise that is broken."""
        self._watch.look_everywhere()
        unrest = self._unrest()
        demand(not unrest, "every case ends or waits for someone", unrest)
        self._acknowledged()
        for case_id in self._watch.cases:
            case = self._store.case(case_id)
            assert case is not None
            self._once(case)
            self._called(case)
            self._replayed(case)
            self._cleared(case)
            self._right(case)

    # -- rest ----------------------------------------------------------------------------------------------------

    def _unrest(self) -> str:
        """What is still to be done; nothing of it may be left in the end."""
        for work in self._store.work():
            if work.undrained or work.due_calls or work.due_timers:
                return str(work)
        for shard in range(self._store.shards):
            left = [*self._store.read(shard, 1).events, *filter(self._can_be_retried, self._store.dead_letters(shard))]
            if left:
                return str(left)
        if self._ledger.submitted != set(self._scenarios):
            return f"not begun: {sorted(set(self._scenarios) - self._ledger.submitted)}"
        for case_id in self._watch.cases:
            case = self._store.case(case_id)
            assert case is not None
            if not case.ended and not self._waits_for_nobody(case) and not self._is_stuck(case):
                live = [(item.id, item.task, item.state) for item in self._store.items_of(case_id)]
                return f"{case_id} is {case.status}: runs {case.runs} marking {case.marking} kept {case.kept} {live}"
        return ""

    def _can_be_retried(self, letter: DeadLetter) -> bool:
        """A case that was cancelled while it stood still leaves its dead letter for who wants to know."""
        case = self._store.case(letter.envelope.case_id)
        return case is not None and not case.ended

    def _waits_for_nobody(self, case: Case) -> bool:
        """Whether a running case waits for a person who never comes."""
        if case.status is not CaseStatus.RUNNING or self._store.calls_of(case.id) or case.timers:
            return False
        live = [item for item in self._store.items_of(case.id) if item.state in LIVE]
        return bool(live) and all(item.offered_to == (ABSENT,) for item in live)

    def _is_stuck(self, case: Case) -> bool:
        """Whether somebody has cancelled what a case needed to go on, in it or in one below it."""
        root = root_of(case.id)
        if case.status not in (CaseStatus.RUNNING, CaseStatus.DEADLOCKED):
            return False
        if root not in self._meddled or self._store.calls_of(case.id) or case.timers:
            return False
        tree = [self._store.case(name) for name in self._watch.cases if root_of(name) == root]
        live = [item for item in self._store.items_of(case.id) if item.state in LIVE]
        return not live and any(each is not None and each.status is CaseStatus.DEADLOCKED for each in tree)

    # -- promises ------------------------------------------------------------------------------------------------

    def _acknowledged(self) -> None:
        ledger = self._ledger
        for case_id in ledger.submitted:
            demand(self._store.case(case_id) is not None, "nothing acknowledged is lost", f"case {case_id}")
        for item_id, promised in ledger.completed.items():
            item = self._store.item(item_id)
            demand(item is not None, "nothing acknowledged is lost", f"{item_id} {promised}")
            assert item is not None
            self._watch.hold_to(item)
            if item.applied is None:
                case = self._store.case(item.case_id)
                status = case.status if case is not None else "missing"
                raise Violation("what was completed is applied or discarded", f"{item.id} of a {status} case: {item}")
        for key, case_id in ledger.wishes.items():
            entries = [entry for entry in self._store.journal(case_id) if entry.correlation_id == key]
            # A retry may be put behind again and again, and what was aside comes with its correlation id.
            of_itself = [entry for entry in entries if not isinstance(entry.event, CaseRetried)]
            if not key.startswith("retry"):
                kinds = {type(entry.event) for entry in of_itself}
                demand(bool(kinds), "nothing acknowledged is lost", key)

    def _once(self, case: Case) -> None:
        """What a case sees once in its life stands once in its journal."""
        marks = [mark_of(entry.event) for entry in self._store.journal(case.id) if isinstance(entry.event, ONCE)]
        demand(len(marks) == len(set(marks)), "no transition twice", f"{case.id} {marks}")

    def _called(self, case: Case) -> None:
        """What was answered was asked, and nobody was asked more often than a task's budget and lost workers allow."""
        for entry in self._store.journal(case.id):
            if isinstance(entry.event, CallAnswered):
                made = self._made[entry.event.item]
                demand(0 < made <= MOST_MADE, "calls are made within their budget", f"{made} times {entry.event}")

    def _replayed(self, case: Case) -> None:
        specification = self._definitions.get(case.specification, case.specification_version)
        journal = self._store.journal(case.id)
        try:
            replayed = replay(specification, stub_of(case), journal)
        except ReplayDiffers as differs:
            raise Violation("replay equals state", f"{case.id}: {differs}") from differs
        demand(replayed.case == case, "replay equals state", f"{case.id}: {replayed.case} {case}")
        items = [replayed.items[item] for item in sorted(replayed.items, key=number_of)]
        stored = self._store.items_of(case.id)
        demand(items == stored, "replay equals state", f"items of {case.id}: {items} {stored}")

    def _cleared(self, case: Case) -> None:
        """An ended case leaves nothing behind that somebody would still do."""
        if not case.ended:
            return
        left = [item.id for item in self._store.items_of(case.id) if item.state in LIVE]
        calls = [call.item for call in self._store.calls_of(case.id)]
        busy = [run for run in case.runs.values() if run.state in BUSY]
        demand(
            not (left or calls or busy or case.timers), "an ended case is cleared", f"{case.id} {left} {calls} {busy}"
        )
        if case.parent is not None:
            above = self._store.case(case.parent)
            assert above is not None
            number = int(case.id.rpartition(".")[2])
            waits = any(n == number and run.state in BUSY for n, run in above.runs.items())
            demand(
                above.ended or not waits, "a parent hears of its child's end", f"{case.id} {case.status} {above.runs}"
            )

    def _right(self, case: Case) -> None:
        """A case whose result is determined has the right one; another end has a reason."""
        if case.parent is not None:
            return
        scenario = self._scenarios[root_of(case.id)]
        if case.id in self._meddled:
            return
        match case.status:
            case CaseStatus.COMPLETED:
                data = {name: case.data.get(name) for name in ("seen", "given")}
                demand(scenario.right(data), "a determined result is right", f"{case.id} {scenario.name} {data}")
            case CaseStatus.CANCELLED:
                demand(case.id in self._ledger.cancelled, "nobody is cancelled unasked", case.id)
            case CaseStatus.FAILED:
                kind = case.failure.kind if case.failure is not None else ""
                demand(
                    kind in ("connector_failed", "child_failed"),
                    "a case fails for a reason",
                    f"{case.id} {case.failure}",
                )
            case CaseStatus.RUNNING:
                demand(scenario.waits_for_ever, "every case ends or waits for someone", case.id)
