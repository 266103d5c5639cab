"""The programs that documented commands may run, and a check of the arguments of each.

A check raises SystemExit with a complaint about arguments that the program itself would refuse.
"""

import json
import os
import pathlib
import re
import subprocess
import tomllib

# Run for real, since their output matters and their effect is local.
REAL = {"cat", "jq", "mkdir", "openssl", "rm", "sed"}
# Part of bash and zsh alike, on purpose.
BUILTINS = {"cd", "echo", "export", "printf"}
# Neither part of cargo nor checked, except for their names.
CARGO_PLUGINS = {"deny", "fuzz", "insta", "lambda"}
AWS_OPTIONS = {"cli-binary-format", "output", "profile", "query", "region"}


def ensure(condition, complaint):
    if not condition:
        raise SystemExit(complaint)


def output_of(*command):
    """Returns what a command prints, from a file after the first time."""
    cache = pathlib.Path(os.environ["COMMANDS_CACHE"], re.sub(r"\W+", "-", " ".join(command)))
    if not cache.exists():
        environment = os.environ | {"PATH": os.environ["COMMANDS_PATH"]}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        ensure(done.returncode == 0, f"{' '.join(command)}: {done.stderr}")
        cache.write_text(done.stdout)
    return cache.read_text()


def check_paths(arguments):
    """Relative paths must exist."""
    for argument in arguments:
        if argument.startswith("REPOSITORY_URL/"):
            continue
        path = argument.removeprefix("file://")
        relative = re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?", path)
        if relative or path != argument:
            ensure(pathlib.Path(path).exists(), f"{path} does not exist")


def check_options(arguments, help_text):
    for argument in arguments:
        option = argument.split("=")[0]
        if option.startswith("-"):
            known = re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", help_text)
            ensure(known, f"{option} is not an option")


def check_cargo(arguments):
    arguments, after = split_at_dashes(without_toolchain(arguments))
    subcommand, *arguments = arguments
    if subcommand == "fuzz":
        return check_fuzz(arguments)
    if subcommand in CARGO_PLUGINS:
        return
    check_options(arguments, output_of("cargo", subcommand, "--help"))
    check_paths(arguments)
    metadata = json.loads(output_of("cargo", "metadata", "--no-deps", "--offline"))
    packages = metadata["packages"]
    if name := value_of("-p", arguments) or value_of("--package", arguments):
        packages = [package for package in packages if package["name"] == name]
        ensure(packages, f"there is no package {name}")
    for kind in ("bench", "bin", "test"):
        if name := value_of(f"--{kind}", arguments):
            check_target(packages, kind, name, after)
    if subcommand == "test":
        check_filter(arguments)


def check_target(packages, kind, name, arguments):
    """A package has the target, and a benchmark knows the words that it gets."""
    targets = [target for package in packages for target in package["targets"]
               if target["kind"] == [kind] and target["name"] == name]
    ensure(targets, f"there is no {kind} {name}")
    for argument in arguments:
        if kind == "bench" and argument.isalpha():
            source = pathlib.Path(targets[0]["src_path"]).read_text()
            ensure(f'"{argument}"' in source, f"{name} does not know {argument}")


def check_fuzz(arguments):
    manifest = pathlib.Path("fuzz/Cargo.toml").read_text()
    verb, target, *_ = arguments
    ensure(verb == "run", f"cargo fuzz {verb} is not known here")
    ensure(f'name = "{target}"' in manifest, f"there is no fuzz target {target}")


def check_filter(arguments):
    """A filter of `cargo test` must name a module or a test: cargo accepts any."""
    values = {"-p", "--package", "--test", "--bench", "--bin"}
    words = [word for option, word in zip(["", *arguments], arguments)
             if not word.startswith("-") and option not in values]
    text = "\n".join(path.read_text() for path in pathlib.Path().rglob("*.rs"))
    for part in re.findall(r"\w+", " ".join(words)):
        ensure(re.search(rf"\b(mod|fn) \w*{part}", text), f"no test or module is called {part}")


def check_aws(arguments):
    # Here, since it takes half a second.
    import botocore.session

    service, operation, *arguments = arguments
    session = botocore.session.get_session()
    ensure(service in session.get_available_services(), f"AWS has no service {service}")
    model = session.get_service_model(service)
    operations = {botocore.xform_name(name, "-"): name for name in model.operation_names}
    ensure(operation in operations, f"{service} has no operation {operation}")
    members = model.operation_model(operations[operation]).input_shape.members
    options = AWS_OPTIONS | {botocore.xform_name(name, "-") for name in members}
    for argument in arguments:
        if argument.startswith("--"):
            ensure(argument.removeprefix("--") in options, f"{argument} is not an option")
    check_paths(arguments)


def check_sam(arguments):
    words = 2 if arguments[0] == "local" else 1
    check_options(arguments[words:], output_of("sam", *arguments[:words], "--help"))
    check_paths(arguments[words:])


def check_unzip(arguments):
    """An archive is one of the present version's release: others do not exist."""
    manifest = tomllib.loads(pathlib.Path(__file__).parent.with_name("Cargo.toml").read_text())
    version = manifest["workspace"]["package"]["version"]
    for argument in arguments:
        if argument.endswith(".zip"):
            ensure(f"-{version}-" in argument, f"{argument} is not of version {version}")


def check_ci_run(arguments):
    parts = re.findall(r"^run_(\w+)\(\)", pathlib.Path(__file__).with_name("run").read_text(), re.M)
    for argument in arguments:
        ensure(argument in parts, f".ci/run does not know {argument}")


def check_ci_fuzz(arguments):
    for argument in arguments:
        ensure(argument.isdigit(), ".ci/fuzz takes seconds")


def without_toolchain(arguments):
    """Returns cargo's arguments without `+nightly`."""
    return [argument for argument in arguments if not argument.startswith("+")]


def split_at_dashes(arguments):
    if "--" not in arguments:
        return arguments, []
    dashes = arguments.index("--")
    return arguments[:dashes], arguments[dashes + 1:]


def value_of(option, arguments):
    if option in arguments[:-1]:
        return arguments[arguments.index(option) + 1]
    return next((argument.split("=")[1] for argument in arguments
                 if argument.startswith(f"{option}=")), None)


# Recorded instead of run.
CHECKS = {
    ".ci/fuzz": check_ci_fuzz, ".ci/run": check_ci_run, "aws": check_aws,
    "cargo": check_cargo, "curl": check_paths, "docker": check_paths, "gh": check_paths,
    "git": check_paths, "pip": check_paths, "python3": check_paths, "rustup": check_paths,
    "sam": check_sam, "unzip": check_unzip,
}
TOOL_NAME = "segment-klaviyo"
KLAVIYO_API_KEY = "pk_commands"
