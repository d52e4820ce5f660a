"""What lies behind a place of a net: the tasks and places that what happens there can lead to."""

from collections.abc import Iterable

from engine.spec.model import Net, Region, Task


def behind(net: Net, tasks: Iterable[Task], places: Iterable[str] = ()) -> Region:
    """All that follows from these tasks' completion and from tokens in these places, loops included."""
    seen_tasks: set[str] = set()
    seen_places: set[str] = set()
    left = [*places, *(flow.place for task in tasks for flow in task.flows)]
    while left:
        place = left.pop()
        if place in seen_places:
            continue
        seen_places.add(place)
        for task in net.consumers.get(place, ()):
            if task.name not in seen_tasks:
                seen_tasks.add(task.name)
                left += [flow.place for flow in task.flows]
    return Region(tuple(sorted(seen_tasks)), tuple(sorted(seen_places)))
