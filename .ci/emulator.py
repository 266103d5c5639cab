"""The built function under Lambda's own Runtime Interface Emulator, as a user would run it.

    python .ci/emulator.py PATH_TO_BOOTSTRAP

Secrets Manager is moto. Klaviyo is a sandbox that checks every request against Klaviyo's OpenAPI
description, when it lies beside the project; elsewhere this check says so and ends.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
import samcli

ROOT = pathlib.Path(__file__).resolve().parent.parent
SANDBOX = ROOT.parent / "shared" / "klaviyo" / "sandbox.py"
EMULATOR = pathlib.Path(samcli.__file__).parent / "local" / "rapid" / "aws-lambda-rie-x86_64"
KEY, SHARED_SECRET = "pk_sandbox", "local-shared-secret"

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


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def http(url, body=None):
    request = urllib.request.Request(url, data=body)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def wait_for(url):
    for _ in range(200):
        try:
            return http(url)
        except urllib.error.HTTPError:
            return None
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nobody answers at {url}")


class Running:
    """Programs that this check started, ended with it."""

    def __init__(self):
        self.programs = []

    def start(self, *command, **options):
        self.programs.append(subprocess.Popen([str(part) for part in command], **options))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.programs:
            program.terminate()
            program.wait(timeout=10)


def main(bootstrap):
    if not SANDBOX.exists():
        print("no sandbox beside the project: the suite's own stand-in has to do")
        return
    aws, klaviyo, emulator, runtime = (free_port() for _ in range(4))
    log_file = ROOT / "target" / "ci" / "emulator.log"
    with Running() as running, open(log_file, "wb") as log:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running.start("moto_server", "-H", "127.0.0.1", "-p", aws, **quiet)
        running.start(sys.executable, SANDBOX, "--port", klaviyo, "--api-key", KEY, "--rate-limits", **quiet)
        sandbox = f"http://127.0.0.1:{klaviyo}/__sandbox"
        wait_for(f"http://127.0.0.1:{aws}/moto-api/data.json")
        wait_for(f"{sandbox}/state")

        credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1"}
        endpoint = f"http://127.0.0.1:{aws}"
        session = boto3.Session("local", "local", region_name="us-east-1")
        session.client("secretsmanager", endpoint_url=endpoint).create_secret(
            Name="segment-klaviyo",
            SecretString=json.dumps({"klaviyo_api_key": KEY, "segment_shared_secret": SHARED_SECRET}),
        )
        running.start(
            EMULATOR,
            "--runtime-interface-emulator-address", f"127.0.0.1:{emulator}",
            "--runtime-api-address", f"127.0.0.1:{runtime}",
            pathlib.Path(bootstrap).resolve(),
            stdout=log, stderr=log,
            env=os.environ | credentials | {
                "SECRET_ID": "segment-klaviyo",
                "AWS_ENDPOINT_URL": endpoint,
                "KLAVIYO_BASE_URL": f"http://127.0.0.1:{klaviyo}",
            },
        )
        url = f"http://127.0.0.1:{emulator}/2015-03-31/functions/function/invocations"
        time.sleep(1)

        samples = {path.stem: path.read_bytes() for path in sorted((ROOT / "events").glob("*.json"))}
        assert samples.keys() == EXPECTED.keys(), samples.keys() ^ EXPECTED.keys()
        for name, event in samples.items():
            before = len(json.loads(http(f"{sandbox}/log")))
            answer = json.loads(http(url, event))
            report = json.loads(answer["body"])
            calls = json.loads(http(f"{sandbox}/log"))[before:]
            found = (answer["statusCode"], report["delivered"], report["ignored"], report["rejected"], len(calls))
            print(f"{name:26} {found[0]}  {report['message'][:80]}")
            assert found == EXPECTED[name], (name, found, EXPECTED[name])
            refused = [call for call in calls if call["status"] >= 300]
            assert not refused, (name, refused)

        held = json.loads(http(f"{sandbox}/state"))
        http(url, samples["order-completed"])
        again = json.loads(http(f"{sandbox}/state"))
        assert again["events"] == held["events"], "an order delivered twice is there once"
        assert all(not profile.get("external_id") for profile in held["profiles"])
        confirmations = [consent["confirmation_sent"] for consent in held["consents"]]
        assert sorted(confirmations) == [False, True], confirmations

    text = log_file.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith('{"timestamp"')]
    deliveries = [line for line in lines if line["message"] == "delivery"]
    assert len(deliveries) == len(EXPECTED) + 1, len(deliveries)
    for private in (KEY, SHARED_SECRET, "klaviyo-demo.com", "sarah", "5005550006"):
        assert private not in text.lower(), f"{private} in {log_file}"
    print(f"{len(EXPECTED)} samples, {len(held['events'])} events, no call refused, nothing private in the log")


if __name__ == "__main__":
    main(sys.argv[1])
