//! What can be set of a table, and how each of it is said in a plan. Must not know how it is set.

use aws_sdk_dynamodb::types::{StreamViewType, TableDescription};
use chat_aws::layout::TTL;
use reconcile::Fields;

use crate::stack::ground::Ground;

/// The field of point-in-time recovery.
pub(in crate::stack) const BACKUPS: &str = "point-in-time recovery";

/// What can be set of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::stack) struct Settings {
    /// What goes out on a stream.
    pub(in crate::stack) stream: View,
    /// The attribute that the time to live goes by.
    pub(in crate::stack) ttl: Option<String>,
    /// Whether the service refuses to delete it (A22).
    pub(in crate::stack) guarded: bool,
    /// Whether it can be brought back to any moment of the last days; `None` where nobody asks (A28).
    pub(in crate::stack) backups: Option<bool>,
}

/// What a stream shows of a new item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::stack) enum View {
    /// There is no stream.
    Off,
    /// The item as it is now: what the mapping's filter looks into.
    NewImage,
    /// What somebody else chose, in the service's word.
    Other(String),
}

impl View {
    pub(super) fn of(table: &TableDescription) -> Self {
        let stream = table.stream_specification.as_ref().filter(|stream| stream.stream_enabled);
        match stream.map(|stream| stream.stream_view_type.as_ref()) {
            None => Self::Off,
            Some(Some(StreamViewType::NewImage)) => Self::NewImage,
            Some(other) => Self::Other(other.map(|view| view.as_str().to_owned()).unwrap_or_default()),
        }
    }

    fn said(&self) -> String {
        match self {
            Self::Off => "off".to_owned(),
            Self::NewImage => "new images".to_owned(),
            Self::Other(view) => view.to_lowercase().replace('_', " "),
        }
    }
}

impl Settings {
    /// The Stage table holds nothing that could not be made again; the two others hold what people wrote.
    pub(in crate::stack) fn of(ground: &Ground, which: &str, stream: bool) -> Self {
        let backups = ground.backups.filter(|_| which != "stage");
        let stream = if stream { View::NewImage } else { View::Off };
        Self { stream, ttl: Some(TTL.to_owned()), guarded: ground.guarded, backups }
    }
}

impl Fields for Settings {
    fn fields(&self) -> Vec<(String, String)> {
        let on_off = |on: bool| if on { "on" } else { "off" };
        let mut fields = vec![
            ("stream".into(), self.stream.said()),
            ("time to live".into(), self.ttl.clone().unwrap_or_else(|| "off".into())),
            ("deletion protection".into(), on_off(self.guarded).into()),
        ];
        fields.extend(self.backups.map(|on| (BACKUPS.to_owned(), on_off(on).to_owned())));
        fields
    }
}

#[cfg(test)]
mod tests {
    use reconcile::{Change, Field};

    use super::*;

    #[test]
    fn a_table_differs_only_in_what_can_be_set() {
        let want = Settings { stream: View::NewImage, ttl: Some("ttl".into()), guarded: false, backups: Some(true) };
        let off = |name: &str, before: &str, after: &str| Field::new(name, before.to_owned(), after.to_owned());
        for (seen, change) in [
            (None, Change::Create),
            (Some(want.clone()), Change::Keep),
            (
                Some(Settings { stream: View::Off, ..want.clone() }),
                Change::Update(vec![off("stream", "off", "new images")]),
            ),
            (
                Some(Settings { stream: View::Other("KEYS_ONLY".into()), ..want.clone() }),
                Change::Update(vec![off("stream", "keys only", "new images")]),
            ),
            (
                Some(Settings { ttl: None, guarded: true, ..want.clone() }),
                Change::Update(vec![off("time to live", "off", "ttl"), off("deletion protection", "on", "off")]),
            ),
            (
                Some(Settings { backups: Some(false), ..want.clone() }),
                Change::Update(vec![off("point-in-time recovery", "off", "on")]),
            ),
        ] {
            assert_eq!(Change::between(seen.as_ref(), &want), change);
        }
    }

    /// A28: asked of the tables with what people wrote, on stages that care, and of nothing else.
    #[tokio::test]
    async fn a28_point_in_time_recovery_is_for_messages_and_clients_of_a_stage_that_wants_it() {
        let of =
            |ground: &Ground| ["stage", "messages", "clients"].map(|which| Settings::of(ground, which, false).backups);
        let mut ground = crate::stack::ground::tests::ground().await;
        assert_eq!(of(&ground), [None, None, None], "a local stage is not asked");
        ground.backups = Some(true);
        assert_eq!(of(&ground), [None, Some(true), Some(true)]);
    }
}
