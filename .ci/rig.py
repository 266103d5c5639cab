"""The built function under Lambda's own Runtime Interface Emulator, between stand-ins for AWS and Klaviyo.

Secrets Manager and SQS are moto. Klaviyo is a sandbox that checks every request against Klaviyo's OpenAPI
description, when it lies beside the project; elsewhere the checks that need it say so and end.
"""

import hashlib
import hmac
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
LOG = ROOT / "target" / "ci" / "function.log"
KEY, SHARED_SECRET = "pk_sandbox", "local-shared-secret"


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def http(url, body=None):
    request = urllib.request.Request(url, data=body)
    with urllib.request.urlopen(request, timeout=60) as answer:
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


def signed(messages):
    """The event that API Gateway makes of messages as Segment signs them."""
    body = json.dumps(messages, separators=(",", ":"))
    first = json.dumps(messages[0], separators=(",", ":")) if isinstance(messages, list) else body
    signature = hmac.new(SHARED_SECRET.encode(), first.encode(), hashlib.sha1).hexdigest()
    return json.dumps({"requestContext": {"http": {"method": "POST"}}, "headers": {"x-signature": signature}, "body": body}).encode()


class Rig:
    """The function and what it talks to; every program that is started here is ended here."""

    def __init__(self, bootstrap, latency_ms=0, queues=False, **settings):
        self.bootstrap = pathlib.Path(bootstrap).resolve()
        self.latency_ms, self.queues, self.settings, self.programs = latency_ms, queues, settings, []

    def start(self, *command, **options):
        program = subprocess.Popen([str(part) for part in command], **options)
        self.programs.append(program)
        return program

    def __enter__(self):
        try:
            return self.open()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def open(self):
        aws, klaviyo, emulator, runtime = (free_port() for _ in range(4))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.start("moto_server", "-H", "127.0.0.1", "-p", aws, **quiet)
        self.start(sys.executable, SANDBOX, "--port", klaviyo, "--api-key", KEY, "--rate-limits",
                   "--latency-ms", self.latency_ms, **quiet)
        self.sandbox = f"http://127.0.0.1:{klaviyo}/__sandbox"
        endpoint = f"http://127.0.0.1:{aws}"
        wait_for(f"{endpoint}/moto-api/data.json")
        wait_for(f"{self.sandbox}/state")
        session = boto3.Session("local", "local", region_name="us-east-1")
        session.client("secretsmanager", endpoint_url=endpoint).create_secret(
            Name="segment-klaviyo",
            SecretString=json.dumps({"klaviyo_api_key": KEY, "segment_shared_secret": SHARED_SECRET}),
        )
        environment = {
            "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint, "SECRET_ID": "segment-klaviyo", "KLAVIYO_BASE_URL": f"http://127.0.0.1:{klaviyo}",
        }
        if self.queues:
            self.sqs = session.client("sqs", endpoint_url=endpoint)
            self.retry_queue = self.sqs.create_queue(QueueName="retry")["QueueUrl"]
            self.dead_letters = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
            environment |= {"RETRY_QUEUE_URL": self.retry_queue, "DEAD_LETTER_QUEUE_URL": self.dead_letters}
        LOG.parent.mkdir(parents=True, exist_ok=True)
        log = LOG.open("wb")
        self.start(EMULATOR, "--runtime-interface-emulator-address", f"127.0.0.1:{emulator}",
                   "--runtime-api-address", f"127.0.0.1:{runtime}", self.bootstrap,
                   stdout=log, stderr=log, env=os.environ | environment | self.settings)
        self.url = f"http://127.0.0.1:{emulator}/2015-03-31/functions/function/invocations"
        for _ in range(100):
            with socket.socket() as it:
                if it.connect_ex(("127.0.0.1", emulator)) == 0:
                    return self
            time.sleep(0.1)
        raise SystemExit("the emulator does not start")

    def close(self):
        for program in self.programs:
            program.terminate()
            program.wait(timeout=10)

    def invoke(self, event):
        """Status and report of one delivery, the calls it made, and the seconds it took."""
        self.forget_calls = len(self.calls())
        started = time.monotonic()
        answer = json.loads(http(self.url, event))
        seconds = time.monotonic() - started
        return answer["statusCode"], json.loads(answer["body"]), self.calls()[self.forget_calls:], seconds

    def calls(self):
        return json.loads(http(f"{self.sandbox}/log"))

    def held(self):
        return json.loads(http(f"{self.sandbox}/state"))

    def reset(self):
        http(f"{self.sandbox}/reset", b"")

    def peak_memory(self):
        """The most memory that the function has held so far, in MiB."""
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                if (status.parent / "exe").resolve() == self.bootstrap:
                    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
                    return int(line.split()[1]) / 1024
            except OSError:
                continue
        raise SystemExit("the function is not running")


def only_with_sandbox(check):
    """Runs a check with the path of the function to check, if there is a sandbox."""
    if SANDBOX.exists():
        check(sys.argv[1])
    else:
        print("no sandbox beside the project: the suite's own stand-in has to do")
