//! What minikube prints: CloudEvents, one a line, every value a string.

use serde_json::Value;
use serde_json::json;
use std::fmt;

/// Where a line is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Takes the lines that a program prints.
pub type Print = Box<dyn Fn(Stream, String) + Send + Sync>;

/// Prints for one call.
pub(super) struct Printer(Print);

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Printer")
    }
}

impl Printer {
    pub(super) fn new(print: Print) -> Printer {
        Printer(print)
    }

    pub(super) fn out(&self, line: &str) {
        (self.0)(Stream::Out, line.to_owned());
    }

    pub(super) fn err(&self, line: &str) {
        (self.0)(Stream::Err, line.to_owned());
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
