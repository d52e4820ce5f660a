"""What the store holds of the cases of one run, read when all is over."""

from collections.abc import Iterable, Iterator

from deploy.wiring import Parts
from engine.case import Case
from engine.errors import Refusal
from engine.replay import ReplayDiffers, first_version, replay, stub_of
from engine.store import codec
from engine.store.port import CaseQuery
from tests.chaos.history import Record

CASES_A_PAGE = 500


def records_of(parts: Parts, run: str, given: Iterable[str] = ()) -> dict[str, Record]:
    """The cases whose root was submitted in this run, with all below them. `given` as in `cases_of`."""
    return {case.id: _record(parts, case) for case in cases_of(parts, run, given)}


def cases_of(parts: Parts, run: str, given: Iterable[str] = ()) -> list[Case]:
    """The cases of a run, as they stand.

    They are known by the key in their data, by the name that the submitter gave them, and by the ids that were `given`
    to him: one whose first step is still to come has no data.
    """
    cases = list(_all_cases(parts))
    named = {case.id for case in cases if case.id.startswith(f"{run}-")}
    keyed = {case.id for case in cases if case.parent is None and str(case.data.get("key", "")).startswith(f"{run}-")}
    roots = {*named, *keyed, *given}
    return [case for case in cases if case.id.partition(".")[0] in roots]


def _all_cases(parts: Parts) -> Iterator[Case]:
    cursor = None
    while True:
        page = parts.store.cases(CaseQuery(limit=CASES_A_PAGE, after=cursor))
        yield from page.cases
        cursor = page.next
        if cursor is None:
            return


def _record(parts: Parts, case: Case) -> Record:
    journal = parts.store.journal(case.id)
    items = {item.id: item for item in parts.store.items_of(case.id)}
    version = first_version(case, journal)
    specification = parts.definitions.get(case.specification, version)
    try:
        replayed = replay(specification, stub_of(case, version), journal)
    except (ReplayDiffers, Refusal, KeyError, AssertionError) as error:
        return Record(case, journal, items, f"{type(error).__name__}: {error}")
    if codec.pack_case(replayed.case) != codec.pack_case(case):
        return Record(case, journal, items, "the case is not what its journal says")
    differing = sorted(name for name in replayed.items.keys() | items if replayed.items.get(name) != items.get(name))
    return Record(case, journal, items, f"items {differing} are not what the journal says" if differing else None)
