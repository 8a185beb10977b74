//! Who says a setting: a flag outranks the environment, and that the file. Each value keeps the place where it was said, so that a
//! refusal can point at it. Knows no setting's rule.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::bad::{self, BadSettings};
use super::config::Overrides;
use super::origin::{Origin, Origins};

pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The file's own text, to point into.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// A value, and who said it.
#[derive(Clone, Debug)]
pub(super) struct Said<T> {
    key: &'static str,
    pub(super) value: T,
    /// The flag or the variable that said it.
    by: Option<String>,
    span: Option<Range<usize>>,
}

impl<T> Said<T> {
    /// Whether it stands in the file.
    pub(super) fn is_written(&self) -> bool {
        self.span.is_some()
    }
}

/// The file, the environment and the flags of one stage.
pub(super) struct Sources<'a> {
    pub(super) flags: &'a Overrides,
    variables: Variables<'a>,
    written: Option<&'a Written>,
    /// What was said so far, by whom.
    pub(super) origins: Origins,
}

impl<'a> Sources<'a> {
    pub(super) fn new(flags: &'a Overrides, variables: Variables<'a>, written: Option<&'a Written>) -> Self {
        Self { flags, variables, written, origins: Origins::default() }
    }

    /// The environment.
    pub(super) fn variables(&self) -> Variables<'a> {
        self.variables
    }

    /// A text: the flag's, the variable's, else the file's.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        variable: &'static str,
        written: Option<Spanned<String>>,
    ) -> Option<Said<String>> {
        match self.typed(key, variable) {
            Some((value, by)) => Some(self.by(key, by, value)),
            None => self.written(key, written),
        }
    }

    /// A value that is a word in a flag or the environment and may be more in the file.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        variable: &'static str,
        written: Option<Spanned<T>>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Said<T>>, BadSettings> {
        let Some((words, by)) = self.typed(key, variable) else { return Ok(self.written(key, written)) };
        let value = parse(&words).map_err(|rule| bad::bad(&by.name(key), &words, rule))?;
        Ok(Some(self.by(key, by, value)))
    }

    /// A value that only the file can say.
    pub(super) fn written<T>(&mut self, key: &'static str, written: Option<Spanned<T>>) -> Option<Said<T>> {
        let written = written?;
        let span = written.span();
        if let Some(file) = self.written {
            let line = bad::line_of(&file.text, span.start);
            self.origins.note(key, Origin::File { path: file.path.clone(), line });
        }
        Some(Said { key, value: written.into_inner(), by: None, span: Some(span) })
    }

    /// What was typed: in the flag, else in the variable.
    fn typed(&self, key: &'static str, variable: &'static str) -> Option<(String, Origin)> {
        let flag = self.flags.of(key).map(|words| (words.clone(), Origin::Flag));
        flag.or_else(|| Some(((self.variables)(variable)?, Origin::Variable(variable))))
    }

    fn by<T>(&mut self, key: &'static str, origin: Origin, value: T) -> Said<T> {
        let by = Some(origin.name(key));
        self.origins.note(key, origin);
        Said { key, value, by, span: None }
    }

    /// Why this value can't be, pointed at where it stands.
    pub(super) fn refuse<T: std::fmt::Debug>(&self, said: &Said<T>, rule: &str) -> BadSettings {
        let value = format!("{:?}", said.value);
        match (&said.span, self.written) {
            (Some(span), Some(file)) => {
                let what = format!("{} = {value} is not allowed", said.key);
                bad::wrong_at(&file.path, &file.text, span.clone(), what, Some(rule))
            }
            _ => bad::bad(said.by.as_deref().unwrap_or(said.key), value.trim_matches('"'), rule),
        }
    }
}

/// Reads the file's text.
pub(super) fn read(path: &Path) -> Result<Written, BadSettings> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Written { path: path.into(), text }),
        Err(source) => Err(BadSettings::Unreadable { path: path.into(), source }),
    }
}
