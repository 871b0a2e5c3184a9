//! Problems of a container that was started: it exits, is killed, or does not become ready.

use crate::cluster::blame::advice;
use crate::cluster::blame::tell::CauseContext;
use crate::cluster::blame::tell::Diagnosis;
use crate::cluster::blame::tell::diagnosis;
use health::cause::Symptom;
use health::cause::container::probe_kill;
use health::cause::failure_kind::FailureKind;
use health::cause::probe;
use health::cause::probe::Why;
use health::live;

pub(super) fn running(symptom: &Symptom, inputs: &CauseContext<'_>) -> Diagnosis {
    let who = inputs.who(symptom);
    let exit = symptom.exit.as_ref();
    let code = exit.map_or(0, |exit| exit.code);
    let times = exit.map_or(1, |exit| exit.restarts + i64::from(!symptom.trying));
    let often = match times {
        ..=1 => String::new(),
        2 => ", twice so far".to_owned(),
        times => format!(", {times} times so far"),
    };
    match symptom.signal {
        FailureKind::OutOfMemory => {
            let pointer = inputs.field(symptom, &["resources/limits/memory", "resources"]);
            let limit = inputs.text(pointer.as_ref());
            let limit = if limit.is_empty() { String::new() } else { format!(" of `{limit}`") };
            diagnosis(
                format!("{who} was OOM-killed at its memory limit{limit}{often}"),
                pointer,
                "raise `resources.limits.memory`, or let the program use less",
            )
        }
        FailureKind::Completed => diagnosis(
            format!("{who} exited with code 0{often}; a server must keep running"),
            inputs.field(symptom, &["command", "args", "image"]),
            "start it in the foreground; for work that ends use a Job",
        ),
        FailureKind::Killed => {
            let events = inputs.snapshot.events(live::uid(inputs.pod.unwrap_or(inputs.subject)));
            let name = symptom.container.as_deref().unwrap_or_default();
            let (probe, sign) = if is_startup(symptom, inputs) {
                ("startupProbe", "Startup")
            } else {
                ("livenessProbe", "Liveness")
            };
            let last_event = events.iter().rev().find(|event| {
                event.reason == "Unhealthy" && event.message.starts_with(sign) && event.is_of(name)
            });
            let failing = probe::parse(
                inputs.written(),
                name,
                probe,
                last_event.map_or("", |last_event| last_event.message.as_str()),
            );
            let why = match failing.why {
                Why::Unknown => String::new(),
                _ => format!(": {}", failing.what),
            };
            let mut result = diagnosis(
                format!("{who} is killed because its `{probe}` fails{often}{why}"),
                inputs.field(symptom, &fields(&failing)),
                format!(
                    "{}; a program that is slow to start needs `initialDelaySeconds` or a `startupProbe`",
                    failing.help
                ),
            );
            result.evidence.extend(failing.evidence);
            result
        }
        FailureKind::NotReady => {
            let name = symptom.container.as_deref().unwrap_or_default();
            let probe = if is_startup(symptom, inputs) { "startupProbe" } else { "readinessProbe" };
            let failing = probe::parse(inputs.written(), name, probe, &symptom.message);
            let mut result = diagnosis(
                format!("{who} runs, but {}", failing.what),
                inputs.field(symptom, &fields(&failing)),
                failing.help,
            );
            result.evidence.extend(failing.evidence);
            result
        }
        FailureKind::Initializing => diagnosis(
            format!("{who} has not ended, and the containers after it wait for that"),
            inputs.field(symptom, &["command", "args"]),
            format!("see in its log what it waits for: {}", logs(symptom, inputs, "")),
        ),
        FailureKind::Crash if code == 137 && memory_limit(symptom, inputs).is_some() => {
            let pointer = memory_limit(symptom, inputs);
            let limit = inputs.text(pointer.as_ref());
            let killed = format!("{who} was killed by signal 9 (exit code 137){often}");
            // The kubelet kills a container in the same way, and its event may have expired.
            match killing_probe(symptom, inputs) {
                Some(probe) => diagnosis(
                    format!("{killed}: at its memory limit of `{limit}`, or because its `{probe}` fails"),
                    pointer,
                    format!(
                        "see with `kubectl get events` whether the `{probe}` fails; else raise `resources.limits.memory`"
                    ),
                ),
                None => diagnosis(
                    format!("{killed}, most likely at its memory limit of `{limit}`"),
                    pointer,
                    "raise `resources.limits.memory`, or let the program use less",
                ),
            }
        }
        FailureKind::Crash if exit.is_none() => diagnosis(
            format!("{who} ends again and again; how is not in its status"),
            inputs.field(symptom, &[]),
            log_of_last_run(symptom, inputs),
        ),
        _ => ended(symptom, inputs, &who, &often),
    }
}

