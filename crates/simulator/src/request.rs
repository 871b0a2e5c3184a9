//! Requests and answers as the API server sees them.

use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// A request as the server sees it.
#[derive(Debug, Clone)]
pub struct Ask {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path, decoded.
    pub path: String,
    /// The query, decoded; the last of several wins.
    pub query: BTreeMap<String, String>,
    /// The content type of the body.
    pub content: String,
    /// The body; `null` if there is none.
    pub body: Value,
}

impl Ask {
    /// Whether it would write something.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.method != "GET" && !self.query.contains_key("dryRun")
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| value == "true" || value == "1")
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq)]
pub enum ApiResponse {
    /// A status code and a body.
    Json(u16, Value),
    /// A stream of events of this collection after this version.
    Watch(Watched),
    /// The connection is closed without an answer, and nothing is done.
    Hangup,
    /// It is done, but the connection breaks in the middle of the answer.
    Cut,
    /// It is done, and answered, after so long.
    Slow(std::time::Duration),
    /// Too many requests: come back after so many seconds, as an overloaded server answers.
    Later(u64),
}

/// What a watch is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    pub(crate) collection: String,
    pub(crate) namespace: Option<String>,
    pub(crate) labels: String,
    pub(crate) fields: String,
    pub(crate) after: u64,
    /// How long the stream lasts, in seconds.
    pub seconds: u64,
}

/// `apis/apps/v1/namespaces/a/deployments/web/status`, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Where {
    pub(crate) collection: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) subresource: String,
}

pub(crate) fn locate(path: &str) -> Where {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => (("", *version), rest),
        ["apis", group, version, rest @ ..] => ((*group, *version), rest),
        _ => return Where::default(),
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..]
            if !rest.is_empty() && !["status", "finalize"].contains(&rest[0]) =>
        {
            (*namespace, rest)
        }
        rest => ("", rest),
    };
    let part = |at: usize| rest.get(at).copied().unwrap_or_default().to_owned();
    let prefix = if group.0.is_empty() { "api".to_owned() } else { format!("apis/{}", group.0) };
    Where {
        collection: format!("{prefix}/{}/{}", group.1, part(0)),
        group: group.0.to_owned(),
        version: group.1.to_owned(),
        plural: part(0),
        namespace: namespace.to_owned(),
        name: part(1),
        subresource: part(2),
    }
}

pub(crate) fn api_version(at: &Where) -> String {
    if at.group.is_empty() { at.version.clone() } else { format!("{}/{}", at.group, at.version) }
}

pub(crate) fn not_found(at: &Where) -> ApiResponse {
    let kind = if at.group.is_empty() { at.plural.clone() } else { format!("{}.{}", at.plural, at.group) };
    let message = format!("{kind} \"{}\" not found", at.name);
    ApiResponse::Json(404, about(at, failure(404, "NotFound", &message, &Value::Null)))
}

/// A `Status` that names its object.
pub(crate) fn about(at: &Where, mut status: Value) -> Value {
    let details = &mut status["details"];
    details["name"] = json!(at.name);
    details["kind"] = json!(at.plural);
    if !at.group.is_empty() {
        details["group"] = json!(at.group);
    }
    status
}

/// A `Status` of failure.
#[must_use]
pub fn failure(code: u16, reason: &str, message: &str, causes: &Value) -> Value {
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code});
    if !causes.is_null() {
        status["details"] = json!({"causes": causes});
    }
    status
}

pub(crate) fn selects(object: &Value, labels: &str, fields: &str) -> bool {
    let terms = |text: &'_ str| {
        text.split(',').filter(|term| !term.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let by = |term: &str, get: &dyn Fn(&str) -> Option<String>| {
        if let Some((name, value)) = term.split_once("!=") {
            get(name).as_deref() != Some(value)
        } else if let Some((name, value)) = term.split_once('=') {
            get(name).as_deref() == Some(value.trim_start_matches('='))
        } else if let Some(name) = term.strip_prefix('!') {
            get(name).is_none()
        } else {
            get(term).is_some()
        }
    };
    let label = |name: &str| object["metadata"]["labels"][name].as_str().map(str::to_owned);
    let field = |name: &str| {
        object.pointer(&format!("/{}", name.replace('.', "/"))).and_then(Value::as_str).map(str::to_owned)
    };
    terms(labels).iter().all(|term| by(term, &label)) && terms(fields).iter().all(|term| by(term, &field))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
