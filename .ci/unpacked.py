"""A release, unpacked in an empty folder: it works without Rust on PATH.

    python .ci/unpacked.py ARCHITECTURE...

Follows release.py. SKIP_DOCKER=1 leaves `sam local invoke` out.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zipfile

import boto3

from container import bridge_address, containers, provide_image, remove_containers, start_engine
from klaviyo import Klaviyo
from release import DIST, function_name, release_name
from rig import LOGS, ROOT, answers, free_port, start, wait_until

# The machine in the header of an ELF file.
MACHINES = {"x86_64": 62, "arm64": 183}
# The runtime provided.al2023 has glibc 2.34.
NEWEST_GLIBC = (2, 34)
QEMU = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]
BUCKET = "releases"


def unpack(folder, architecture):
    """Unpacks a release and checks what is in it. Returns its folder."""
    with zipfile.ZipFile(DIST / f"{release_name(architecture)}.zip") as archive:
        archive.extractall(folder)
    [release] = folder.iterdir()
    subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=release, check=True)
    listed = (release / "SHA256SUMS").read_text().count("\n")
    assert listed == sum(path.is_file() for path in release.rglob("*")) - 1, listed
    components = json.loads(next(release.glob("*.cdx.json")).read_text())["components"]
    names = {component["name"] for component in components}
    assert {"aws-sdk-sqs", "lambda_runtime", "rustls"} <= names, names
    print(f"{release.name}: {listed} files, a function of {len(names)} components")
    return release


def extract_function(release, architecture):
    """Extracts the function. Returns the path of a program that runs it on this machine."""
    with zipfile.ZipFile(release / function_name(architecture)) as archive:
        [entry] = archive.infolist()
        assert entry.filename == "bootstrap" and entry.external_attr >> 16 & 0o111 == 0o111
        content = archive.read(entry)
    [machine] = struct.unpack_from("<H", content, 18)
    assert machine == MACHINES[architecture], machine
    versions = re.findall(rb"GLIBC_(\d+)\.(\d+)", content)
    newest = max((int(major), int(minor)) for major, minor in versions)
    assert newest <= NEWEST_GLIBC, newest
    print(f"  bootstrap: {len(content):,} bytes, glibc {newest[0]}.{newest[1]}")

    folder = LOGS / "release" / architecture
    folder.mkdir(parents=True, exist_ok=True)
    bootstrap = folder / "bootstrap"
    bootstrap.write_bytes(content)
    bootstrap.chmod(0o755)
    if architecture == "x86_64":
        return bootstrap
    emulated = folder / "emulated"
    emulated.write_text(f"#!/bin/sh\nexec {' '.join(QEMU)} {bootstrap}\n")
    emulated.chmod(0o755)
    return emulated


class Shop:
    """A machine that has SAM and nothing else."""

    def __init__(self, at_end, release):
        self.release = release
        programs = pathlib.Path(at_end.enter_context(tempfile.TemporaryDirectory()))
        (programs / "sam").symlink_to(shutil.which("sam"))
        self.environment = {
            "PATH": str(programs), "HOME": os.environ["HOME"], "LANG": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0",
        }

    def sam(self, *words, timeout=300, **variables):
        """Runs SAM in the release and returns what it prints."""
        started = time.monotonic()
        done = subprocess.run(["sam", *map(str, words)], cwd=self.release, capture_output=True,
                              timeout=timeout, env=self.environment | variables)
        assert done.returncode == 0, (words, done.stdout.decode(), done.stderr.decode())
        print(f"  sam {' '.join(map(str, words[:2]))}: {time.monotonic() - started:.1f} s")
        return done.stdout.decode()


def check_upload(at_end, shop, architecture):
    """`sam deploy` uploads the function as it is, without `sam build`: here, its first half."""
    endpoint, log = f"http://127.0.0.1:{free_port()}", LOGS / "moto-s3.log"
    program = start(at_end, log, "moto_server", "-H", "127.0.0.1", "-p", endpoint.split(":")[-1])
    assert wait_until(lambda: answers(f"{endpoint}/moto-api/data.json"), program), log.read_text()
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                      aws_access_key_id="local", aws_secret_access_key="local")
    s3.create_bucket(Bucket=BUCKET)
    template = shop.sam("package", "--s3-bucket", BUCKET, AWS_ENDPOINT_URL=endpoint)
    [key] = re.findall(rf"CodeUri: s3://{BUCKET}/(\S+)", template)
    uploaded = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert uploaded == (shop.release / function_name(architecture)).read_bytes()


def check_invocation(at_end, shop, bootstrap):
    """`sam local invoke` delivers a sample of the release."""
    start_engine(at_end)
    provide_image(at_end, bootstrap)
    at_end.callback(remove_containers, containers())
    variables = LOGS / "release-local.json"
    klaviyo = Klaviyo(at_end, f"{bridge_address()}:{free_port()}", "--env-file", variables)
    answer = shop.sam("local", "invoke", "Destination", "-e", "events/order-completed.json",
                      "--env-vars", variables, "--skip-pull-image")
    response = json.loads(answer)
    assert response["statusCode"] == 200 and json.loads(response["body"])["delivered"] == 1
    assert len(klaviyo.requests()) == 3, klaviyo.requests()


def check(architecture):
    with contextlib.ExitStack() as at_end:
        folder = pathlib.Path(at_end.enter_context(tempfile.TemporaryDirectory()))
        release = unpack(folder, architecture)
        program = extract_function(release, architecture)
        shop = Shop(at_end, release)
        shop.sam("validate", "--lint")
        check_upload(at_end, shop, architecture)
        shop.sam("build", timeout=30)
        # The container's processor is this machine's.
        if architecture == "x86_64" and os.environ.get("SKIP_DOCKER") != "1":
            check_invocation(at_end, shop, program)
    samples = ROOT / ".ci" / "samples.py"
    subprocess.run([sys.executable, samples, program], check=True)


subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=DIST, check=True)
for name in sys.argv[1:]:
    check(name)
