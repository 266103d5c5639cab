"""`{"check": true}` passes on a good deployment, names what is wrong with others, and changes nothing.

    python .ci/check.py PATH_TO_BOOTSTRAP
"""

import json

from rig import LOG, Rig, http, only_with_sandbox, signed

ORDERS = [{"type": "track", "event": "Order Completed", "messageId": f"m-{n}", "userId": "sarah@klaviyo-demo.com",
           "properties": {"order_id": f"check-{n}", "total": 10, "products": []}} for n in range(3)]


def report(rig):
    found = json.loads(http(rig.url, b'{"check": true}'))
    for finding in found["findings"]:
        print(f"  {finding['state']:8}{finding['about']}: {finding['detail']}")
    return found["check"], {finding["about"]: finding["state"] for finding in found["findings"]}


def check(bootstrap):
    everything = {"LIST_ID": "Y6nRLr", "HONOR_DELETIONS": "true", "ENVIRONMENT": "staging"}
    with Rig(bootstrap, queues=True, **everything) as rig:
        http(f"{rig.sandbox}/lists", json.dumps({"Y6nRLr": "double_opt_in"}).encode())
        print("a good deployment")
        state, _ = report(rig)
        assert state == "ok", state
        held = rig.held()
        assert not (held["events"] or held["profiles"] or held["consents"]), held
        print("a list with single opt-in")
        http(f"{rig.sandbox}/lists", json.dumps({"Y6nRLr": "single_opt_in"}).encode())
        assert report(rig)[0] == "warning"
        print("a key that lacks a scope")
        fault = {"match": "/api/event-bulk-create-jobs", "status": 403, "times": 1}
        http(f"{rig.sandbox}/faults", json.dumps(fault).encode())
        state, findings = report(rig)
        assert (state, findings["events:write"]) == ("failed", "failed"), findings
        rig.invoke(signed(ORDERS))

    lines = [json.loads(line) for line in LOG.read_text().splitlines() if line.startswith('{"timestamp"')]
    delivery = next(line for line in lines if line["message"] == "delivery")
    [metrics] = delivery["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("SegmentKlaviyo", [["Environment"]]), metrics
    counted = {metric["Name"]: delivery[metric["Name"]] for metric in metrics["Metrics"]}
    print("metrics of a delivery:", counted)
    assert (delivery["Environment"], counted["MessagesReceived"], counted["Delivered"]) == ("staging", 3, 3), delivery


only_with_sandbox(check)
