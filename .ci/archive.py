"""The archive of the command-line tool for this platform.

    python .ci/archive.py
    python .ci/archive.py --check TAG REPOSITORY

Follows `cargo build --release -p segment-klaviyo-cli`. Needs cargo and Python 3.10. Writes to target/dist.
`--check` writes nothing: it fails unless Cargo.toml is the one to release under this tag from this
address, such as v0.1.0 and the https URL of the repository.
"""

import json
import platform
import subprocess
import sys
import time
import zipfile

from rig import ROOT


def cargo_packages():
    command = ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]
    return json.loads(subprocess.check_output(command, cwd=ROOT))["packages"]


DIST = ROOT / "target" / "dist"
# The package of the function, as cargo reads Cargo.toml: a runner's Python may have no TOML parser.
[PACKAGE] = [package for package in cargo_packages() if package["name"] == "segment-klaviyo"]
VERSION = PACKAGE["version"]
# The https URL, or None before the repository has an address.
REPOSITORY = PACKAGE["repository"]
SYSTEMS = {"Darwin": "macos", "Linux": "linux", "Windows": "windows"}
PROCESSORS = {"aarch64": "arm64", "AMD64": "x86_64", "arm64": "arm64", "x86_64": "x86_64"}


def git(*words):
    return subprocess.check_output(["git", *words], cwd=ROOT, text=True).strip()


def pack(path, files):
    """Writes a zip archive of `{name: (bytes, mode)}`, dated by the commit."""
    date = time.gmtime(int(git("log", "-1", "--format=%ct")))[:6]
    with zipfile.ZipFile(path, "w") as archive:
        for name, (content, mode) in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # The mode of a file on Unix: a program must be one after unpacking, too.
            entry.create_system, entry.external_attr = 3, (0o100000 | mode) << 16
            archive.writestr(entry, content, compresslevel=9)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


def pack_tool():
    system = SYSTEMS[platform.system()]
    processor = PROCESSORS[platform.machine()]
    program = "segment-klaviyo.exe" if system == "windows" else "segment-klaviyo"
    files = {name: ((ROOT / name).read_bytes(), 0o644) for name in ("LICENSE-APACHE", "LICENSE-MIT")}
    files[program] = ((ROOT / "target" / "release" / program).read_bytes(), 0o755)
    DIST.mkdir(parents=True, exist_ok=True)
    pack(DIST / f"segment-klaviyo-cli-{VERSION}-{system}-{processor}.zip", files)


def check(tag, repository):
    if tag != f"v{VERSION}":
        raise SystemExit(f"the tag is {tag}, and the version in Cargo.toml {VERSION}")
    if REPOSITORY != repository:
        raise SystemExit(f'below [package] in Cargo.toml must be: repository = "{repository}"')


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--check", tag, repository]:
            check(tag, repository)
        case []:
            pack_tool()
        case _:
            raise SystemExit(__doc__)
