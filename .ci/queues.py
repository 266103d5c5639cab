"""A throttled delivery is finished from the retry queue; a refused message is a dead letter; what comes
twice asks nobody twice.

    python .ci/queues.py PATH_TO_BOOTSTRAP
"""

import json
import sys
import time

from emulator import Function, signed
from messages import LIST, identify, order, track


def receive(function, queue):
    """Takes the messages from a queue and returns Lambda's event for them, and their bodies."""
    received = function.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    for message in received:
        function.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    event = records((message["MessageId"], message["Body"]) for message in received)
    return event, [json.loads(message["Body"]) for message in received]


def records(messages):
    event = [{"messageId": identifier, "eventSource": "aws:sqs", "body": body}
             for identifier, body in messages]
    return json.dumps({"Records": event}).encode()


def check(bootstrap):
    with Function(bootstrap, LIST_ID=LIST, DELIVERY_BUDGET_MS="1500") as function:
        klaviyo = function.klaviyo
        klaviyo.fail("/api/events", 429, retry_after=2, times=2, after=1)
        status, report, _, _ = function.deliver(signed([order(1, 2), identify(2)]))
        assert (status, report["queued"], report["delivered"]) == (200, 1, 1), report
        event, [entry] = receive(function, function.retry_queue)
        print(f"queued: {entry['reason']}, done {entry['done']}, to do {entry['to_do']}")
        assert (len(entry["done"]), len(entry["to_do"])) == (1, 2), entry

        before = len(klaviyo.requests())
        assert function.invoke(event) == {"batchItemFailures": []}
        [job] = klaviyo.requests()[before:]
        assert job["path"].endswith("-jobs") and json.dumps(job["body"]).count("unique_id") == 2, (
            "only unfinished operations are sent, together")
        state = klaviyo.state()
        assert (len(state["events"]), len(state["consents"])) == (3, 1), state

        [item] = function.dynamodb.scan(TableName="memory")["Items"]
        assert item["answered"] == {"BOOL": True} and "@" not in str(item), item
        subscriber = identify(2)
        assert function.deliver(signed(subscriber))[0] == 200
        assert len(klaviyo.state()["consents"]) == 1, "a message that comes again asks nobody"

        # Until then, single events would wait for a job.
        time.sleep(2)
        klaviyo.fail("/api/events", 400)
        status, report, _, _ = function.deliver(signed(track(3)))
        assert (status, report["rejected"]) == (400, 1), report
        event, [entry] = receive(function, function.dead_letters)
        print(f"dead letter: {entry['reason']}: {entry['detail']}")
        assert function.invoke(event) == {"batchItemFailures": []}
        assert len(klaviyo.state()["events"]) == 4, "a redriven dead letter is delivered"

        result = function.invoke(records([("x", "not a queue entry")]))
        assert result == {"batchItemFailures": [{"itemIdentifier": "x"}]}, result
    print("queued, resumed without repeats, dead-lettered, redriven; an unreadable record stays")


check(sys.argv[1])
