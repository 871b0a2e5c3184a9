//! Texts on screen: steps, outcomes, durations, sizes, the last sentence.
//!
//! Not the layout (that is the renderers') and not the texts of third parties. In one place so that the same thing has
//! the same name in a terminal, in a CI log and in a table.

use super::fold::RunState;
use super::steps::Ended;
use super::steps::StepState;
use crate::event::Amount;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Step;
use crate::event::Unit;
use crate::fault::FaultKind;

/// What a step is called, as the label of its line.
#[must_use]
pub const fn step(step: Step) -> &'static str {
    match step {
        Step::Preflight => "project",
        Step::Minikube => "minikube",
        Step::Image => "images",
        Step::Apply => "objects",
        Step::Rollout => "rollout",
        Step::Service => "service",
        Step::Check => "checks",
        Step::Remove => "removal",
    }
}

/// How many columns the longest label takes.
pub const LABEL: usize = 8;

/// How something ended, in one word.
#[must_use]
pub const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Unchanged => "unchanged",
        Outcome::Skipped => "skipped",
        Outcome::Created => "created",
        Outcome::Changed => "changed",
        Outcome::Recreated => "recreated",
        Outcome::Built => "built",
        Outcome::Removed => "removed",
        Outcome::Kept => "kept",
        Outcome::Ready => "ready",
        Outcome::Stopped => "stopped",
        Outcome::Failed => "failed",
    }
}

/// `2 built, 1 unchanged`; empty where the counts add no information.
#[must_use]
pub fn counts(state: &StepState) -> String {
    let counted = state.counts();
    // One item that is just done: the detail is more specific than `1 done`.
    let worth = |outcome: &Outcome| {
        *outcome != Outcome::Done || state.step == Step::Preflight && state.items.len() > 1
    };
    let parts: Vec<String> = counted
        .iter()
        .filter(|(outcome, _)| worth(outcome))
        .map(|(kind, count)| format!("{count} {}", outcome(*kind)))
        .collect();
    parts.join(", ")
}

/// The text of a finished step: counts, then its detail, else its outcome.
#[must_use]
pub fn ended(state: &StepState, end: &Ended) -> String {
    let counts =
        if matches!(state.step, Step::Minikube | Step::Preflight | Step::Check) && end.detail.is_some() {
            String::new()
        } else {
            counts(state)
        };
    let detail = end.detail.clone().unwrap_or_default();
    match (counts.is_empty(), detail.is_empty()) {
        (false, false) => format!("{counts}, {detail}"),
        (false, true) => counts,
        (true, false) => detail,
        (true, true) => outcome(end.outcome).to_owned(),
    }
}

/// The text of a step that did not succeed.
#[must_use]
pub const fn failed(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Interrupted | FaultKind::Terminated => "stopped",
        _ => "failed",
    }
}

/// How long something took: `48 ms`, `1.2 s`, `2 min 5 s`, `1 h 2 min`.
#[must_use]
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..59_950 => {
            let tenths = (ms + 50) / 100;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        _ => seconds((ms + 500) / 1_000),
    }
}

/// How long something has been going on: whole seconds, because flickering digits cannot be read.
#[must_use]
pub fn elapsed(ms: u64) -> String {
    seconds(ms / 1_000)
}

fn seconds(s: u64) -> String {
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min {} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {} min", s / 3_600, s / 60 % 60),
        _ => format!("{} d {} h", s / 86_400, s / 3_600 % 24),
    }
}

/// How old something is, roughly: `5 s`, `3 min`, `2 h`, `4 d`.
#[must_use]
pub fn age(s: u64) -> String {
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min", s / 60),
        3_600..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} d", s / 86_400),
    }
}

/// A size as Docker writes it, in powers of ten: `512 B`, `1.2 kB`, `143 MB`, `1.5 GB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let (mut whole, mut unit) = (1_000_u64, 0);
    // What rounds to 1000 of a unit is 1.0 of the next.
    while unit + 1 < UNITS.len() && bytes >= whole * 1_000 - whole / 2 {
        whole *= 1_000;
        unit += 1;
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(whole) / 2) / u128::from(whole);
    if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", (u128::from(bytes) + u128::from(whole) / 2) / u128::from(whole), UNITS[unit])
    }
}

