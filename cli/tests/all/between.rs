//! Something that stands between the tool and a local cloud, on a loopback port of its own: it passes calls on and
//! counts them, until it answers itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// What it answers itself, by the number of the call (from 1) and the service that the call is signed for.
pub(crate) type Answers = Box<dyn Fn(usize, &str) -> Option<String> + Send + Sync>;

/// The one in between; its port stays open for as long as the test runs.
pub(crate) struct Between {
    /// Where it listens.
    pub(crate) origin: String,
    services: Arc<Mutex<Vec<String>>>,
}

impl Between {
    /// In front of this cloud.
    pub(crate) fn new(cloud: &str, answers: Answers) -> Between {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (services, answers) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answers));
        let (seen, cloud) = (services.clone(), cloud.trim_start_matches("http://").to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, cloud, answers) = (seen.clone(), cloud.clone(), answers.clone());
                // A client that hangs up is its own affair.
                std::thread::spawn(move || pass(stream, &cloud, &seen, &answers));
            }
        });
        Between { origin, services }
    }

    /// The services that were called, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An error as the service words it: XML from those that speak the query protocol, JSON from all others.
pub(crate) fn refusal(service: &str, code: &str, message: &str) -> String {
    let (kind, body) = match service {
        "iam" | "sts" => (
            "text/xml",
            format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"),
        ),
        _ => ("application/x-amz-json-1.0", format!(r#"{{"__type":"{code}","message":"{message}"}}"#)),
    };
    whole(400, kind, &format!("x-amzn-errortype: {code}\r\n"), &body)
}

/// A whole answer.
pub(crate) fn whole(status: u16, kind: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// One request, then the connection ends.
fn pass(stream: TcpStream, cloud: &str, seen: &Mutex<Vec<String>>, answers: &Answers) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut length, mut service) = (String::new(), 0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let (name, value) = line.split_once(": ").unwrap_or((line.trim(), ""));
        match name.to_lowercase().as_str() {
            "" => break,
            "host" => head.push_str(&format!("host: {cloud}\r\n")),
            "connection" => {}
            name => {
                match name {
                    "content-length" => length = value.trim().parse().ok()?,
                    "authorization" => service = value.split('/').nth(3)?.to_owned(),
                    _ => {}
                }
                head.push_str(&line);
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let number = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(service.clone());
        seen.len()
    };
    let mut stream = stream;
    if let Some(own) = answers(number, &service) {
        return stream.write_all(own.as_bytes()).ok();
    }
    let mut beyond = TcpStream::connect(cloud).ok()?;
    beyond.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).ok()?;
    beyond.write_all(&body).ok()?;
    std::io::copy(&mut beyond, &mut stream).ok().map(drop)
}
