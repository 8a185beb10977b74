//! What a diff can say, with before and after. No opinion on how it is done or drawn.
use std::fmt;

use serde::{Deserialize, Serialize};

/// One setting that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// What it is called.
    pub name: String,
    /// What it is; `None` where it is not set.
    pub before: Option<String>,
    /// What it shall be; `None` where it goes, or is not known before the walk.
    pub after: Option<String>,
    /// Why it differs, in a line, where somebody knows; comparing alone does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Field {
    /// A setting that goes from `before` to `after`.
    pub fn new(name: impl Into<String>, before: impl Into<Option<String>>, after: impl Into<Option<String>>) -> Self {
        Self { name: name.into(), before: before.into(), after: after.into(), why: None }
    }
}

/// What must happen to one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "change", content = "fields")]
pub enum Change {
    /// It is as wanted.
    Keep,
    /// It is not there.
    Create,
    /// These fields differ and can be set in place.
    Update(Vec<Field>),
    /// This field can't be changed: the resource goes and is made again.
    Replace(Field),
    /// It is there and shall go.
    Delete,
    /// A stranger's stands in its place: nothing is done, and why.
    Refuse(String),
}

/// A change without its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Nothing is done.
    Keep,
    /// Made.
    Create,
    /// Set in place.
    Update,
    /// Removed and made again.
    Replace,
    /// Removed.
    Delete,
    /// Left as it is, for it is a stranger's.
    Refuse,
}

impl Verb {
    /// As in a sentence: "cannot create …".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value whose settings can be compared one by one.
pub trait Fields {
    /// Every setting with its value, as a person would write it.
    fn fields(&self) -> Vec<(String, String)>;
}

impl Change {
    /// Create, Keep, or an Update of exactly the fields that differ.
    pub fn between<T: Fields>(seen: Option<&T>, want: &T) -> Self {
        let Some(seen) = seen else { return Self::Create };
        let (before, after) = (seen.fields(), want.fields());
        let value_in = |fields: &[(String, String)], name: &str| {
            fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
        };
        let mut differing: Vec<Field> = after
            .iter()
            .map(|(name, value)| Field::new(name, value_in(&before, name), value.clone()))
            .filter(|field| field.before != field.after)
            .collect();
        let gone = before.iter().filter(|(name, _)| value_in(&after, name).is_none());
        differing.extend(gone.map(|(name, value)| Field::new(name, value.clone(), None)));
        Self::update(differing)
    }

    /// An Update of these fields, or Keep when there are none.
    pub fn update(fields: Vec<Field>) -> Self {
        if fields.is_empty() { Self::Keep } else { Self::Update(fields) }
    }

    /// The change without its fields.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Keep => Verb::Keep,
            Self::Create => Verb::Create,
            Self::Update(_) => Verb::Update,
            Self::Replace(_) => Verb::Replace,
            Self::Delete => Verb::Delete,
            Self::Refuse(_) => Verb::Refuse,
        }
    }

    /// The fields that differ; none for Keep, Create, Delete and Refuse.
    pub fn fields(&self) -> &[Field] {
        match self {
            Self::Update(fields) => fields,
            Self::Replace(field) => std::slice::from_ref(field),
            Self::Keep | Self::Create | Self::Delete | Self::Refuse(_) => &[],
        }
    }

    /// The same, for whoever adds why they differ.
    pub fn fields_mut(&mut self) -> &mut [Field] {
        match self {
            Self::Update(fields) => fields,
            Self::Replace(field) => std::slice::from_mut(field),
            Self::Keep | Self::Create | Self::Delete | Self::Refuse(_) => &mut [],
        }
    }

    /// Whether the field of this name is among them.
    pub fn touches(&self, name: &str) -> bool {
        self.fields().iter().any(|field| field.name == name)
    }

    /// Whether it takes away something that stands.
    pub fn removes(&self) -> bool {
        matches!(self, Self::Replace(_) | Self::Delete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lamp(Vec<(&'static str, &'static str)>);
    impl Fields for Lamp {
        fn fields(&self) -> Vec<(String, String)> {
            self.0.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        }
    }

    #[test]
    fn a_change_names_exactly_the_fields_that_differ() {
        let want = Lamp(vec![("colour", "red"), ("watts", "5")]);
        assert_eq!(Change::between(None, &want), Change::Create);
        assert_eq!(Change::between(Some(&Lamp(vec![("watts", "5"), ("colour", "red")])), &want), Change::Keep);
        let seen = Lamp(vec![("colour", "blue"), ("watts", "5"), ("shade", "paper")]);
        assert_eq!(
            Change::between(Some(&seen), &want),
            Change::Update(vec![
                Field::new("colour", "blue".to_owned(), "red".to_owned()),
                Field::new("shade", "paper".to_owned(), None)
            ])
        );
    }

    #[test]
    fn a_change_is_told_with_its_fields() {
        let change = Change::Replace(Field::new("source", "a".to_owned(), "b".to_owned()));
        assert!(change.touches("source") && change.removes() && change.verb() == Verb::Replace);
    }
}
