"""The kinds of workflow exceptions that a case can raise."""

from enum import StrEnum


class ExceptionKind(StrEnum):
    """What went wrong."""

    CONNECTOR_FAILED = "connector_failed"
    VALIDATION_ERROR = "validation_error"
    CONSTRAINT_VIOLATION = "constraint_violation"
    ITEM_FAILED = "item_failed"
    CHILD_FAILED = "child_failed"
    TIMEOUT = "timeout"
