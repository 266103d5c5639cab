"""The template of a release: template.yaml, with a built function in place of the source code.

    python .ci/release_template.py

checks that template.yaml is one that a release follows.
Whatever else would be built or uploaded from a folder is an error: a release does not hold it.
"""

import itertools

from samcli.lib.utils.resources import get_packageable_resource_paths
from samtranslator.yaml_helper import yaml_parse

from rig import ROOT

TEMPLATE = (ROOT / "template.yaml").read_text()
FUNCTION = "Destination"

BUILT_FROM_SOURCE = """\
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties:
        Binary: bootstrap
"""
SOURCE = "      CodeUri: .\n"
ARCHITECTURES = """\
    Default: x86_64
    AllowedValues: [x86_64, arm64]
"""


# The sections that a release has looked into. Globals, for one, could give every function a folder.
SECTIONS = {"AWSTemplateFormatVersion", "Conditions", "Description", "Metadata", "Outputs",
            "Parameters", "Resources", "Rules", "Transform"}
# Neither of them reads files. AWS::Include, for one, does.
TRANSFORMS = ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"]


class UnknownTemplate(Exception):
    """template.yaml has changed in a way that a release does not follow yet."""


def release_template(archive, architecture, text=TEMPLATE):
    """Returns the text of the template that deploys this archive of the function."""
    replacements = {
        BUILT_FROM_SOURCE: "    Metadata:\n      SkipBuild: true\n",
        SOURCE: f"      CodeUri: {archive}\n",
        ARCHITECTURES: f"    Default: {architecture}\n    AllowedValues: [{architecture}]\n",
    }
    released = text
    for old, new in replacements.items():
        if text.count(old) != 1:
            raise UnknownTemplate(f"template.yaml has {text.count(old)} times, not once:\n{old}")
        released = released.replace(old, new)
    check_release(yaml_parse(text), yaml_parse(released), archive)
    return released


def check_release(source, released, archive):
    """Both templates are the same but for the function's code, and nothing else is local."""
    if sections := released.keys() - SECTIONS:
        raise UnknownTemplate(f"new sections of template.yaml: {sorted(sections)}")
    if released["Transform"] != TRANSFORMS:
        raise UnknownTemplate(f"other transforms than {TRANSFORMS}")
    if found := {key for key in keys(released) if key.startswith(("Fn::ForEach", "Fn::Transform"))}:
        raise UnknownTemplate(f"these may read files: {sorted(found)}")
    for name, resource in released["Resources"].items():
        added = resource.get("Metadata", {}).keys() - {"cfn-lint"}
        if added and name != FUNCTION:
            raise UnknownTemplate(f"{name} has the metadata {sorted(added)}: it may be built")
    if code := uploads(released) - {(FUNCTION, "CodeUri", archive)}:
        raise UnknownTemplate(f"a release does not hold {sorted(code)}")

    for template in (source, released):
        function = template["Resources"][FUNCTION]
        del function["Metadata"], function["Properties"]["CodeUri"]
        for key in ("Default", "AllowedValues"):
            template["Parameters"]["Architecture"].pop(key, None)
    if source != released:
        raise UnknownTemplate("a replacement changes more than the function's code")


def keys(node):
    """Returns all keys below the node."""
    if isinstance(node, dict):
        return set(node).union(*(keys(value) for value in node.values()))
    return set().union(*(keys(value) for value in node)) if isinstance(node, list) else set()


def uploads(template):
    """Returns resource, property and value of all that SAM may upload from this machine."""
    found = set()
    for name, resource in template["Resources"].items():
        locations = get_packageable_resource_paths().get(resource["Type"], [])
        for path in itertools.chain(*locations):
            value = resource.get("Properties", {})
            for key in path.split("."):
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                found.add((name, path, str(value)))
    return found


# Changes of template.yaml that must be noticed, each with a part of the complaint.
UNKNOWN = {
    (SOURCE, "      CodeUri: ./function\n"): "not once",
    (SOURCE, SOURCE + "      Layers: [!Ref Layer]\n" + SOURCE): "not once",
    (BUILT_FROM_SOURCE, BUILT_FROM_SOURCE.replace("cargolambda", "makefile")): "not once",
    (ARCHITECTURES, ARCHITECTURES.replace("x86_64,", "x86_64, riscv64,")): "not once",
    (ARCHITECTURES, """\
    Default: x86_64
  Processor:
    Type: String
""" + ARCHITECTURES): "more than the function's code",
    ("\nResources:\n", """
Resources:
  Rotation:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: rotation/, Handler: bootstrap, Runtime: provided.al2023 }
"""): "rotation/",
    ("\nResources:\n", """
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: layer/ }
"""): "layer/",
    ("\nResources:\n", """
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Metadata: { BuildMethod: makefile }
    Properties: { ContentUri: s3://bucket/layer.zip }
"""): "Layer has the metadata",
    ("\nResources:\n", """
Resources:
  Rotation:
    Type: AWS::Serverless::Function
    Metadata: { Dockerfile: Dockerfile, DockerContext: rotation }
    Properties: { PackageType: Image }
"""): "Rotation has the metadata",
    ("\nResources:\n", """
Resources:
  Rotation:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: !Ref Folder, Handler: bootstrap, Runtime: provided.al2023 }
"""): "Folder",
    ("  - AWS::Serverless-2016-10-31\n", """\
  - AWS::Serverless-2016-10-31
  - Name: AWS::Include
"""): "other transforms",
    ("\nResources:\n", """
Globals:
  Function: { CodeUri: rotation/ }

Resources:
"""): "Globals",
    ("\nResources:\n", """
Resources:
  Fn::ForEach::Functions: [Name, [Rotation], { "${Name}": { Type: AWS::Serverless::Function } }]
"""): "Fn::ForEach",
    ("\nResources:\n", """
Resources:
  Nested:
    Type: AWS::CloudFormation::Stack
    Properties: { TemplateURL: nested.yaml }
"""): "nested.yaml",
    ("\nResources:\n", """
Resources:
  Fn::Transform: { Name: AWS::Include, Parameters: { Location: alarms.yaml } }
"""): "Fn::Transform",
}


def check_unknown_templates():
    """Each change that a release does not follow is noticed."""
    for (old, new), expected in UNKNOWN.items():
        changed = TEMPLATE.replace(old, new)
        assert changed != TEMPLATE, old
        try:
            release_template("function.zip", "x86_64", changed)
        except UnknownTemplate as complaint:
            assert expected in str(complaint), (expected, complaint)
        else:
            raise AssertionError(f"a release would not hold {new}")
    print(f"{len(UNKNOWN)} unknown changes of template.yaml are noticed")


if __name__ == "__main__":
    for name in ("x86_64", "arm64"):
        release_template("function.zip", name)
    check_unknown_templates()
