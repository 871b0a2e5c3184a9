//! The progress of a build, from BuildKit's status messages.
//!
//! Pure: messages in, updates out. A vertex is sent many times, keyed by its digest, and may be completed and then
//! run again.

use crate::event::Amount;
use crate::event::Unit;
use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::VecDeque;

/// Lines of a step's output that are kept for the failure report.
const KEPT: usize = 200;

/// Everything that is known about a build so far.
#[derive(Debug, Default)]
pub struct Progress {
    vertices: Vec<Vertex>,
    by_digest: HashMap<String, usize>,
    last_shown: Option<(String, Option<Amount>)>,
}

/// One vertex of a build: an instruction, a pull, an upload.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Vertex {
    /// In BuildKit's words: `[builder 3/7] RUN npm ci`, `[internal] load build context`.
    pub name: String,
    /// Why it failed; empty if it did not.
    pub error: String,
    /// Its last output.
    pub output: Tail,
    started: bool,
    completed: bool,
    cached: bool,
    transfers: BTreeMap<String, (u64, u64)>,
}

/// An instruction parsed from a vertex's name.
#[derive(Debug, PartialEq, Eq)]
pub struct StepName<'a> {
    /// The stage, where there is more than one.
    pub stage: Option<&'a str>,
    /// Which of the stage's steps, from 1.
    pub index: usize,
    /// How many steps the stage has.
    pub total: usize,
    /// The instruction.
    pub text: &'a str,
}

/// Something to show.
#[derive(Debug, PartialEq, Eq)]
pub enum Update {
    /// The current activity.
    Doing(String, Option<Amount>),
    /// A line that a step printed.
    Line(String),
}

impl Progress {
    /// Processes a message and returns the updates.
    pub fn apply(&mut self, status: StatusResponse) -> Vec<Update> {
        let mut updates = Vec::new();
        for vertex in status.vertexes {
            let at = self.at(&vertex.digest);
            let known = &mut self.vertices[at];
            known.name = vertex.name;
            known.started |= vertex.started.is_some();
            let cached_now = vertex.cached && !known.cached;
            known.cached |= vertex.cached;
            known.completed = vertex.completed.is_some();
            known.error = vertex.error;
            if cached_now && let Some(step) = step_name(&self.vertices[at].name) {
                let doing = format!("{} (cached)", step.text);
                updates.push(Update::Doing(doing, Some(self.steps())));
            }
        }
        for transfer in status.statuses {
            let at = self.at(&transfer.vertex);
            let counts = (bytes(transfer.current), bytes(transfer.total));
            self.vertices[at].transfers.insert(transfer.id, counts);
        }
        for log in status.logs {
            let at = self.at(&log.vertex);
            self.vertices[at].output.push(&log.msg, |line| updates.push(Update::Line(line.to_owned())));
        }
        if let Some(now) = self.now()
            && self.last_shown.as_ref() != Some(&now)
        {
            self.last_shown = Some(now.clone());
            updates.push(Update::Doing(now.0, now.1));
        }
        updates
    }

    /// The step that failed: the first that has an error of its own and not merely another's cancellation.
    #[must_use]
    pub fn failed(&self) -> Option<&Vertex> {
        let failed = || self.vertices.iter().filter(|vertex| !vertex.error.is_empty());
        failed().find(|vertex| !vertex.error.contains("context canceled")).or_else(|| failed().next())
    }

    /// The image whose registry is the only thing that the build waits for: its manifest is requested, and nothing
    /// else is running. (`buildkit: frontend/dockerfile/dockerfile2llb/convert.go` names the vertex.)
    #[must_use]
    pub fn awaits_manifest_of(&self) -> Option<&str> {
        let mut running = self.vertices.iter().filter(|vertex| vertex.started && !vertex.completed);
        let image = running.next()?.name.strip_prefix("[internal] load metadata for ")?;
        running.all(|vertex| vertex.name.starts_with("[internal] load metadata for ")).then_some(image)
    }

    fn at(&mut self, digest: &str) -> usize {
        if let Some(at) = self.by_digest.get(digest) {
            return *at;
        }
        self.vertices.push(Vertex::default());
        self.by_digest.insert(digest.to_owned(), self.vertices.len() - 1);
        self.vertices.len() - 1
    }

    fn now(&self) -> Option<(String, Option<Amount>)> {
        let running = || self.vertices.iter().rev().filter(|vertex| vertex.started && !vertex.completed);
        let vertex =
            running().find(|vertex| step_name(&vertex.name).is_some()).or_else(|| running().next())?;
        Some(match (step_name(&vertex.name), vertex.pulled()) {
            (Some(step), Some(pulled)) => {
                (format!("pulling {}", step.text.trim_start_matches("FROM ").trim()), Some(pulled))
            }
            (Some(step), None) => (shortened(step.text), Some(self.steps())),
            (None, pulled) => (vertex.name.trim_start_matches("[internal] ").to_owned(), pulled),
        })
    }

