"""The built function under `sam local`, with the project's stand-in for AWS and Klaviyo.

    python .ci/sam_local.py

Follows `sam build`. Needs Docker but no image registry, and starts an engine if none runs.
"""

import contextlib
import json
import signal
import subprocess
import sys
import time

from container import (IMAGE, bridge_address, containers, engine_version, provide_image,
                       remove_containers, start_engine)
from klaviyo import Klaviyo
from rig import LOGS, PRIVATE, ROOT, free_port, http, start, wait_until

BOOTSTRAP = ROOT / ".aws-sam" / "build" / "Destination" / "bootstrap"
EVENT = ROOT / "events" / "order-completed.json"
VARIABLES = LOGS / "sam-local.json"
INVOKE_LOG, API_LOG = LOGS / "sam-local-invoke.log", LOGS / "sam-local-api.log"


def expect_orders(count, klaviyo):
    """Waits for the three events of each order: itself and its two products."""
    expected = [("/api/events", 202)] * 3 * count

    def received():
        return [(request["path"], request["status"]) for request in klaviyo.requests()]

    assert wait_until(lambda: received() == expected, seconds=20), received()
    metrics = [event["metric"] for event in klaviyo.state()["events"]]
    # The second delivery of an order repeats its events.
    assert sorted(metrics) == ["Order Completed", "Ordered Product", "Ordered Product"], metrics
    print(f"  Klaviyo received {len(expected)} events, of which {len(metrics)} differ")


def invoke():
    print("sam local invoke")
    started = time.monotonic()
    with INVOKE_LOG.open("wb") as log:
        command = ["sam", "local", "invoke", "Destination", "-e", EVENT,
                   "--env-vars", VARIABLES, "--skip-pull-image"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, timeout=300)
    print(f"  {done.stdout.decode().strip()}  ({time.monotonic() - started:.1f} s)")
    assert done.stdout, INVOKE_LOG.read_text()
    response = json.loads(done.stdout)
    assert response["statusCode"] == 200 and json.loads(response["body"])["delivered"] == 1


def serve(at_end):
    print("sam local start-api")
    port = free_port()
    api = start(at_end, API_LOG, "sam", "local", "start-api", "--host", "127.0.0.1",
                "--port", port, "--env-vars", VARIABLES, "--skip-pull-image")
    assert wait_until(lambda: "Running on" in API_LOG.read_text(), api), API_LOG.read_text()

    event = json.loads(EVENT.read_text())
    url, signature = f"http://127.0.0.1:{port}/segment", event["headers"]["x-signature"]
    body = event["body"].encode()

    def request(path, body=None, signature=""):
        headers = {"Content-Type": "application/json", "X-Signature": signature}
        started = time.monotonic()
        status, answer = http(url + path, body, headers if body else {})
        seconds = time.monotonic() - started
        print(f"  {url}{path} → {status} {answer.decode().strip()}  ({seconds:.1f} s)")
        return status, answer

    assert request("", body, signature[::-1])[0] == 401
    assert request("")[0] != 200, "GET"
    assert request("/other", body, signature)[0] != 200
    # Last: requests to Klaviyo from the others would be in the stand-in's log before its own.
    status, report = request("", body, signature)
    assert status == 200 and json.loads(report)["delivered"] == 1, (status, report)


def check():
    with contextlib.ExitStack() as at_end:
        start_engine(at_end)
        origin = provide_image(at_end, BOOTSTRAP)
        print(f"Docker {engine_version()}; {IMAGE} {origin}")
        at_end.callback(remove_containers, containers())
        address = f"{bridge_address()}:{free_port()}"
        klaviyo = Klaviyo(at_end, address, "--env-file", VARIABLES)
        invoke()
        expect_orders(1, klaviyo)
        serve(at_end)
        expect_orders(2, klaviyo)

    logs = INVOKE_LOG.read_text() + API_LOG.read_text()
    # SAM may lose a container's first lines, but not in each of three containers.
    assert '"message":"delivery"' in logs, logs
    for private in PRIVATE:
        assert private not in logs.lower(), f"{private} in {INVOKE_LOG} or {API_LOG}"
    print("one invocation, four requests, two deliveries; nothing private in SAM's logs")


# SIGTERM too ends what was started.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
check()
