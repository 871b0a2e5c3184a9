//! Whether changed files of a context may be written into running containers, because a rebuild would write the same.
//!
//! Pure: Dockerfiles, contexts and facts about containers in, a decision out; nothing is read and nothing is written. A
//! change is only synced if each rule of [`reason::Reason`] holds, because a container that differs from its image is
//! worse than a build. Whether the process notices the new files is decided in [`process`].

mod copy;
mod difference;
pub mod facts;
mod layout;
pub mod process;
pub mod reason;
pub mod rules;
mod stop;
mod trace;

use crate::image::surveyed::Surveyed;
use crate::project::Signal;
use crate::project::name::ImageName;
use difference::ContextDifference;
use difference::FileChange;
use dockerfile::context::EntryKind;
use dockerfile::ignore::Ignore;
use facts::Question;
use facts::SyncFacts;
use layout::Layout;
use reason::Input;
use reason::Reason;
use rules::Matched;
use rules::Rules;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use stop::Stop;
use trace::Tracer;

/// The decision about the changes of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncDecision {
    /// No changed file is in the image.
    Unused,
    /// These files equal the result of a rebuild.
    Sync(Plan),
    /// It is built again.
    Rebuild(Reason),
    /// It depends on the container's files or on the base image: answer these, then decide again.
    Ask(BTreeSet<Question>),
}

/// The changes to make in each container of the image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Written in this order: a directory comes before its content.
    pub writes: Vec<FileWrite>,
    /// Absolute paths to remove. A directory comes after its content.
    pub deletions: Vec<String>,
    /// Paths for which deploy.toml defines how the process notices them, if necessary.
    pub ruled: BTreeSet<String>,
    /// The steps to take in each container afterwards, in this order.
    pub then: Vec<After>,
}

/// A step to take in a container that has new files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// A shell runs this.
    Run(String),
    /// Process 1 gets this.
    Signal(Signal),
}

impl Plan {
    /// How many files it writes and removes; directories do not count.
    #[must_use]
    pub fn files(&self) -> usize {
        let files = self.writes.iter().filter(|write| write.kind != WriteKind::Directory);
        files.count() + self.deletions.len()
    }

    /// A hash of it and of the digest `before`.
    #[must_use]
    pub fn digest(&self, before: &str) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(before.as_bytes());
        for write in &self.writes {
            hasher.update(format!("{write:?}").as_bytes());
        }
        for path in &self.deletions {
            hasher.update(format!("{path:?}").as_bytes());
        }
        hasher.update(format!("{:?}", self.then).as_bytes());
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// Adds files and the steps afterwards. `matched` are the matching rules of deploy.toml.
    fn add(&mut self, writes: Vec<FileWrite>, deletions: Vec<String>, matched: Option<Matched>) {
        if let Some(Matched { to, then }) = matched {
            let paths = writes.iter().map(|write| &write.destination).chain(&deletions);
            if to.is_some() || !then.is_empty() {
                self.ruled.extend(paths.clone().cloned());
            }
            if paths.count() > 0 {
                let new: Vec<After> = then.into_iter().filter(|after| !self.then.contains(after)).collect();
                self.then.extend(new);
            }
        }
        self.writes.extend(writes);
        self.deletions.extend(deletions);
    }

    fn bytes(&self) -> u64 {
        let sizes = self.writes.iter().map(|write| match write.kind {
            WriteKind::File { size, .. } => size,
            WriteKind::Directory | WriteKind::Link(_) => 0,
        });
        sizes.sum()
    }
}

/// One file, directory or link as COPY would have created it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileWrite {
    /// The path in the context.
    pub source: String,
    /// The absolute path in the container.
    pub destination: String,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
    /// The type.
    pub kind: WriteKind,
}

/// The type and content to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteKind {
    /// The content of the file in the context.
    File {
        /// Bytes.
        size: u64,
        /// BLAKE3 of the content.
        hash: [u8; 32],
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Link(String),
}

/// More files than this are built: a rollout is not slower, and restarts the process.
const MOST_FILES: usize = 2_000;
/// More bytes than this are built.
const MOST_BYTES: u64 = 20 << 20;

/// Decides about each image: `before` is what the running containers were built from. An image based on another one
/// of the project is rebuilt whenever that one is affected, and so is the other.
#[must_use]
pub fn decide_all(
    before: &[Surveyed],
    now: &[Surveyed],
    facts: &BTreeMap<ImageName, SyncFacts>,
) -> BTreeMap<ImageName, SyncDecision> {
    let unknown = SyncFacts::default();
    let mut decisions: BTreeMap<ImageName, SyncDecision> = now
        .iter()
        .map(|image| {
            let name = image.image.name.clone();
            let decision = match before.iter().find(|before| before.image.name == name) {
                Some(before) => decide(before, image, facts.get(&name).unwrap_or(&unknown)),
                None => SyncDecision::Rebuild(Reason::Changed(Input::Image)),
            };
            (name, decision)
        })
        .collect();
    // Once per image: the dependencies form an acyclic graph, in any order.
    for image in now.iter().flat_map(|_| now) {
        for need in &image.needs {
            if decisions.get(need).is_none_or(|decision| *decision != SyncDecision::Unused) {
                decisions.insert(
                    image.image.name.clone(),
                    SyncDecision::Rebuild(Reason::Changed(Input::Base(need.to_string()))),
                );
                if let Some(decision @ (SyncDecision::Sync(_) | SyncDecision::Ask(_))) =
                    decisions.get_mut(need)
                {
                    *decision = SyncDecision::Rebuild(Reason::Needed(image.image.name.to_string()));
                }
            }
        }
    }
    decisions
}

