"""The kinds of workflow exceptions that a case can raise."""

from enum import StrEnum


class ExceptionKind(StrEnum):
    """What went wrong."""

    CONNECTOR_FAILED = "connector_failed"
    VALIDATION_ERROR = "validation_error"
    CONSTRAINT_VIOLATION = "constraint_violation"
    ITEM_FAILED = "item_failed"
    ITEM_ABORTED = "item_aborted"
    CHILD_FAILED = "child_failed"
    TIMEOUT = "timeout"
    RESOURCE_UNAVAILABLE = "resource_unavailable"
    EXTERNAL_TRIGGER = "external_trigger"
    DEADLOCK = "deadlock"


BENIGN = frozenset(
    {
        ExceptionKind.ITEM_ABORTED,
        ExceptionKind.RESOURCE_UNAVAILABLE,
        ExceptionKind.EXTERNAL_TRIGGER,
        ExceptionKind.DEADLOCK,
    }
)
"""What the case survives when nobody handles it: a person may still offer the item, or resume and cancel the case."""
