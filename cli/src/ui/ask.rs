//! Every prompt. Only on a terminal; without one, a question that was not answered by a flag is an error that names the flag.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::failure::Failure;

/// Asks to go on; `flag` is what answers beforehand.
pub fn confirm(question: &str, flag: &str) -> Result<bool, Failure> {
    let answer = line(&format!("{question} [y/N] "), flag)?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a word to be typed, as proof that its meaning is meant.
pub fn typed(question: &str, word: &str, flag: &str) -> Result<bool, Failure> {
    Ok(line(&format!("{question}\ntype {word:?} to go on: "), flag)? == word)
}

fn line(prompt: &str, flag: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        let why = "there is no terminal to ask on";
        return Err(Failure::usage("this needs a confirmation")
            .why(why)
            .next(format!("say it beforehand with {flag}")));
    }
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(prompt.as_bytes()).and_then(|()| stderr.flush());
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::failed("cannot read the answer").why(error.to_string()))?;
    Ok(answer.trim().to_string())
}
