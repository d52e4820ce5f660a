"""When Python's garbage collector runs in a process that serves for long.

It looks for cycles each time some hundred more objects were made than let go of, and a drain of 64 cases makes tens of
thousands, none of them in a cycle. With CPython's own settings (700, 10, 10) that takes a fifth of a worker's time.
"""

import gc

OBJECTS = 10_000
"""New objects after which the youngest are looked through. At 100,000 what is looked through no longer fits the
processor's cache, and it takes longer again."""


def collect_seldom() -> None:
    """What the process has loaded so far is not looked at again; the rest is, but seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, 10, 10)
