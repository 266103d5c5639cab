"""Packs a release: what a shop deploys with nothing but SAM.

    python .ci/release.py ARCHITECTURE...

Follows `cargo lambda build --lambda-dir target/lambda/ARCHITECTURE` for x86_64, arm64 or both.
Writes to target/dist. The same commit and programs make the same bytes.
"""

import hashlib
import shutil
import sys

from archive import DIST, REPOSITORY, VERSION, git, pack
from release_template import check_unknown_templates, release_template
from rig import ROOT

# What the function is made of, in CycloneDX's form.
COMPONENTS = ROOT / "target" / "lambda" / "components.json"
# All that a release holds beside the function and the template.
PAGES = ["CHANGELOG.md", "LICENSE-*", "README.md", "SECURITY.md", "docs", "events",
         "samconfig.toml"]


def release_name(architecture):
    return f"segment-klaviyo-{VERSION}-{architecture}"


def function_name(architecture):
    return f"segment-klaviyo-lambda-{VERSION}-{architecture}.zip"


def components_name():
    return f"segment-klaviyo-lambda-{VERSION}.cdx.json"


def read_page(name):
    """Returns a page, with the address of the repository as soon as Cargo.toml has one."""
    content = (ROOT / name).read_bytes()
    if REPOSITORY:
        content = content.replace(b"REPOSITORY_URL", REPOSITORY.encode())
    if REPOSITORY and name == "README.md":
        # GitHub's pages about the repository, which lie beside the README there.
        content = content.replace(b"](../../", f"]({REPOSITORY}/".encode())
    return content


def sums(files):
    """Returns the lines that `sha256sum --check` reads."""
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n"
             for name, content in sorted(files.items())]
    return "".join(lines).encode()


def pack_release(architecture, pages, components):
    """Writes the archive of the function, and the release around it."""
    bootstrap = ROOT / "target" / "lambda" / architecture / "bootstrap" / "bootstrap"
    function = DIST / function_name(architecture)
    pack(function, {"bootstrap": (bootstrap.read_bytes(), 0o755)})

    template = release_template(function.name, architecture)
    files = pages | {
        "template.yaml": template.encode(),
        function.name: function.read_bytes(),
        components_name(): components,
    }
    files["SHA256SUMS"] = sums(files)
    name = release_name(architecture)
    pack(DIST / f"{name}.zip",
         {f"{name}/{file}": (content, 0o644) for file, content in files.items()})


def pack_all(architectures):
    check_unknown_templates()
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    pages = {name: read_page(name) for name in git("ls-files", *PAGES).splitlines()}
    # The name of the folder in which it was built tells nobody anything.
    components = COMPONENTS.read_bytes().replace(f"file://{ROOT}".encode(), b"file://.")
    (DIST / components_name()).write_bytes(components)
    for architecture in architectures:
        pack_release(architecture, pages, components)
    files = {path.name: path.read_bytes() for path in DIST.iterdir()}
    checksums = sums(files)
    (DIST / "SHA256SUMS").write_bytes(checksums)
    print(checksums.decode(), end="")


if __name__ == "__main__":
    pack_all(sys.argv[1:])
