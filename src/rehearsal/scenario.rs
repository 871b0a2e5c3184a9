//! What goes wrong in a rehearsal, as data: a TOML file, read strictly.
//!
//! Not when it happens by chance: a scenario is the same each time. `docs/rehearsal.md` is its reference.

use crate::event::Place;
use crate::rehearsal::cluster::fault::PodFault;
use serde::Deserialize;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;

/// What goes wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scenario {
    /// Calls that do not go well.
    pub faults: Vec<Fault>,
    /// Containers that do not run well.
    pub pods: Vec<Pod>,
    /// Things that happen meanwhile.
    pub events: Vec<Event>,
}

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// A Docker engine: `POST /build`, or a step of a build: `STEP RUN npm ci`.
    Engine,
    /// `minikube start`, and each of its steps: `STEP Creating Container`.
    Minikube,
    /// The API server: `apply deployments web`.
    Api,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Party::Engine => "engine",
            Party::Minikube => "minikube",
            Party::Api => "api",
        })
    }
}

/// A text in which `*` stands for anything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Whether it describes `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut rest = text;
        let mut pieces = self.0.split('*').peekable();
        let Some(first) = pieces.next() else { return false };
        let Some(after) = rest.strip_prefix(first) else { return false };
        rest = after;
        if pieces.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return rest.ends_with(piece);
            }
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        true
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Pattern {
        Pattern(text.to_owned())
    }
}

/// A call that does not go well.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Whose call.
    pub of: Party,
    /// Which calls.
    pub call: Pattern,
    /// What happens.
    pub does: Does,
    /// How many of these calls go well first.
    pub after: u64,
    /// How many do not, then; 0 for all.
    pub times: u64,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Does {
    /// It is refused with this code and message, and not done.
    Fail {
        /// The HTTP status, or the exit code.
        code: u16,
        /// The message.
        message: String,
    },
    /// It is never answered, and not done.
    Hang,
    /// It is done after so long.
    Slow(Duration),
    /// It is done, and the answer breaks off after so many bytes.
    Cut(usize),
    /// It is done, and the answer cannot be read.
    Garbage,
    /// The connection is closed, and nothing is done.
    Close,
    /// The version that is asked for is no longer known; of the API server's watches and lists.
    Gone,
}

impl Does {
    /// Whether what was asked for is done all the same.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Does::Slow(_) | Does::Cut(_) | Does::Garbage)
    }
}

/// A container that does not run well.
#[derive(Debug, Clone, PartialEq)]
pub struct Pod {
    /// Of which pods.
    pub name: Pattern,
    /// Which containers.
    pub container: Pattern,
    /// What it does.
    pub does: PodFault,
    /// How many starts; 0 for all.
    pub times: u64,
}

/// Something that happens meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub when: When,
    /// What.
    pub what: What,
}

/// When something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So long after the run began.
    At(Duration),
    /// When so many calls have changed something.
    Effect(u64),
}

/// What happens meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The run is killed, as by `kill -9`.
    Kill,
    /// The node's engine restarts: connections break, and for a while neither it nor the API server listens.
    EngineRestart,
    /// The images whose names this describes are gone from the node.
    ImageVanish(Pattern),
    /// The clock is put forward by so many seconds, or back.
    ClockJump(i64),
    /// Somebody's pods take all that is left of the node.
    NodeFull,
    /// Somebody runs the same command at the same time.
    SecondRun,
    /// Somebody changes an object: a merge patch.
    Edit {
        /// The path of the object at the API server.
        path: String,
        /// What changes.
        patch: serde_json::Value,
    },
    /// Somebody deletes an object.
    Delete {
        /// Its path at the API server.
        path: String,
    },
}

