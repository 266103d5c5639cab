"""A Docker engine, and an image that SAM's local commands accept as Lambda's without a registry."""

import contextlib
import io
import ipaddress
import json
import os
import re
import shutil
import subprocess
import tarfile

from rig import LOGS, start, wait_until

REPOSITORY = "public.ecr.aws/lambda/provided"
IMAGE = f"{REPOSITORY}:al2023-x86_64"
ENVIRONMENT = "ENV PATH=/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime"


def docker(*words, **options):
    """Returns what Docker prints, or an empty text if the command fails."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(["docker", *words], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=120, **options)
        if done.returncode == 0:
            return done.stdout.decode().strip()
    return ""


def engine_version():
    return docker("info", "--format", "{{.ServerVersion}}")


def start_engine(at_end):
    """Starts a Docker engine unless one runs."""
    if engine_version():
        return
    log = LOGS / "dockerd.log"
    # In a session of its own: Ctrl-C must not end it before the containers are removed.
    program = start(at_end, log, "dockerd", start_new_session=True)
    if not wait_until(engine_version, program, seconds=120):
        last_lines = "\n".join(log.read_text().splitlines()[-20:])
        raise SystemExit(f"no Docker engine (SKIP_DOCKER=1 skips this step): {last_lines}")


def root_file_system(bootstrap):
    """Returns a tar archive of this machine's files that SAM and the function need in the image."""
    programs = {f"bin/{name}": shutil.which(name) for name in ("sh", "mv", "chmod")}
    libraries = set()
    for path in (*programs.values(), bootstrap):
        linked = subprocess.check_output(["ldd", path], text=True)
        libraries |= set(re.findall(r"(/\S+) \(0x", linked))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for name, path in programs.items():
            tar.add(path, name)
        for path in libraries:
            tar.add(path)
    return archive.getvalue()


def provide_image(at_end, bootstrap):
    """Makes sure that an image exists in which the program runs, and returns its origin."""
    if docker("image", "inspect", IMAGE):
        return "exists"
    if "GITHUB_ACTIONS" in os.environ and docker("pull", "--quiet", IMAGE):
        return "comes from its registry"
    # Removed at the end, with the image that SAM makes from it: it is not Lambda's.
    at_end.callback(docker, "image", "rm", "--force", IMAGE, f"{REPOSITORY}:al2023-rapid-x86_64")
    changes = ["--change", ENVIRONMENT, "--change", "WORKDIR /var/task"]
    assert docker("import", *changes, "-", IMAGE, input=root_file_system(bootstrap)), "docker import"
    return "is made of this machine's files"


def bridge_address():
    """Returns this machine's address for containers."""
    [network] = json.loads(docker("network", "inspect", "bridge"))
    [config] = network["IPAM"]["Config"]
    # An engine that has never started before omits it, but takes the first of the subnet.
    return config.get("Gateway") or ipaddress.ip_network(config["Subnet"])[1]


def containers():
    """Returns the ids of the containers that SAM has created."""
    label = "label=sam.cli.container.type=lambda"
    return set(docker("ps", "--all", "--quiet", "--filter", label).split())


def remove_containers(kept):
    if created := containers() - kept:
        docker("rm", "--force", *created)