    /// Steps done of those that are known, over all stages.
    fn steps(&self) -> Amount {
        let mut totals: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        let mut done = 0;
        for vertex in &self.vertices {
            if let Some(step) = step_name(&vertex.name) {
                totals.insert(step.stage, step.total);
                done += u64::from(vertex.completed);
            }
        }
        let total = totals.values().sum::<usize>() as u64;
        Amount { done: done.min(total), total: Some(total), unit: Unit::Steps }
    }
}

impl Vertex {
    /// Received bytes of the known layers.
    fn pulled(&self) -> Option<Amount> {
        let layers =
            || self.transfers.iter().filter(|(id, (_, total))| id.starts_with("sha256:") && *total > 0);
        let total: u64 = layers().map(|(_, (_, total))| total).sum();
        let done: u64 = layers().map(|(_, (current, _))| current).sum();
        (total > 0).then_some(Amount { done, total: Some(total), unit: Unit::Bytes })
    }
}

/// The end of an output, in lines, however it is split into chunks.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tail {
    lines: VecDeque<String>,
    open: Vec<u8>,
}

impl Tail {
    /// Adds a chunk and passes on the lines that it completes.
    pub fn push(&mut self, piece: &[u8], mut each: impl FnMut(&str)) {
        self.open.extend_from_slice(piece);
        while let Some(end) = self.open.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.open.drain(..=end).collect();
            let line = shown(&line);
            each(&line);
            if self.lines.len() == KEPT {
                self.lines.pop_front();
            }
            self.lines.push_back(line);
        }
        // A progress bar that never ends its line must not grow without bound either.
        if self.open.len() > 64 * 1024 {
            self.open.drain(..32 * 1024);
        }
    }

    /// The last `count` lines, the unfinished one included, without empty ones at the end.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<String> {
        let mut lines: Vec<String> = self.lines.iter().cloned().collect();
        if !self.open.is_empty() {
            lines.push(shown(&self.open));
        }
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        lines.split_off(lines.len().saturating_sub(count))
    }
}

/// A line as a terminal would show it: the text after the last carriage return, without escape sequences.
fn shown(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches(['\n', '\r']);
    let line = line.rsplit('\r').next().unwrap_or(line);
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            if characters.next() == Some('[') {
                let _ = characters.find(char::is_ascii_alphabetic);
            }
        } else if character == '\t' || !character.is_control() {
            plain.push(character);
        }
    }
    plain
}

/// Reads `[stage 3/7] RUN …` (`buildkit: frontend/dockerfile/dockerfile2llb/convert.go`, `prefixCommand`).
#[must_use]
pub fn step_name(name: &str) -> Option<StepName<'_>> {
    let (prefix, text) = name.strip_prefix('[')?.split_once("] ")?;
    let mut words = prefix.split(' ').rev();
    let (index, total) = words.next()?.split_once('/')?;
    let (index, total) = (index.parse().ok()?, total.parse().ok()?);
    Some(StepName { stage: words.next(), index, total, text: text.trim() })
}

/// A command on one line, without the mounts of its `RUN`, and truncated if it is long.
#[must_use]
pub fn shortened(command: &str) -> String {
    let command =
        command.split_whitespace().filter(|word| !word.starts_with("--mount=")).collect::<Vec<_>>().join(" ");
    let command = command.strip_prefix("/bin/sh -c ").unwrap_or(&command);
    if command.chars().count() <= 80 {
        command.to_owned()
    } else {
        format!("{}…", command.chars().take(79).collect::<String>())
    }
}

