//! The faults of a rehearsal, as data.
//!
//! Not when it happens at random: a scenario is the same each time. `docs/rehearsal.md` is the reference of the file that
//! it is written in.

use crate::cluster::fault::PodFault;
use std::fmt;
use std::time::Duration;

/// The faults of a rehearsal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scenario {
    /// Calls that do not go well.
    pub faults: Vec<Fault>,
    /// Containers that do not run well.
    pub pods: Vec<Pod>,
    /// Things that happen meanwhile.
    pub events: Vec<Event>,
}

/// The called party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The called party.
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
    /// The requested version is no longer known; of the API server's watches and lists.
    Gone,
}

impl Does {
    /// Whether the request is performed nevertheless.
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
    /// The node's container ends, as by `docker kill`: nothing of it listens until minikube starts it again.
    NodeStop,
    /// The images whose names this describes are gone from the node.
    ImageVanish(Pattern),
    /// The clock is put forward by so many seconds, or back.
    ClockJump(i64),
    /// Pods that are not the project's take all free capacity of the node.
    NodeFull,
    /// Another process runs the same command at the same time.
    SecondRun,
    /// Another client changes an object: a merge patch.
    Edit {
        /// The path of the object at the API server.
        path: String,
        /// What changes.
        patch: serde_json::Value,
    },
    /// Another client deletes an object.
    Delete {
        /// Its path at the API server.
        path: String,
    },
}

#[cfg(test)]
mod tests {
    use super::Pattern;

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
}
