//! Who says a setting: the environment outranks the file. Each value keeps the place where it was said, so that a
//! refusal can point at it. Knows no setting's rule.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::bad::{self, BadSettings};
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
    variable: Option<&'static str>,
    span: Option<Range<usize>>,
}

impl<T> Said<T> {
    /// Whether it stands in the file.
    pub(super) fn is_written(&self) -> bool {
        self.span.is_some()
    }
}

/// The file and the environment of one stage.
pub(super) struct Sources<'a> {
    variables: Variables<'a>,
    written: Option<&'a Written>,
    /// What was said so far, by whom.
    pub(super) origins: Origins,
}

impl<'a> Sources<'a> {
    pub(super) fn new(variables: Variables<'a>, written: Option<&'a Written>) -> Self {
        Self { variables, written, origins: Origins::default() }
    }

    /// The environment.
    pub(super) fn variables(&self) -> Variables<'a> {
        self.variables
    }

    /// A text: the variable's, else the file's.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        variable: &'static str,
        written: Option<Spanned<String>>,
    ) -> Option<Said<String>> {
        match (self.variables)(variable) {
            Some(value) => Some(self.by_variable(key, variable, value)),
            None => self.written(key, written),
        }
    }

    /// A value that is a word in the environment and may be more in the file.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        variable: &'static str,
        written: Option<Spanned<T>>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Said<T>>, BadSettings> {
        let Some(words) = (self.variables)(variable) else { return Ok(self.written(key, written)) };
        let value = parse(&words).map_err(|rule| bad::bad(variable, &words, rule))?;
        Ok(Some(self.by_variable(key, variable, value)))
    }

    /// A value that only the file can say.
    pub(super) fn written<T>(&mut self, key: &'static str, written: Option<Spanned<T>>) -> Option<Said<T>> {
        let written = written?;
        let span = written.span();
        if let Some(file) = self.written {
            let line = bad::line_of(&file.text, span.start);
            self.origins.note(key, Origin::File { path: file.path.clone(), line });
        }
        Some(Said { key, value: written.into_inner(), variable: None, span: Some(span) })
    }

    fn by_variable<T>(&mut self, key: &'static str, variable: &'static str, value: T) -> Said<T> {
        self.origins.note(key, Origin::Variable(variable));
        Said { key, value, variable: Some(variable), span: None }
    }

    /// Why this value can't be, pointed at where it stands.
    pub(super) fn refuse<T: std::fmt::Debug>(&self, said: &Said<T>, rule: &str) -> BadSettings {
        let value = format!("{:?}", said.value);
        match (&said.span, self.written) {
            (Some(span), Some(file)) => {
                let what = format!("{} = {value} is not allowed", said.key);
                bad::wrong_at(&file.path, &file.text, span.clone(), what, Some(rule))
            }
            _ => bad::bad(said.variable.unwrap_or(said.key), value.trim_matches('"'), rule),
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