fn bytes(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Progress;
    use super::StepName;
    use super::Tail;
    use super::Update;
    use super::shortened;
    use super::step_name;
    use crate::event::Amount;
    use crate::event::Unit;
    use bollard_buildkit_proto::google::protobuf::Timestamp;
    use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
    use bollard_buildkit_proto::moby::buildkit::v1::Vertex;
    use bollard_buildkit_proto::moby::buildkit::v1::VertexLog;
    use bollard_buildkit_proto::moby::buildkit::v1::VertexStatus;

    #[test]
    fn a_command_of_several_lines_is_shown_on_one() {
        for (command, shown) in [
            ("RUN --mount=type=cache,target=/c     pip install a  && b", "RUN pip install a && b".to_owned()),
            ("/bin/sh -c make", "make".to_owned()),
            (&*"x".repeat(81), "x".repeat(79) + "…"),
        ] {
            assert_eq!(shortened(command), shown);
        }
    }

    fn vertex(name: &str, started: bool, completed: bool) -> Vertex {
        Vertex {
            digest: format!("sha256:{name}"),
            name: name.to_owned(),
            started: started.then(Timestamp::default),
            completed: completed.then(Timestamp::default),
            ..Vertex::default()
        }
    }

    fn steps(done: u64, total: u64) -> Amount {
        Amount { done, total: Some(total), unit: Unit::Steps }
    }

    #[test]
    fn names_of_vertices_are_read() {
        let step = |stage, index, total, text| Some(StepName { stage, index, total, text });
        for (name, expected) in [
            ("[2/3] RUN make", step(None, 2, 3, "RUN make")),
            ("[builder 3/7] COPY . .", step(Some("builder"), 3, 7, "COPY . .")),
            ("[linux/arm64 stage-1 1/2] FROM x", step(Some("stage-1"), 1, 2, "FROM x")),
            ("[internal] load build context", None),
            ("exporting to image", None),
            ("[a/b] RUN x", None),
        ] {
            assert_eq!(step_name(name), expected, "{name}");
        }
    }

    #[test]
    fn steps_are_counted_over_all_stages() {
        let mut progress = Progress::default();
        let vertexes = vec![
            vertex("[internal] load build definition", true, true),
            vertex("[a 1/2] FROM x", true, true),
            vertex("[a 2/2] RUN make", true, false),
            vertex("[b 1/1] COPY y z", false, false),
        ];
        let updates = progress.apply(StatusResponse { vertexes, ..StatusResponse::default() });
        assert_eq!(updates, [Update::Doing("RUN make".to_owned(), Some(steps(1, 3)))]);
    }

    #[test]
    fn a_build_awaits_a_registry_only_where_nothing_else_is_running() {
        let loading =
            |completed| vertex("[internal] load metadata for docker.io/library/x:1", true, completed);
        for (others, completed, awaited) in [
            (vec![], false, Some("docker.io/library/x:1")),
            (
                vec![vertex("[internal] load build definition", true, true)],
                false,
                Some("docker.io/library/x:1"),
            ),
            (vec![vertex("[internal] load .dockerignore", true, false)], false, None),
            (vec![vertex("[1/2] FROM y", true, false)], true, None),
            (vec![], true, None),
        ] {
            let mut progress = Progress::default();
            let vertexes = [vec![loading(completed)], others].concat();
            progress.apply(StatusResponse { vertexes, ..StatusResponse::default() });
            assert_eq!(progress.awaits_manifest_of(), awaited, "{:?}", progress.vertices);
        }
    }

    #[test]
    fn a_cached_step_is_said_to_be_cached_once() {
        let mut progress = Progress::default();
        let cached = Vertex { cached: true, ..vertex("[1/1] COPY a b", true, true) };
        let message = StatusResponse { vertexes: vec![cached], ..StatusResponse::default() };
        let updates = progress.apply(message.clone());
        assert_eq!(updates, [Update::Doing("COPY a b (cached)".to_owned(), Some(steps(1, 1)))]);
        assert_eq!(progress.apply(message), []);
    }

    #[test]
    fn a_pull_is_counted_in_bytes() {
        let mut progress = Progress::default();
        let pulling = vertex("[1/2] FROM docker.io/library/python:3", true, false);
        let layer = |id: &str, current, total| VertexStatus {
            id: id.to_owned(),
            vertex: pulling.digest.clone(),
            current,
            total,
            ..VertexStatus::default()
        };
        let statuses = vec![layer("sha256:a", 10, 40), layer("sha256:b", 5, 60), layer("resolve x", 1, 1)];
        let vertexes = vec![pulling.clone()];
        let updates = progress.apply(StatusResponse { vertexes, statuses, ..StatusResponse::default() });
        let amount = Amount { done: 15, total: Some(100), unit: Unit::Bytes };
        assert_eq!(updates, [Update::Doing("pulling docker.io/library/python:3".to_owned(), Some(amount))]);
    }

    #[test]
    fn the_step_that_failed_is_not_the_one_that_was_cancelled_by_it() {
        let mut progress = Progress::default();
        let failed = |name: &str, error: &str| Vertex { error: error.to_owned(), ..vertex(name, true, true) };
        let vertexes =
            vec![failed("[a 1/1] RUN x", "context canceled"), failed("[b 1/1] RUN y", "exit code: 1")];
        let log = VertexLog {
            vertex: "sha256:[b 1/1] RUN y".to_owned(),
            msg: b"no such thing\n".to_vec(),
            ..VertexLog::default()
        };
        progress.apply(StatusResponse { vertexes, logs: vec![log], ..StatusResponse::default() });
        let failed = progress.failed().unwrap();
        assert_eq!(failed.name, "[b 1/1] RUN y");
        assert_eq!(failed.output.last(5), ["no such thing"]);
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut tail = Tail::default();
        let mut lines = Vec::new();
        for piece in [&b"a"[..], b"b\nc\r\n\x1b[31m", b"10%\r20%\rred\x1b[0m\nopen"] {
            tail.push(piece, |line| lines.push(line.to_owned()));
        }
        assert_eq!(lines, ["ab", "c", "red"]);
        assert_eq!(tail.last(2), ["red", "open"]);
    }
}
