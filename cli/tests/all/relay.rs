//! A loopback port of a test's own: another program that hangs up or never answers, or a way to the local cloud's pushes that
//! can be cut and mended.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a test waits for somebody to connect.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done with who connects.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Hang up at once.
    Refuse,
    /// Say nothing.
    Silent,
    /// Pass everything on to this port.
    PassOn(u16),
    /// The port is given back.
    End,
}

/// The port, open until this is dropped.
pub(crate) struct Relay {
    port: u16,
    mode: Arc<Mutex<Mode>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    met: Receiver<()>,
    accepting: Option<JoinHandle<()>>,
}

impl Relay {
    /// On a free port, hanging up on everybody.
    pub(crate) fn refusing() -> Relay {
        Relay::on(0, Mode::Refuse)
    }

    /// On this port, hanging up on everybody.
    pub(crate) fn taking(port: u16) -> Relay {
        Relay::on(port, Mode::Refuse)
    }

    /// On a free port, never answering.
    pub(crate) fn silent() -> Relay {
        Relay::on(0, Mode::Silent)
    }

    fn on(port: u16, mode: Mode) -> Relay {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, met) = channel();
        let (mode, open) = (Arc::new(Mutex::new(mode)), Arc::new(Mutex::new(Vec::new())));
        let (now, kept) = (Arc::clone(&mode), Arc::clone(&open));
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mode = *now.lock().unwrap();
                match mode {
                    Mode::End => return,
                    Mode::Refuse => drop(stream),
                    Mode::Silent => kept.lock().unwrap().push(stream),
                    Mode::PassOn(to) => pass_on(stream, port, to, &kept),
                }
                let _ = tell.send(());
            }
        });
        Relay { port, mode, open, met, accepting: Some(accepting) }
    }

    /// Its address, for who looks for a push service.
    pub(crate) fn push_service(&self) -> String {
        format!("ws://127.0.0.1:{}/", self.port)
    }

    /// Waits until somebody has connected.
    pub(crate) fn wait_until_met(&self) {
        self.met.recv_timeout(PATIENCE).expect("somebody connects");
    }

    /// From now on a way to this port.
    pub(crate) fn pass_on(&self, to: u16) {
        *self.mode.lock().unwrap() = Mode::PassOn(to);
    }

    /// Breaks every connection, and hangs up on whoever comes.
    pub(crate) fn cut(&self) {
        *self.mode.lock().unwrap() = Mode::Refuse;
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
        *self.mode.lock().unwrap() = Mode::End;
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// One connection. Its first request names the relay as its host; the cloud takes only its own name.
fn pass_on(mut caller: TcpStream, port: u16, to: u16, open: &Mutex<Vec<TcpStream>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if caller.read_exact(&mut byte).is_err() {
            return;
        }
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).unwrap().replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{to}"));
    let Ok(mut cloud) = TcpStream::connect(("127.0.0.1", to)) else { return };
    if cloud.write_all(head.as_bytes()).is_err() {
        return;
    }
    open.lock().unwrap().extend([caller.try_clone().unwrap(), cloud.try_clone().unwrap()]);
    let ways = [(caller.try_clone().unwrap(), cloud.try_clone().unwrap()), (cloud, caller)];
    for (mut from, mut to) in ways {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}
