//! Secrets: the VAPID key, one SSM parameter, decrypted once and kept in memory for the life of the process.
//! A failed read is not kept: the next job tries again. It must never print a value.

use std::sync::Arc;

use aws_sdk_ssm::Client as Ssm;
use chat::ports::{PortError, PortResult, Secrets};
use chat::webpush::vapid::{VapidHeaders, VapidKey};
use tokio::sync::OnceCell;

use crate::call::port_error;
use crate::log::Line;

/// The stage's secrets in SSM.
#[derive(Debug)]
pub struct SsmSecrets {
    ssm: Ssm,
    parameter: String,
    subject: String,
    kept: OnceCell<Arc<VapidHeaders>>,
}

impl SsmSecrets {
    /// The key kept in this parameter, for whom push services know as this subject.
    pub fn new(ssm: Ssm, parameter: String, subject: String) -> Self {
        Self { ssm, parameter, subject, kept: OnceCell::new() }
    }

    /// Reads the key ahead of the first job. A failure is only told: the job that needs the key tries again.
    pub async fn prepare(&self) {
        if let Err(error) = self.kept.get_or_try_init(|| self.read()).await {
            Line::about("prepare").with("error", error.what).write();
        }
    }

    async fn read(&self) -> PortResult<Arc<VapidHeaders>> {
        let sent = self.ssm.get_parameter().name(&self.parameter).with_decryption(true).send().await;
        let answer = sent.map_err(|error| port_error("SSM GetParameter", &error))?;
        let value = answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
        let key = VapidKey::from_base64(&value).map_err(|_| {
            PortError::new(format!("the parameter {} does not hold a VAPID key", self.parameter), false)
        })?;
        Ok(Arc::new(VapidHeaders::new(key, self.subject.as_str())))
    }
}

impl Secrets for SsmSecrets {
    async fn vapid(&self, _now_ms: i64) -> PortResult<Arc<VapidHeaders>> {
        self.kept.get_or_try_init(|| self.read()).await.cloned()
    }
}
