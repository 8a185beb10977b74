//! An HTTP client around another one that counts the calls and breaks the n-th: for tests that break a command at
//! every call it makes. It must not know what a call is for.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use tokio::{sync::watch, time::Instant};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It is answered that these credentials may not do it; nothing was done.
    Refused,
    /// It is answered that there were too many calls; so are the next of the same name, so often in all (A19).
    Throttled(u32),
    /// It is done, and the connection drops before its answer (A12).
    AnswerLost,
    /// The process is dead: neither this call nor a later one is sent, and no answer comes any more.
    Dead,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused"),
            Self::Throttled(1) => f.write_str("throttled"),
            Self::Throttled(times) => write!(f, "throttled {times} times"),
            Self::AnswerLost => f.write_str("answer lost"),
            Self::Dead => f.write_str("dead"),
        }
    }
}

/// A call, by the name that its service knows it by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// The service as requests are signed for it: `dynamodb`.
    pub service: String,
    /// `CreateTable`; of a REST service its method and path, `{}` for an id.
    pub operation: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service, self.operation)
    }
}

/// Counts all calls of the clients that it is put over, and breaks what it is told to. A clone is the same count.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    at: Option<(usize, Fault)>,
    book: Mutex<Book>,
    died: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Book {
    calls: Vec<Call>,
    /// When each was sent and answered, in the same order.
    spans: Vec<Option<(Instant, Instant)>>,
    /// What is still to be throttled.
    throttled: Option<(Call, u32)>,
}

impl Faults {
    /// Counts, and breaks nothing.
    pub fn none() -> Self {
        Self::with(None)
    }

    /// Breaks the `n`-th call, counted from 1.
    pub fn at(n: usize, fault: Fault) -> Self {
        Self::with(Some((n, fault)))
    }

    fn with(at: Option<(usize, Fault)>) -> Self {
        Self(Arc::new(Shared { at, book: Mutex::default(), died: watch::Sender::new(false) }))
    }

    /// The client to give to the SDK in place of `inner`.
    pub fn over(&self, inner: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(Breaking { inner, faults: self.clone() })
    }

    /// Every call so far, each try of one counted.
    pub fn calls(&self) -> Vec<Call> {
        self.book().calls.clone()
    }

    /// Every call so far that was answered, with when it was sent and when answered.
    pub fn spans(&self) -> Vec<(Call, Instant, Instant)> {
        let book = self.book();
        let spans = book.calls.iter().zip(&book.spans);
        spans.filter_map(|(call, span)| span.map(|(sent, answered)| (call.clone(), sent, answered))).collect()
    }

    fn answered(&self, at: usize, sent: Instant) {
        if let Some(span) = self.book().spans.get_mut(at) {
            *span = Some((sent, Instant::now()));
        }
    }

    /// Ends at the call that `Dead` was set for: whoever waits drops the command then.
    pub async fn died(&self) {
        // The sender lives in self, so the channel can't close while we wait.
        let _ = self.0.died.subscribe().wait_for(|died| *died).await;
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and says at which place it came and what happens to it.
    fn meet(&self, call: &Call) -> (usize, Option<Fault>) {
        let at = self.book().calls.len();
        (at, self.met(call))
    }

    fn met(&self, call: &Call) -> Option<Fault> {
        if *self.0.died.borrow() {
            return Some(Fault::Dead);
        }
        let mut book = self.book();
        book.calls.push(call.clone());
        book.spans.push(None);
        let count = book.calls.len();
        if let Some((_, left)) = book.throttled.as_mut().filter(|(of, left)| of == call && *left > 0) {
            *left -= 1;
            return Some(Fault::Throttled(1));
        }
        let (_, fault) = self.0.at.filter(|(n, _)| *n == count)?;
        match fault {
            Fault::Throttled(times) => book.throttled = Some((call.clone(), times.saturating_sub(1))),
            Fault::Dead => drop(self.0.died.send_replace(true)),
            Fault::Refused | Fault::AnswerLost => {}
        }
        Some(fault)
    }
}

#[derive(Debug)]
struct Breaking {
    inner: SharedHttpClient,
    faults: Faults,
}

impl HttpClient for Breaking {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(BreakingConnector { inner, faults: self.faults.clone() })
    }
}

#[derive(Debug)]
struct BreakingConnector {
    inner: SharedHttpConnector,
    faults: Faults,
}

impl HttpConnector for BreakingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = named(&request);
        let (inner, faults, (at, fault)) = (self.inner.clone(), self.faults.clone(), self.faults.meet(&call));
        HttpConnectorFuture::new(async move {
            match fault {
                None => {
                    let sent = Instant::now();
                    let answer = inner.call(request).await;
                    faults.answered(at, sent);
                    answer
                }
                Some(Fault::Refused) => Ok(denied(&call.service)),
                Some(Fault::Throttled(_)) => Ok(throttled(&call.service)),
                Some(Fault::AnswerLost) => {
                    inner.call(request).await?;
                    Err(ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into()))
                }
                Some(Fault::Dead) => std::future::pending().await,
            }
        })
    }
}

