//! Trouble of a container that was started: it ends, is ended, or does not become ready.

use crate::cluster::blame::Symptom;
use crate::cluster::blame::advice;
use crate::cluster::blame::container::probe_kill;
use crate::cluster::blame::signal::Signal;
use crate::cluster::blame::tell::Scene;
use crate::cluster::blame::tell::Told;
use crate::cluster::blame::tell::told;
use crate::cluster::blame::tell::who;
use crate::cluster::live;

pub(super) fn running(symptom: &Symptom, scene: &Scene<'_>) -> Told {
    let who = who(symptom);
    let exit = symptom.exit.as_ref();
    let code = exit.map_or(0, |exit| exit.code);
    let times = exit.map_or(1, |exit| exit.restarts + i64::from(!symptom.trying));
    let often = match times {
        ..=1 => String::new(),
        2 => ", twice so far".to_owned(),
        times => format!(", {times} times so far"),
    };
    match symptom.signal {
        Signal::OutOfMemory => {
            let pointer = scene.field(symptom, &["resources/limits/memory", "resources"]);
            let limit = scene.text(pointer.as_ref());
            let limit = if limit.is_empty() { String::new() } else { format!(" of `{limit}`") };
            told(
                format!("{who} needs more memory than its limit{limit} and is ended by the kernel{often}"),
                pointer,
                "raise `resources.limits.memory`, or let the program use less",
            )
        }
        Signal::Completed => told(
            format!("{who} ends by itself with exit code 0{often}; a server must keep running"),
            scene.field(symptom, &["command", "args", "image"]),
            "start it in the foreground; for work that ends use a Job",
        ),
        Signal::Killed => {
            let happenings = scene.around.happenings(live::uid(scene.pod.unwrap_or(scene.subject)));
            let name = symptom.container.as_deref().unwrap_or_default();
            let startup =
                probe_kill(&happenings, name).is_some_and(|killing| killing.message.contains("startup"));
            let probe = if startup { "startupProbe" } else { "livenessProbe" };
            let mut told = told(
                format!("{who} is ended because its `{probe}` fails{often}"),
                scene.field(symptom, &probe_fields(probe)),
                "correct the probe's port and path, or give the program more time (`initialDelaySeconds`, `failureThreshold`)",
            );
            told.evidence.extend(advice::probe_port(scene.written(), name, probe));
            told
        }
        Signal::NotReady => {
            let name = symptom.container.as_deref().unwrap_or_default();
            let mut told = told(
                format!("{who} runs, but its `readinessProbe` does not succeed"),
                scene.field(symptom, &probe_fields("readinessProbe")),
                "correct the probe's port and path, or see in the log what the program waits for",
            );
            told.evidence.extend(advice::probe_port(scene.written(), name, "readinessProbe"));
            told
        }
        _ => {
            let ended = match exit
                .and_then(|exit| exit.signal)
                .or((code > 128 && code < 160).then_some(code - 128))
            {
                Some(signal) => format!("is ended by signal {signal} (exit code {code})"),
                None => format!("ends with exit code {code}"),
            };
            let advice = advice::of_log(scene.tail);
            let fields: &[&str] = match (symptom.signal, advice) {
                (Signal::CrashCommand, _) => &["command", "args", "image"],
                (_, Some(advice)) => advice.fields,
                _ => &[],
            };
            let mend = match (symptom.signal, advice) {
                (Signal::CrashCommand, _) => {
                    "its shell does not find or may not run a command: correct it, or install it in the image"
                }
                (_, Some(advice)) => advice.mend,
                (_, None) if scene.tail.is_empty() => {
                    "it says nothing before it ends: start it by hand, `kubectl run -it`, to see more"
                }
                (_, None) => "the last lines of its log say why",
            };
            told(format!("{who} {ended}{often}"), scene.field(symptom, fields), mend)
        }
    }
}

fn probe_fields(probe: &'static str) -> [&'static str; 4] {
    match probe {
        "startupProbe" => [
            "startupProbe/httpGet/port",
            "startupProbe/tcpSocket/port",
            "startupProbe/exec/command",
            "startupProbe",
        ],
        "livenessProbe" => [
            "livenessProbe/httpGet/port",
            "livenessProbe/tcpSocket/port",
            "livenessProbe/exec/command",
            "livenessProbe",
        ],
        _ => [
            "readinessProbe/httpGet/port",
            "readinessProbe/tcpSocket/port",
            "readinessProbe/exec/command",
            "readinessProbe",
        ],
    }
}
