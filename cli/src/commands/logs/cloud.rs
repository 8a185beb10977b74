//! The local cloud's own log: a file. Must not know what stands in it.

use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncSeekExt as _, BufReader};

use crate::event::{Event, LogLine, Tell};
use crate::failure::Failure;

/// How much of an old log is shown.
const SHOWN: u64 = 64 * 1024;
/// Between two looks for new lines.
const LOOK: Duration = Duration::from_millis(250);

/// Tells the last lines, and with `follow` those to come.
pub(super) async fn read(path: &Path, follow: bool, tell: &Tell) -> Result<(), Failure> {
    let mut file = match File::open(path).await {
        Ok(file) => file,
        Err(error) => {
            return Err(Failure::failed("there is no log of a local cloud")
                .why(format!("{}: {error}", path.display()))
                .next("chatctl up"));
        }
    };
    let failed =
        |error: std::io::Error| Failure::failed(format!("cannot read {}", path.display())).why(error.to_string());
    let size = file.metadata().await.map_err(failed)?.len();
    let skipped = size.saturating_sub(SHOWN);
    file.seek(SeekFrom::Start(skipped)).await.map_err(failed)?;
    let mut reader = BufReader::new(file);
    if skipped > 0 {
        let mut part = Vec::new();
        reader.read_until(b'\n', &mut part).await.map_err(failed)?; // the rest of a line that began before
    }
    let mut line = Vec::new();
    loop {
        let read = (&mut reader).take(SHOWN).read_until(b'\n', &mut line).await.map_err(failed)?;
        let whole = line.ends_with(b"\n") || line.len() as u64 >= SHOWN;
        if whole || (read == 0 && !follow && !line.is_empty()) {
            let text = String::from_utf8_lossy(&line).trim_end().to_string();
            tell(Event::LogLine(LogLine {
                source: "cloud".into(),
                time: None,
                text,
                level: None,
                fields: Default::default(),
            }));
            line.clear();
        } else if read == 0 && !follow {
            return Ok(());
        } else if read == 0 {
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn the_last_line_is_shown_even_when_it_is_not_ended() {
        let path = std::env::temp_dir().join(format!("chatctl-cloud-log-{}", std::process::id()));
        std::fs::write(&path, "one\ntwo").unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let told = lines.clone();
        let tell: Tell = Arc::new(move |event| {
            if let Event::LogLine(line) = event {
                told.lock().unwrap().push(line.text);
            }
        });
        read(&path, false, &tell).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(*lines.lock().unwrap(), ["one", "two"]);
    }
}
