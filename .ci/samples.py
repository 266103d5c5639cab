"""Each sample gets the response that its name promises, and Klaviyo refuses no request.

    python .ci/samples.py PATH_TO_BOOTSTRAP
"""

import sys

from emulator import FUNCTION_LOG, Function, function_log
from rig import PRIVATE, ROOT

# Status, delivered, ignored and rejected messages, requests to Klaviyo.
EXPECTED = {
    "aws-lambda-destination": (200, 1, 0, 0, 1),
    "batch": (200, 3, 2, 1, 4),
    "checkout-started": (200, 1, 0, 0, 1),
    "eventbridge-order-completed": (200, 1, 0, 0, 3),
    "identify": (200, 1, 0, 0, 1),
    "identify-add-to-list": (200, 1, 0, 0, 2),
    # The opt-in process of its list is asked for, too.
    "identify-confirmed-optin": (200, 1, 0, 0, 3),
    "invalid-signature": (401, 0, 0, 0, 0),
    "malformed": (400, 0, 0, 0, 0),
    "order-completed": (200, 1, 0, 0, 3),
    "product-added": (200, 1, 0, 0, 1),
    "rest-api-order-completed": (200, 1, 0, 0, 3),
    "track-without-email": (200, 0, 1, 0, 0),
    "unsigned": (401, 0, 0, 0, 0),
}


def check(bootstrap):
    samples = {path.stem: path.read_bytes() for path in sorted((ROOT / "events").glob("*.json"))}
    assert samples.keys() == EXPECTED.keys(), samples.keys() ^ EXPECTED.keys()
    with Function(bootstrap) as function:
        function.klaviyo.set_lists(Y6nRLr="double_opt_in")
        for name, event in samples.items():
            status, report, requests, _ = function.deliver(event)
            counts = (report["delivered"], report["ignored"], report["rejected"])
            print(f"{name:26} {status}  {report['message'][:80]}")
            found = (status, *counts, len(requests))
            assert found == EXPECTED[name], (name, found, EXPECTED[name])
            refused = [request for request in requests if request["status"] >= 300]
            assert not refused, (name, refused)

        state = function.klaviyo.state()
        function.deliver(samples["order-completed"])
        assert function.klaviyo.state()["events"] == state["events"], "a repeated order adds events"
        assert all(not profile.get("external_id") for profile in state["profiles"])
        confirmations = [consent["confirmation_sent"] for consent in state["consents"]]
        assert sorted(confirmations) == [False, True], confirmations

    text, lines = function_log()
    deliveries = [line for line in lines if line["message"] == "delivery"]
    assert len(deliveries) == len(EXPECTED) + 1, len(deliveries)
    for private in PRIVATE:
        assert private not in text.lower(), f"{private} in {FUNCTION_LOG}"
    print(f"{len(EXPECTED)} samples, {len(state['events'])} events, nothing refused or private")


check(sys.argv[1])
