"""Many messages at once, with Klaviyo 60 ms away and its rate limits on: calls, time and memory.

    python .ci/volume.py PATH_TO_BOOTSTRAP
"""

import json

from rig import Rig, only_with_sandbox, signed

MOST_MEMORY = 96
FIVE_MB = 5_000_000


def message(kind, n, email=None, **fields):
    email = email or f"p{n}@klaviyo-demo.com"
    return {"type": kind, "messageId": f"m{n}", "timestamp": "2026-11-20T10:00:00Z", "userId": f"usr_{n}",
            "context": {"traits": {"email": email}, "library": {"name": "analytics.js"}}} | fields


def track(n, email=None, event="Product Viewed", **properties):
    return message("track", n, email, event=event, properties={"n": n, "name": "Wild Berry Jam", "price": 9.95} | properties)


def identify(n, email=None, list_id=None, **traits):
    integrations = {"Klaviyo": {"listId": list_id}} if list_id else {}
    email = email or f"p{n}@klaviyo-demo.com"
    return message("identify", n, email, traits={"email": email, "n": n} | traits, integrations=integrations)


def order(n, lines):
    products = [{"product_id": f"p{i}", "name": "Jam", "price": 9.95, "quantity": 2} for i in range(lines)]
    return track(n, event="Order Completed", order_id=f"R{n}", total=100, products=products)


def group(n, subscribe):
    return message("group", n, f"p{n}@klaviyo-demo.com", groupId="Y6nRLr", traits={"subscribe": subscribe},
                   userId=f"p{n}@klaviyo-demo.com")


def audience(n, event):
    audience = track(n, event=event)
    audience["context"]["personas"] = {"computation_class": "audience", "external_audience_id": "AUD001"}
    return audience


def patched(n):
    options = {"Klaviyo": {"fieldsToUnset": ["old"], "fieldsToAppend": {"skus": ["A"]}, "fieldsToUnappend": {"skus": "B"}}}
    return identify(n) | {"integrations": options}


# The sandbox may take its time on a slow machine: seconds are shown, not judged, and a call that was sent again
# because its answer was late counts once.
SETTINGS = {"DELIVERY_BUDGET_MS": "60000", "GROUP_LISTS": "true", "AUDIENCE_LISTS": "true", "HONOR_DELETIONS": "true"}

# What is sent, the most calls, and what Klaviyo must hold afterwards: events, profiles, consents.
CASES = {
    "4,000 events": ([track(n) for n in range(4000)], 5, (4000, 4000, 0)),
    "1,000 identifies": ([identify(n) for n in range(1000)], 2, (0, 1000, 0)),
    "1,000 identifies to two lists": ([identify(n, list_id=f"LIST{n % 2}") for n in range(1000)], 4, (0, 1000, 1000)),
    "200 orders of 5 lines": ([order(n, 5) for n in range(200)], 3, (1200, 200, 0)),
    "1 order of 40 lines": ([order(0, 40)], 2, (41, 1, 0)),
    "110 events of 50 KB": ([track(n, text="x" * 50_000) for n in range(110)], 2, (110, 110, 0)),
    "20 identifies of 1 person": ([identify(n, "sarah@klaviyo-demo.com") for n in range(20)], 1, (0, 1, 0)),
    "60 events of which 2 differ": ([track(n % 2) for n in range(60)], 2, (2, 2, 0)),
    "1 event": ([track(0)], 1, (1, 1, 0)),
    "300 subscriptions by group": ([group(n, True) for n in range(300)], 1, (0, 300, 300)),
    "300 unsubscriptions by group": ([group(n, False) for n in range(300)], 3, (0, 0, 300)),
    "200 entries to an audience": ([audience(n, "Audience Entered") for n in range(200)], 1, (0, 200, 0)),
    "200 exits, nobody known": ([audience(n, "Audience Exited") for n in range(200)], 4, (0, 0, 0)),
    "2 deletions": ([{"type": "delete", "userId": f"p{n}@klaviyo-demo.com"} for n in range(2)], 2, (0, 0, 0)),
    "50 identifies with changes": ([patched(n) for n in range(50)], 1, (0, 50, 0)),
}


def check(bootstrap):
    print(f"{'':32} calls  seconds  most bytes  peak MiB")
    with Rig(bootstrap, latency_ms=60, **SETTINGS) as rig:
        # The first invocation starts the function.
        rig.invoke(signed([track(0)]))
        for name, (messages, most_calls, expected) in CASES.items():
            rig.reset()
            status, report, calls, seconds = rig.invoke(signed(messages))
            held, memory = rig.held(), rig.peak_memory()
            biggest = max(call["bytes"] for call in calls)
            print(f"{name:32} {len(calls):5}  {seconds:7.2f}  {biggest:10,}  {memory:8.1f}")
            assert (status, report["delivered"]) == (200, len(messages)), (name, status, report)
            refused = [call for call in calls if call["status"] >= 300]
            assert not refused, (name, [(call["path"], call["status"], call.get("errors")) for call in refused])
            different = {(call["method"], call["path"], json.dumps(call["body"])) for call in calls}
            assert len(different) <= most_calls, (name, len(different))
            assert (len(held["events"]), len(held["profiles"]), len(held["consents"])) == expected, name
            assert biggest <= FIVE_MB, (name, biggest)
            assert memory < MOST_MEMORY, (name, memory)
            if name == "20 identifies of 1 person":
                assert held["profiles"][0]["properties"]["n"] == 19, "the last value wins"


if __name__ == "__main__":
    only_with_sandbox(check)