/// Why a scenario cannot be read: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl Mistake {
    /// Where it is in `file`.
    #[must_use]
    pub fn place(&self, file: &Path) -> Place {
        Place { line: self.line, ..Place::file(file) }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    fault: Vec<Spanned<WrittenFault>>,
    #[serde(default)]
    pod: Vec<Spanned<WrittenPod>>,
    #[serde(default)]
    event: Vec<Spanned<WrittenEvent>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFault {
    of: Party,
    call: Pattern,
    does: String,
    #[serde(default)]
    after: u64,
    #[serde(default = "once")]
    times: u64,
    code: Option<u16>,
    message: Option<String>,
    seconds: Option<f64>,
    bytes: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPod {
    name: Pattern,
    #[serde(default = "any")]
    container: Pattern,
    does: String,
    #[serde(default = "once")]
    times: u64,
    code: Option<i32>,
    lines: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEvent {
    seconds: Option<f64>,
    effect: Option<u64>,
    does: String,
    image: Option<Pattern>,
    by: Option<i64>,
    object: Option<String>,
    patch: Option<toml::Table>,
}

fn once() -> u64 {
    1
}

fn any() -> Pattern {
    Pattern::from("*")
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn read(text: &str) -> Result<Scenario, Vec<Mistake>> {
        let line = |span: Range<usize>| {
            let before = &text.as_bytes()[..span.start.min(text.len())];
            before.split(|byte| *byte == b'\n').count()
        };
        let written: Written = toml::from_str(text).map_err(|error| {
            vec![Mistake { line: error.span().map_or(1, line), message: error.message().to_owned() }]
        })?;
        let mut mistakes = Vec::new();
        let mut scenario = Scenario::default();
        for fault in written.fault {
            let at = line(fault.span());
            match fault.into_inner().meant() {
                Ok(fault) => scenario.faults.push(fault),
                Err(message) => mistakes.push(Mistake { line: at, message }),
            }
        }
        for pod in written.pod {
            let at = line(pod.span());
            match pod.into_inner().meant() {
                Ok(pod) => scenario.pods.push(pod),
                Err(message) => mistakes.push(Mistake { line: at, message }),
            }
        }
        for event in written.event {
            let at = line(event.span());
            match event.into_inner().meant() {
                Ok(event) => scenario.events.push(event),
                Err(message) => mistakes.push(Mistake { line: at, message }),
            }
        }
        mistakes.sort_by_key(|mistake| mistake.line);
        if mistakes.is_empty() { Ok(scenario) } else { Err(mistakes) }
    }
}

/// Says which fields do not go with what is done.
fn idle(does: &str, given: &[(&str, bool)], used: &[&str]) -> Result<(), String> {
    match given.iter().find(|(name, given)| *given && !used.contains(name)) {
        Some((name, _)) => Err(format!("`{name}` says nothing where it does `{does}`")),
        None => Ok(()),
    }
}

fn time(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|_| "`seconds` must be a time from 0 on".to_owned())
}

impl WrittenFault {
    fn meant(self) -> Result<Fault, String> {
        let given = [
            ("code", self.code.is_some()),
            ("message", self.message.is_some()),
            ("seconds", self.seconds.is_some()),
            ("bytes", self.bytes.is_some()),
        ];
        let (does, used): (Does, &[&str]) = match self.does.as_str() {
            "fail" => {
                let code = self.code.unwrap_or(if self.of == Party::Minikube { 80 } else { 500 });
                let message = self.message.unwrap_or_else(|| "it fails on purpose".to_owned());
                if self.of != Party::Minikube && !(400..600).contains(&code) {
                    return Err(format!("`code` is an HTTP status from 400 to 599, not {code}"));
                }
                if self.of == Party::Minikube && !(1..256).contains(&i32::from(code)) {
                    return Err(format!("`code` is an exit code from 1 to 255, not {code}"));
                }
                (Does::Fail { code, message }, &["code", "message"])
            }
            "hang" => (Does::Hang, &[]),
            "slow" => (Does::Slow(time(self.seconds.ok_or("`slow` needs `seconds`")?)?), &["seconds"]),
            "cut" => (Does::Cut(self.bytes.unwrap_or(0)), &["bytes"]),
            "garbage" => (Does::Garbage, &[]),
            "close" => (Does::Close, &[]),
            "gone" if self.of == Party::Api => (Does::Gone, &[]),
            other => {
                return Err(format!(
                    "`does = \"{other}\"` is none of fail, hang, slow, cut, garbage, close, and of the API server gone"
                ));
            }
        };
        idle(&self.does, &given, used)?;
        Ok(Fault { of: self.of, call: self.call, does, after: self.after, times: self.times })
    }
}

impl WrittenPod {
    fn meant(self) -> Result<Pod, String> {
        let given = [("code", self.code.is_some()), ("lines", self.lines.is_some())];
        let (does, used): (PodFault, &[&str]) = match self.does.as_str() {
            "crash" => {
                let (code, lines) = (self.code.unwrap_or(1), self.lines.unwrap_or_default());
                (PodFault::Crash { code, lines }, &["code", "lines"])
            }
            "not-ready" => (PodFault::NotReady, &[]),
            "evict" => (PodFault::Evict, &[]),
            "out-of-memory" => (PodFault::OutOfMemory, &[]),
            other => {
                return Err(format!(
                    "`does = \"{other}\"` is none of crash, not-ready, evict, out-of-memory"
                ));
            }
        };
        idle(&self.does, &given, used)?;
        Ok(Pod { name: self.name, container: self.container, does, times: self.times })
    }
}

impl WrittenEvent {
    fn meant(self) -> Result<Event, String> {
        let given = [
            ("image", self.image.is_some()),
            ("by", self.by.is_some()),
            ("object", self.object.is_some()),
            ("patch", self.patch.is_some()),
        ];
        let when = match (self.seconds, self.effect) {
            (Some(seconds), None) => When::At(time(seconds)?),
            (None, Some(effect)) => When::Effect(effect),
            _ => return Err("say either `seconds` or `effect`: when it happens".to_owned()),
        };
        let object = || {
            let path = self.object.clone().ok_or("`object` is missing: its path at the API server")?;
            let known = path.starts_with("/api/") || path.starts_with("/apis/");
            if known { Ok(path) } else { Err("`object` begins with `/api/` or `/apis/`") }
        };
        let (what, used): (What, &[&str]) = match self.does.as_str() {
            "kill" => (What::Kill, &[]),
            "engine-restart" => (What::EngineRestart, &[]),
            "image-vanish" => (What::ImageVanish(self.image.clone().unwrap_or_else(any)), &["image"]),
            "clock-jump" => (
                What::ClockJump(self.by.ok_or("`clock-jump` needs `by`: seconds, below 0 for back")?),
                &["by"],
            ),
            "node-full" => (What::NodeFull, &[]),
            "second-run" => (What::SecondRun, &[]),
            "edit" => {
                let patch = self.patch.clone().ok_or("`edit` needs `patch`: what changes")?;
                let patch = serde_json::to_value(patch).map_err(|error| error.to_string())?;
                (What::Edit { path: object()?, patch }, &["object", "patch"])
            }
            "delete" => (What::Delete { path: object()? }, &["object"]),
            other => {
                return Err(format!(
                    "`does = \"{other}\"` is none of kill, engine-restart, image-vanish, clock-jump, node-full, second-run, edit, delete"
                ));
            }
        };
        idle(&self.does, &given, used)?;
        Ok(Event { when, what })
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;
    use super::Scenario;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, matches) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("POST /build*", "POST /build", true),
            ("* deployments *", "apply deployments web", true),
            ("* deployments *", "apply secrets web", false),
            ("*a*a", "aa", true),
            ("*a*a", "a", false),
        ] {
            assert_eq!(Pattern::from(pattern).matches(text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn the_example_of_the_documentation_is_a_scenario() {
        let page = include_str!("../../docs/rehearsal.md");
        let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let scenario = Scenario::read(example).unwrap();
        assert_eq!((scenario.faults.len(), scenario.pods.len(), scenario.events.len()), (1, 1, 1));
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_line() {
        let wrong = |text: &str| -> Vec<(usize, String)> {
            let mistakes = Scenario::read(text).unwrap_err();
            mistakes.into_iter().map(|mistake| (mistake.line, mistake.message)).collect()
        };
        let first = |text: &str| {
            let (line, message) = wrong(text).remove(0);
            format!("{line}: {message}")
        };
        assert!(
            first("\n[[fault]]\nof = 'engine'\ncall = '*'\ndoes = 'hang'\nwhy = 1\n")
                .starts_with("6: unknown field `why`")
        );
        assert!(first("[[fault]]\nof = 'nobody'\n").starts_with("2: unknown variant `nobody`"));
        let two = wrong(
            "[[fault]]\nof = 'api'\ncall = '*'\ndoes = 'burn'\n\n[[event]]\ndoes = 'kill'\n[[pod]]\nname = '*'\ndoes = 'evict'\ncode = 1\n",
        );
        assert_eq!(two.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 6, 8]);
        assert!(two[0].1.contains("`does = \"burn\"`") && two[1].1.contains("either `seconds` or `effect`"));
        assert_eq!(two[2].1, "`code` says nothing where it does `evict`");
        assert!(
            first("[[fault]]\nof='minikube'\ncall='start*'\ndoes='fail'\ncode=300\n").contains("exit code")
        );
        assert_eq!(Scenario::read("").unwrap(), Scenario::default());
    }
}
