"""What is kept about who may ask, how often, and what he was answered and is told: the ports of it, together."""

from collections.abc import Callable
from typing import NamedTuple

from engine.store.audit import Audit
from engine.store.kept_answers import KeptAnswers
from engine.store.memory_answers import MemoryAnswers
from engine.store.memory_audit import MemoryAudit
from engine.store.memory_quotas import MemoryQuotas
from engine.store.memory_rights import MemoryRights
from engine.store.memory_webhooks import MemoryWebhooks
from engine.store.quotas import Quotas
from engine.store.registry import Registry
from engine.store.rights import Rights
from engine.store.webhooks import Webhooks


class Access(NamedTuple):
    """Rights, quotas, kept answers, the audit log and the webhooks of an installation."""

    rights: Rights
    quotas: Quotas
    answers: KeptAnswers
    audit: Audit
    webhooks: Webhooks


def in_memory(registry: Registry, clock: Callable[[], int]) -> Access:
    """All of it in memory. `clock` gives milliseconds since 1970."""
    return Access(MemoryRights(registry), MemoryQuotas(clock), MemoryAnswers(clock), MemoryAudit(), MemoryWebhooks())