/// The command that shows the log of the container, with other options after it.
fn logs(symptom: &Symptom, inputs: &CauseContext<'_>, options: &str) -> String {
    let pod = inputs.pod.unwrap_or(inputs.subject);
    let container = symptom.container.as_deref().unwrap_or_default();
    let namespace = match live::namespace(pod) {
        "" => String::new(),
        namespace => format!(" -n {namespace}"),
    };
    format!("`kubectl logs {} -c {container}{namespace}{options}`", live::name(pod))
}

fn log_of_last_run(symptom: &Symptom, inputs: &CauseContext<'_>) -> String {
    format!("see its log: {}", logs(symptom, inputs, " --previous"))
}

/// A program that ended, as its exit code and the end of its log show.
fn ended(symptom: &Symptom, inputs: &CauseContext<'_>, who: &str, often: &str) -> Diagnosis {
    let exit = symptom.exit.as_ref();
    let code = exit.map_or(0, |exit| exit.code);
    let ended = match exit.and_then(|exit| exit.signal).or((code > 128 && code < 160).then_some(code - 128)) {
        Some(signal) => format!("was killed by signal {signal} (exit code {code})"),
        None => format!("exited with code {code}"),
    };
    let advice = advice::of_log(inputs.tail.unwrap_or_default());
    let fields: &[&str] = match (symptom.signal, advice) {
        (FailureKind::CrashCommand, _) => &["command", "args", "image"],
        (_, Some(advice)) => advice.fields,
        _ => &[],
    };
    let help = match (symptom.signal, advice) {
        (FailureKind::CrashCommand, _) => {
            "its shell does not find or may not run a command: correct it, or install it in the image"
                .to_owned()
        }
        (_, Some(advice)) => advice.help.to_owned(),
        (_, None) => match inputs.tail {
            None => log_of_last_run(symptom, inputs),
            Some([]) => {
                "it exits without any output: start it by hand, `kubectl run -it`, to see more".to_owned()
            }
            Some(_) => "the last lines of its log say why".to_owned(),
        },
    };
    diagnosis(format!("{who} {ended}{often}"), inputs.field(symptom, fields), help)
}

/// Whether the failing probe is the startup probe, according to the kubelet's events.
pub(super) fn is_startup(symptom: &Symptom, inputs: &CauseContext<'_>) -> bool {
    if symptom.signal != FailureKind::Killed {
        return symptom.message.starts_with("Startup probe");
    }
    let events = inputs.snapshot.events(live::uid(inputs.pod.unwrap_or(inputs.subject)));
    probe_kill(&events, symptom.container.as_deref().unwrap_or_default())
        .is_some_and(|killing| killing.message.contains("startup"))
}

fn fields(failing: &probe::Failing) -> Vec<&str> {
    failing.fields.iter().map(String::as_str).collect()
}

pub(super) fn memory_limit(symptom: &Symptom, inputs: &CauseContext<'_>) -> Option<String> {
    inputs.field(symptom, &["resources/limits/memory"]).filter(|at| at.ends_with("/memory"))
}

/// A probe of the container whose failure makes the kubelet kill it.
fn killing_probe(symptom: &Symptom, inputs: &CauseContext<'_>) -> Option<&'static str> {
    ["livenessProbe", "startupProbe"]
        .into_iter()
        .find(|probe| inputs.field(symptom, &[probe]).is_some_and(|at| at.ends_with(probe)))
}
