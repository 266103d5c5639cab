"""template.yaml makes the resources that operators count on, and samconfig.toml fits it.

    python .ci/template.py
"""

import json
import re
import tomllib

from alarms import alarms_on
from cloudformation import PARAMETERS, accepts, of_type, parse_template, refs, translate
from rig import ROOT

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-AbC123"
SECRET_KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"

# Values that parameters accept, other than their defaults, and values that they refuse.
ACCEPTED = {
    "AlarmTopicArn": TOPIC, "AudienceLists": "vip=Y6nRLr, new_here=T4bKwX",
    "BackfillAfterHours": "24", "DefaultCountry": "US",
    "DeliveryBudgetMs": "4000", "DomainName": "a.b",
    "EmailFrom": "properties.customer.email,context.user.email", "Environment": "prod",
    "EventsAllowed": "Order Completed,Cart Viewed", "EventsBlocked": "Product Viewed, Cart Viewed",
    "KlaviyoBaseUrl": "https://klaviyo-demo.com", "ListId": "Y6nRLr", "SecretArn": SECRET,
    "SecretTtlSeconds": "60", "ConsentTrait": "newsletter", "ConsentRequired": "Marketing",
    "AgeGateTrait": "birthday", "HoldAnonymousHours": "24", "IdentityTtlDays": "30",
    "OncePerOrder": "Checkout Started,Payment Info Entered",
    "OrderEvents": "Saleor Order Completed", "ValueFrom": "total,revenue",
}
REFUSED = {
    "AlarmTopicArn": "alarms", "AudienceLists": "vip", "BackfillAfterHours": "10000",
    "DeliveryBudgetMs": "9001", "DomainName": "https://a.b", "EmailFrom": "customer.email",
    "EventBusName": "default", "SegmentExternalId": "short",
    "EventsBlocked": "x" * 128, "ListId": "Y6n-RLr", "OncePerOrder": "",
    "SecretArn": SECRET[:-7], "HoldAnonymousHours": "169", "IdentityTtlDays": "0",
}


def check_parameters():
    """Parameters are described, grouped and constrained."""
    interface = parse_template()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(PARAMETERS) == sorted(grouped), (
        f"ParameterGroups must list every parameter once: {set(PARAMETERS) ^ set(grouped)}")
    for name, parameter in PARAMETERS.items():
        assert parameter["Description"], name
        assert accepts(name, str(parameter["Default"])), f"the default of {name}"
    for name, value in ACCEPTED.items():
        assert accepts(name, value), (name, value)
    for name, value in REFUSED.items():
        assert not accepts(name, value), (name, value)


