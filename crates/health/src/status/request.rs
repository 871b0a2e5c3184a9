//! Requests that another controller answers: certificates to be signed, volumes to be attached.

use crate::live;
use crate::live::Condition;
use crate::status::HealthStatus;
use serde_json::Value;

/// A CertificateSigningRequest: approved, then signed; or denied.
pub(super) fn certificate(object: &Value) -> HealthStatus {
    for kind in ["Denied", "Failed"] {
        if let Some(no) = live::condition(object, kind).filter(Condition::holds) {
            let message = if no.message.is_empty() { "the signer does not sign it" } else { no.message };
            return HealthStatus::failed(kind, message);
        }
    }
    if !live::text(object, "/status/certificate").is_empty() {
        return HealthStatus::ready("Issued", "its certificate is issued");
    }
    if live::holds(object, "Approved") {
        return HealthStatus::progressing(
            "Approved",
            "approved; its signer has not issued the certificate yet",
        );
    }
    HealthStatus::progressing("Pending", "it is neither approved nor denied yet")
}

/// A VolumeAttachment: the attacher's last status.
pub(super) fn attachment(object: &Value) -> HealthStatus {
    for (field, reason) in [("attachError", "AttachError"), ("detachError", "DetachError")] {
        let at = format!("/status/{field}/message");
        if object.pointer(&format!("/status/{field}")).is_some_and(Value::is_object) {
            let text = live::text(object, &at);
            let message = if text.is_empty() { "the attacher reports an error" } else { text };
            return HealthStatus::progressing(reason, message);
        }
    }
    if live::flag(object, "/status/attached") {
        HealthStatus::ready("Attached", "the volume is attached")
    } else {
        HealthStatus::progressing("Attaching", "the volume is not attached yet")
    }
}
