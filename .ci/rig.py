"""Programs and requests on this machine, for the checks beside this file."""

import hashlib
import hmac
import pathlib
import socket
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "target" / "ci"
TOOL = ROOT / "target" / "debug" / "segment-klaviyo"

# The shared secret that signs the samples in events/.
SHARED_SECRET = "local-shared-secret"
# Parts of the samples' credentials and personal data, which no log may hold.
PRIVATE = ("pk_", SHARED_SECRET, "klaviyo-demo.com", "sarah", "5005550006")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def http(url, body=None, headers={}, method=None):
    """Sends a request and returns the status and the body of the response, whatever the status."""
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def answers(url):
    """Whether a server answers at the URL."""
    try:
        http(url)
        return True
    except OSError:
        return False


def sign(body):
    """Returns Segment's signature of these bytes."""
    return hmac.new(SHARED_SECRET.encode(), body, hashlib.sha1).hexdigest()


def start(at_end, log, *command, **options):
    """Starts a program that writes to the log and runs until the exit stack `at_end` closes."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        program = subprocess.Popen([str(part) for part in command], cwd=ROOT, stdout=output,
                                   stderr=subprocess.STDOUT, **options)
    at_end.callback(end, program)
    return program


def end(program):
    program.terminate()
    try:
        program.wait(timeout=60)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def wait_until(condition, program=None, seconds=60):
    """Waits for a true value of the condition and returns it.

    Returns a false value if the time is over or the program ends before.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline or (program and program.poll() is not None):
            break
        time.sleep(0.1)
    return value