def check_function():
    """The function has the permissions it needs and ends a delivery before Lambda does."""
    resources = translate(Tracing="Active", ReservedConcurrency="20", SecretArn=SECRET,
                          SecretKeyArn=SECRET_KEY)
    function = resources["Destination"]["Properties"]
    assert function["ReservedConcurrentExecutions"] == "20"
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert PARAMETERS["DeliveryBudgetMs"]["MaxValue"] < function["Timeout"] * 1000

    role = of_type(resources, "AWS::IAM::Role")["Role"]
    assert "ManagedPolicyArns" not in role
    [policy] = role["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    for statement in statements:
        actions = statement["Action"]
        actions = actions if isinstance(actions, list) else [actions]
        assert not any("*" in action for action in actions), statement
        # X-Ray has no resources.
        tracing = all(action.startswith("xray:") for action in actions)
        assert (statement["Resource"] == "*") == tracing, statement
    assert statements[0]["Resource"] == SECRET
    assert function["Environment"]["Variables"]["SECRET_ID"] == SECRET
    assert "Secret" not in resources and "Secret" in translate()


def check_delivery():
    """Queues, logs and the API fit the function."""
    resources = translate()
    timeout = resources["Destination"]["Properties"]["Timeout"]
    [mapping] = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["FunctionName"] == {"Ref": "DestinationAliaslive"}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    queues = of_type(resources, "AWS::SQS::Queue")
    assert queues["RetryQueue"]["VisibilityTimeout"] >= 6 * timeout
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    log_groups = of_type(resources, "AWS::Logs::LogGroup").values()
    assert all(group["RetentionInDays"] == "30" for group in log_groups)
    [stage] = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    throttling = {"ThrottlingRateLimit": "200", "ThrottlingBurstLimit": "400"}
    assert stage["DefaultRouteSettings"] == throttling
    json.loads(stage["AccessLogSettings"]["Format"])


def version(**chosen):
    """Returns the logical id of the function's version."""
    [name] = of_type(translate(**chosen), "AWS::Lambda::Version")
    return name


def check_versions():
    """Every changed setting publishes a version: otherwise the alias would keep the old one."""
    template = parse_template()
    # SAM alone names the version before parameters have values.
    assert template["Transform"] == ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"]
    function = template["Resources"]["Destination"]["Properties"]
    settings = PARAMETERS.keys() & set(refs(function["Environment"]["Variables"]))
    default_version = version()
    for name in (*settings, "Tracing"):
        default = str(PARAMETERS[name]["Default"])
        allowed = [str(value) for value in PARAMETERS[name].get("AllowedValues", [])]
        [other, *_] = [value for value in allowed if value != default] or [ACCEPTED[name]]
        assert version(**{name: other}) != default_version, f"{name}={other} publishes no version"
    print(f"{len(settings)} settings, each publishes a version when it changes")


def check_alarms():
    """Alarms reach the topic, and a canary rolls back on six of them."""
    resources = translate(AlarmTopicArn=TOPIC, AlarmAfterQuietHours="24",
                          DeploymentType="Canary10Percent5Minutes")
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC], name
        assert alarm["AlarmDescription"], name
        assert alarm["TreatMissingData"] in ("notBreaching", "breaching"), name
        # CloudWatch evaluates at most seven days.
        assert int(alarm["EvaluationPeriods"]) * alarm.get("Period", 300) <= 7 * 86400, name
    without_topic = of_type(translate(), "AWS::CloudWatch::Alarm")
    assert set(alarms) - set(without_topic) == {"QuietAlarm"}
    assert all(alarm["AlarmActions"] == [] for alarm in without_topic.values())

    [group] = of_type(resources, "AWS::CodeDeploy::DeploymentGroup").values()
    canary_alarms = {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
    assert canary_alarms == {"shop-errors", "shop-api-5xx", "shop-dead-letters", "shop-rejected",
                             "shop-queued", "shop-signature-rejected"}
    assert canary_alarms <= {alarm["AlarmName"] for alarm in alarms.values()}
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert "Canary10Percent5Minutes" in json.dumps(group["DeploymentConfigName"])
    print(f"{len(alarms)} alarms")


# The minute in which a deployment begins, and the minutes that a canary takes.
BEGIN, CANARY = 20, 5


def an_hour(**changed):
    """Returns an hour of a shop with 200 messages a minute, and some of what is always wrong.

    `changed` maps a metric to what a deployment makes of it: a number for each minute after.
    """
    metrics = {
        "MessagesReceived": [200] * 60, "Rejected": [1] * 60, "Queued": [None, 6] * 30,
        "SignatureRejected": [1] + [None] * 59, "KlaviyoCalls": [50] * 60, "4xx": [1, None] * 30,
        "Errors": [None] * 60, "5xx": [None] * 60,
        # One entry has been there for days, and somebody looks at it.
        "DeadLetterQueue.ApproximateNumberOfMessagesVisible": [1, 0, 1] * 20,
        "DeadLetterQueue.ApproximateNumberOfMessagesNotVisible": [0, 1, 0] * 20,
    }
    for name, after in changed.items():
        metrics[name] = metrics[name][:BEGIN] + [after(minute) for minute in range(60 - BEGIN)]
    return metrics


def check_rollback():
    """A canary that fails on Klaviyo's side, behind a 200, is rolled back; a good one is not.

    It has a tenth of the messages.
    """
    resources = translate(DeploymentType="Canary10Percent5Minutes")
    [group] = of_type(resources, "AWS::CodeDeploy::DeploymentGroup").values()
    watched = {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
    visible = "DeadLetterQueue.ApproximateNumberOfMessagesVisible"
    hidden = "DeadLetterQueue.ApproximateNumberOfMessagesNotVisible"
    nothing = {hidden: lambda minute: 0}
    for title, deployed, expected in (
        ("a good version", {}, set()),
        ("Klaviyo refuses every message", {
            "Rejected": lambda minute: 21, visible: lambda minute: 1 + 20 * (minute + 1), **nothing,
        }, {"shop-rejected", "shop-dead-letters"}),
        ("Klaviyo refuses one message", {visible: lambda minute: 2, **nothing},
         {"shop-dead-letters"}),
        ("Klaviyo does not serve these requests", {"Queued": lambda minute: 20}, {"shop-queued"}),
        ("every signature is refused", {"SignatureRejected": lambda minute: 2},
         {"shop-signature-rejected"}),
        ("the function crashes", {"Errors": lambda minute: 1}, {"shop-errors"}),
        ("Segment gets 5xx", {"5xx": lambda minute: 1}, {"shop-api-5xx"}),
    ):
        metrics = an_hour(**deployed)
        before = alarms_on(resources, metrics, BEGIN) & watched
        during = set()
        for minute in range(BEGIN + 1, BEGIN + CANARY + 1):
            during |= alarms_on(resources, metrics, minute) & watched
        print(f"{title}: {', '.join(sorted(during)) or 'goes on'}")
        assert not before and during == expected, (title, before, during)

    # A dead letter does not hide the next one: the alarm ends while the entry is still there.
    metrics = an_hour(**{visible: lambda minute: 2, **nothing})
    letters = [minute for minute in range(BEGIN, 60)
               if "shop-dead-letters" in alarms_on(resources, metrics, minute)]
    assert letters == list(range(BEGIN + 1, BEGIN + 6)), letters
    refused = an_hour(**{"4xx": lambda minute: 3})
    assert "shop-api-4xx" in alarms_on(resources, refused, 35)
    assert "shop-api-4xx" not in alarms_on(resources, an_hour(), 35)


def check_retry_queue():
    """The retry queue's alarm goes by the age of what waits, and not by how much."""
    resources = translate()
    visible = "RetryQueue.ApproximateNumberOfMessagesVisible"
    unread = "RetryQueue.ApproximateAgeOfOldestMessage"
    metrics = an_hour()
    for title, changed, expected in (
        ("a peak that lasts", {visible: [9000] * 60, "LongestWait": [240] * 60}, []),
        ("an outage of ten minutes", {
            "LongestWait": [None] * BEGIN + [60 * n for n in range(10)] + [None] * 30}, []),
        ("an outage of half an hour", {
            "LongestWait": [None] * BEGIN + [60 * n for n in range(30)] + [None] * 10},
         list(range(BEGIN + 16, BEGIN + 35))),
        ("nobody reads the queue", {unread: [60 * n for n in range(60)] + [3600]}, [61]),
    ):
        alarms = [minute for minute in range(62)
                  if "shop-retry-queue" in alarms_on(resources, metrics | changed, minute)]
        print(f"{title}: {alarms and f'from minute {alarms[0]}' or 'no alarm'}")
        assert alarms == expected, (title, alarms)


def check_dashboard():
    """The dashboard is JSON, shows every alarm, and no widget overlaps another."""
    resources = translate()
    [dashboard] = of_type(resources, "AWS::CloudWatch::Dashboard").values()
    text = dashboard["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(text)["widgets"]
    cells, area = set(), 0
    for widget in widgets:
        columns = range(widget["x"], widget["x"] + widget["width"])
        rows = range(widget["y"], widget["y"] + widget["height"])
        cells |= {(column, row) for column in columns for row in rows}
        area += widget["width"] * widget["height"]
    assert len(cells) == area, "widgets overlap"
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    assert set(re.findall(r"\$\{(\w+Alarm)\.Arn\}", text)) == set(alarms)
    print(f"{len(widgets)} widgets")


def check_environments():
    """Each environment of samconfig.toml deploys a stack with values that its parameters accept."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    config.pop("version")
    assert list(config) == ["dev", "staging", "prod"]
    for name, commands in config.items():
        deploy = commands["deploy"]["parameters"]
        chosen = dict(pair.split("=", 1) for pair in deploy["parameter_overrides"])
        assert deploy["stack_name"] == f"segment-klaviyo-{name}" and chosen["Environment"] == name
        for parameter, value in chosen.items():
            assert accepts(parameter, value), (name, parameter, value)
        print(f"{name}: {len(chosen)} parameters, {len(translate(**chosen))} resources")
    assert config["prod"]["deploy"]["parameters"]["confirm_changeset"] is True


def check_other_ways_in():
    """Segment's own ways into Lambda are shut unless their parameters open them, each to one sender."""
    external_id = "local-external-id-0001"
    added = set(translate(SegmentExternalId=external_id)) - set(translate())
    assert added == {"SegmentRole"}, added
    role = translate(SegmentExternalId=external_id)["SegmentRole"]["Properties"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": "arn:aws:iam::595280932656:root"}
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": external_id}}
    [policy] = role["Policies"]
    [permission] = policy["PolicyDocument"]["Statement"]
    assert permission["Resource"] == {"Ref": "DestinationAliaslive"}
    assert permission["Action"] == "lambda:InvokeFunction"

    bus = "aws.partner/segment.com/shop"
    opened = translate(EventBusName=bus)
    added = set(opened) - set(translate())
    assert added == {"EventRule", "EventPermission", "EventInvocations", "FailedEvents",
                     "FailedEventsPolicy", "FailedEventsAlarm"}, added
    rule = opened["EventRule"]["Properties"]
    assert rule["EventBusName"] == bus
    assert rule["EventPattern"] == {"source": [{"prefix": "aws.partner/segment.com"}]}
    sender = {"Fn::GetAtt": ["EventRule", "Arn"]}
    assert opened["EventPermission"]["Properties"]["SourceArn"] == sender
    check_failed_events(opened, sender)


def check_failed_events(resources, sender):
    """What EventBridge or Lambda gives up is kept, and goes off in the next minute."""
    kept = {"Fn::GetAtt": ["FailedEvents", "Arn"]}
    [target] = resources["EventRule"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": kept}
    invocations = resources["EventInvocations"]["Properties"]
    assert invocations["DestinationConfig"] == {"OnFailure": {"Destination": kept}}
    policy = resources["FailedEventsPolicy"]["Properties"]["PolicyDocument"]
    allowed = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    [statement] = allowed
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": sender}}

    metrics = an_hour()
    assert "shop-failed-events" not in alarms_on(resources, metrics, BEGIN)
    # SQS has reported nothing about the queue until the first entry.
    metrics["FailedEvents.ApproximateNumberOfMessagesVisible"] = [None] * BEGIN + [1] * 40
    alarms = [minute for minute in range(60)
              if "shop-failed-events" in alarms_on(resources, metrics, minute)]
    assert alarms == list(range(BEGIN + 1, BEGIN + 6)), alarms
    assert "shop-dead-letters" not in alarms_on(resources, metrics, BEGIN + 1)


def check_secret():
    """The secret begins with a token, and with no credential that anybody could know."""
    generated = translate()["Secret"]["Properties"]["GenerateSecretString"]
    assert generated["GenerateStringKey"] == "webhook_token"
    empty = {"klaviyo_api_key": "", "segment_shared_secret": ""}
    assert json.loads(generated["SecretStringTemplate"]) == empty


def check_domain():
    """A domain, and its record in Route 53, exist only with their parameters."""
    domain = {"DomainName": "segment.klaviyo-demo.com", "CertificateArn": CERTIFICATE}
    assert "Domain" not in translate()
    with_domain = translate(**domain)
    assert {"Domain", "DomainMapping"} <= set(with_domain) and "DomainRecord" not in with_domain
    assert "DomainRecord" in translate(**domain, HostedZoneId="Z123")


check_parameters()
check_function()
check_delivery()
check_versions()
check_alarms()
check_rollback()
check_retry_queue()
check_dashboard()
check_environments()
check_secret()
check_other_ways_in()
check_domain()
