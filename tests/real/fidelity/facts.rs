//! The facts of a recorded conversation, as lines that are the same each time.
//!
//! A line is a request with its status, a field of an object with its value, or an event of a watch; a set of lines
//! has no order and no number, so it does not matter how often something was asked, nor which of two came first. What
//! differs from run to run (UIDs, versions, times, addresses, generated names) is replaced by a word for it, and numbers
//! that grow during a rollout are only `number`.

use crate::real::fidelity::relay::Exchange;
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) type Facts = BTreeSet<String>;

/// Reads conversations of one side.
pub(super) struct Reader {
    /// What to replace, and by what.
    rules: Vec<(Regex, &'static str)>,
}

impl Reader {
    /// For a cluster whose node has this name.
    pub(super) fn new(node: &str) -> Reader {
        let rules = [
            (format!(r"\b{}\b", regex::escape(node)), "<node>"),
            (r"\d{4}-\d\d-\d\dT[0-9:.]+Z".into(), "<time>"),
            (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}".into(), "<uid>"),
            (r"(docker|containerd)(-pullable)?://\S+|sha256:\S+".into(), "<digest>"),
            (r"\b\d+\.\d+\.\d+\.\d+(:\d+|/\d+)?".into(), "<address>"),
            (r"\b[0-9a-f]{12,}\b".into(), "<hex>"),
            (r"^H4sI[A-Za-z0-9+/=]*$".into(), "<packed>"),
            (r"(?s)^-----BEGIN CERTIFICATE-----.*".into(), "<certificate>"),
            (r"#[0-9a-f]{8}\b".into(), "#<run>"),
            // What Kubernetes makes names of: no vowels, so no words.
            (r"^[b-df-hj-np-tv-xz2456789]{7,10}$".into(), "*"),
            (r"-[b-df-hj-np-tv-xz2456789]{5,10}(?:\b|_)".into(), "-*"),
            (r"\b\d+(\.\d+)?(ms|s)\b".into(), "<duration>"),
            (r"\b\d+ bytes".into(), "<number> bytes"),
            (r"process \d+".into(), "process <number>"),
        ];
        let rules = rules.into_iter().map(|(pattern, word)| (Regex::new(&pattern).unwrap(), word));
        Reader { rules: rules.collect() }
    }

    fn plain(&self, text: &str) -> String {
        let plain = |text: String, (pattern, word): &(Regex, &'static str)| {
            pattern.replace_all(&text, *word).into_owned()
        };
        self.rules.iter().fold(text.to_owned(), plain)
    }

    /// The conversation in an act of that name.
    pub(super) fn read(&self, act: &str, said: &[Exchange]) -> Facts {
        let mut facts = Facts::new();
        for exchange in said {
            let about = About::of(&exchange.path);
            let text = String::from_utf8_lossy(&exchange.answered);
            let watches = exchange.query.contains("watch=");
            let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            let refused = if answer["kind"] == "Status" { self.refused(&answer) } else { String::new() };
            facts.insert(format!(
                "{act}: {} {}{}{} -> {}{refused}",
                exchange.method,
                self.plain(&exchange.path),
                self.query(&exchange.query),
                accepted(exchange),
                exchange.status,
            ));
            if exchange.retry_after {
                facts.insert(format!("{act}: {} is to be asked again later", about.what));
            }
            if let Ok(sent) = serde_json::from_slice::<Value>(&exchange.sent) {
                let verb = exchange.content.rsplit('/').next().unwrap_or_default();
                self.leaves(&format!("{} sent as {verb}", about.what), "", &sent, &mut facts);
            }
            facts.insert(format!("{} told as {}", about.what, exchange.kind));
            if watches && exchange.status == 200 {
                for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
                    facts.insert(format!("{} watched: {}", about.what, event["type"]));
                    self.leaves(&about.what, "", &event["object"], &mut facts);
                }
            } else if let Some(items) = answer["items"].as_array().filter(|_| !about.what.starts_with('/')) {
                let mut envelope = answer.clone();
                envelope["items"].take();
                self.leaves(&format!("list of {}", about.what), "", &envelope, &mut facts);
                let of = if exchange.accept.contains("PartialObjectMetadata") { "names of " } else { "" };
                // What minikube itself runs is there before anybody deploys anything.
                for item in items.iter().filter(|item| item["metadata"]["namespace"] != "kube-system") {
                    self.leaves(&format!("{of}{}", about.what), "", item, &mut facts);
                }
            } else if about.is_object || exchange.method == "POST" {
                let of = if answer["kind"] == "Status" { "status about " } else { "" };
                self.leaves(&format!("{of}{}", about.what), "", &answer, &mut facts);
            }
        }
        facts
    }

