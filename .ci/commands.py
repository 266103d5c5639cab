"""Types every command of the documentation into bash and zsh.

    python .ci/commands.py

Both shells must run the same programs with the same arguments, and every program must accept them.
The blocks of a page are typed in their order, in one copy of the repository. A file that a command
reads is checked in, or written by an earlier command, or a block after the words "file `NAME`", or
one of the files that readers have.
"""

import contextlib
import json
import re
import subprocess

from archive import VERSION
from markdown import commands_of, parse_blocks, programs_of, variables_of, words_of
from rig import ROOT
from terminal import KNOWN, SHELLS, Terminal

COMMANDS = {"console", "sh"}
OTHER_LANGUAGES = {"hcl", "json", "mermaid", "powershell", "rust", "text", "toml", "typescript",
                   "yaml"}
FIXTURES = ROOT / "crates/cli/tests/fixtures"
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md"]


def readers_files():
    """Returns what the documentation assumes: an archive, an export, settings, a release."""
    bodies = [json.loads(path.read_text())["body"] for path in (ROOT / "events").glob("identify*")]
    return {
        "archive/2026-11-20.ndjson": "\n".join(bodies) + "\n",
        "body.json": bodies[0],
        "dead-letters.json": (FIXTURES / "dead-letters.json").read_text(),
        "function.log": (FIXTURES / "function.log").read_text(),
        "now.env": "ENFORCE_EMAIL=true\n",
        "planned.env": "ENFORCE_EMAIL=false\n",
        f"segment-klaviyo-{VERSION}-x86_64/template.yaml": "",
    }


def write_files(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def is_read(variable):
    """Whether a file that is checked in, and is not a page, names the variable."""
    files = [".", ":!*.md", ":!.ci/commands.py"]
    command = ["git", "grep", "--quiet", "--word-regexp", variable, "--", *files]
    return subprocess.run(command, cwd=ROOT).returncode == 0


def check_page(terminal, page, text):
    """Returns complaints about the commands of a page, and the number of commands."""
    complaints, count = [], 0
    folders = {shell: terminal.copy_repository() for shell in SHELLS}
    for folder in folders.values():
        write_files(folder, readers_files())
    for block in parse_blocks(text):
        place = f"{page}:{block.line}"
        if block.language in COMMANDS:
            found, programs = check_block(terminal, block, folders)
            complaints += [f"{place}: {complaint}" for complaint in found]
            count += len(programs)
        elif block.language not in OTHER_LANGUAGES:
            complaints.append(f"{place}: unknown language {block.language!r}")
        elif file := re.search(r"file `([\w.-]+)`[^`]*$", block.introduction):
            for folder in folders.values():
                write_files(folder, {file[1]: "\n".join(block.lines) + "\n"})
    return complaints, count


def check_block(terminal, block, folders):
    """Returns complaints about the commands of a block, and their programs."""
    commands = commands_of(block)
    try:
        words = words_of(commands)
    except ValueError as error:
        return [str(error)], []
    programs = programs_of(words)
    if unknown := set(programs) - KNOWN:
        return [f"unknown program {program}" for program in sorted(unknown)], programs
    complaints = [f"nothing reads {name}" for name in variables_of(words) if not is_read(name)]
    recorded = {}
    for shell, folder in folders.items():
        recorded[shell], errors = terminal.type(shell, commands, folder)
        if errors is not None:
            complaints.append(f"{shell} fails: {errors}")
    if recorded["bash"] != recorded["zsh"]:
        complaints.append(f"bash and zsh pass different arguments: {recorded}")
    return complaints, programs


# Commands that must fail, each with a part of the complaint.
BROKEN = {
    "local explain events/order-completed.json": "unknown program local",
    "segment-klaviyo explain --jsn events/order-completed.json": "--jsn",
    "cargo run -- explain events/order.json": "events/order.json",
    "cargo bench -p segment-klaviyo-bench --bench proces": "there is no bench proces",
    "cargo bench -p segment-klaviyo-bench --bench process -- grow": "process does not know grow",
    "cargo test -p segment-klaviyo-tool": "there is no package segment-klaviyo-tool",
    "cargo test --test suite chaso::": "no test or module is called chaso",
    "cargo test --no-fail": "--no-fail is not an option",
    "cargo fuzz run boddy": "there is no fuzz target boddy",
    "CHAOS_SEEDS=7 cargo test": "nothing reads CHAOS_SEEDS",
    "cargo tset": "cargo tset --help",
    "sam deploy --config-enx prod": "--config-enx is not an option",
    "sam local invoke Destination -e events/order.json": "events/order.json does not exist",
    "aws sqs purge-queues --queue-url QUEUE_URL": "sqs has no operation purge-queues",
    "aws sqs purge-queue --queue QUEUE_URL": "--queue is not an option",
    ".ci/run all": ".ci/run does not know all",
    "unzip segment-klaviyo-0.0.1-x86_64.zip": "is not of version",
    "sam build # with cargo-lambda": "different arguments",
    "curl http://127.0.0.1:8080/segment?page=1": "zsh fails: zsh: no matches found",
    "files='README.md SECURITY.md'\ngit log $files": "different arguments",
    "echo \"unfinished": "No closing quotation",
}
GOOD = """
Write a file `secret.json`:

```json
{"klaviyo_api_key": "pk_KEY"}
```

```console
$ cargo run -- sign \\
>   body.json
e5a1
$ aws secretsmanager put-secret-value --secret-id ID --secret-string file://secret.json > saved
$ cat saved && rm saved secret.json
```

1. In a list:

   ```sh
   KLAVIYO_API_KEY=KEY segment-klaviyo send --klaviyo-url https://a.klaviyo.com events/batch.json
   signature=$(printf %s "{}" | openssl dgst -sha1 -hmac SECRET | sed 's/.* //')
   segment-klaviyo serve --listen 127.0.0.1:8080
   ```
"""


def check_this_check(terminal):
    complaints, count = check_page(terminal, "good", GOOD)
    assert (complaints, count) == ([], 9), (complaints, count)
    for commands, expected in BROKEN.items():
        complaints, _ = check_page(terminal, "broken", f"```sh\n{commands}\n```\n")
        assert expected in "\n".join(complaints), (commands, complaints)
    complaints, _ = check_page(terminal, "broken", "```\nlocal explain\n```\n")
    assert complaints == ["broken:1: unknown language ''"], complaints
    print(f"{len(BROKEN)} broken commands are found")


def check():
    listed = subprocess.check_output(["git", "ls-files", *PAGES], cwd=ROOT, text=True)
    complaints, total = [], 0
    with contextlib.ExitStack() as at_end:
        terminal = Terminal(at_end)
        check_this_check(terminal)
        for page in listed.splitlines():
            found, count = check_page(terminal, page, (ROOT / page).read_text())
            print(f"{page}: {count} commands")
            complaints, total = complaints + found, total + count
    if complaints:
        raise SystemExit("\n".join(complaints))
    assert total, "no command was found"
    print(f"{total} commands, the same in bash and zsh")


check()
