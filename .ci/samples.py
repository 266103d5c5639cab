"""Each sample gets the answer that its name promises, and Klaviyo refuses no call.

    python .ci/samples.py PATH_TO_BOOTSTRAP
"""

import json

from rig import KEY, LOG, ROOT, SHARED_SECRET, Rig, only_with_sandbox

# Status, delivered, ignored, rejected; then the calls to Klaviyo.
EXPECTED = {
    "batch": (200, 3, 2, 1, 4),
    "checkout-started": (200, 1, 0, 0, 1),
    "identify": (200, 1, 0, 0, 1),
    "identify-add-to-list": (200, 1, 0, 0, 2),
    "identify-confirmed-optin": (200, 1, 0, 0, 2),
    "invalid-signature": (401, 0, 0, 0, 0),
    "malformed": (400, 0, 0, 0, 0),
    "order-completed": (200, 1, 0, 0, 3),
    "product-added": (200, 1, 0, 0, 1),
    "rest-api-order-completed": (200, 1, 0, 0, 3),
    "track-without-email": (200, 0, 1, 0, 0),
    "unsigned": (401, 0, 0, 0, 0),
}


def check(bootstrap):
    with Rig(bootstrap) as rig:
        samples = {path.stem: path.read_bytes() for path in sorted((ROOT / "events").glob("*.json"))}
        assert samples.keys() == EXPECTED.keys(), samples.keys() ^ EXPECTED.keys()
        for name, event in samples.items():
            status, report, calls, _ = rig.invoke(event)
            found = (status, report["delivered"], report["ignored"], report["rejected"], len(calls))
            print(f"{name:26} {status}  {report['message'][:80]}")
            assert found == EXPECTED[name], (name, found, EXPECTED[name])
            refused = [call for call in calls if call["status"] >= 300]
            assert not refused, (name, refused)

        held = rig.held()
        rig.invoke(samples["order-completed"])
        assert rig.held()["events"] == held["events"], "an order delivered twice is there once"
        assert all(not profile.get("external_id") for profile in held["profiles"])
        confirmations = [consent["confirmation_sent"] for consent in held["consents"]]
        assert sorted(confirmations) == [False, True], confirmations

    text = LOG.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith('{"timestamp"')]
    deliveries = [line for line in lines if line["message"] == "delivery"]
    assert len(deliveries) == len(EXPECTED) + 1, len(deliveries)
    for private in (KEY, SHARED_SECRET, "klaviyo-demo.com", "sarah", "5005550006"):
        assert private not in text.lower(), f"{private} in {LOG}"
    print(f"{len(EXPECTED)} samples, {len(held['events'])} events, no call refused, nothing private in the log")


only_with_sandbox(check)
