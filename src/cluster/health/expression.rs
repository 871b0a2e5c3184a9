//! `todo.dev/ready`: the user's own word on when an object is ready.
//!
//! Two languages that people know: what `kubectl wait --for` takes (`condition=Ready`, `jsonpath={.status.phase}=Done`)
//! and CEL, as far as such rules go. Not CEL's library: no durations, no types, no string formats; a crate that has them
//! all weighs more than the rest of this room. And one difference: a field that is not there is `null` and makes what
//! is asked of it false, because right after a write most of a status is not there.

mod cel;
mod evaluate;
mod path;

use crate::cluster::live;
use cel::Expr;
use path::Step;
use serde_json::Value;

/// The annotation that holds the expression.
pub const ANNOTATION: &str = "todo.dev/ready";

/// A rule that was read.
#[derive(Debug, Clone)]
pub struct Rule(Form);

#[derive(Debug, Clone)]
enum Form {
    Condition { kind: String, status: String },
    Path { steps: Vec<Step>, wanted: Option<String> },
    Cel(Expr),
}

impl Rule {
    /// Reads a rule; an error says what cannot be read in it, and where.
    pub fn read(text: &str) -> Result<Rule, String> {
        let text = text.trim();
        if let Some(condition) = text.strip_prefix("condition=") {
            let (kind, status) = condition.split_once('=').unwrap_or((condition, "True"));
            if kind.is_empty() {
                return Err("`condition=` names no condition: write `condition=Ready`".to_owned());
            }
            return Ok(Rule(Form::Condition { kind: kind.to_owned(), status: status.to_owned() }));
        }
        let jsonpath = text.strip_prefix("jsonpath=");
        if jsonpath.is_some() || text.starts_with('{') {
            let (steps, wanted) = path::read(jsonpath.unwrap_or(text))?;
            return Ok(Rule(Form::Path { steps, wanted }));
        }
        cel::read(text).map(|expr| Rule(Form::Cel(expr)))
    }

    /// Whether `object` is ready by it.
    pub fn holds(&self, object: &Value) -> bool {
        match &self.0 {
            Form::Condition { kind, status } => {
                live::condition(object, kind).is_some_and(|found| found.status.eq_ignore_ascii_case(status))
            }
            Form::Path { steps, wanted } => {
                let found = path::find(steps, object);
                match wanted {
                    Some(wanted) => found.iter().any(|value| as_text(value) == *wanted),
                    None => found.iter().any(|value| !value.is_null()),
                }
            }
            Form::Cel(expr) => evaluate::evaluate(expr, object).as_bool().unwrap_or(false),
        }
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Rule;
    use serde_json::json;

    #[test]
    fn what_people_write() {
        let object = json!({"metadata": {"name": "db", "labels": {"app.kubernetes.io/name": "db"}}, "spec": {"replicas": 2},
            "status": {"phase": "Running", "ready": true, "nodes": [{"up": 3}], "message": "2 of 2 Ready",
            "conditions": [{"type": "Synced", "status": "True"}, {"type": "Healthy", "status": "False"}]}});
        for (rule, wanted) in [
            ("status.phase == 'Running'", true),
            ("self.status.phase != \"Running\"", false),
            ("status.ready", true),
            ("status.absent", false),
            ("!status.absent", true),
            ("status.ready && status.nodes[0].up >= spec.replicas", true),
            ("!(status.ready) || status.nodes.size() == 0", false),
            ("size(status.nodes) == 1 && size(status.phase) == 7", true),
            ("has(status.absent)", false),
            ("has(status.absent.deeper) || has(status.phase)", true),
            ("status.absent == 'x' || status.ready", true),
            ("status.absent != 'x'", false),
            ("status.absent == null", true),
            ("status.phase in ['Running', 'Succeeded']", true),
            ("'phase' in status", true),
            ("status.ready ? status.nodes[0].up == 3 : false", true),
            ("status.nodes[0].up - 1 == spec.replicas", true),
            ("status.nodes[0].up * 2 > 5 && 7 / 2 == 3 && 7 % 2 == 1", true),
            ("-1 < 0", true),
            ("status.message.startsWith('2 of') && status.message.endsWith('Ready')", true),
            ("status.message.contains('of') && status.phase.lowerAscii() == 'running'", true),
            ("status.message.matches('^[0-9]+ of [0-9]+')", true),
            ("status.message == string(spec.replicas) + ' of 2 Ready'", true),
            ("int('2') == spec.replicas", true),
            ("status.conditions.exists(c, c.type == 'Synced' && c.status == 'True')", true),
            ("status.conditions.all(c, c.status == 'True')", false),
            ("status.conditions.exists_one(c, c.status == 'False')", true),
            ("status.conditions.filter(c, c.status == 'True').size() == 1", true),
            ("status.conditions.map(c, c.type) == ['Synced', 'Healthy']", true),
            ("status.absent.exists(c, true)", false),
            ("metadata.labels['app.kubernetes.io/name'] == 'db'", true),
            ("status.phase == 'it\\'s' || status.phase == r'Running'", true),
            ("condition=Synced", true),
            ("condition=Synced=False", false),
            ("jsonpath={.status.phase}=Running", true),
            ("jsonpath='{.status.phase}'=Done", false),
            ("{.status.nodes[0].up}=3", true),
            ("{.status.nodes[*].up}=3", true),
            ("jsonpath={.status.absent}", false),
            ("jsonpath={.status.conditions[?(@.type==\"Synced\")].status}=True", true),
            ("jsonpath={.status.conditions[?(@.type=='Healthy')].status}=True", false),
            ("jsonpath={.metadata.labels['app.kubernetes.io/name']}=db", true),
            ("jsonpath={.metadata.labels.app\\.kubernetes\\.io/name}=db", true),
        ] {
            assert_eq!(Rule::read(rule).map(|rule| rule.holds(&object)), Ok(wanted), "{rule}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (rule, wanted) in [
            ("", "nothing is written where a value belongs"),
            ("status.phase ==", "nothing is written where a value belongs"),
            ("status.phase = 'x'", "`= 'x'` cannot be read; equality is `==`"),
            ("(status.ready", "a `)` is missing at the end"),
            ("'x'", "it is a text, and neither true nor false"),
            ("1 + 1", "it is a number, and neither true nor false"),
            ("'x", "the quote of `'x` is not closed"),
            ("status.phase.trim() == 'x'", "there is no function `trim`"),
            ("has('x')", "`has()` takes a field, such as `has(status.phase)`"),
            (
                "status.items.exists(x)",
                "`exists()` takes a name and a rule, such as `exists(c, c.type == 'Ready')`",
            ),
            ("status.name.matches('(')", "`(` is no regular expression"),
            ("status.ready ? true", "a `:` is missing at the end"),
            ("status.a b", "`b` cannot be read"),
            ("{.status", "the `{` of its path is not closed"),
            (
                "{.status.a[?(@.b)]}",
                "`[?(@.b)]` cannot be read; a filter is written `[?(@.type==\"Ready\")]`",
            ),
            ("condition=", "`condition=` names no condition: write `condition=Ready`"),
        ] {
            assert_eq!(Rule::read(rule).map(|_| ()), Err(wanted.to_owned()), "{rule}");
        }
        assert!(Rule::read(&"(".repeat(100_000)).is_err(), "depth is bounded");
        assert!(Rule::read(&"!".repeat(100_000)).is_err(), "depth is bounded");
    }
}
