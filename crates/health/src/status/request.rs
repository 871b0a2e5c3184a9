//! Requests that somebody else answers: certificates to be signed, volumes to be attached.

use crate::live;
use crate::live::Condition;
use crate::status::Judgement;
use serde_json::Value;

/// A CertificateSigningRequest: approved, then signed; or denied.
pub(super) fn certificate(object: &Value) -> Judgement {
    for kind in ["Denied", "Failed"] {
        if let Some(no) = live::condition(object, kind).filter(Condition::holds) {
            let message = if no.message.is_empty() { "the signer does not sign it" } else { no.message };
            return Judgement::failed(kind, message);
        }
    }
    if !live::text(object, "/status/certificate").is_empty() {
        return Judgement::ready("Issued", "its certificate is issued");
    }
    if live::holds(object, "Approved") {
        return Judgement::progressing("Approved", "approved; its signer has not issued the certificate yet");
    }
    Judgement::progressing("Pending", "nobody has approved or denied it")
}

/// A VolumeAttachment: what the attacher last said of it.
pub(super) fn attachment(object: &Value) -> Judgement {
    for (field, reason) in [("attachError", "AttachError"), ("detachError", "DetachError")] {
        let at = format!("/status/{field}/message");
        if object.pointer(&format!("/status/{field}")).is_some_and(Value::is_object) {
            let said = live::text(object, &at);
            let message = if said.is_empty() { "the attacher reports an error" } else { said };
            return Judgement::progressing(reason, message);
        }
    }
    if live::flag(object, "/status/attached") {
        Judgement::ready("Attached", "the volume is attached")
    } else {
        Judgement::progressing("Attaching", "the volume is not attached yet")
    }
}
