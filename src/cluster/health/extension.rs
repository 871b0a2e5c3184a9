//! What extends the API: definitions of custom resources, and aggregated API servers.

use crate::cluster::health::Judgement;
use crate::cluster::live;
use serde_json::Value;

pub(super) fn definition(object: &Value) -> Judgement {
    if let Some(names) = live::condition(object, "NamesAccepted").filter(|names| names.status == "False") {
        return Judgement::failed(names.reason, names.message);
    }
    match live::condition(object, "Established") {
        Some(established) if established.holds() => {
            let judgement = Judgement::ready("Established", "it is served");
            match live::condition(object, "NonStructuralSchema").filter(live::Condition::holds) {
                Some(schema) => judgement.note(schema.message),
                None => judgement,
            }
        }
        Some(established) if established.status == "False" && established.reason != "Installing" => {
            Judgement::failed(established.reason, established.message)
        }
        _ => Judgement::progressing("Installing", "it is not served yet"),
    }
}

pub(super) fn api_service(object: &Value) -> Judgement {
    match live::condition(object, "Available") {
        Some(available) if available.holds() => Judgement::ready(available.reason, "it answers"),
        Some(available) => Judgement::progressing(available.reason, available.message),
        None => Judgement::progressing("Unchecked", "the API server has not asked it yet"),
    }
}
