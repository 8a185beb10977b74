//! Roles: found late, believed by Lambda later, and each with an identity that one made again under its name has not.

use super::drawn::{Drawn, Role};
use super::{Asked, Met, Outcome, Weather, name_of};
use crate::wire::Refusal;

pub(super) fn before(drawn: &Drawn, now: i64, asked: &Asked) -> Met {
    let late = drawn.roles.get(&asked.of).is_some_and(|role| now < role.found);
    match asked.call.as_str() {
        "GetRole" | "PutRolePolicy" | "GetRolePolicy" if late => {
            let message = format!("The role with name {} cannot be found.", asked.of);
            Met::Refused(Refusal::new(404, "NoSuchEntity", message))
        }
        _ => Met::Passed,
    }
}

pub(super) fn after(drawn: &mut Drawn, weather: &Weather, now: i64, asked: &Asked, outcome: &mut Outcome) {
    if outcome.is_err() {
        return;
    }
    match asked.call.as_str() {
        "CreateRole" => {
            drawn.identities += 1;
            let (identity, found) = (drawn.identities, drawn.lasts(now, &weather.reads, "role found", &asked.of));
            let believed = drawn.lasts(now, &weather.roles, "role believed", &asked.of);
            drawn.roles.insert(asked.of.clone(), Role { identity, found, believed, permitted: believed });
        }
        "PutRolePolicy" => {
            let permitted = drawn.lasts(now, &weather.roles, "role permitted", &asked.of);
            if let Some(role) = drawn.roles.get_mut(&asked.of) {
                role.permitted = permitted;
            }
        }
        "DeleteRole" => drop(drawn.roles.remove(&asked.of)),
        _ => {}
    }
}

/// What Lambda says when it cannot encrypt a function's environment for a role that it does not believe yet.
const NO_GRANT: &str = "Lambda was unable to configure access to your environment variables because the KMS key is \
                        invalid for CreateGrant. Please check your KMS key settings. KMS Exception: InvalidArnException";

/// Refuses a role that Lambda does not believe yet (A2), of every other one in the words of its environment.
pub(super) fn assumed(drawn: &Drawn, now: i64, arn: &str) -> Result<(), Refusal> {
    match drawn.roles.get(name_of(arn)) {
        Some(role) if now < role.believed && role.identity % 2 == 0 => Err(invalid(NO_GRANT)),
        Some(role) if now < role.believed => {
            Err(invalid("The role defined for the function cannot be assumed by Lambda."))
        }
        _ => Ok(()),
    }
}

/// Refuses a function whose role may not read its source yet, or is another one than it was given (A1, A2).
pub(super) fn permitted(drawn: &Drawn, now: i64, function: &str) -> Result<(), Refusal> {
    let Some(function) = drawn.functions.get(function) else { return Ok(()) };
    let role = drawn.roles.get(name_of(&function.role));
    if role.is_some_and(|role| now < role.permitted || role.identity != function.identity) {
        return Err(invalid("The function execution role does not have permissions to call the event source"));
    }
    Ok(())
}

/// Which of the roles of that name there is now.
pub(super) fn identity(drawn: &Drawn, arn: &str) -> u64 {
    drawn.roles.get(name_of(arn)).map_or(0, |role| role.identity)
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidParameterValueException", message)
}