/// The call that a request is: its service by the signature, its name by the service's protocol.
fn named(request: &HttpRequest) -> Call {
    let scope = request.headers().get("authorization").and_then(|text| text.split_once("Credential="));
    let service = scope.and_then(|(_, scope)| scope.split('/').nth(3)).unwrap_or("unsigned").to_owned();
    let body = request.body().bytes().unwrap_or_default();
    let by_form = || {
        let form = std::str::from_utf8(body).ok()?;
        form.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned)
    };
    let by_target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    let rest = || {
        let path = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest);
        let path = path.find('/').map_or("/", |at| &path[at..]);
        let path = path.split('?').next().unwrap_or(path).trim_matches('/');
        // A version, then by turns a collection and an id.
        let segments = path.split('/').enumerate();
        let shape: Vec<&str> = segments.map(|(at, part)| if at >= 2 && at % 2 == 0 { "{}" } else { part }).collect();
        format!("{} /{}", request.method(), shape.join("/"))
    };
    let operation = match &*service {
        "iam" | "sts" | "cloudformation" | "monitoring" => by_form(),
        _ => by_target.map(str::to_owned),
    };
    Call { service, operation: operation.unwrap_or_else(rest) }
}

fn denied(service: &str) -> HttpResponse {
    let code = if speaks_xml(service) { "AccessDenied" } else { "AccessDeniedException" };
    refusal(service, 403, code, "User: arn:aws:iam::000000000000:user/nobody is not authorized to perform this call")
}

fn throttled(service: &str) -> HttpResponse {
    let (status, code) = match service {
        "lambda" | "apigateway" => (429, "TooManyRequestsException"),
        "sqs" => (400, "RequestThrottled"),
        _ if speaks_xml(service) => (400, "Throttling"),
        _ => (400, "ThrottlingException"),
    };
    refusal(service, status, code, "Rate exceeded")
}

fn speaks_xml(service: &str) -> bool {
    matches!(service, "iam" | "sts" | "cloudformation")
}

/// A refusal in the shape of the service's protocol.
fn refusal(service: &str, status: u16, code: &str, message: &str) -> HttpResponse {
    let body = if speaks_xml(service) {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
    } else {
        serde_json::json!({ "__type": code, "message": message, "Message": message }).to_string()
    };
    let status = StatusCode::try_from(status).unwrap_or_else(|_| unreachable!("{status} is a status"));
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("x-amzn-errortype", code.to_owned());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str) -> Call {
        Call { service: "sqs".into(), operation: operation.into() }
    }

    #[test]
    fn only_the_named_call_is_broken_and_all_are_counted() {
        let faults = Faults::at(2, Fault::Refused);
        let met: Vec<_> = ["A", "B", "A"].map(|name| faults.met(&call(name))).into();
        assert_eq!(met, [None, Some(Fault::Refused), None]);
        assert_eq!(faults.calls(), ["A", "B", "A"].map(call));
    }

    #[test]
    fn throttling_goes_on_for_the_same_call_and_no_other() {
        let faults = Faults::at(1, Fault::Throttled(2));
        let met: Vec<_> = ["A", "B", "A", "A"].map(|name| faults.met(&call(name)).is_some()).into();
        assert_eq!(met, [true, false, true, false]);
    }

    #[tokio::test]
    async fn the_dead_call_nobody_any_more() {
        let faults = Faults::at(2, Fault::Dead);
        let met: Vec<_> = ["A", "B", "C"].map(|name| faults.met(&call(name))).into();
        assert_eq!(met, [None, Some(Fault::Dead), Some(Fault::Dead)]);
        assert_eq!(faults.calls().len(), 2);
        faults.died().await;
    }

    #[test]
    fn a_call_is_named_by_its_services_protocol() {
        let request = |service: &str, uri: &str, body: &'static str| {
            let mut request = HttpRequest::new(SdkBody::from(body));
            let scope = format!("AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/{service}/aws4_request, Signature=x");
            request.headers_mut().insert("authorization", scope);
            request.set_uri(uri.to_owned()).unwrap();
            request
        };
        let mut json = request("dynamodb", "http://x/", "{}");
        json.headers_mut().insert("x-amz-target", "DynamoDB_20120810.PutItem");
        assert_eq!(named(&json).to_string(), "dynamodb PutItem");
        let form = request("iam", "http://x/", "Action=GetRole&RoleName=r");
        assert_eq!(named(&form).to_string(), "iam GetRole");
        let rest = request("lambda", "http://x/2015-03-31/functions/f/aliases/live?Marker=m", "");
        assert_eq!(named(&rest).to_string(), "lambda GET /2015-03-31/functions/{}/aliases/{}");
    }
}
