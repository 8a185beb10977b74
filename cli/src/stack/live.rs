//! A stage that is up, as a member and an operator reach it: looked up, not planned. It must not know what else there is.

use chat::room::RoomKey;

use super::{
    api,
    ground::Owner,
    parameter::{self, ROOM_KEY, VAPID_KEY},
};
use crate::{aws::Aws, stage::Stage};

/// What a member and an operator need to know of a stage that is up.
#[derive(Clone, Debug)]
pub struct Live {
    /// The API's id.
    pub api_id: String,
    /// The API's address, the origin of the page.
    pub endpoint: String,
    /// What room tokens are verified with.
    pub room_key: RoomKey,
    /// What a page subscribes with, base64url.
    pub vapid_public: String,
}

/// Looks whether the stage is up; three calls, none after another.
pub async fn live(aws: &Aws, stage: &Stage) -> reconcile::Result<Option<Live>> {
    let (names, owner) = (stage.names(), Owner::of(stage));
    let (room_key, vapid_key) = (names.parameter(ROOM_KEY), names.parameter(VAPID_KEY));
    let (apis, room_key, vapid_public) = tokio::try_join!(
        api::owned(aws, &owner),
        parameter::public_half(aws, &room_key),
        parameter::public_half(aws, &vapid_key),
    )?;
    let room_key = room_key.as_deref().and_then(RoomKey::from_base64);
    let (Some(api), Some(room_key), Some(vapid_public)) = (api::only(&apis)?, room_key, vapid_public) else {
        return Ok(None);
    };
    Ok(Some(Live { api_id: api.id, endpoint: api.endpoint, room_key, vapid_public }))
}
