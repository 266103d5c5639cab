"""What Klaviyo cannot take now waits in SQS and is delivered from there; what it never takes is a dead letter.

    python .ci/queues.py PATH_TO_BOOTSTRAP
"""

import json

from rig import Rig, http, only_with_sandbox, signed
from volume import identify, order, track


def records(queue, url):
    """The waiting messages as the event that Lambda makes of them; they are gone from the queue then."""
    received = queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in received:
        queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    event = [{"messageId": message["MessageId"], "eventSource": "aws:sqs", "body": message["Body"]} for message in received]
    return json.dumps({"Records": event}).encode(), [json.loads(message["Body"]) for message in received]


def check(bootstrap):
    with Rig(bootstrap, queues=True, LIST_ID="Y6nRLr", DELIVERY_BUDGET_MS="1500") as rig:
        fault = {"match": "/api/events", "status": 429, "retry_after": 120, "times": 2, "after": 1}
        http(f"{rig.sandbox}/faults", json.dumps(fault).encode())
        status, report, calls, _ = rig.invoke(signed([order(1, 2), identify(2)]))
        assert (status, report["queued"], report["delivered"]) == (200, 1, 1), report
        event, bodies = records(rig.sqs, rig.retry_queue)
        print(f"queued: {bodies[0]['reason']}, done {bodies[0]['done']}, to do {bodies[0]['to_do']}")
        assert (len(bodies[0]["done"]), len(bodies[0]["to_do"])) == (1, 2), bodies

        before = len(rig.calls())
        answer = json.loads(http(rig.url, event))
        assert answer == {"batchItemFailures": []}, answer
        assert len(rig.calls()) - before == 2, "what was done is not done again"
        held = rig.held()
        assert (len(held["events"]), len(held["consents"])) == (3, 1), held

        fault = {"match": "/api/events", "status": 400, "times": 1}
        http(f"{rig.sandbox}/faults", json.dumps(fault).encode())
        status, report, _, _ = rig.invoke(signed(track(3)))
        assert (status, report["rejected"]) == (400, 1), report
        event, bodies = records(rig.sqs, rig.dead_letters)
        print(f"dead letter: {bodies[0]['reason']}: {bodies[0]['detail']}")
        assert json.loads(http(rig.url, event)) == {"batchItemFailures": []}
        assert len(rig.held()["events"]) == 4, "redriven"

        unreadable = json.dumps({"Records": [{"messageId": "x", "eventSource": "aws:sqs", "body": "not ours"}]}).encode()
        answer = json.loads(http(rig.url, unreadable))
        assert answer == {"batchItemFailures": [{"itemIdentifier": "x"}]}, answer
    print("queued, resumed without repeats, buried, redriven; an unreadable record stays")


only_with_sandbox(check)
