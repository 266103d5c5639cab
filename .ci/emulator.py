"""The built function in Lambda's own Runtime Interface Emulator.

moto plays Secrets Manager, SQS and DynamoDB. The project's stand-in plays Klaviyo, or the program that
KLAVIYO_SANDBOX names, which has the same inspection API.
"""

import contextlib
import json
import os
import pathlib
import time

import boto3
import samcli

from klaviyo import Klaviyo
from rig import LOGS, SHARED_SECRET, answers, free_port, http, sign, start, wait_until

EMULATOR = pathlib.Path(samcli.__file__).parent / "local" / "rapid" / "aws-lambda-rie-x86_64"
FUNCTION_LOG = LOGS / "function.log"
KEY = "pk_emulator"


def signed(messages, token=None):
    """Returns API Gateway's event for one message or a batch, as Segment signs them."""
    body = json.dumps(messages, separators=(",", ":"))
    first = json.dumps(messages[0], separators=(",", ":")) if isinstance(messages, list) else body
    headers = {"x-signature": sign(first.encode()), "authorization": f"Bearer {token}"}
    event = {"requestContext": {"http": {"method": "POST"}}, "headers": headers, "body": body}
    return json.dumps(event).encode()


def function_log():
    """Returns the function's log as text, and its lines as objects."""
    text = FUNCTION_LOG.read_text()
    lines = text.splitlines()
    return text, [json.loads(line) for line in lines if line.startswith('{"timestamp"')]


class Function:
    """The function between its stand-ins: a context manager that ends every program it starts."""

    def __init__(self, bootstrap, latency_ms=0, token=None, **settings):
        self.bootstrap = pathlib.Path(bootstrap).resolve()
        self.latency_ms, self.settings = latency_ms, settings
        self.token = {"webhook_token": token} if token else {}

    def __enter__(self):
        with contextlib.ExitStack() as at_end:
            self.klaviyo = self.start_klaviyo(at_end)
            environment = self.start_aws(at_end) | {"KLAVIYO_BASE_URL": self.klaviyo.url}
            self.start_emulator(at_end, environment | self.settings)
            self.at_end = at_end.pop_all()
        return self

    def __exit__(self, *_):
        self.at_end.close()

    def start_klaviyo(self, at_end):
        sandbox = os.environ.get("KLAVIYO_SANDBOX")
        options = ["--api-key", KEY, "--rate-limits", "--latency-ms", self.latency_ms]
        # Printed requests would slow the stand-in.
        options += [] if sandbox else ["--quiet"]
        return Klaviyo(at_end, f"127.0.0.1:{free_port()}", *options, sandbox=sandbox)

    def start_aws(self, at_end):
        """Starts moto, creates the secret, the queues and the table, and returns the function's variables."""
        port = free_port()
        endpoint, log = f"http://127.0.0.1:{port}", LOGS / "moto.log"
        program = start(at_end, log, "moto_server", "-H", "127.0.0.1", "-p", port)
        url = f"{endpoint}/moto-api/data.json"
        assert wait_until(lambda: answers(url), program), log.read_text()

        session = boto3.Session("local", "local", region_name="us-east-1")
        secret = {"klaviyo_api_key": KEY, "segment_shared_secret": SHARED_SECRET} | self.token
        session.client("secretsmanager", endpoint_url=endpoint).create_secret(
            Name="segment-klaviyo", SecretString=json.dumps(secret))
        self.sqs = session.client("sqs", endpoint_url=endpoint)
        self.retry_queue = self.sqs.create_queue(QueueName="retry")["QueueUrl"]
        self.dead_letters = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.dynamodb = session.client("dynamodb", endpoint_url=endpoint)
        self.dynamodb.create_table(
            TableName="memory", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
        return {
            "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint, "SECRET_ID": "segment-klaviyo",
            "RETRY_QUEUE_URL": self.retry_queue, "DEAD_LETTER_QUEUE_URL": self.dead_letters,
            "MEMORY_TABLE": "memory",
        }

    def start_emulator(self, at_end, environment):
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        program = start(at_end, FUNCTION_LOG,
                        EMULATOR, "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
                        "--runtime-api-address", f"127.0.0.1:{free_port()}", self.bootstrap,
                        env=os.environ | environment)
        assert wait_until(lambda: answers(address), program), FUNCTION_LOG.read_text()
        self.url = f"{address}/2015-03-31/functions/function/invocations"

    def invoke(self, event):
        """Invokes the function and returns its result."""
        status, result = http(self.url, event)
        assert status == 200, (status, result)
        return json.loads(result)

    def deliver(self, event):
        """Returns the status and body for Segment, the requests to Klaviyo, and the seconds."""
        before, started = len(self.klaviyo.requests()), time.monotonic()
        response = self.invoke(event)
        seconds = time.monotonic() - started
        requests = self.klaviyo.requests()[before:]
        if "statusCode" not in response:
            # A message that came past API Gateway: the reply is the body.
            return 200, response, requests, seconds
        return response["statusCode"], json.loads(response["body"]), requests, seconds

    def peak_memory(self):
        """Returns the function's largest resident memory so far, in MiB."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "exe").resolve() == self.bootstrap:
                    [line] = [line for line in (process / "status").read_text().splitlines()
                              if line.startswith("VmHWM")]
                    return int(line.split()[1]) / 1024
        raise SystemExit("the function does not run")
