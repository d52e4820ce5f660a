"""The names of all Redis keys, one function each. `redis_store.py`, `redis_registry.py`, `redis_folders.py`
and `redis_gates.py` document what they hold.

Keys of a shard carry its number as hash tag, so that on a Redis Cluster a commit stays on one node.
"""

LAYOUT = "casewright:layout"


def events(shard: int) -> str:
    """Events not yet handled."""
    return f"{{{shard}}}:events"


def lease(shard: int) -> str:
    """Who drains the shard."""
    return f"{{{shard}}}:lease"


def case(shard: int, case_id: str) -> str:
    """A case."""
    return f"{{{shard}}}:case:{case_id}"


def results(shard: int, run_id: str) -> str:
    """What the instances of a run gave."""
    return f"{{{shard}}}:run:{run_id}"


def journal(shard: int, case_id: str) -> str:
    """The journal of a case."""
    return f"{{{shard}}}:case:{case_id}:journal"


def item(shard: int, item_id: str) -> str:
    """An item, or a call."""
    return f"{{{shard}}}:item:{item_id}"


def once(shard: int, name: str) -> str:
    """The mark of a request."""
    return f"{{{shard}}}:once:{name}"


def calls(shard: int) -> str:
    """Calls by when they are due."""
    return f"{{{shard}}}:calls"


def timers(shard: int) -> str:
    """Timers by when they are due."""
    return f"{{{shard}}}:timers"


def dead(shard: int) -> str:
    """Events that could not be handled."""
    return f"{{{shard}}}:dead"


def parked(shard: int, case_id: str) -> str:
    """Events that came for a case which stands still."""
    return f"{{{shard}}}:parked:{case_id}"


def chainers(shard: int) -> str:
    """Who has the next items of a case started for him."""
    return f"{{{shard}}}:chainers"


def by_status(shard: int, status: str) -> str:
    """Cases of a status."""
    return f"{{{shard}}}:by:status:{status}"


def by_specification(shard: int, specification: str) -> str:
    """Cases of a specification."""
    return f"{{{shard}}}:by:specification:{specification}"


def by_parent(shard: int, case_id: str) -> str:
    """The children of a case."""
    return f"{{{shard}}}:by:parent:{case_id}"


WHOLE = "all"
DUE = "due"
"""Forms of a queue: all of it, and what is due at any time, by when that is."""


def of_task(task: str) -> str:
    """The form of a queue with the items of one task, whatever the specification."""
    return f"task/{task}"


def of_specification(specification: str) -> str:
    """The form of a queue with the items of one specification."""
    return f"specification/{specification}"


def of_state(state: str) -> str:
    """The queue of a state."""
    return f"state:{state}"


def of_owner(person: str, state: str) -> str:
    """The queue of what one person owns and stands so."""
    return f"owner:{state}:{person}"


def of_offer(people: str) -> str:
    """The queue of what is offered to one set of people, named by the digest of the set."""
    return f"offer:{people}"


def item_queue(shard: int, form: str, queue: str) -> str:
    """A form of a queue."""
    return f"{{{shard}}}:by:{form}:{queue}"


def by_word(shard: int, word: str) -> str:
    """Live items that are found by a word."""
    return f"{{{shard}}}:by:word:{word}"


def by_case_word(shard: int, word: str) -> str:
    """Cases that are found by a word."""
    return f"{{{shard}}}:by:case-word:{word}"


def changes(shard: int) -> str:
    """The last changes of items."""
    return f"{{{shard}}}:changes"


def handled(shard: int) -> str:
    """The channel on which it is told that events of a case were handled."""
    return f"{{{shard}}}:handled"


EVERY_HANDLED = "{*}:handled"
"""The pattern of these channels, of all shards."""


def exceptions(shard: int) -> str:
    """The log of exceptions."""
    return f"{{{shard}}}:exceptions"


def by_handling(shard: int) -> str:
    """Cases in which something is being done about an exception."""
    return f"{{{shard}}}:by:handling"


def notices(shard: int) -> str:
    """Notices that nobody has seen to."""
    return f"{{{shard}}}:notices"


def offers(shard: int) -> str:
    """The sets of people that anything was offered to, by digest."""
    return f"{{{shard}}}:by:offers"


def specification(identifier: str, version: str) -> str:
    """One version of a specification."""
    return f"spec:{identifier}:{version}"


