"""The specifications of the workload. Each case carries the `key` it was submitted with, so that a double shows.

Where a step is done twice or not at all, `n` or `sum` comes out wrong: `EXPECTED` says what each case must end with.
"""

from collections.abc import Mapping
from typing import Any

CLERKS = ("ann", "bob")

SEQUENCE = """
specification: sequence
version: "1"
nets:
  main:
    variables:
      key: {schema: {type: string}, input: true}
      n: {schema: {type: integer}, default: 0, output: true}
    start: a
    tasks:
      a:
        kind: automated
        connector: echo
        config: {timeout_s: 1}
        input: {n: {expr: "n + 1"}}
        output: {n: "$.n"}
        next: b
      b:
        kind: automated
        connector: echo
        config: {timeout_s: 1, fail: {kind: timeout, message: too slow, retryable: true, times: 2}}
        retry: {attempts: 4, backoff_s: 0.05}
        input: {n: {expr: "n + 1"}}
        output: {n: "$.n"}
        next: c
      c:
        kind: automated
        connector: echo
        config: {timeout_s: 1}
        input: {n: {expr: "n + 1"}}
        output: {n: "$.n"}
        next: end
"""

CHOICE = """
specification: choice
version: "1"
nets:
  main:
    variables:
      key: {schema: {type: string}, input: true}
      n: {schema: {type: integer}, default: 0, output: true}
    start: a
    conditions:
      open: {next: [left, right]}
    tasks:
      a:
        kind: automated
        connector: echo
        config: {timeout_s: 1}
        input: {n: {expr: "n + 1"}}
        output: {n: "$.n"}
        next: open
      left: {kind: human, offer: {participants: [ann]}, output: {n: {expr: "n + 1"}}, next: z}
      right: {kind: human, offer: {participants: [bob]}, output: {n: {expr: "n + 1"}}, next: z}
      z:
        kind: automated
        connector: echo
        config: {timeout_s: 1}
        input: {n: {expr: "n + 1"}}
        output: {n: "$.n"}
        next: end
"""

CLAIMED = """
specification: claimed
version: "1"
nets:
  main:
    variables:
      key: {schema: {type: string}, input: true}
      n: {schema: {type: integer}, default: 0, output: true}
    start: pick
    tasks:
      pick: {kind: human, offer: {roles: [clerk]}, output: {n: {expr: "n + 1"}}, next: ship}
      ship:
        kind: automated
        connector: echo
        config: {timeout_s: 1}
        input: {n: {expr: "n + 1"}}
        output: {n: "$.n"}
        next: end
"""

RIVALS = """
specification: rivals
version: "1"
nets:
  main:
    variables:
      key: {schema: {type: string}, input: true}
      n: {schema: {type: integer}, default: 0, output: true}
    start: split
    tasks:
      split: {kind: routing, next: [left, right]}
      left: {kind: human, offer: {participants: [ann]}, output: {n: {expr: "n + 1"}}, next: end}
      right: {kind: human, offer: {participants: [bob]}, output: {n: {expr: "n + 1"}}, next: end}
"""

FAN = """
specification: fan
version: "1"
nets:
  main:
    variables:
      key: {schema: {type: string}, input: true}
      sum: {schema: {type: integer}, output: true}
      doubled: {schema: {type: array}, output: true}
    start: square
    tasks:
      square:
        kind: automated
        connector: echo
        config: {timeout_s: 1, fail: {kind: timeout, message: too slow, retryable: true, times: 1}}
        retry: {attempts: 4, backoff_s: 0.05}
        input: {value: {expr: "i_index * i_index"}}
        instances: {count: 10, as: i, gather: {variable: sum, from: "$.value", with: sum}}
        next: double
      double:
        kind: composite
        net: leaf
        input: {k: "$.c"}
        instances: {count: 4, as: c, gather: {variable: doubled, from: "$.k"}}
        next: end
  leaf:
    variables:
      k: {schema: {type: integer}, input: true, output: true}
    start: double
    tasks:
      double:
        kind: automated
        connector: echo
        config: {timeout_s: 1}
        input: {v: {expr: "k * 2"}}
        output: {k: "$.v"}
        next: end
"""

TIMED = """
specification: timed
version: "1"
nets:
  main:
    variables:
      key: {schema: {type: string}, input: true}
      n: {schema: {type: integer}, default: 0, output: true}
    start: wait
    tasks:
      wait: {kind: routing, delay: PT1S, next: ask}
      ask: {kind: human, offer: {participants: [nobody-works-here]}, timer: {after: PT1S, then: skip}, next: z}
      z:
        kind: automated
        connector: echo
        config: {timeout_s: 1}
        input: {n: {expr: "n + 1"}}
        output: {n: "$.n"}
        next: end
"""

TEXTS = (SEQUENCE, CHOICE, CLAIMED, RIVALS, FAN, TIMED)

EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "sequence": {"n": 3},
    "choice": {"n": 3},
    "claimed": {"n": 2},
    "rivals": {"n": 1},
    "fan": {"sum": sum(index * index for index in range(10)), "doubled": [index * 2 for index in range(4)]},
    "timed": {"n": 1},
}
