//! CloudWatch by its JSON and query protocols, as bytes: no SDK of it is among the dependencies.

use serde_json::{Value, json};

use crate::cloud::TestCloud;

const TARGET: &str = "GraniteServiceVersion20100801";

async fn call(cloud: &TestCloud, action: &str, input: &Value) -> Value {
    let (head, answer) = cloud.json("monitoring", &format!("{TARGET}.{action}"), input).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{action}: {head} {answer}");
    answer
}

async fn refused(cloud: &TestCloud, action: &str, input: &Value) -> (String, String) {
    let (head, answer) = cloud.json("monitoring", &format!("{TARGET}.{action}"), input).await;
    assert!(head.starts_with("HTTP/1.1 4"), "{action}: {head} {answer}");
    let kind = answer["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned();
    (kind, answer["message"].as_str().unwrap().to_owned())
}

fn alarm(metric: &str) -> Value {
    json!({
        "AlarmName": metric, "Namespace": "AWS/SQS", "MetricName": metric,
        "Dimensions": [{ "Name": "QueueName", "Value": "letters" }],
        "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 2,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching",
        "Tags": [{ "Key": "owner", "Value": "me" }],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_goes_off_when_its_queue_is_full_and_back_when_it_is_empty() {
    let cloud = TestCloud::start().await;
    let sqs = aws_sdk_sqs::Client::new(&cloud.sdk().await);
    call(&cloud, "PutMetricAlarm", &alarm("ApproximateNumberOfMessagesVisible")).await;
    let state = async || {
        let alarms = call(&cloud, "DescribeAlarms", &json!({ "AlarmNamePrefix": "Approximate" })).await;
        alarms["MetricAlarms"][0]["StateValue"].as_str().unwrap().to_owned()
    };
    assert_eq!(state().await, "OK", "no queue, no datapoint, and missing ones do not breach");
    let url = sqs.create_queue().queue_name("letters").send().await.unwrap().queue_url.unwrap();
    for text in ["a", "b"] {
        sqs.send_message().queue_url(&url).message_body(text).send().await.unwrap();
    }
    assert_eq!(state().await, "ALARM");
    sqs.purge_queue().queue_url(&url).send().await.unwrap();
    assert_eq!(state().await, "OK");
    let arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:ApproximateNumberOfMessagesVisible";
    let tags = call(&cloud, "ListTagsForResource", &json!({ "ResourceARN": arn })).await;
    assert_eq!(tags["Tags"], json!([{ "Key": "owner", "Value": "me" }]));
    call(&cloud, "DeleteAlarms", &json!({ "AlarmNames": ["ApproximateNumberOfMessagesVisible"] })).await;
    assert_eq!(call(&cloud, "DescribeAlarms", &json!({})).await["MetricAlarms"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queues_metrics_are_listed_and_given() {
    let cloud = TestCloud::start().await;
    let sqs = aws_sdk_sqs::Client::new(&cloud.sdk().await);
    let url = sqs.create_queue().queue_name("letters").send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(&url).message_body("a").send().await.unwrap();
    let listed = call(&cloud, "ListMetrics", &json!({ "Namespace": "AWS/SQS" })).await;
    assert_eq!(listed["Metrics"].as_array().unwrap().len(), 4);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let dimensions = json!([{ "Name": "QueueName", "Value": "letters" }]);
    let metric =
        json!({ "Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible", "Dimensions": dimensions });
    let mut input = metric.clone();
    for (name, value) in [
        ("StartTime", json!(now - 600)),
        ("EndTime", json!(now + 60)),
        ("Period", json!(60)),
        ("Statistics", json!(["Maximum", "Sum"])),
    ] {
        input[name] = value;
    }
    let given = call(&cloud, "GetMetricStatistics", &input).await;
    assert_eq!(
        (&given["Datapoints"][0]["Maximum"], &given["Datapoints"][0]["Unit"]),
        (&json!(1.0), &json!("Count")),
        "{given}"
    );
    let query = json!({ "Id": "a", "MetricStat": { "Metric": metric, "Period": 60, "Stat": "Maximum" } });
    let given = call(
        &cloud,
        "GetMetricData",
        &json!({ "StartTime": now - 600, "EndTime": now + 60, "MetricDataQueries": [query] }),
    )
    .await;
    assert_eq!(given["MetricDataResults"][0]["Values"], json!([1.0]));
    input["Statistics"] = json!(["p99"]);
    assert!(refused(&cloud, "GetMetricStatistics", &input).await.1.contains("p99"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_an_alarm_or_a_dashboard_is_refused_with_its_reason() {
    let cloud = TestCloud::start().await;
    for (member, value, what) in [
        ("ComparisonOperator", json!("Roughly"), "Roughly"),
        ("Period", json!(61), "61"),
        ("Threshold", json!("high"), "Threshold"),
        ("EvaluationPeriods", json!(0), "EvaluationPeriods"),
        ("TreatMissingData", json!("never"), "never"),
        ("Metrics", json!([]), "Metrics"),
    ] {
        let mut input = alarm("a");
        input[member] = value;
        assert!(refused(&cloud, "PutMetricAlarm", &input).await.1.contains(what), "{what}");
    }
    let board = |body: &str| json!({ "DashboardName": "b", "DashboardBody": body });
    for body in ["{", "{}", r#"{"widgets":[{}]}"#] {
        assert_eq!(refused(&cloud, "PutDashboard", &board(body)).await.0, "InvalidParameterInput");
    }
    let good = r#"{"widgets":[{"type":"text","properties":{"markdown":"x"}}]}"#;
    call(&cloud, "PutDashboard", &board(good)).await;
    assert_eq!(call(&cloud, "GetDashboard", &json!({ "DashboardName": "b" })).await["DashboardBody"], good);
    assert_eq!(call(&cloud, "ListDashboards", &json!({})).await["DashboardEntries"][0]["DashboardName"], "b");
    call(&cloud, "DeleteDashboards", &json!({ "DashboardNames": ["b"] })).await;
    assert_eq!(refused(&cloud, "GetDashboard", &json!({ "DashboardName": "b" })).await.0, "ResourceNotFound");
    assert!(refused(&cloud, "PutMetricData", &json!({})).await.1.contains("CloudWatch PutMetricData"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_query_protocol_gives_the_same_and_cbor_is_refused_by_name() {
    let cloud = TestCloud::start().await;
    let host = format!("host: 127.0.0.1:{}", cloud.identity.port);
    let signed = "authorization: AWS4-HMAC-SHA256 Credential=A/20260102/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=0";
    let post = async |path: &str, body: &str| {
        let line = format!("POST {path} HTTP/1.1");
        cloud.raw(&[line.as_str(), host.as_str(), signed], body).await
    };
    let put = "Action=PutMetricAlarm&AlarmName=a&Namespace=AWS%2FSQS&MetricName=ApproximateAgeOfOldestMessage&Dimensions.member.1.Name=QueueName&Dimensions.member.1.Value=q&Statistic=Maximum&Period=60&EvaluationPeriods=1&Threshold=2.5&ComparisonOperator=GreaterThanThreshold";
    assert!(post("/", put).await.contains("PutMetricAlarmResponse"));
    let described = post("/", "Action=DescribeAlarms&AlarmNames.member.1=a").await;
    for part in [
        "<member><ActionsEnabled>true</ActionsEnabled>",
        "<Threshold>2.5</Threshold>",
        "<StateValue>INSUFFICIENT_DATA</StateValue>",
        "Z</StateUpdatedTimestamp>",
    ] {
        assert!(described.contains(part), "{part}: {described}");
    }
    let cbor = post("/service/GraniteServiceVersion20100801/operation/DescribeAlarms", "").await;
    assert!(cbor.contains("CBOR"), "{cbor}");
}
