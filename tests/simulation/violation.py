"""A broken promise: what a seed is looking for."""


class Violation(BaseException):
    """Something that must hold does not. `promise` names it, the same for every seed that finds it.

    It is no `Exception`: what catches those, to go on with other work, must not hide it.
    """

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


def demand(holds: bool, promise: str, what: object) -> None:
    """Raises `Violation` unless it holds."""
    if not holds:
        raise Violation(promise, str(what))
