//! Something of this stage that its stack wants no more: a renamed function, a mapping made twice. `up` deletes it
//! after all the rest; what holds data stays until the data's deletion is asked for. It must not know why it is one.

use std::{collections::BTreeSet, sync::Arc};

use reconcile::{Change, Id, Resource, Stack, Visit};

use super::{
    function,
    ground::{Ground, Result},
    left::{self, Ours, What},
    log_group, mapping, parameter, queue, role, table,
};

pub(super) struct Stray {
    ground: Arc<Ground>,
    ours: Ours,
    needs: Vec<Id>,
}

/// Puts what is ours and not in the stack into it, to be deleted when the rest is done; a function after its
/// mappings (A4), the rest after the functions (A11).
pub(super) async fn add_finishing(stack: &mut Stack, ground: &Arc<Ground>) -> Result<()> {
    let strays = strays(stack, ground).await?;
    for ours in &strays {
        let earlier = strays.iter().filter(|other| other.what.rank() < ours.what.rank());
        let needs = earlier.map(|other| other.id.clone()).collect();
        stack.add_finishing(Stray { ground: ground.clone(), ours: ours.clone(), needs });
    }
    Ok(())
}

/// The same for a removal, which goes backwards. Answers those that hold data.
pub(super) async fn add_to_removal(stack: &mut Stack, ground: &Arc<Ground>) -> Result<BTreeSet<Id>> {
    let strays = strays(stack, ground).await?;
    for ours in &strays {
        let later = strays.iter().filter(|other| other.what.rank() > ours.what.rank());
        let needs = later.map(|other| other.id.clone()).collect();
        stack.add(Stray { ground: ground.clone(), ours: ours.clone(), needs });
    }
    Ok(strays.iter().filter(|ours| ours.what.is_data()).map(|ours| ours.id.clone()).collect())
}

/// What is ours and not in the stack. Of APIs there is one: a second one is an error, not a stray (A24).
async fn strays(stack: &Stack, ground: &Ground) -> Result<Vec<Ours>> {
    let wanted: BTreeSet<Id> = stack.ids().cloned().collect();
    let mut strays = Vec::new();
    for looked in left::candidates(ground).await {
        for ours in looked.found? {
            let may_be = !wanted.contains(&ours.id) && !matches!(ours.what, What::Api(_));
            if may_be && left::is_ours(ground, &ours).await? {
                strays.push(ours);
            }
        }
    }
    Ok(strays)
}

impl Resource for Stray {
    /// That it was listed, and is ours.
    type Seen = ();

    fn id(&self) -> Id {
        self.ours.id.clone()
    }

    fn needs(&self) -> Vec<Id> {
        self.needs.clone()
    }

    fn costs(&self, _: &Change) -> Option<String> {
        match self.ours.what {
            What::Queue { .. } => Some("the messages that wait in it".to_owned()),
            What::LogGroup(_) => Some("its log lines".to_owned()),
            What::Table(_) | What::Parameter(_) => Some("what it holds, for ever".to_owned()),
            What::Role(_) | What::Function(_) | What::Api(_) | What::Mapping(_) => None,
        }
    }

    async fn observe(&self, _: &Visit) -> Result<Option<()>> {
        Ok(Some(()))
    }

    fn diff(&self, _: Option<&()>, _: &Visit) -> Change {
        if self.ours.what.is_data() { Change::Keep } else { Change::Delete }
    }

    async fn apply(&self, _: &Change, _: Option<()>, _: &Visit) -> Result<()> {
        unreachable!("a stray is only ever kept or deleted")
    }

    async fn delete(&self, (): (), visit: &Visit) -> Result<()> {
        let ground = &self.ground;
        match &self.ours.what {
            What::Table(name) => table::remove(ground, name, visit).await,
            What::Queue { name, .. } => queue::remove(ground, name, visit).await,
            What::Parameter(name) => parameter::remove(ground, name).await,
            What::Role(name) => role::remove(ground, name).await,
            What::LogGroup(name) => log_group::remove(ground, name).await,
            What::Function(name) => function::remove(ground, name, visit).await,
            What::Mapping(uuid) => mapping::remove(ground, uuid, visit).await,
            What::Api(_) => unreachable!("an API is no stray"),
        }
    }
}