/// How far something is: `3/9`, `12 MB of 143 MB`, `45 %`.
#[must_use]
pub fn amount(amount: Amount) -> String {
    let Amount { done, total, unit } = amount;
    match (unit, total) {
        (Unit::Bytes, Some(total)) => format!("{} of {}", size(done.min(total)), size(total)),
        (Unit::Bytes, None) => size(done),
        (Unit::Percent, _) => format!("{done} %"),
        (Unit::Steps | Unit::Replicas, Some(total)) => format!("{done}/{total}"),
        (Unit::Steps | Unit::Replicas, None) => done.to_string(),
    }
}

/// The first line of a simulated run.
pub const REHEARSAL: &str = "a rehearsal: the engine, minikube and the cluster are simulated in this process";

/// The sentence after the last step of a run that ended well, for commands that have one.
#[must_use]
pub fn closing(run_state: &RunState) -> Option<String> {
    let opening = run_state.opening.as_ref()?;
    let name = &opening.project;
    let unchanged = run_state.unchanged();
    match opening.command.as_str() {
        "watch" if run_state.newest(Step::Remove).is_some() => Some(format!("{name} is down")),
        "watch" if run_state.end.is_some() => {
            Some("stopped watching; the application keeps running, `todo down` deletes it".to_owned())
        }
        "up" | "watch" if unchanged => Some(format!("{name} is up to date")),
        "up" | "watch" => Some(format!("{name} is up")),
        "rehearse"
            if run_state.warnings.iter().any(|warning| warning.code == Code::RehearsalPrerequisites) =>
        {
            Some(format!("{name} was rehearsed; a real `todo up` would fail here"))
        }
        "rehearse" => Some(format!("{name} would be up; nothing was started, built or changed")),
        "down" if unchanged => Some(format!("{name} is down, nothing to remove")),
        "down" => Some(format!("{name} is down")),
        "rollback" => Some(format!("{name} is rolled back")),
        _ => None,
    }
}

/// The files that changed: `main.py`, `a.py, b.py and 998 more`.
#[must_use]
pub fn changed(files: &[String]) -> String {
    const NAMED: usize = 3;
    let named = files[..files.len().min(NAMED)].join(", ");
    if files.len() > NAMED { format!("{named} and {} more", files.len() - NAMED) } else { named }
}

/// What `todo watch` waits for.
#[must_use]
pub fn watching(files: usize) -> String {
    format!("watching {files} {}", if files == 1 { "file" } else { "files" })
}

/// The message when a round of `todo watch` is given up.
pub const SUPERSEDED: &str = "files changed before anything was written; starting again";

#[cfg(test)]
mod tests {
    use super::age;
    use super::amount;
    use super::changed;
    use super::duration;
    use super::elapsed;
    use super::size;
    use crate::event::Amount;
    use crate::event::Step;
    use crate::event::Unit;

    #[test]
    fn of_many_files_a_few_are_named() {
        let files = |count: usize| (0..count).map(|number| format!("f{number}")).collect::<Vec<_>>();
        for (count, text) in [(0, ""), (1, "f0"), (3, "f0, f1, f2"), (5, "f0, f1, f2 and 2 more")] {
            assert_eq!(changed(&files(count)), text);
        }
    }

    #[test]
    fn durations_are_rounded_once_and_carry_over() {
        for (ms, text) in [
            (0, "0 ms"),
            (48, "48 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (1_249, "1.2 s"),
            (59_949, "59.9 s"),
            (59_950, "1 min 0 s"),
            (125_400, "2 min 5 s"),
            (3_599_600, "1 h 0 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(ms), text, "{ms}");
        }
        assert_eq!((elapsed(1_999), elapsed(61_000)), ("1 s".to_owned(), "1 min 1 s".to_owned()));
        assert_eq!((age(59), age(3_700), age(200_000)), ("59 s".into(), "1 h".into(), "2 d".into()));
    }

    #[test]
    fn sizes_are_those_that_docker_shows() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_249, "1.2 kB"),
            (9_960, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (143_200_000, "143 MB"),
            (1_500_000_000, "1.5 GB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn amounts_name_their_unit() {
        let of = |done, total, unit| amount(Amount { done, total, unit });
        assert_eq!(of(12_000_000, Some(143_000_000), Unit::Bytes), "12 MB of 143 MB");
        assert_eq!(of(3, Some(9), Unit::Steps), "3/9");
        assert_eq!(of(45, Some(100), Unit::Percent), "45 %");
    }

    #[test]
    fn labels_fit_their_column() {
        for label in [
            Step::Preflight,
            Step::Minikube,
            Step::Image,
            Step::Apply,
            Step::Rollout,
            Step::Service,
            Step::Check,
        ] {
            assert!(super::step(label).len() <= super::LABEL);
        }
    }
}
