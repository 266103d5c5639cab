"""A Docker engine, and an image that SAM's local commands take for Lambda's, with or without an image registry."""

import contextlib
import io
import ipaddress
import json
import os
import re
import shutil
import subprocess
import tarfile
import time

from rig import ROOT

LOGS = ROOT / "target" / "ci"
BOOTSTRAP = ROOT / ".aws-sam" / "build" / "Destination" / "bootstrap"
REPOSITORY = "public.ecr.aws/lambda/provided"
IMAGE = f"{REPOSITORY}:al2023-x86_64"


def start(at_end, log, *command, **options):
    """A program that runs until the end; what it says is in the log."""
    program = subprocess.Popen([str(part) for part in command], cwd=ROOT, stdout=log.open("wb"),
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


def until(condition, program, seconds=120):
    """Whether the condition comes true in time, as long as the program runs."""
    deadline = time.monotonic() + seconds
    while not condition():
        if program.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def docker(*words, **options):
    """What Docker prints; nothing if it cannot do it."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(["docker", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120, **options)
        if done.returncode == 0:
            return done.stdout.decode().strip()
    return ""


def engine():
    return docker("info", "--format", "{{.ServerVersion}}")


def start_engine(at_end):
    """Why there is no Docker engine; nothing if there is one, which then is there until the end."""
    if not shutil.which("docker"):
        return "docker is not installed"
    if engine():
        return None
    if not shutil.which("dockerd"):
        return "no Docker engine runs, and dockerd is not installed"
    log = LOGS / "dockerd.log"
    # Ctrl-C must not reach it: the containers are removed first.
    if until(engine, start(at_end, log, "dockerd", start_new_session=True)):
        return None
    return "\n".join(["dockerd does not start:", *log.read_text().splitlines()[-20:]])


def root_file_system():
    """A tar archive of what SAM and the function need from Lambda's image, with the files of this machine."""
    programs = {f"bin/{name}": shutil.which(name) for name in ("sh", "mv", "chmod")}
    libraries = set()
    for path in (*programs.values(), BOOTSTRAP):
        libraries |= set(re.findall(r"(/\S+) \(0x", subprocess.check_output(["ldd", path], text=True)))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for name, path in (programs | {library: library for library in libraries}).items():
            tar.add(path, name)
    return archive.getvalue()


def provide_image(at_end):
    """Says where the image is from."""
    if docker("image", "inspect", IMAGE):
        return "was here already"
    if "GITHUB_ACTIONS" in os.environ and docker("pull", "--quiet", IMAGE):
        return "is from its registry"
    # Nobody shall take it for Lambda's own later; SAM makes the second image from the first.
    at_end.callback(docker, "image", "rm", "--force", IMAGE, f"{REPOSITORY}:al2023-rapid-x86_64")
    environment = "ENV PATH=/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime"
    made = docker("import", "--change", environment, "--change", "WORKDIR /var/task", "-", IMAGE, input=root_file_system())
    assert made, "docker import"
    return "is a stand-in, made of files of this machine"


def bridge():
    """This machine's address as containers see it."""
    [network] = json.loads(docker("network", "inspect", "bridge"))
    [config] = network["IPAM"]["Config"]
    # An engine on its very first start does not say it, but takes the first of the subnet.
    return config.get("Gateway") or ipaddress.ip_network(config["Subnet"])[1]


def containers():
    """Those that SAM has made."""
    return set(docker("ps", "--all", "--quiet", "--filter", "label=sam.cli.container.type=lambda").split())


def remove_containers(kept):
    if left := containers() - kept:
        docker("rm", "--force", *left)