def specification_versions(identifier: str) -> str:
    """The versions of a specification."""
    return f"spec:{identifier}"


SPECIFICATIONS = "spec:"
"""The set of all specifications' ids. It cannot be the name of one, which is never empty."""

PARTICIPANTS = "org:participants"
PILERS = "org:pilers"
ENGAGED = "org:engaged"
ORGANISATION_VERSION = "org:version"
ORGANISATION_CHANGES = "org:changes"
"""The log of who changed."""
CONNECTORS = "connectors:all"
CONNECTORS_VERSION = "connectors:version"
RULES = "rules:all"
USERS = "user:all"
"""A hash of all users by name."""

REVOKED = "revoked:"
"""Prefix of the ids of tokens that are no longer good, each until it would have expired anyway."""


def revoked(token_id: str) -> str:
    """A token that is no longer good."""
    return f"{REVOKED}{token_id}"


WEBHOOKS = "webhooks:all"
WEBHOOKS_DUE = "webhooks:due"
WEBHOOKS_DEAD = "webhooks:dead"


def delivery(identifier: str) -> str:
    """A delivery of a webhook."""
    return f"webhooks:delivery:{identifier}"


ACCESS_ROLES = "access:roles"
API_KEYS = "access:keys"
AUDIT = "audit"
AUDIT_OF_STRANGERS = "audit:strangers"


def quota(name: str) -> str:
    """How far ahead of an even flow somebody is."""
    return f"quota:rate:{name}"


def failures(name: str) -> str:
    """How often somebody has guessed wrong."""
    return f"quota:wrong:{name}"


def answer(name: str) -> str:
    """The answer of a request with an Idempotency-Key."""
    return f"answer:{name}"


UNITS = "org:units:"
"""How the names of the keys of roles, positions, groups and capabilities begin."""


def units(unit: str) -> str:
    """Roles, positions, groups or capabilities by id."""
    return f"{UNITS}{unit}"


def history(shard: int, specification: str, task: str) -> str:
    """What people have done for a task."""
    return f"{{{shard}}}:history:{specification}:{task}"


EVERY_HISTORY = "{*}:history:*"
"""The pattern of the histories of all tasks, in all shards."""

HISTORY = "history:"
"""How the name begins under which a backup keeps the history of a task, of all shards together."""


def history_of(name: str) -> tuple[str, str]:
    """The specification and the task of a history, by the name it has in a shard or in a backup."""
    specification, _, task = name.partition(HISTORY)[2].partition(":")
    return specification, task


def shared(place: str) -> str:
    """What cases share in a place."""
    return f"folder:{{{place}}}"


def shared_watchers(place: str) -> str:
    """The cases that are told when it changes."""
    return f"folder:{{{place}}}:watchers"


def shared_once(place: str, name: str) -> str:
    """The mark of a write."""
    return f"folder:{{{place}}}:once:{name}"


def shared_closed(place: str) -> str:
    """The sign that a place is needed no longer."""
    return f"folder:{{{place}}}:closed"


def load(gate: str) -> str:
    """Who is beyond a gate."""
    return f"load:{{gates}}{gate}"


def queue(gate: str) -> str:
    """Who waits before it."""
    return f"queue:{{gates}}{gate}"


def rate(gate: str) -> str:
    """How far ahead of an even flow those are who passed."""
    return f"rate:{{gates}}{gate}"


def watch(gate: str) -> str:
    """Who looks at it again."""
    return f"watch:{{gates}}{gate}"


def breaker(host: str) -> str:
    """The breaker of a host."""
    return f"breaker:{{gates}}{host}"


QUEUES = "queue:{gates}"
"""The set of gates with a queue. It cannot be the queue of one, whose name is never empty."""

TROUBLED = "breaker:{gates}"
"""The hosts whose breakers are not closed."""

REGISTRY = (
    *("spec:", "org:", "user:", "access:", "rules:", "worklets:", "connectors:", "folder:", "history:", "audit"),
    "webhooks:",
    REVOKED,
)
"""How the names of all keys begin that a backup takes beside the cases. What is not among them comes again by itself:
the state of gates, which calls come to again by themselves.
"""

EVERY_MARK = "{*}:once:*"
"""The pattern of the marks of all requests."""

EVERY_SPECIFICATION_INDEX = "{*}:by:specification:*"
"""The pattern of the indexes of cases by specification."""
