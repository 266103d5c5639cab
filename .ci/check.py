"""`{"check": true}` passes on a good deployment, finds what is wrong with others, changes nothing.

    python .ci/check.py PATH_TO_BOOTSTRAP
"""

import sys

from emulator import Function, function_log, signed
from messages import track

TOKEN = "local-token"
SETTINGS = {"LIST_ID": "Y6nRLr", "HONOR_DELETIONS": "true", "ENVIRONMENT": "staging"}


def findings(function, title):
    """Invokes the check and returns its result and the state of each finding."""
    report = function.invoke(b'{"check": true}')
    print(title)
    for finding in report["findings"]:
        print(f"  {finding['state']:8}{finding['about']}: {finding['detail']}")
    return report["check"], {finding["about"]: finding["state"] for finding in report["findings"]}


def check(bootstrap):
    with Function(bootstrap, token=TOKEN, **SETTINGS) as function:
        function.klaviyo.set_lists(Y6nRLr="double_opt_in")
        result, _ = findings(function, "a good deployment")
        assert result == "ok", result
        state = function.klaviyo.state()
        assert not (state["events"] or state["profiles"] or state["consents"]), state

        function.klaviyo.set_lists(Y6nRLr="single_opt_in")
        result, _ = findings(function, "a list with single opt-in")
        assert result == "warning", result

        function.klaviyo.fail("/api/event-bulk-create-jobs", 403)
        result, states = findings(function, "a key that lacks a scope")
        assert (result, states["events:write"]) == ("failed", "failed"), states

        function.deliver(signed([track(n) for n in range(3)], TOKEN))

    _, lines = function_log()
    delivery = next(line for line in lines if line["message"] == "delivery")
    [metrics] = delivery["_aws"]["CloudWatchMetrics"]
    names = [metric["Name"] for metric in metrics["Metrics"]]
    print("metrics of a delivery:", {name: delivery[name] for name in names})
    assert metrics["Namespace"] == "SegmentKlaviyo", metrics
    assert metrics["Dimensions"] == [["Environment"]] and delivery["Environment"] == "staging"
    assert {"MessagesReceived", "Delivered"} <= set(names), names
    assert delivery["MessagesReceived"] == delivery["Delivered"] == 3, delivery


check(sys.argv[1])
