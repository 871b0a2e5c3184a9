//! What extends the API: definitions of custom resources, and aggregated API servers.

use crate::live;
use crate::status::Health;
use crate::status::HealthStatus;
use serde_json::Value;

pub(super) fn definition(object: &Value) -> HealthStatus {
    if let Some(names) = live::condition(object, "NamesAccepted").filter(|names| names.status == "False") {
        return HealthStatus::failed(
            or(names.reason, "NamesNotAccepted"),
            or(names.message, "another definition has its names"),
        );
    }
    if live::holds(object, "Terminating") {
        return HealthStatus::new(
            Health::Terminating,
            "Terminating",
            "being deleted, with all its resources",
        );
    }
    match live::condition(object, "Established") {
        Some(established) if established.holds() => {
            let health_status = HealthStatus::ready("Established", "it is served");
            match live::condition(object, "NonStructuralSchema").filter(live::Condition::holds) {
                Some(schema) => {
                    health_status.note(or(schema.message, "its schema is refused: it has mistakes"))
                }
                None => health_status,
            }
        }
        Some(established) if established.status == "False" && established.reason != "Installing" => {
            HealthStatus::failed(
                or(established.reason, "NotEstablished"),
                or(established.message, "the API server does not serve its kind"),
            )
        }
        _ => HealthStatus::progressing("Installing", "it is not served yet"),
    }
}

pub(super) fn api_service(object: &Value) -> HealthStatus {
    match live::condition(object, "Available") {
        Some(available) if available.holds() => {
            HealthStatus::ready(or(available.reason, "Available"), "it answers")
        }
        Some(available) => HealthStatus::progressing(
            or(available.reason, "NotAvailable"),
            or(available.message, "the API server that it names does not answer"),
        ),
        None => HealthStatus::progressing("Unchecked", "the API server has not asked it yet"),
    }
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}
