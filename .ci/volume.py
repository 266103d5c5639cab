"""Large deliveries to a Klaviyo that is 60 ms away and enforces its rate limits.

    python .ci/volume.py PATH_TO_BOOTSTRAP
"""

import contextlib
import json
import sys

from emulator import Function, signed
from klaviyo import Klaviyo
from messages import audience, changed_identify, deletion, group, identify, order, track
from rig import free_port

MAX_MEMORY_MIB = 96
MAX_REQUEST_BYTES = 5_000_000
PERSON = "sarah@klaviyo-demo.com"

# Time enough for a slow machine: seconds are printed, not asserted.
SETTINGS = {"DELIVERY_BUDGET_MS": "60000", "GROUP_LISTS": "true", "AUDIENCE_LISTS": "true",
            "HONOR_DELETIONS": "true"}


def numbered(count, make, *arguments, **options):
    return [make(n, *arguments, **options) for n in range(count)]


# Messages, the most requests, and what Klaviyo has afterwards: events, profiles, consents.
CASES = {
    "4,000 events": (numbered(4000, track), 5, (4000, 4000, 0)),
    "1,000 identifies": (numbered(1000, identify), 2, (0, 1000, 0)),
    "1,000 identifies to two lists": (
        [identify(n, listId=f"LIST{n % 2}") for n in range(1000)], 4, (0, 1000, 1000)),
    "200 orders of 5 lines": (numbered(200, order, 5), 3, (1200, 200, 0)),
    "1 order of 40 lines": ([order(0, 40)], 2, (41, 1, 0)),
    "110 events of 50 KB": (numbered(110, track, text="x" * 50_000), 2, (110, 110, 0)),
    "20 identifies of one person": (numbered(20, identify, PERSON), 1, (0, 1, 0)),
    "60 events of which 2 differ": ([track(n % 2) for n in range(60)], 2, (2, 2, 0)),
    "1 event": ([track(0)], 1, (1, 1, 0)),
    "300 subscriptions by group": (numbered(300, group, True), 1, (0, 300, 300)),
    "300 unsubscriptions by group": (numbered(300, group, False), 6, (0, 0, 300)),
    "200 entries to an audience": (numbered(200, audience, "Audience Entered"), 1, (0, 200, 0)),
    "200 exits of unknown people": (numbered(200, audience, "Audience Exited"), 4, (0, 0, 0)),
    "2 deletions": (numbered(2, deletion), 2, (0, 0, 0)),
    "50 identifies with changes": (numbered(50, changed_identify), 1, (0, 50, 0)),
}


def deliver(function, name):
    messages, max_requests, expected = CASES[name]
    function.klaviyo.reset()
    status, report, requests, seconds = function.deliver(signed(messages))
    state, memory = function.klaviyo.state(), function.peak_memory()
    largest = max(request["bytes"] for request in requests)
    print(f"{name:30} {len(requests):8}  {seconds:7.2f}  {largest:13,}  {memory:8.1f}")

    assert (status, report["delivered"]) == (200, len(messages)), (name, status, report)
    refused = [request for request in requests if request["status"] >= 300]
    assert not refused, (name, [(request["path"], request["errors"]) for request in refused])
    # A request that is repeated because its response was late counts once.
    different = {(request["method"], request["path"], json.dumps(request["body"]))
                 for request in requests}
    assert len(different) <= max_requests, (name, len(different))
    found = tuple(len(state[kind]) for kind in ("events", "profiles", "consents"))
    assert found == expected, (name, found, expected)
    assert largest <= MAX_REQUEST_BYTES, (name, largest)
    assert memory < MAX_MEMORY_MIB, (name, memory)
    return state


def check(bootstrap):
    print(f"{'':30} requests  seconds  largest bytes  peak MiB")
    with contextlib.ExitStack() as at_end:
        # moto copies the whole table for each transaction, so the stand-in plays DynamoDB here.
        table = Klaviyo(at_end, f"127.0.0.1:{free_port()}", "--quiet").url
        function = Function(bootstrap, 60, AWS_ENDPOINT_URL_DYNAMODB=table, **SETTINGS)
        at_end.enter_context(function)
        # The first invocation starts the function.
        function.deliver(signed([track(0)]))
        for name in CASES:
            state = deliver(function, name)
            if name == "20 identifies of one person":
                [profile] = state["profiles"]
                assert profile["properties"]["n"] == 19, "the last value wins"


check(sys.argv[1])
