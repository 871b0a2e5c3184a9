//! `todo.dev/ready`: the user's own rule for when an object is ready.
//!
//! Two languages that people know: what `kubectl wait --for` takes (`condition=Ready`, `jsonpath={.status.phase}=Done`)
//! and CEL, limited to such rules. Not CEL's library: no durations, no types, no string formats; a crate that has them
//! all weighs more than the rest of this module. And one difference: a field that is not there is `null` and makes what
//! is compared with it false, because right after a write most of a status is not there.

mod budget;
mod cel;
mod evaluate;
mod path;

use crate::live;
pub use budget::TooExpensive;
use cel::Expr;
use path::Step;
use serde_json::Value;
use std::fmt;

/// The annotation that holds the expression.
pub const ANNOTATION: &str = "todo.dev/ready";

/// The longest rule, in bytes; as long as the API server takes a CEL expression (`kubernetes:
/// pkg/apis/resource/types.go`: `CELSelectorExpressionMaxLength`).
const LONGEST: usize = 10 << 10;

/// A rule that was read.
#[derive(Debug, Clone)]
pub struct Rule(Form);

#[derive(Debug, Clone)]
enum Form {
    Condition { kind: String, status: String },
    Path { steps: Vec<Step>, desired: Option<String> },
    Cel(Expr),
}

impl fmt::Display for TooExpensive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it takes more than {} steps to evaluate", budget::STEPS)
    }
}

