"""What CloudFormation makes of template.yaml is what an operator counts on; samconfig.toml fits it.

    python .ci/template.py
"""

import json
import logging
import re
import tomllib
import warnings

import boto3
from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from rig import ROOT

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")
TEMPLATE = (ROOT / "template.yaml").read_text()
PARAMETERS = yaml_parse(TEMPLATE)["Parameters"]
PSEUDO = {"AWS::StackName": "shop", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012",
          "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-AbC123"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
# Another good value for each parameter that the function is told.
OTHERS = {"ListId": "Y6nRLr", "ConsentChannels": "sms", "DefaultCountry": "US", "MetricNames": "klaviyo",
          "EventsAllowed": "Order Completed,Cart Viewed", "EventsBlocked": "Product Viewed", "BackfillAfterHours": "24",
          "DeliveryBudgetMs": "4000", "KlaviyoBaseUrl": "https://klaviyo-demo.com", "SecretTtlSeconds": "60",
          "Environment": "prod", "SecretArn": SECRET}


def expanded(**chosen):
    """The resources that a stack with these parameters has: both transforms, as CloudFormation runs them."""
    values = {name: str(parameter["Default"]) for name, parameter in PARAMETERS.items()} | chosen | PSEUDO
    template = expand_language_extensions(yaml_parse(TEMPLATE), values, enabled=True).expanded_template
    template["Resources"]["Destination"]["Properties"]["CodeUri"] = "s3://bucket/key"
    conditions = template["Conditions"]

    def holds(it):
        [(function, given)] = it.items()
        match function:
            case "Condition": return holds(conditions[given])
            case "Fn::Equals": return str(given[0]) == str(given[1])
            case "Fn::Not": return not holds(given[0])
            case "Fn::And": return all(map(holds, given))

    session = boto3.Session(region_name=PSEUDO["AWS::Region"])
    resources = Translator({}, Parser(), boto_session=session).translate(template, values)["Resources"]
    return {name: it for name, it in resources.items() if "Condition" not in it or holds({"Condition": it["Condition"]})}


def of_type(resources, kind):
    return {name: it["Properties"] for name, it in resources.items() if it["Type"] == kind}


def accepts(parameter, value):
    """Whether CloudFormation takes this value for a parameter."""
    if "AllowedValues" in parameter and value not in [str(allowed) for allowed in parameter["AllowedValues"]]:
        return False
    if parameter["Type"] == "Number":
        return parameter.get("MinValue", 0) <= int(value) <= parameter.get("MaxValue", 10**9)
    return re.fullmatch(parameter.get("AllowedPattern", ".*"), value) is not None


def parameters():
    grouped = yaml_parse(TEMPLATE)["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(PARAMETERS) == sorted(name for group in grouped for name in group["Parameters"])
    for name, parameter in PARAMETERS.items():
        assert parameter["Description"], name
        assert {"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter), f"{name} takes anything"
        assert accepts(parameter, str(parameter["Default"])), f"{name}'s default"
    for name, good, bad in [("SecretArn", SECRET, SECRET[:-7]), ("ListId", "Y6nRLr", "Y6n-RLr"), ("AlarmTopicArn", TOPIC, "alarms"),
                            ("EventsBlocked", "Product Viewed, Cart Viewed", "x" * 128), ("DomainName", "a.b", "https://a.b"),
                            ("BackfillAfterHours", "24", "10000"), ("DeliveryBudgetMs", "4500", "9001")]:
        assert accepts(PARAMETERS[name], good) and not accepts(PARAMETERS[name], bad), name


def function_and_queues():
    resources = expanded(Tracing="Active", ReservedConcurrency="20", SecretArn=SECRET)
    function = resources["Destination"]["Properties"]
    assert function["ReservedConcurrentExecutions"] == "20" and function["TracingConfig"] == {"Mode": "Active"}
    assert PARAMETERS["DeliveryBudgetMs"]["MaxValue"] < function["Timeout"] * 1000, "the function ends a delivery, not Lambda"
    [mapping] = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"] and mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert mapping["FunctionName"] == {"Ref": "DestinationAliaslive"}
    queues = of_type(resources, "AWS::SQS::Queue")
    assert queues["RetryQueue"]["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    assert all(group["RetentionInDays"] == "30" for group in of_type(resources, "AWS::Logs::LogGroup").values())
    [stage] = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": "200", "ThrottlingBurstLimit": "400"}
    json.loads(stage["AccessLogSettings"]["Format"])

    role = of_type(resources, "AWS::IAM::Role")["Role"]
    assert "ManagedPolicyArns" not in role
    statements = [it for it in role["Policies"][0]["PolicyDocument"]["Statement"] if "Action" in it]
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        everywhere = all(action.startswith("xray:") for action in actions)
        assert (statement["Resource"] == "*") == everywhere and not any("*" in action for action in actions), statement
    assert statements[0]["Resource"] == SECRET == function["Environment"]["Variables"]["SECRET_ID"]
    assert "Secret" not in resources and "Secret" in expanded(), "a secret is made only where none is given"


def versions():
    """Each setting that changes publishes a version: the alias would go on with the old one otherwise."""
    def version(**chosen):
        [name] = of_type(expanded(**chosen), "AWS::Lambda::Version")
        return name
    told = re.findall(r"^          [A-Z_]+: !(?:Ref|If .*!Ref) (\w+)", TEMPLATE, re.MULTILINE)
    told = [name for name in told if name in PARAMETERS]
    assert len(told) == 22, told
    plain = version()
    for name in told:
        default = str(PARAMETERS[name]["Default"])
        other = OTHERS.get(name) or {"true": "false", "false": "true"}[default]
        assert accepts(PARAMETERS[name], other) and version(**{name: other}) != plain, f"{name}={other} is not published"
    print(f"{len(told)} settings, each publishes a version when it changes")


def alarms():
    resources = expanded(AlarmTopicArn=TOPIC, AlarmAfterQuietHours="24", DeploymentType="Canary10Percent5Minutes")
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    for alarm in alarms.values():
        metrics = [alarm["MetricName"]] if "MetricName" in alarm else [
            it["MetricStat"]["Metric"]["MetricName"] for it in alarm["Metrics"] if "MetricStat" in it]
        period = alarm.get("Period", 300)
        times = f"{alarm.get('DatapointsToAlarm', alarm['EvaluationPeriods'])} of {alarm['EvaluationPeriods']} x {period} s"
        print(f"  {alarm['AlarmName']:26} {' / '.join(metrics):36} {alarm['Threshold']:>4}  {times}")
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC], alarm["AlarmName"]
        assert alarm["AlarmDescription"] and alarm["TreatMissingData"] in ("notBreaching", "breaching")
        assert int(alarm["EvaluationPeriods"]) * period <= 7 * 86400, "what CloudWatch looks back at most"
    silent = of_type(expanded(), "AWS::CloudWatch::Alarm")
    assert set(alarms) - set(silent) == {"QuietAlarm"} and all(it["AlarmActions"] == [] for it in silent.values())

    [group] = of_type(resources, "AWS::CodeDeploy::DeploymentGroup").values()
    assert {it["Name"] for it in group["AlarmConfiguration"]["Alarms"]} == {"shop-errors", "shop-api-5xx"}
    assert {"shop-errors", "shop-api-5xx"} <= {alarm["AlarmName"] for alarm in alarms.values()}
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert "Canary10Percent5Minutes" in json.dumps(group["DeploymentConfigName"])

    body = of_type(resources, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]
    text = body["Fn::Sub"] if isinstance(body, dict) else body
    widgets = json.loads(text)["widgets"]
    places = {(x, y) for it in widgets for x in range(it["x"], it["x"] + it["width"]) for y in range(it["y"], it["y"] + it["height"])}
    assert len(places) == sum(it["width"] * it["height"] for it in widgets), "no widget lies on another"
    assert set(re.findall(r"\$\{(\w+Alarm)\.Arn\}", text)) == set(silent), "the dashboard shows every alarm that is always there"


def environments():
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    names = [name for name in config if name != "version"]
    assert names == ["dev", "staging", "prod"]
    for name in names:
        deploy = config[name]["deploy"]["parameters"]
        assert deploy["stack_name"] == f"segment-klaviyo-{name}"
        chosen = dict(pair.split("=", 1) for pair in deploy["parameter_overrides"])
        assert chosen["Environment"] == name
        for key, value in chosen.items():
            assert accepts(PARAMETERS[key], value), (name, key, value)
        expanded(**chosen)
        print(f"  {name}: {len(chosen)} parameters, {len(expanded(**chosen))} resources")
    assert config["prod"]["deploy"]["parameters"]["confirm_changeset"] is True

    domain = {"DomainName": "segment.klaviyo-demo.com", "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1"}
    assert {"Domain", "DomainMapping"} <= set(expanded(**domain)) and "DomainRecord" not in expanded(**domain)
    assert "DomainRecord" in expanded(**domain, HostedZoneId="Z123") and "Domain" not in expanded()


parameters()
function_and_queues()
versions()
alarms()
environments()
