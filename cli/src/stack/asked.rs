//! What is asked of a stage beside its plan: each a look of its own. It must not know what for.

use chat::room::OperatorKey;

use super::ground::{self, Ground};
use super::{ReadBack, left, operations, records};
use crate::aws::{Aws, CallError};
use crate::stage::Stage;

/// The state that the operations stack is in now; `None` where it is not there, or cannot be looked at.
pub async fn operations_state(aws: &Aws, stage: &Stage) -> Option<String> {
    operations::now(&Ground::of(aws, stage)).await
}

/// The stack with the deployer's policy and the boundary, by name, where it is there and ours.
pub async fn bootstrap_left(aws: &Aws, stage: &Stage) -> Result<Option<String>, CallError> {
    operations::bootstrap_left(&Ground::of(aws, stage)).await
}

/// An error where the stage has a layout that this chatctl does not know.
pub async fn check_layout(aws: &Aws, stage: &Stage) -> reconcile::Result<()> {
    records::check_layout(&Ground::of(aws, stage)).await
}

/// The operator's key, from which the stage's rooms and tokens come. Read only where one is made or shown.
pub async fn operator_key(aws: &Aws, stage: &Stage) -> reconcile::Result<OperatorKey> {
    ground::read_operator_key(aws, &stage.names()).await
}

/// Reads back, kind by kind, all that is ours in the cloud, wanted or not: for the certificate of a removal.
pub async fn read_back(aws: &Aws, stage: &Stage) -> Vec<ReadBack> {
    left::read_back(&Ground::of(aws, stage)).await
}