impl Rule {
    /// Reads a rule; an error reports what cannot be parsed, and where.
    pub fn parse(text: &str) -> Result<Rule, String> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(format!("it is longer than {} KiB", LONGEST >> 10));
        }
        if let Some(condition) = text.strip_prefix("condition=") {
            let (kind, status) = condition.split_once('=').unwrap_or((condition, "True"));
            if kind.is_empty() {
                return Err("`condition=` names no condition: write `condition=Ready`".to_owned());
            }
            return Ok(Rule(Form::Condition { kind: kind.to_owned(), status: status.to_owned() }));
        }
        let jsonpath = text.strip_prefix("jsonpath=");
        if jsonpath.is_some() || text.starts_with('{') {
            let (steps, desired) = path::parse(jsonpath.unwrap_or(text))?;
            return Ok(Rule(Form::Path { steps, desired }));
        }
        cel::parse(text).map(|expr| Rule(Form::Cel(expr)))
    }

    /// Whether `object` is ready by it.
    ///
    /// # Errors
    /// [`TooExpensive`] where a CEL rule loops so much that it takes more than a million steps. A path cannot: each of its
    /// steps visits a part of the object once.
    pub fn holds(&self, object: &Value) -> Result<bool, TooExpensive> {
        Ok(match &self.0 {
            Form::Condition { kind, status } => {
                live::condition(object, kind).is_some_and(|found| found.status.eq_ignore_ascii_case(status))
            }
            Form::Path { steps, desired } => {
                let found = path::find(steps, object);
                match desired {
                    Some(desired) => found.iter().any(|value| as_text(value) == *desired),
                    None => found.iter().any(|value| !value.is_null()),
                }
            }
            Form::Cel(expr) => return evaluate::holds(expr, object),
        })
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Rule;
    use super::TooExpensive;
    use serde_json::json;

    #[test]
    fn what_people_write() {
        let object = json!({"metadata": {"name": "db", "labels": {"app.kubernetes.io/name": "db"}}, "spec": {"replicas": 2},
            "status": {"phase": "Running", "ready": true, "nodes": [{"up": 3}], "message": "2 of 2 Ready",
            "conditions": [{"type": "Synced", "status": "True"}, {"type": "Healthy", "status": "False"}]}});
        for (rule, desired) in [
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
            assert_eq!(Rule::parse(rule).map(|rule| rule.holds(&object)), Ok(Ok(desired)), "{rule}");
        }
    }

    #[test]
    fn a_rule_that_multiplies_its_work_is_too_expensive_and_one_that_does_not_is_not() {
        let list: Vec<u32> = vec![1; 300];
        let words: Vec<String> =
            (0..300).map(|number| format!("word {number} {}", "x".repeat(2_000))).collect();
        let object = json!({"status": {"l": list, "w": words, "text": "a".repeat(40_000)}});
        let nested = |depth: usize, innermost: &str| {
            let open: String =
                (0..depth).map(|level| format!("status.l.all(v{level}, ")).collect::<Vec<_>>().concat();
            format!("{open}{innermost}{}", ")".repeat(depth))
        };
        let doubled = format!("size({}) > 0", ["status.text"; 100].join(" + "));
        let cases = [
            (nested(1, "v0 > 0"), Ok(true)),
            (nested(2, "v0 + v1 == 2"), Ok(true)),
            (nested(4, "v0 + v1 + v2 + v3 >= 0"), Err(TooExpensive)),
            (nested(3, "true"), Err(TooExpensive)),
            // Copies, comparisons and texts cost as much as their contents.
            ("status.l.map(a, self).size() == 300".to_owned(), Err(TooExpensive)),
            (
                "status.l.map(a, status.l).map(a, status.l.map(b, a + a)).size() == 300".to_owned(),
                Err(TooExpensive),
            ),
            ("status.l.all(a, status.w == status.w)".to_owned(), Err(TooExpensive)),
            ("status.l.all(a, status.text + status.text != 'x')".to_owned(), Err(TooExpensive)),
            ("status.l.all(a, string(self).size() > 0)".to_owned(), Err(TooExpensive)),
            ("status.w.all(a, a.matches('(x+x+)+y|word'))".to_owned(), Err(TooExpensive)),
            (doubled, Err(TooExpensive)),
            // Naming a large value in a loop costs nothing.
            ("status.l.all(a, size(self.status.w) == 300)".to_owned(), Ok(true)),
            ("status.w.exists(a, a == 'word')".to_owned(), Ok(false)),
            ("status.w.all(a, a.startsWith('word') && a.contains('xx'))".to_owned(), Ok(true)),
        ];
        for (rule, desired) in cases {
            let read = Rule::parse(&rule).unwrap_or_else(|why| panic!("{why}: {rule:.200}"));
            assert_eq!(read.holds(&object), desired, "{rule:.200}");
        }
        let every = format!("jsonpath={{.status{}}}", "[*]".repeat(1_000));
        assert_eq!(Rule::parse(&every).unwrap().holds(&object), Ok(false));
    }

    #[test]
    fn a_rule_is_bounded_in_length_parts_and_patterns() {
        for rule in [
            format!("status{}", ".a".repeat(4_000)),
            format!("1 {}== 1", "+ 1 ".repeat(2_000)),
            format!("status.l{}", "[0]".repeat(3_000)),
            format!("status.l{}.size() == 0", ".filter(a, true)".repeat(600)),
            format!("'{}' == ''", "x".repeat(20_000)),
            format!("jsonpath={{.{}}}", "x".repeat(20_000)),
            r"status.a.matches(r'\w{1000}')".to_owned(),
        ] {
            assert!(Rule::parse(&rule).is_err(), "{rule:.100}");
        }
        let conditions = ["status.phase == 'Running'"; 60].join(" || ");
        assert!(Rule::parse(&conditions).is_ok());
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (rule, desired) in [
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
            ("status.name.matches('(')", "`(` is not a valid regular expression"),
            ("status.ready ? true", "a `:` is missing at the end"),
            ("status.a b", "`b` cannot be read"),
            ("{.status", "the `{` of its path is not closed"),
            (
                "{.status.a[?(@.b)]}",
                "`[?(@.b)]` cannot be read; a filter is written `[?(@.type==\"Ready\")]`",
            ),
            ("condition=", "`condition=` names no condition: write `condition=Ready`"),
        ] {
            assert_eq!(Rule::parse(rule).map(|_| ()), Err(desired.to_owned()), "{rule}");
        }
        assert!(Rule::parse(&"(".repeat(5_000)).is_err(), "depth is bounded");
        assert!(Rule::parse(&"!".repeat(5_000)).is_err(), "depth is bounded");
    }
}
