//! Point-in-time recovery of a table. It can't be set just after the table was made (A28): that is waited out.

use std::time::Duration;

use aws_sdk_dynamodb::types::{PointInTimeRecoverySpecification, PointInTimeRecoveryStatus};
use reconcile::{Fault, Visit};

use super::{Result, SERVICE, Table};
use crate::{
    aws::{CallError, call, if_there},
    stack::ground::goes_without,
};

/// How long after its creation a table may not have it yet.
const OFFERED: Duration = Duration::from_secs(120);
const NOT_YET: &str = "ContinuousBackupsUnavailableException";
const WITHOUT: &str = "point-in-time recovery";

impl Table {
    /// Whether it is on, where anybody wants to know. Where it is not offered it counts as wanted.
    pub(super) async fn backups(&self, visit: &Visit) -> Result<Option<bool>> {
        let Some(want) = self.want.backups else { return Ok(None) };
        let name = self.name();
        let answer = self.ground.aws.dynamodb.describe_continuous_backups().table_name(&name).send().await;
        match if_there(answer.map_err(call(SERVICE, "DescribeContinuousBackups", &name))) {
            Ok(answer) => {
                let recovery = answer.and_then(|answer| {
                    answer
                        .continuous_backups_description?
                        .point_in_time_recovery_description?
                        .point_in_time_recovery_status
                });
                Ok(Some(recovery == Some(PointInTimeRecoveryStatus::Enabled)))
            }
            Err(error) if error.is(NOT_YET) => Ok(Some(false)),
            Err(error) => without(error, visit).map(|()| Some(want)),
        }
    }

    /// Switches it, as soon as it may be.
    pub(super) async fn set_backups(&self, on: bool, visit: &Visit) -> Result<()> {
        let name = self.name();
        let wanted = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(on).build();
        let wanted = wanted.map_err(Fault::new)?;
        let set = || async {
            let request = self.ground.aws.dynamodb.update_continuous_backups().table_name(&name);
            let answer = request.point_in_time_recovery_specification(wanted.clone()).send().await;
            match answer.map_err(call(SERVICE, "UpdateContinuousBackups", &name)) {
                Ok(_) => Ok(Some(())),
                Err(error) if error.is(NOT_YET) || error.is_missing() => Err(Fault::from(error).passing(true)),
                Err(error) => without(error, visit).map(Some),
            }
        };
        visit.settle("point-in-time recovery to be offered", OFFERED, set).await
    }
}

/// It only hardens: a cloud that does not have it is named in the result, and that is all.
fn without(error: CallError, visit: &Visit) -> Result<()> {
    if !error.is_not_offered() {
        return Err(error.into());
    }
    goes_without(visit, &error, WITHOUT);
    Ok(())
}
