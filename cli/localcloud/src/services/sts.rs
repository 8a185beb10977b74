//! STS: who the caller is. Every caller is the account's own.

use crate::wire::query::Xml;
use crate::{Cloud, Refusal};

pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// STS's calls.
pub(crate) fn calls() -> &'static [&'static str] {
    &["GetCallerIdentity"]
}

/// The token service.
pub(crate) struct Sts;

impl Sts {
    /// Does a call.
    pub(crate) fn call(&self, cloud: &Cloud, action: &str) -> Result<Xml, Refusal> {
        if action != "GetCallerIdentity" {
            return Err(Refusal::unknown_call("STS", action));
        }
        let account = cloud.place.account;
        let mut xml = Xml::default();
        xml.text("Arn", &format!("arn:aws:iam::{account}:user/local"))
            .text("UserId", "AIDACHATCTLLOCAL00000")
            .text("Account", account);
        Ok(xml)
    }
}
