"""The resources that CloudFormation makes from template.yaml."""

import logging
import re

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from rig import ROOT

logging.disable(logging.WARNING)
TEXT = (ROOT / "template.yaml").read_text()
PSEUDO_PARAMETERS = {"AWS::StackName": "shop", "AWS::Region": "us-east-1",
                     "AWS::AccountId": "123456789012", "AWS::Partition": "aws",
                     "AWS::URLSuffix": "amazonaws.com"}
NO_VALUE = {"Ref": "AWS::NoValue"}


def parse_template():
    return yaml_parse(TEXT)


PARAMETERS = parse_template()["Parameters"]


class Resolver:
    """Replaces parameters by their values and evaluates conditions, as CloudFormation does."""

    def __init__(self, values, conditions):
        self.values, self.conditions = values, conditions

    def resolve(self, node):
        match node:
            case {"Ref": name} if name in self.values:
                return self.values[name]
            case {"Fn::Sub": str(text)}:
                text = re.sub(r"\$\{([\w:]+)\}", self.substitute, text)
                return {"Fn::Sub": text} if "${" in text else text
            case {"Fn::If": [condition, value, otherwise]}:
                return self.resolve(value if self.holds(condition) else otherwise)
            case dict():
                items = {name: self.resolve(value) for name, value in node.items()}
                return {name: value for name, value in items.items() if value != NO_VALUE}
            case list():
                return [value for value in map(self.resolve, node) if value != NO_VALUE]
        return node

    def substitute(self, match):
        return str(self.values.get(match[1], match[0]))

    def holds(self, condition):
        match condition:
            case str(name) | {"Condition": name}:
                return self.holds(self.conditions[name])
            case {"Fn::Equals": [left, right]}:
                return str(self.resolve(left)) == str(self.resolve(right))
            case {"Fn::Not": [negated]}:
                return not self.holds(negated)
            case {"Fn::And": all_of}:
                return all(self.holds(one) for one in all_of)
        raise NotImplementedError(condition)


def translate(**chosen):
    """Returns the resources of a stack with these parameters: both transforms of the template.

    The first, AWS::LanguageExtensions, is the resolver above; the second is SAM's own translator.
    """
    template = parse_template()
    defaults = {name: str(parameter["Default"]) for name, parameter in PARAMETERS.items()}
    resolver = Resolver(defaults | PSEUDO_PARAMETERS | chosen, template.pop("Conditions"))
    resources = {}
    for name, resource in template["Resources"].items():
        condition = resource.pop("Condition", None)
        if condition is None or resolver.holds(condition):
            resources[name] = resolver.resolve(resource)
    resources["Destination"]["Properties"]["CodeUri"] = "s3://bucket/key"
    template["Resources"] = resources
    session = boto3.Session(region_name=PSEUDO_PARAMETERS["AWS::Region"])
    return Translator({}, Parser(), boto_session=session).translate(template, {})["Resources"]


def of_type(resources, kind):
    return {name: resource["Properties"] for name, resource in resources.items()
            if resource["Type"] == kind}


def accepts(name, value):
    """Whether CloudFormation accepts the value for the parameter."""
    parameter = PARAMETERS[name]
    if "AllowedValues" in parameter:
        return value in [str(allowed) for allowed in parameter["AllowedValues"]]
    if parameter["Type"] == "Number":
        return parameter["MinValue"] <= int(value) <= parameter["MaxValue"]
    return re.fullmatch(parameter.get("AllowedPattern", ".*"), value) is not None


def refs(node):
    """Returns the names of all references below the node."""
    if isinstance(node, dict):
        own = [node["Ref"]] if "Ref" in node else []
        return own + [name for value in node.values() for name in refs(value)]
    return [name for value in node for name in refs(value)] if isinstance(node, list) else []
