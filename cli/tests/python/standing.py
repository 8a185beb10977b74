"""What stands in an account, by boto3: reads {"endpoint_url", "region"} and prints one line a thing."""

import json
import sys

import boto3

asked = json.load(sys.stdin)
session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=asked["region"])


def client(name):
    return session.client(name, endpoint_url=asked["endpoint_url"])


functions = client("lambda")
found = {
    "table": client("dynamodb").list_tables()["TableNames"],
    "queue": client("sqs").list_queues().get("QueueUrls", []),
    "function": [one["FunctionName"] for one in functions.list_functions()["Functions"]],
    "mapping": [one["UUID"] for one in functions.list_event_source_mappings()["EventSourceMappings"]],
    "role": [one["RoleName"] for one in client("iam").list_roles()["Roles"]],
    "api": [one["ApiId"] for one in client("apigatewayv2").get_apis()["Items"]],
    "parameter": [one["Name"] for one in client("ssm").describe_parameters()["Parameters"]],
    "log group": [one["logGroupName"] for one in client("logs").describe_log_groups()["logGroups"]],
    "stack": [one["StackName"] for one in client("cloudformation").describe_stacks()["Stacks"]],
    "alarm": [one["AlarmName"] for one in client("cloudwatch").describe_alarms()["MetricAlarms"]],
}
for kind, names in found.items():
    for name in sorted(names):
        print(kind, name)