    fn refused(&self, status: &Value) -> String {
        format!(" {} {}", status["reason"], self.plain(status["message"].as_str().unwrap_or_default()))
    }

    fn query(&self, query: &str) -> String {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
            Some((name @ ("resourceVersion" | "continue" | "sinceTime" | "timeoutSeconds"), _)) => {
                format!("{name}=…")
            }
            _ => self.plain(pair),
        });
        let pairs: BTreeSet<String> = pairs.collect();
        if pairs.is_empty() { String::new() } else { format!("?{}", Vec::from_iter(pairs).join("&")) }
    }

    /// A line for each leaf of an object.
    fn leaves(&self, what: &str, path: &str, value: &Value, facts: &mut Facts) {
        let name = path.rsplit('.').next().unwrap_or_default();
        let counts = !path.starts_with(".spec") && !["exitCode", "code"].contains(&name);
        let leaf = match value {
            Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
            Value::Object(fields) if path.ends_with(".managedFields[]") => {
                let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
                let who = format!("{} {} {}", text("manager"), text("operation"), text("subresource"));
                if text("manager") == "todo" {
                    self.owned(what, "", &fields["fieldsV1"], facts);
                }
                facts.extend(fields.keys().map(|name| format!("{what}{path}.{name}")));
                who
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.leaves(what, &format!("{path}.{}", self.plain(name)), value, facts);
                }
                return;
            }
            Value::Array(items) if items.is_empty() => "[]".to_owned(),
            Value::Array(items) => {
                for item in items {
                    self.leaves(what, &format!("{path}[]"), item, facts);
                }
                return;
            }
            Value::Number(_) if counts => "number".to_owned(),
            Value::String(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                "digits".to_owned()
            }
            Value::String(text) => format!("{:?}", self.plain(text)),
            other => other.to_string(),
        };
        facts.insert(format!("{what}{path} = {leaf}"));
    }

    /// A line for each field that todo owns.
    fn owned(&self, what: &str, path: &str, fields: &Value, facts: &mut Facts) {
        let fields = fields.as_object().into_iter().flatten();
        let mut deepest = true;
        for (name, inner) in fields {
            deepest = false;
            self.owned(what, &format!("{path}/{}", self.plain(name)), inner, facts);
        }
        if deepest {
            facts.insert(format!("{what} owned by todo: {path}"));
        }
    }
}

fn accepted(exchange: &Exchange) -> String {
    match (exchange.content.as_str(), exchange.accept.contains("as=")) {
        ("", false) => String::new(),
        ("", true) => " (other forms accepted)".to_owned(),
        (content, _) => format!(" ({content})"),
    }
}

/// What a path is about.
struct About {
    /// Plural and subresource; the path itself if it is not an object's.
    what: String,
    is_object: bool,
}

impl About {
    fn of(path: &str) -> About {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", _, rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            _ => ("", [].as_slice()),
        };
        // The plurals that two groups have.
        let group = if ["events.k8s.io", "metrics.k8s.io"].contains(&group) {
            format!(".{group}")
        } else {
            String::new()
        };
        let rest = match rest {
            ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
            rest => rest,
        };
        match rest {
            [] => About { what: path.to_owned(), is_object: false },
            [plural] => About { what: format!("{plural}{group}"), is_object: false },
            [plural, _] => About { what: format!("{plural}{group}"), is_object: true },
            [plural, _, sub @ ..] => {
                About { what: format!("{plural}/{}", sub.join("/")), is_object: !sub.contains(&"log") }
            }
        }
    }
}