/// Decides about one image.
#[must_use]
pub fn decide(before: &Surveyed, now: &Surveyed, facts: &SyncFacts) -> SyncDecision {
    if let Some(input) = changed_input(before, now) {
        return SyncDecision::Rebuild(Reason::Changed(input));
    }
    let changes = difference::between(&before.context, &now.context);
    if changes.is_empty() {
        return SyncDecision::Unused;
    }
    let Some(rules) = &now.image.sync else { return SyncDecision::Rebuild(Reason::Off) };
    let rules = Rules::new(rules);
    let layout = match Layout::read(&now.dockerfile, &now.image.args, facts) {
        Ok(layout) => Ok(layout),
        Err(Stop::Reason(reason)) => Err(reason),
        Err(Stop::Ask(questions)) => return SyncDecision::Ask(questions.into_iter().collect()),
    };
    let (mut plan, mut questions) = (Plan::default(), BTreeSet::new());
    for change in changes {
        match planned(&layout, &rules, now, facts, change, &mut plan) {
            Ok(()) => {}
            Err(Stop::Reason(reason)) => return SyncDecision::Rebuild(reason),
            Err(Stop::Ask(asked)) => questions.extend(asked),
        }
    }
    let (files, bytes) = (plan.files(), plan.bytes());
    if !questions.is_empty() {
        return SyncDecision::Ask(questions);
    }
    if files > MOST_FILES || bytes > MOST_BYTES {
        return SyncDecision::Rebuild(Reason::TooMuch { files, bytes });
    }
    // The content of a directory is removed before it.
    plan.deletions.reverse();
    // Commands before signals: a process that reads its files again then finds the results of the commands.
    plan.then.sort_by_key(|after| matches!(after, After::Signal(_)));
    if plan == Plan::default() { SyncDecision::Unused } else { SyncDecision::Sync(plan) }
}

/// Adds to the plan the effect of one change on a container.
fn planned(
    layout: &Result<Layout, Reason>,
    rules: &Rules<'_>,
    now: &Surveyed,
    facts: &SyncFacts,
    FileChange { path, difference }: FileChange<'_>,
    plan: &mut Plan,
) -> Result<(), Stop> {
    let entry = match difference {
        ContextDifference::OfKind => return Err(Reason::Kind(path.to_owned()).into()),
        ContextDifference::Removed => None,
        ContextDifference::Written(entry) => Some(entry),
    };
    let matched = rules.matched(path, matches!(entry, Some(EntryKind::Folder)));
    let (writes, deletions) = match (matched.as_ref().and_then(|matched| matched.to.clone()), layout) {
        (Some(to), layout) => {
            let volumes = layout.as_ref().map_or(&[][..], Layout::volumes);
            trace::check_destination(&to, volumes)?;
            match entry {
                Some(entry) => (vec![trace::write(path, to, entry, (0, 0), None)], Vec::new()),
                None => (Vec::new(), vec![to]),
            }
        }
        (None, Err(reason)) => return Err(reason.clone().into()),
        (None, Ok(layout)) => {
            let past_runs = matched.as_ref().is_some_and(Matched::runs);
            let tracer = Tracer { layout, context: &now.context, facts, past_runs };
            match entry {
                Some(entry) => (tracer.written(path, entry)?, Vec::new()),
                None => (Vec::new(), tracer.removed(path)?),
            }
        }
    };
    plan.add(writes, deletions, matched);
    Ok(())
}

/// The first input other than files of the context that has changed.
fn changed_input(before: &Surveyed, now: &Surveyed) -> Option<Input> {
    let (was, is) = (&before.image, &now.image);
    if before.dockerfile.text != now.dockerfile.text || was.dockerfile != is.dockerfile {
        return Some(Input::Dockerfile);
    }
    if was.args != is.args || before.dockerfile.globals != now.dockerfile.globals {
        return Some(Input::Arguments);
    }
    if was.target != is.target || was.platform != is.platform || was.context != is.context {
        return Some(Input::Image);
    }
    if was.secrets != is.secrets || before.needs != now.needs {
        return Some(Input::Image);
    }
    let rules = |ignore: &Ignore| -> Vec<(String, bool)> {
        ignore.rules().iter().map(|rule| (rule.pattern.clone(), rule.exception)).collect()
    };
    (rules(&before.ignore) != rules(&now.ignore)).then_some(Input::IgnoreRules)
}

#[cfg(test)]
mod tests;
