"""boto3, which nobody here wrote, against the local cloud: what `chatctl status` shows is all that it is given."""

import json
import sys
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

status = json.load(sys.stdin)
session = boto3.Session(
    aws_access_key_id=status["credentials"]["access_key_id"],
    aws_secret_access_key=status["credentials"]["secret_access_key"],
    region_name=status["region"],
)


def service(name):
    return session.client(name, endpoint_url=status["endpoint_url"], config=Config(retries={"total_max_attempts": 1}))


def refused(call, code, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return str(error)
    raise AssertionError(f"not refused with {code}")


def who():
    assert service("sts").get_caller_identity()["Account"] == status["account"]


def tables():
    db, streams = service("dynamodb"), service("dynamodbstreams")
    names = db.list_tables()["TableNames"]
    assert {"chat-dev-clients", "chat-dev-messages", "chat-dev-stage"} <= set(names), names
    name = f"probe-{uuid.uuid4().hex[:8]}"
    db.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        Tags=[{"Key": "a", "Value": "b"}],
    )
    db.get_waiter("table_exists").wait(TableName=name)
    table = db.describe_table(TableName=name)["Table"]
    assert table["TableArn"] == f"arn:aws:dynamodb:{status['region']}:{status['account']}:table/{name}", table["TableArn"]
    assert db.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    db.put_item(TableName=name, Item={"pk": {"S": "1"}, "text": {"S": "hello"}})
    db.put_item(TableName=table["TableArn"], Item={"pk": {"S": "2"}})
    message = refused(db.put_item, "ConditionalCheckFailedException", TableName=name, Item={"pk": {"S": "1"}}, ConditionExpression="attribute_not_exists(pk)")
    assert "PutItem" in message
    arn = table["LatestStreamArn"]
    shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    records = []
    for shard in shards:
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    assert [r["dynamodb"]["Keys"]["pk"]["S"] for r in records] == ["1", "2"], records
    assert records[0]["awsRegion"] == status["region"], records[0]
    db.delete_table(TableName=name)
    refused(db.describe_table, "ResourceNotFoundException", TableName=name)


def queues():
    sqs = service("sqs")
    dead = sqs.create_queue(QueueName=f"probe-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName=f"probe-{uuid.uuid4().hex[:8]}", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"}, tags={"a": "b"})["QueueUrl"]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    sqs.send_message(QueueUrl=url, MessageBody="grüße", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}})
    batch = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": str(n)} for n in range(3)])
    assert len(batch["Successful"]) == 3
    got = {}
    while len(got) < 4:
        for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=60).get("Messages", []):
            got[m["Body"]] = m
    assert set(got) == {"grüße", "0", "1", "2"}, got
    for body, message in got.items():
        if body != "grüße":
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got["grüße"]["ReceiptHandle"], VisibilityTimeout=0)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=1)["Messages"][0]["Body"] == "grüße"
    for one in (url, dead):
        sqs.delete_queue(QueueUrl=one)
    refused(sqs.get_queue_attributes, "AWS.SimpleQueueService.NonExistentQueue", QueueUrl=url)


def functions():
    functions = service("lambda")
    names = {f["FunctionName"] for f in functions.list_functions()["Functions"]}
    assert {"chat-dev-store-message", "chat-dev-notify-clients", "chat-dev-serve-page"} <= names, names
    alias = functions.get_alias(FunctionName="chat-dev-serve-page", Name="live")
    assert alias["FunctionVersion"].isdigit()
    event = {"version": "2.0", "routeKey": "GET /api/health", "rawPath": "/api/health", "rawQueryString": "", "headers": {},
             "requestContext": {"http": {"method": "GET", "path": "/api/health", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "boto3"},
                                "stage": "$default", "requestId": "1", "time": "", "timeEpoch": 0, "accountId": "0", "apiId": "0", "domainName": "x", "domainPrefix": "x", "routeKey": "GET /api/health"}}
    answer = functions.invoke(FunctionName="chat-dev-serve-page", Qualifier="live", Payload=json.dumps(event))
    payload = json.load(answer["Payload"])
    assert answer["StatusCode"] == 200 and payload["statusCode"] == 200, payload
    assert len(functions.list_event_source_mappings()["EventSourceMappings"]) >= 2
    refused(functions.get_function, "ResourceNotFoundException", FunctionName="nobody")


def the_rest():
    apis = service("apigatewayv2").get_apis()["Items"]
    assert any(api["ApiEndpoint"] == status["endpoint"] for api in apis), apis
    assert any(r["RoleName"].startswith("chat-dev-") for r in service("iam").list_roles()["Roles"])
    groups = service("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/chat-dev-")["logGroups"]
    assert len(groups) == 6, groups
    ssm = service("ssm")
    assert ssm.get_parameter(Name="/chat/dev/vapid-key")["Parameter"]["Type"] == "SecureString"


def unknown_calls_are_refused_by_name():
    for name, call, arguments in [
        ("dynamodb", "create_backup", {"TableName": "chat-dev-stage", "BackupName": "b-1"}),
        ("sqs", "add_permission", {"QueueUrl": "http://x/1/q", "Label": "l", "AWSAccountIds": ["1"], "Actions": ["*"]}),
        ("lambda", "list_layers", {}),
        ("iam", "list_users", {}),
        ("ssm", "list_documents", {}),
        ("apigatewayv2", "get_vpc_links", {}),
    ]:
        client = service(name)
        try:
            getattr(client, call)(**arguments)
        except ClientError as error:
            wanted = client.meta.method_to_api_mapping[call]
            assert wanted in error.response["Error"]["Message"], (wanted, error.response)
        else:
            raise AssertionError(f"{name} {call} was answered")


for check in (who, tables, queues, functions, the_rest, unknown_calls_are_refused_by_name):
    check()
    print(f"ok {check.__name__}")
