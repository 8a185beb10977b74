//! What most commands begin with: a stage that is up, its address, and one of its rooms. Not a command itself.

use std::sync::Arc;

use crate::context::{Context, World};
use crate::deploy::{self, Deploying};
use crate::failure::Failure;
use crate::member::{Http, Identity, Member};
use crate::operate::rooms::{self, Room};
use crate::stack;
use crate::stage::{Stage, Target};

/// A stage that is up.
pub struct Live {
    /// Its cloud.
    pub world: World,
    /// Its API's address, which is the page's origin.
    pub endpoint: String,
    /// The public half of the VAPID key, base64url.
    pub vapid_public: String,
    /// Connections to it.
    pub http: Http,
    stage: Stage,
}

/// What a deploy of the stage is given; `rest` is what was typed.
pub async fn deploying(cx: &Context, rest: &str) -> Result<Deploying, Failure> {
    let world = cx.world().await?;
    if cx.stage.target == Target::Aws {
        deploy::acting::tell(&world.aws, cx.now(), &cx.teller());
    }
    Ok(deploying_in(cx, &world, rest))
}

/// The same in a cloud that is there already.
pub fn deploying_in(cx: &Context, world: &World, rest: &str) -> Deploying {
    let World { aws, push_service, .. } = world;
    let (stage, clock) = (cx.stage.clone(), Arc::new(cx.clock()));
    let mut deploying = Deploying::new(aws.clone(), stage, push_service.clone(), cx.teller(), clock, cx.stop());
    deploying.command = cx.stage.command(rest);
    deploying
}

/// The stage that is meant, if it is up.
pub async fn live(cx: &Context) -> Result<Live, Failure> {
    let world = cx.live_world().await?;
    let seen = stack::live(&world.aws, &cx.stage).await;
    let seen =
        seen.map_err(|fault| Failure::from(fault).while_doing(format!("cannot look at stage {}", cx.stage.name)))?;
    let Some(stack::Live { endpoint, vapid_public, .. }) = seen else {
        return Err(cx.not_up().why("its API or its keys are not there"));
    };
    Ok(Live { world, endpoint, vapid_public, http: Http::new(), stage: cx.stage.clone() })
}

impl Live {
    /// A room by its name.
    pub async fn room(&self, name: &str) -> Result<Room, Failure> {
        rooms::find(&self.world.aws, &self.stage, name).await
    }

    /// chatctl as a member of a room.
    pub async fn member(&self, room: &str) -> Result<Member, Failure> {
        let room = self.room(room).await?;
        Ok(Member::new(&self.http, &self.endpoint, &room.token, Identity::of(&self.stage)?))
    }
}
