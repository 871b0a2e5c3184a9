//! One container's status → what keeps it from running.
//!
//! State only: the kubelet reports the current state and the one before. While a container that crashed is up again the
//! symptom stays, marked as trying, so that its clock is not reset by each restart.

use crate::cause::Exit;
use crate::cause::Symptom;
use crate::cause::config;
use crate::cause::failure_kind::FailureKind;
use crate::cause::image;
use crate::live;
use crate::snapshot::KubeEvent;
use jiff::SignedDuration;
use serde_json::Value;

/// How a container is meant to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It runs for ever.
    Serve,
    /// It ends well, once.
    Finish,
}

/// What keeps the container of this status from running, if anything. `events` are its pod's.
pub fn symptom(status: &Value, purpose: Purpose, events: &[&KubeEvent]) -> Option<Symptom> {
    let name = live::text(status, "/name");
    let reason = live::text(status, "/state/waiting/reason");
    let message = live::text(status, "/state/waiting/message");
    let of = |signal| Symptom::new(signal, reason, message).within(name);
    match reason {
        "" => ended(status, purpose, events),
        "InvalidImageName" => Some(of(FailureKind::ImageName)),
        // `image::tags`: what we have built. Which run it was that found it missing is not known here.
        "ErrImageNeverPull" if message.contains("\"todo.local/") => Some(of(FailureKind::ImageGone)),
        "ErrImageNeverPull" => Some(of(FailureKind::ImageNever)),
        "ErrImagePull" | "ImagePullBackOff" | "ErrImagePullBackOff" => Some(pull(status, events)),
        "ImageInspectError" => Some(of(FailureKind::ImageInspect)),
        "RegistryUnavailable" => Some(of(FailureKind::ImageUnreachable)),
        "SignatureValidationFailed" => Some(of(FailureKind::ImageSignature)),
        "CreateContainerConfigError" => Some(of(config::classify(message))),
        "CrashLoopBackOff" => Some(ended(status, purpose, events).map_or_else(
            || of(FailureKind::Crash),
            |symptom| Symptom { reason: reason.to_owned(), ..symptom },
        )),
        "CreateContainerError" | "PreCreateHookError" | "PreStartHookError" => Some(of(creating(message))),
        "RunContainerError" | "PostStartHookError" => {
            let mut symptom = of(starting(message));
            symptom.exit = Some(unstarted(status));
            Some(symptom)
        }
        _ => None,
    }
}

fn pull(status: &Value, events: &[&KubeEvent]) -> Symptom {
    let name = live::text(status, "/name");
    let image = live::text(status, "/image");
    let waiting = live::text(status, "/state/waiting/message");
    let last_event = events.iter().rev().find(|event| {
        event.reason == "Failed" && event.message.starts_with("Failed to pull image") && event.is_of(name)
    });
    let last_event = last_event.map_or("", |event| event.message.as_str());
    let (signal, message) = match (image::classify(waiting, image), image::classify(last_event, image)) {
        (Some(signal), _) => (signal, waiting),
        (None, Some(signal)) => (signal, last_event),
        (None, None) => (FailureKind::ImagePull, waiting),
    };
    Symptom::new(signal, live::text(status, "/state/waiting/reason"), message).within(name)
}

fn creating(message: &str) -> FailureKind {
    let lower = message.to_ascii_lowercase();
    let busy = lower.contains("failed to reserve container name")
        || lower.contains("deadline exceeded")
        || lower.contains("is already in use by container");
    if is_command(message) {
        FailureKind::Command
    } else if busy {
        FailureKind::CreatePending
    } else {
        FailureKind::Create
    }
}

fn starting(message: &str) -> FailureKind {
    if is_command(message) { FailureKind::Command } else { FailureKind::Start }
}

/// Whether the runtime reports that the program does not exist (runc: `libcontainer/init_linux.go`; so does crun).
fn is_command(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let exec =
        lower.contains("exec: ") || lower.contains("exec ") || lower.contains("starting container process");
    lower.contains("executable file not found")
        || lower.contains("no command specified")
        || (exec && (lower.contains("no such file or directory") || lower.contains("permission denied")))
        || lower.contains("exec format error")
}

fn ended(status: &Value, purpose: Purpose, events: &[&KubeEvent]) -> Option<Symptom> {
    let is_well = status.pointer("/state/running").is_some() && live::flag(status, "/ready");
    if is_well { None } else { last_end(status, purpose, events) }
}

