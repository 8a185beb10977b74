//! A function that does what the test says: for each event its process asks the test, by a line over a socket, what to do.

use std::io::Write as _;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A test that waits longer than this waits for what does not come.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import http.client, json, os, socket, sys, time
host, _, base = os.environ["AWS_LAMBDA_RUNTIME_API"].removeprefix("http://").partition("/")
api = http.client.HTTPConnection(host)
def call(method, path, body=None):
    api.request(method, f"/{base}/2018-06-01/runtime{path}", body)
    answer = api.getresponse()
    return answer, answer.read()
def ask(line):
    address, port = os.environ["PUPPETEER"].split(":")
    with socket.create_connection((address, int(port))) as s:
        f = s.makefile("rw")
        f.write(json.dumps(line) + "\n")
        f.flush()
        return json.loads(f.readline() or '{"exit": 9}')
init = os.environ.get("INIT")
if init == "error":
    call("POST", "/init/error", json.dumps({"errorType": "Init", "errorMessage": "no way"}))
if init:
    sys.exit(7)
while True:
    head, body = call("GET", "/invocation/next")
    id = head.getheader("Lambda-Runtime-Aws-Request-Id")
    told = {"event": json.loads(body), "id": id, "pid": os.getpid(), "env": dict(os.environ),
            "arn": head.getheader("Lambda-Runtime-Invoked-Function-Arn"),
            "trace": head.getheader("Lambda-Runtime-Trace-Id")}
    do = ask(told) if "PUPPETEER" in os.environ else {"answer": told["event"]}
    print(do.get("print", "an event"), flush=True)
    if "exit" in do: os._exit(do["exit"])
    if "hang" in do: time.sleep(1000)
    for path, content in do.get("post", []):
        call("POST", path.replace("ID", id), content)
    if "large" in do: call("POST", f"/invocation/{id}/response", "x" * do["large"])
    elif "error" in do: call("POST", f"/invocation/{id}/error", json.dumps(do["error"]))
    elif "answer" in do: call("POST", f"/invocation/{id}/response", json.dumps(do["answer"]))
"#;

/// Who says what the processes do.
pub(crate) struct Puppeteer(TcpListener);

/// An event that a process has and waits with.
pub(crate) struct Called {
    pub(crate) told: Value,
    stream: BufReader<TcpStream>,
}

impl Puppeteer {
    pub(crate) async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// At a port that is open before a life begins and after it has ended: whoever calls meanwhile waits.
    pub(crate) fn of(listener: &std::net::TcpListener) -> Self {
        let listener = listener.try_clone().unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(TcpListener::from_std(listener).unwrap())
    }

    pub(crate) fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// The next event that some process has.
    pub(crate) async fn called(&self) -> Called {
        let accepted = tokio::time::timeout(PATIENCE, self.0.accept()).await;
        let (stream, _) = accepted.expect("a process that has an event").unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        Called { told: serde_json::from_str(&line).unwrap(), stream }
    }

    /// The next event, which gets this answer.
    pub(crate) async fn answer(&self, answer: Value) -> Value {
        self.called().await.does(json!({ "answer": answer })).await
    }
}

impl Called {
    /// Says what to do with it; the event.
    pub(crate) async fn does(mut self, what: Value) -> Value {
        self.stream.get_mut().write_all(format!("{what}\n").as_bytes()).await.unwrap();
        self.told["event"].take()
    }
}

/// A zip as it is uploaded: stored.
pub(crate) fn zip_of(files: &[(&str, &str)]) -> Blob {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        let stored = zip::CompressionMethod::Stored;
        let options = zip::write::SimpleFileOptions::default().compression_method(stored).unix_permissions(0o755);
        writer.start_file(*name, options).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    Blob::new(writer.finish().unwrap().into_inner())
}

/// The puppet's code; the mark makes it another code.
pub(crate) fn puppet_code(mark: &str) -> Blob {
    zip_of(&[("bootstrap", &format!("{BOOTSTRAP}# {mark}\n"))])
}

/// Makes a role, a log group and a function that is a puppet; its time-out in seconds.
pub(crate) async fn puppet(sdk: &SdkConfig, name: &str, timeout: i32, variables: &[(&str, &str)]) -> Client {
    let role = role(sdk).await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(sdk);
    logs.create_log_group().log_group_name(format!("/aws/lambda/{name}")).send().await.unwrap();
    let lambda = Client::new(sdk);
    let environment = variables.iter().fold(Environment::builder(), |all, (key, value)| all.variables(*key, *value));
    let create = lambda.create_function().function_name(name).role(role).runtime(Runtime::from("provided.al2023"));
    create
        .handler("bootstrap")
        .timeout(timeout)
        .environment(environment.build())
        .code(FunctionCode::builder().zip_file(puppet_code("1")).build())
        .send()
        .await
        .unwrap();
    lambda
}

/// The role of all puppets.
pub(crate) async fn role(sdk: &SdkConfig) -> String {
    let iam = aws_sdk_iam::Client::new(sdk);
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let made = iam.create_role().role_name("puppet").assume_role_policy_document(trust).send().await;
    match made {
        Ok(made) => made.role.unwrap().arn,
        Err(_) => iam.get_role().role_name("puppet").send().await.unwrap().role.unwrap().arn,
    }
}
