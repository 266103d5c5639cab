"""A server on this machine that plays Klaviyo: the project's stand-in, or another one."""

import json
import sys

from rig import LOGS, TOOL, answers, http, start, wait_until


class Klaviyo:
    """A running server and its inspection API."""

    def __init__(self, at_end, address, *options, sandbox=None):
        """Starts the stand-in, or the program `sandbox`, which takes a port only."""
        if sandbox:
            command = [sys.executable, sandbox, "--port", address.rpartition(":")[2]]
        else:
            command = [TOOL, "stand-in", "--listen", address]
        self.url = f"http://{address}"
        self.inspection = f"{self.url}/{'__sandbox' if sandbox else '__stand-in'}"
        log = LOGS / "klaviyo.log"
        program = start(at_end, log, *command, *options)
        assert wait_until(lambda: answers(f"{self.inspection}/state"), program), log.read_text()

    def requests(self):
        return json.loads(self.inspect("log"))

    def state(self):
        return json.loads(self.inspect("state"))

    def reset(self):
        self.inspect("reset", b"")

    def fail(self, path, status, **options):
        fault = {"match": path, "status": status, "times": 1} | options
        self.inspect("faults", json.dumps(fault).encode())

    def set_lists(self, **processes):
        self.inspect("lists", json.dumps(processes).encode())

    def inspect(self, name, body=None):
        status, answer = http(f"{self.inspection}/{name}", body)
        assert status in (200, 204), (name, status, answer)
        return answer
