//! What a process writes, as lines of its log group: batched, cut at a bound, with the START, END and REPORT lines that
//! Lambda adds, in their order.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::Cloud;
use crate::clock::Clock;

/// Lines are kept so long before they are written together; the output of an invocation that just ended is in by then.
const GATHER: Duration = Duration::from_millis(25);
/// A longer line is cut (AWS: 256 KiB an event).
const LINE_BYTES: usize = 256 * 1024;
/// So many lines may wait; then the process waits with its next one.
const WAITING_LINES: usize = 2048;
/// What a caller that asks for the tail of the log gets.
const TAIL_BYTES: usize = 4096;

/// Something for the log.
pub(super) enum Note {
    /// A line that the process wrote.
    Line(i64, String),
    /// An invocation starts.
    Start(String),
    /// An invocation has ended: its last lines, and who wants the tail.
    End(Vec<String>, Option<oneshot::Sender<String>>),
}

/// Where a process's notes go; dropped with the process.
pub(super) type Notes = mpsc::Sender<Note>;

/// Starts to write the log of one process.
pub(super) fn start(cloud: &Arc<Cloud>, group: &str, stream: &str) -> Notes {
    let (notes, inbox) = mpsc::channel(WAITING_LINES);
    let log = Log {
        cloud: Arc::clone(cloud),
        group: group.to_owned(),
        stream: stream.to_owned(),
        lines: Vec::new(),
        last: Vec::new(),
        invocation: String::new(),
        asked: None,
    };
    tokio::spawn(log.write(inbox));
    notes
}

/// Reads a pipe to its end, line by line.
pub(super) async fn read(mut pipe: impl AsyncRead + Unpin, notes: Notes) {
    let mut buffer = vec![0; 8192];
    let mut line: Vec<u8> = Vec::new();
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        for part in buffer[..count].split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            let ended = part.ends_with(b"\n");
            if (ended || line.len() >= LINE_BYTES) && !pass_on(&mut line, &notes).await {
                return;
            }
        }
    }
    if !line.is_empty() {
        pass_on(&mut line, &notes).await;
    }
}

async fn pass_on(line: &mut Vec<u8>, notes: &Notes) -> bool {
    let text = String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned();
    line.clear();
    notes.send(Note::Line(Clock::System.now_ms(), text)).await.is_ok()
}

struct Log {
    cloud: Arc<Cloud>,
    group: String,
    stream: String,
    lines: Vec<(i64, String)>,
    /// The last lines of the invocation that ended, kept back until its output is in.
    last: Vec<(i64, String)>,
    /// What belongs to the invocation that runs, its end only.
    invocation: String,
    asked: Option<oneshot::Sender<String>>,
}

impl Log {
    async fn write(mut self, mut inbox: mpsc::Receiver<Note>) {
        while let Some(note) = inbox.recv().await {
            self.take(note);
            let until = Instant::now() + GATHER;
            while let Ok(Some(note)) = tokio::time::timeout_at(until, inbox.recv()).await {
                self.take(note);
                if self.lines.len() >= WAITING_LINES {
                    break;
                }
            }
            self.finish_invocation();
            let lines = std::mem::take(&mut self.lines);
            let (cloud, group, stream) = (Arc::clone(&self.cloud), self.group.clone(), self.stream.clone());
            let append = move || cloud.logs.append(&group, &stream, lines);
            let _ = tokio::task::spawn_blocking(append).await;
        }
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Line(at, line) => self.push(at, line),
            Note::Start(line) => {
                self.finish_invocation();
                self.invocation.clear();
                self.push(Clock::System.now_ms(), line);
            }
            Note::End(lines, asked) => {
                self.last.extend(lines.into_iter().map(|line| (Clock::System.now_ms(), line)));
                self.asked = asked;
            }
        }
    }

    fn push(&mut self, at: i64, line: String) {
        self.invocation.push_str(&line);
        self.invocation.push('\n');
        if self.invocation.len() > 4 * TAIL_BYTES {
            self.invocation = tail(&self.invocation).to_owned();
        }
        self.lines.push((at, line));
    }

    fn finish_invocation(&mut self) {
        for (at, line) in std::mem::take(&mut self.last) {
            self.push(at, line);
        }
        if let Some(asked) = self.asked.take() {
            let _ = asked.send(tail(&self.invocation).to_owned());
        }
    }
}

/// The last bytes of a text, from a character's start on.
fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(TAIL_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn output_is_read_as_lines_and_a_line_without_an_end_is_cut() {
        let (notes, mut inbox) = mpsc::channel(100);
        let output = [b"one\r\ntwo\n".to_vec(), vec![b'x'; LINE_BYTES + 10_000]].concat();
        read(output.as_slice(), notes).await;
        let mut lines = Vec::new();
        while let Some(Note::Line(_, line)) = inbox.recv().await {
            lines.push(line);
        }
        assert_eq!(&lines[..2], ["one", "two"]);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[2].len() + lines[3].len(), LINE_BYTES + 10_000);
    }

    #[test]
    fn a_tail_starts_with_a_whole_character() {
        let text = "ü".repeat(TAIL_BYTES);
        assert!(tail(&text).len() <= TAIL_BYTES && tail(&text).starts_with('ü'));
        assert_eq!(tail(&format!("x{text}")).len() % 2, 0);
    }
}