/// That a probe let the kubelet end the last run, whether the container is ready again or not.
pub fn killed(status: &Value, purpose: Purpose, events: &[&KubeEvent]) -> Option<Symptom> {
    last_end(status, purpose, events).filter(|symptom| symptom.signal == FailureKind::Killed)
}

/// How its last run ended, if that counts against it.
fn last_end(status: &Value, purpose: Purpose, events: &[&KubeEvent]) -> Option<Symptom> {
    let name = live::text(status, "/name");
    let running = status.pointer("/state/running").is_some();
    let last = ["/state/terminated", "/lastState/terminated"].iter().find_map(|at| status.pointer(at))?;
    let exit = exit_of(last, status);
    let reason = live::text(last, "/reason");
    let message = live::text(last, "/message");
    let killed = !running || !live::flag(status, "/started");
    let signal = match (reason, exit.code) {
        (_, 0) if purpose == Purpose::Finish => return None,
        ("OOMKilled", _) => FailureKind::OutOfMemory,
        // A run that was gone before the kubelet looked only leaves its exit code.
        (_, 137) if live::text(status, "/lastState/terminated/reason") == "OOMKilled" => {
            FailureKind::OutOfMemory
        }
        // A program that exits cleanly on SIGTERM has still not stopped on its own.
        (_, code) if was_killed(last, code, killed, events, name) => FailureKind::Killed,
        (_, 0) => FailureKind::Completed,
        ("StartError" | "ContainerCannotRun" | "RunContainerError", _) => starting(message),
        (_, 126 | 127) => FailureKind::CrashCommand,
        _ => FailureKind::Crash,
    };
    let mut symptom = Symptom::new(signal, reason, message).within(name);
    symptom.exit = Some(exit);
    symptom.trying = running;
    Some(symptom)
}

/// Whether the kubelet ended this run because of a probe. It emits the event before the run ends; where the times are
/// missing, only the exit codes of a program that is stopped count, and only until it is up again.
fn was_killed(last: &Value, code: i64, not_up_again: bool, events: &[&KubeEvent], name: &str) -> bool {
    let Some(killing) = probe_kill(events, name) else { return false };
    let (from, to) = (live::moment(last, "/startedAt"), live::moment(last, "/finishedAt"));
    match (from, to, killing.last) {
        (Some(from), Some(to), Some(at)) => {
            // An event's time is that of its report, in whole seconds. The end of the present run is counted in the
            // same event, and is reported before that run has ended.
            let began = killing.first.unwrap_or(at);
            at >= from && began.duration_since(to) <= SignedDuration::from_secs(2)
        }
        _ => not_up_again && matches!(code, 0 | 137 | 143),
    }
}

/// The last event that reports that the kubelet ends the container because of a probe.
pub fn probe_kill<'a>(events: &[&'a KubeEvent], container: &str) -> Option<&'a KubeEvent> {
    events
        .iter()
        .rev()
        .find(|event| {
            // Without the part that it is about, the sentence names the container: `Container web failed liveness probe, …`.
            let named = || event.part.is_empty() && event.message.split(' ').any(|word| word == container);
            event.reason == "Killing"
                && event.message.contains(" probe")
                && (event.is_of(container) || named())
        })
        .copied()
}

/// The runs of a container that ended, oldest first: the kubelet reports two at most.
pub fn exits(status: &Value) -> Vec<Exit> {
    ["/lastState/terminated", "/state/terminated"]
        .iter()
        .filter_map(|at| status.pointer(at))
        .map(|last| exit_of(last, status))
        .collect()
}

fn exit_of(terminated: &Value, status: &Value) -> Exit {
    let id = live::text(terminated, "/containerID");
    let run = if id.is_empty() { live::text(terminated, "/finishedAt") } else { id };
    Exit {
        run: run.to_owned(),
        code: live::count(terminated, "/exitCode"),
        signal: live::number(terminated, "/signal").filter(|signal| *signal > 0),
        restarts: live::count(status, "/restartCount"),
    }
}

fn unstarted(status: &Value) -> Exit {
    let id = live::text(status, "/containerID");
    Exit { run: id.to_owned(), code: 128, signal: None, restarts: live::count(status, "/restartCount") }
}
