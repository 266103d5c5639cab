"""bash and zsh, with recorders on PATH, in copies of the repository."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from klaviyo import Klaviyo
from programs import BUILTINS, CHECKS, KLAVIYO_API_KEY, REAL, TOOL_NAME
from rig import ROOT, free_port

# Interactive, as for somebody who types: zsh then has no comments, and bash expands "!".
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "--noediting", "-e", "-i"],
    "zsh": ["zsh", "-f", "-e", "-i", "-s", "--no-prompt-cr", "--no-prompt-sp"],
}
# What each shell calls a program. Anything else would hide it: a builtin, a reserved word.
QUERIES = {"bash": ("type -t", "file"), "zsh": ("whence -w", "command")}
# An interactive bash misses its terminal.
NOISE = re.compile("bash: (cannot set terminal process group|no job control)")

RECORDED = [*CHECKS, TOOL_NAME]
KNOWN = {*RECORDED, *REAL, *BUILTINS}
# cargo and the shells need these; a developer's keys and settings stay outside.
KEPT_VARIABLES = {"CARGO_HOME", "HOME", "LANG", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"}


class Terminal:
    def __init__(self, at_end):
        self.folder = pathlib.Path(at_end.enter_context(tempfile.TemporaryDirectory()))
        self.programs, self.copies = self.folder / "programs", 0
        self.programs.mkdir()
        (self.folder / "cache").mkdir()
        for name in RECORDED:
            if "/" not in name:
                install_recorder(name, self.programs / name)
        for name in REAL:
            (self.programs / name).symlink_to(shutil.which(name))
        options = ["--quiet", "--api-key", KLAVIYO_API_KEY]
        klaviyo = Klaviyo(at_end, f"127.0.0.1:{free_port()}", *options)
        kept = {name: os.environ[name] for name in KEPT_VARIABLES & os.environ.keys()}
        self.environment = kept | {
            "PATH": str(self.programs), "PS1": "", "PS2": "", "HISTFILE": "/dev/null",
            "COMMANDS_CACHE": str(self.folder / "cache"), "COMMANDS_KLAVIYO": klaviyo.url,
            "COMMANDS_PATH": os.environ["PATH"],
        }
        for shell in SHELLS:
            self.check_programs(shell)

    def check_programs(self, shell):
        """Asserts that no part of the shell hides a program."""
        query, kind = QUERIES[shell]
        for name in sorted(KNOWN - BUILTINS):
            if "/" not in name:
                command = [shutil.which(shell), "-c", f"{query} {name}"]
                answer = subprocess.check_output(command, env=self.environment, text=True)
                assert answer.strip().removeprefix(f"{name}: ") == kind, f"{shell}: {answer}"

    def copy_repository(self):
        """Returns a folder with the files that are checked in."""
        self.copies += 1
        copy = self.folder / f"copy-{self.copies}"
        listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
        for name in listed.rstrip("\0").split("\0"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
        for name in RECORDED:
            if "/" in name:
                install_recorder(name, copy / name)
        return copy

    def type(self, shell, commands, folder):
        """Types into the shell and returns the recorded programs with their arguments.

        Also returns the shell's errors if it fails, else None.
        """
        record = self.folder / "record"
        record.write_text("")
        environment = self.environment | {"COMMANDS_RECORD": str(record)}
        # In a session of its own: an interactive shell would take the terminal.
        done = subprocess.run([shutil.which(shell), *SHELLS[shell][1:]], input=commands, text=True,
                              cwd=folder, env=environment, capture_output=True, timeout=300,
                              start_new_session=True)
        recorded = [json.loads(line) for line in record.read_text().splitlines()]
        errors = [line for line in done.stderr.splitlines() if not NOISE.match(line)]
        return recorded, "\n".join(errors) if done.returncode else None


def install_recorder(name, path):
    recorder = pathlib.Path(__file__).with_name("recorder.py")
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {recorder} {name} "$@"\n')
    path.chmod(0o755)
