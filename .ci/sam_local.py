"""The built function under `sam local`, in a container, between stand-ins for AWS and Klaviyo.

    python .ci/sam_local.py

It follows `sam build` and needs Docker, but no image registry. An engine that is not running is started and ended
here. SKIP_DOCKER=1 goes on without this proof on a machine where that cannot be done.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

from container import IMAGE, LOGS, bridge, containers, engine, provide_image, remove_containers, start, start_engine, until
from rig import ROOT, SHARED_SECRET, free_port

EVENT = ROOT / "events" / "order-completed.json"
VARIABLES = LOGS / "sam-local.json"
STAND_IN_LOG, INVOKE_LOG, API_LOG = (LOGS / f"{name}.log" for name in ("stand-in", "sam-local-invoke", "sam-local-api"))


def start_stand_in(at_end):
    subprocess.run(["cargo", "build", "--locked", "--quiet"], cwd=ROOT, check=True)
    address = f"{bridge()}:{free_port()}"
    program = start(at_end, STAND_IN_LOG, "cargo", "run", "--locked", "--quiet", "--", "stand-in",
                    "--listen", address, "--env-file", VARIABLES)
    assert until(lambda: f"Klaviyo at http://{address}" in STAND_IN_LOG.read_text(), program), STAND_IN_LOG.read_text()
    return program


def expect_deliveries(count, stand_in):
    """The order is three events: itself and its two products."""
    def seen():
        shown = STAND_IN_LOG.read_text()
        events = [shown.count(f'"name": "{name}"') for name in ("Order Completed", "Ordered Product")]
        return events, re.findall(r"^  \d+\. (\w+ \S+ → \d+)$", shown, re.MULTILINE)

    expected = [count, 2 * count], ["POST /api/events → 202"] * 3 * count
    assert until(lambda: seen() == expected, stand_in, seconds=20), seen()
    print(f"  the stand-in has taken {count} Order Completed and {2 * count} Ordered Product")


def invoke():
    print("sam local invoke")
    started = time.monotonic()
    with INVOKE_LOG.open("wb") as log:
        command = ["sam", "local", "invoke", "Destination", "-e", EVENT, "--env-vars", VARIABLES, "--skip-pull-image"]
        reply = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, timeout=300).stdout.decode()
    print(f"  {reply.strip()}  ({time.monotonic() - started:.1f} s)")
    assert reply, INVOKE_LOG.read_text()
    answer = json.loads(reply)
    assert (answer["statusCode"], json.loads(answer["body"])["delivered"]) == (200, 1), answer


def curl(url, *options, body=None):
    """Status and body of the answer."""
    started = time.monotonic()
    command = ["curl", "--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}", *options, url]
    text, _, status = subprocess.check_output(command, input=body, text=True).rpartition("\n")
    print(f"  {url} → {status} {text.strip()}  ({time.monotonic() - started:.1f} s)")
    return int(status), text


def serve(at_end):
    print("sam local start-api")
    port = free_port()
    api = start(at_end, API_LOG, "sam", "local", "start-api", "--host", "127.0.0.1", "--port", port,
                "--env-vars", VARIABLES, "--skip-pull-image")
    assert until(lambda: "Running on" in API_LOG.read_text(), api), API_LOG.read_text()

    event = json.loads(EVENT.read_text())
    url, signature = f"http://127.0.0.1:{port}/segment", event["headers"]["x-signature"]

    def post(url, signature):
        headers = ("--header", "Content-Type: application/json", "--header", f"X-Signature: {signature}")
        return curl(url, *headers, "--data-binary", "@-", body=event["body"])

    assert post(url, signature[::-1])[0] == 401
    assert curl(url)[0] != 200, "GET"
    assert post(f"{url}/other", signature)[0] != 200
    # The last one: had the others made calls, they would be shown before these.
    status, report = post(url, signature)
    assert (status, json.loads(report)["delivered"]) == (200, 1), report


def prove():
    with contextlib.ExitStack() as at_end:
        if trouble := start_engine(at_end):
            if os.environ.get("SKIP_DOCKER") == "1":
                print(f"SKIPPED, as SKIP_DOCKER=1 says: nothing is known about sam local; {trouble}")
                return
            raise SystemExit(f"sam local needs Docker (SKIP_DOCKER=1 goes on without this proof); {trouble}")
        print(f"Docker {engine()}; {IMAGE} {provide_image(at_end)}")
        at_end.callback(remove_containers, containers())
        stand_in = start_stand_in(at_end)
        invoke()
        expect_deliveries(1, stand_in)
        serve(at_end)
        expect_deliveries(2, stand_in)

    said = INVOKE_LOG.read_text() + API_LOG.read_text()
    # SAM may miss what a container says first, but not in each of three.
    assert '"message":"delivery"' in said, said
    for private in ("pk_local", SHARED_SECRET, "klaviyo-demo.com", "sarah", "5005550006"):
        assert private not in said.lower(), f"{private} in {INVOKE_LOG} or {API_LOG}"
    print("one invoke, four requests, two deliveries; nothing private in what sam says")


# Ended from outside, it still ends what it has started.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
prove()
