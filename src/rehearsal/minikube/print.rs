//! What minikube prints: CloudEvents, one a line, every value a string.

use crate::world::programs::Printed;
use serde_json::Value;
use serde_json::json;
use tokio::sync::mpsc;

/// Prints for one call.
#[derive(Debug)]
pub(super) struct Printer(mpsc::UnboundedSender<Printed>);

impl Printer {
    pub(super) fn new(lines: mpsc::UnboundedSender<Printed>) -> Printer {
        Printer(lines)
    }

    pub(super) fn out(&self, line: &str) {
        let _ = self.0.send(Printed::Out(line.to_owned()));
    }

    pub(super) fn err(&self, line: &str) {
        let _ = self.0.send(Printed::Err(line.to_owned()));
    }

    pub(super) fn step(&self, index: u32, name: &str, message: &str) {
        let data =
            json!({"currentstep": index.to_string(), "message": message, "name": name, "totalsteps": "19"});
        self.event("step", &data);
    }

    pub(super) fn text(&self, message: &str) {
        self.event("info", &json!({ "message": message }));
    }

    pub(super) fn failed(&self, reason: &str, code: i32, message: &str) {
        self.event(
            "error",
            &json!({"advice": "", "exitcode": code.to_string(), "issues": "", "message": message, "name": reason, "url": ""}),
        );
    }

    fn event(&self, kind: &str, data: &Value) {
        self.out(&event(kind, data).to_string());
    }
}

/// One CloudEvent.
pub(super) fn event(kind: &str, data: &Value) -> Value {
    json!({"specversion": "1.0", "id": "00000000-0000-0000-0000-000000000000",
        "source": "https://minikube.sigs.k8s.io/", "type": format!("io.k8s.sigs.minikube.{kind}"),
        "datacontenttype": "application/json", "data": data})
}
