"""The specifications of the workload. Each case carries the `key` it was submitted with, so that a double shows.

Where a step is done twice or not at all, `n` or `sum` comes out wrong: `EXPECTED` says what each case must end with.
Calls go to the service of `service.py`, which adds one and fails as often as its address says.
"""

from collections.abc import Mapping
from typing import Any

CLERKS = ("ann", "bob")

SERVICE = "http://service"
"""Stands for the service's address."""

VARIABLES = """
      key: {schema: {type: string}, input: true}
      n: {schema: {type: integer}, default: 0, output: true}
"""

ADD = 'config: {method: POST, url: "http://service/add/0", timeout_s: 1}, input: {n: "$.n"}, output: {n: "$.body.n"}'
PERSON = 'output: {n: {expr: "n + 1"}}'

SEQUENCE = f"""
specification: sequence
version: "1"
nets:
  main:
    variables: {VARIABLES}
    start: a
    tasks:
      a: {{kind: automated, connector: http, {ADD}, retry: &again {{attempts: 5, backoff_s: 0.05}}, next: b}}
      b: {{kind: automated, connector: http, {ADD.replace("add/0", "add/2")}, retry: *again, next: c}}
      c: {{kind: automated, connector: http, {ADD}, retry: *again, next: end}}
"""

CHOICE = f"""
specification: choice
version: "1"
nets:
  main:
    variables: {VARIABLES}
    start: a
    conditions:
      open: {{next: [left, right]}}
    tasks:
      a: {{kind: automated, connector: http, {ADD}, retry: &again {{attempts: 5, backoff_s: 0.05}}, next: open}}
      left: {{kind: human, offer: {{participants: [ann]}}, {PERSON}, next: z}}
      right: {{kind: human, offer: {{participants: [bob]}}, {PERSON}, next: z}}
      z: {{kind: automated, connector: http, {ADD}, retry: *again, next: end}}
"""

CLAIMED = f"""
specification: claimed
version: "1"
nets:
  main:
    variables: {VARIABLES}
    start: pick
    tasks:
      pick: {{kind: human, offer: {{roles: [clerk]}}, {PERSON}, next: ship}}
      ship: {{kind: automated, connector: http, {ADD}, retry: {{attempts: 5, backoff_s: 0.05}}, next: end}}
"""

RIVALS = f"""
specification: rivals
version: "1"
nets:
  main:
    variables: {VARIABLES}
    start: split
    tasks:
      split: {{kind: routing, next: [left, right]}}
      left: {{kind: human, offer: {{participants: [ann]}}, {PERSON}, next: end}}
      right: {{kind: human, offer: {{participants: [bob]}}, {PERSON}, next: end}}
"""

FAN = """
specification: fan
version: "1"
nets:
  main:
    variables:
      key: {schema: {type: string}, input: true}
      sum: {schema: {type: integer}, output: true}
      added: {schema: {type: array}, output: true}
    start: add
    tasks:
      add:
        kind: automated
        connector: http
        config: {method: POST, url: "http://service/add/1", timeout_s: 1}
        retry: {attempts: 5, backoff_s: 0.05}
        input: {n: "$.i_index"}
        instances: {count: 10, as: i, gather: {variable: sum, from: "$.body.n", with: sum}}
        next: below
      below:
        kind: composite
        net: leaf
        input: {n: "$.c"}
        instances: {count: 4, as: c, gather: {variable: added, from: "$.n"}}
        next: end
  leaf:
    variables:
      n: {schema: {type: integer}, input: true, output: true}
    start: a
    tasks:
      a:
        kind: automated
        connector: http
        config: {method: POST, url: "http://service/add/0", timeout_s: 1}
        retry: {attempts: 5, backoff_s: 0.05}
        input: {n: "$.n"}
        output: {n: "$.body.n"}
        next: end
"""

TIMED = f"""
specification: timed
version: "1"
nets:
  main:
    variables: {VARIABLES}
    start: wait
    tasks:
      wait: {{kind: routing, delay: PT1S, next: ask}}
      ask: {{kind: human, offer: {{participants: [nobody]}}, timer: {{after: PT1S, then: skip}}, next: z}}
      z: {{kind: automated, connector: http, {ADD}, retry: {{attempts: 5, backoff_s: 0.05}}, next: end}}
"""

MENDED = f"""
specification: mended
version: "1"
nets:
  main:
    variables: {VARIABLES}
    start: a
    tasks:
      a: {{kind: automated, connector: http, {ADD}, retry: &again {{attempts: 5, backoff_s: 0.05}}, next: b}}
      b:
        kind: automated
        connector: http
        config: {{method: POST, url: "http://service/add/99", timeout_s: 1}}
        on:
          connector_failed:
            - {{suspend: case}}
            - {{compensate: {{net: mend, input: {{n: "$.n"}}, output: {{n: "$.n"}}}}}}
            - {{continue: case}}
            - {{compensate: {{net: mend, input: {{n: "$.n"}}, output: {{n: "$.n"}}}}}}
            - complete
        next: c
      c: {{kind: automated, connector: http, {ADD}, retry: *again, next: end}}
  mend:
    variables:
      n: {{schema: {{type: integer}}, input: true, output: true}}
    start: m
    tasks:
      m: {{kind: automated, connector: http, {ADD}, retry: *again, next: end}}
"""

TEXTS = (SEQUENCE, CHOICE, CLAIMED, RIVALS, FAN, TIMED, MENDED)

EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "sequence": {"n": 3},
    "choice": {"n": 3},
    "claimed": {"n": 2},
    "rivals": {"n": 1},
    "fan": {"sum": sum(range(1, 11)), "added": list(range(1, 5))},
    "timed": {"n": 1},
    "mended": {"n": 4},
}
