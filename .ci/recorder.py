"""Stands in for a program on PATH: records its arguments and checks them.

    python .ci/recorder.py PROGRAM [ARGUMENT]...

The tool, also as `cargo run --`, is run for real: a server until it listens, and with the stand-in
at COMMANDS_KLAVIYO instead of another Klaviyo, and of SQS.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

from programs import CHECKS, KLAVIYO_API_KEY, TOOL_NAME, ensure, split_at_dashes, without_toolchain
from rig import TOOL

SERVERS = {"serve", "stand-in"}
# Yes and no, as grep and diff have it. 2 is a refusal.
ANSWERS = {0, 1}
AWS = {"AWS_ACCESS_KEY_ID": "commands", "AWS_SECRET_ACCESS_KEY": "commands",
       "AWS_REGION": "us-east-1"}


def run_tool(arguments):
    if is_placeholder(os.environ.get("KLAVIYO_API_KEY", "")):
        os.environ["KLAVIYO_API_KEY"] = KLAVIYO_API_KEY
    arguments = replace_value(arguments, "--klaviyo-url", os.environ["COMMANDS_KLAVIYO"])
    if arguments[:1] == ["dead-letters"] and "--file" not in arguments:
        # The stand-in's queue, instead of that of a stack.
        os.environ |= AWS | {"AWS_ENDPOINT_URL_SQS": os.environ["COMMANDS_KLAVIYO"]}
        queue_url = f"{os.environ['COMMANDS_KLAVIYO']}/dead-letters"
        if "--queue-url" not in arguments:
            arguments += ["--queue-url", queue_url]
        arguments = replace_value(arguments, "--queue-url", queue_url)
    if arguments[:1] == ["trigger"]:
        # Nobody listens there: that the arguments are accepted must be enough.
        arguments = replace_value(arguments, "--url", "")
        arguments = [part for part in arguments if part not in ("--url", "")]
    if SERVERS.isdisjoint(arguments):
        done = subprocess.run([TOOL, *arguments], stderr=subprocess.PIPE, text=True, timeout=60)
        ensure(done.returncode in ANSWERS, done.stderr)
        return
    arguments = replace_value(arguments, "--listen", "127.0.0.1:0")
    if "--listen" not in arguments:
        arguments += ["--listen", "127.0.0.1:0"]
    server = subprocess.Popen([TOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
    listens = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
    server.send_signal(signal.SIGTERM)
    _, errors = server.communicate(timeout=60)
    ensure(listens or "--reached-as" in arguments, errors)


def is_placeholder(value):
    return re.fullmatch("[A-Z_]+", value)


def replace_value(arguments, option, value):
    """Replaces the value that follows the option, wherever it is."""
    previous = [None, *arguments]
    return [value if before == option else argument
            for before, argument in zip(previous, arguments)]


def main(program, *arguments):
    with open(os.environ["COMMANDS_RECORD"], "a") as record:
        record.write(json.dumps([program, *arguments]) + "\n")
    if program == "cargo" and without_toolchain(arguments)[0] == "run":
        cargo_arguments, arguments = split_at_dashes(list(arguments))
        CHECKS["cargo"](cargo_arguments)
        # Where cargo builds.
        pathlib.Path("target").mkdir(exist_ok=True)
        run_tool(arguments)
    elif program == TOOL_NAME:
        run_tool(list(arguments))
    else:
        CHECKS[program](list(arguments))


main(*sys.argv[1:])
