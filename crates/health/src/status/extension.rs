//! What extends the API: definitions of custom resources, and aggregated API servers.

use crate::live;
use crate::status::Health;
use crate::status::Judgement;
use serde_json::Value;

pub(super) fn definition(object: &Value) -> Judgement {
    if let Some(names) = live::condition(object, "NamesAccepted").filter(|names| names.status == "False") {
        return Judgement::failed(
            or(names.reason, "NamesNotAccepted"),
            or(names.message, "another definition has its names"),
        );
    }
    if live::holds(object, "Terminating") {
        return Judgement::new(Health::Terminating, "Terminating", "being deleted, with all its resources");
    }
    match live::condition(object, "Established") {
        Some(established) if established.holds() => {
            let judgement = Judgement::ready("Established", "it is served");
            match live::condition(object, "NonStructuralSchema").filter(live::Condition::holds) {
                Some(schema) => judgement.note(or(schema.message, "its schema is refused: it has mistakes")),
                None => judgement,
            }
        }
        Some(established) if established.status == "False" && established.reason != "Installing" => {
            Judgement::failed(
                or(established.reason, "NotEstablished"),
                or(established.message, "the API server does not serve its kind"),
            )
        }
        _ => Judgement::progressing("Installing", "it is not served yet"),
    }
}

pub(super) fn api_service(object: &Value) -> Judgement {
    match live::condition(object, "Available") {
        Some(available) if available.holds() => {
            Judgement::ready(or(available.reason, "Available"), "it answers")
        }
        Some(available) => Judgement::progressing(
            or(available.reason, "NotAvailable"),
            or(available.message, "the API server that it names does not answer"),
        ),
        None => Judgement::progressing("Unchecked", "the API server has not asked it yet"),
    }
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}
