"""Ends of cases and items arrive at whoever wants to know, signed, at least once, on real Redis and real workers."""

import hmac
import json

from engine.resources.organisation import Participant
from engine.store.webhooks import Webhook
from tests.installation import Installation
from tests.webhook_receiver import Receiver

SECRET = "what both sides know, of 32 characters or more"

SIMPLE = """
specification: simple
version: "1"
nets:
  main:
    variables: {n: {schema: {type: integer}, input: true}}
    start: look
    tasks:
      look: {kind: human, offer: {participants: [ann]}, next: end}
"""


def test_every_end_arrives_signed(installation: Installation, receiver: Receiver) -> None:
    url, parts = receiver.url, installation.parts
    parts.access.webhooks.put_webhook(Webhook("billing", url, SECRET, events=("case.*", "item.completed")))
    parts.access.webhooks.put_webhook(Webhook("others", url, SECRET, specifications=("none",)))
    # Processes that have looked before look again after half a second.
    installation.wait_until(parts.access.webhooks.wanted, "what is known of webhooks")
    specification = installation.deploy(SIMPLE)
    installation.hire(Participant("ann"))
    cases = [f"c{n}" for n in range(3)]
    installation.submit(specification, [(case_id, {"n": 1}) for case_id in cases])
    for case_id in cases:
        installation.wait_until(lambda: bool(parts.store.items_of(case_id)), "an item")  # noqa: B023
        item = installation.item_of(case_id, "look")
        parts.worklist.start(item, "ann", "test")
        done = parts.worklist.complete(item, {}, "ann", "test")
        if done.ring:
            installation.ring_for(case_id)
    expected = {(event, case) for event in ("case.completed", "item.completed") for case in cases}
    installation.wait_until(
        lambda: {(body["event"], body["case_id"]) for body in receiver.bodies} == expected, "every end"
    )
    for headers, body in receiver.came:
        stamp, _, shown = headers["x-casewright-signature"].partition(",v1=")
        signed = f"{stamp.removeprefix('t=')}.".encode() + body
        assert hmac.compare_digest(shown, hmac.digest(SECRET.encode(), signed, "sha256").hex())
        assert headers["idempotency-key"] == json.loads(body)["id"]
    [item_end] = [body for body in receiver.bodies if body["event"] == "item.completed" and body["case_id"] == "c0"]
    assert (item_end["item_id"], item_end["task"], item_end["owner"]) == ("c0:1", "look", "ann")
