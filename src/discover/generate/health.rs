//! A compose health check → probes.
//!
//! Docker restarts nothing for a failed check; a liveness probe does, for ever where the check asks a database. So: a readiness
//! probe, and a startup probe only for starts that compose would have waited for longer than a minute.

mod password;

use super::Unit;
use super::names::replace_host;
use crate::discover::compose::ComposeHealth;
use crate::discover::compose::Protocol;
use k8s_openapi::api::core::v1::ExecAction;
use k8s_openapi::api::core::v1::HTTPGetAction;
use k8s_openapi::api::core::v1::HTTPHeader;
use k8s_openapi::api::core::v1::Probe;
use k8s_openapi::api::core::v1::TCPSocketAction;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
pub(in crate::discover::generate) use password::without_passwords;

/// The probes of a container.
#[derive(Default)]
pub(super) struct Probes {
    /// When it may get requests.
    pub(super) readiness: Option<Probe>,
    /// How long it may take to start.
    pub(super) startup: Option<Probe>,
}

/// The action of a check.
enum Action {
    Exec(Vec<String>),
    Http(HTTPGetAction),
    Tcp(u16),
}

/// The check that counts: compose's, with the image's command where compose changes only the times.
pub(super) fn check(unit: &Unit<'_>) -> Option<ComposeHealth> {
    let image = unit.stage.as_ref().and_then(|stage| stage.health.clone());
    let check = match (&unit.service.health, image) {
        (Some(own), Some(image)) if own.words.is_empty() && !own.disabled => ComposeHealth {
            words: image.words,
            disabled: image.disabled,
            interval: own.interval.or(image.interval),
            timeout: own.timeout.or(image.timeout),
            retries: own.retries.or(image.retries),
            start: own.start.or(image.start),
            start_interval: own.start_interval.or(image.start_interval),
            place: own.place.clone(),
        },
        (Some(own), _) => own.clone(),
        (None, Some(image)) => image,
        (None, None) => return None,
    };
    (!check.disabled && check.words.len() > 1).then_some(check)
}

/// The probes of a unit. `names` are those that it is found by; each is localhost to itself.
pub(super) fn probes(unit: &Unit<'_>, names: &[&str]) -> Probes {
    if unit.service.health.as_ref().is_some_and(|health| health.disabled) {
        return Probes::default();
    }
    let Some(check) = check(unit) else {
        let port = unit.ports.iter().find(|(_, protocol)| *protocol == Protocol::Tcp);
        let readiness = port.map(|(port, _)| Probe { period_seconds: Some(5), ..probe(Action::Tcp(*port)) });
        return Probes { readiness, startup: None };
    };
    let words: Vec<String> = check.words.iter().map(|word| at_home(word, names)).collect();
    let words = without_passwords(&words, unit);
    let action = || match http(&words, unit) {
        Some(action) => Action::Http(action),
        None => Action::Exec(command(&words)),
    };
    let interval = check.interval.unwrap_or(30).max(1);
    let timeout = check.timeout.unwrap_or(30).max(1);
    let retries = check.retries.unwrap_or(3).max(1);
    // Docker's own interval is half a minute, which is only a default.
    let period = check.interval.map_or(10, |interval| interval.clamp(1, 30));
    let readiness = Probe {
        period_seconds: number(period),
        timeout_seconds: number(timeout),
        failure_threshold: number(retries),
        ..probe(action())
    };
    let patience = check.start.unwrap_or(0) + retries * (interval + timeout);
    let asked = check.interval.is_some() || check.retries.is_some() || check.timeout.is_some();
    let slow = check.start.is_some_and(|start| start > 0) || (asked && patience > 60);
    let startup = slow.then(|| {
        let period = check.start_interval.unwrap_or_else(|| interval.min(5)).max(1);
        let failures = (2 * patience.max(60)).div_ceil(period);
        Probe {
            period_seconds: number(period),
            timeout_seconds: number(timeout),
            failure_threshold: number(failures),
            ..probe(action())
        }
    });
    Probes { readiness: Some(readiness), startup }
}

fn number(value: u64) -> Option<i32> {
    i32::try_from(value).ok()
}

fn probe(action: Action) -> Probe {
    match action {
        Action::Exec(command) => {
            Probe { exec: Some(ExecAction { command: Some(command) }), ..Probe::default() }
        }
        Action::Http(action) => Probe { http_get: Some(action), ..Probe::default() },
        Action::Tcp(port) => Probe {
            tcp_socket: Some(TCPSocketAction { port: IntOrString::Int(i32::from(port)), host: None }),
            ..Probe::default()
        },
    }
}

/// A check that addresses its own service by name has to use localhost: its Service has no endpoint before it is ready.
fn at_home(word: &str, names: &[&str]) -> String {
    let mut word = word.to_owned();
    for name in names {
        word = replace_host(&word, name, "localhost");
        for flag in ["-h ", "--host ", "--host=", "-h"] {
            let asked = format!("{flag}{name}");
            if word.ends_with(&asked) || word.contains(&format!("{asked} ")) {
                word = word.replace(&asked, &format!("{flag}localhost"));
            }
        }
    }
    word
}

/// The words of a check's command.
pub(super) fn command(words: &[String]) -> Vec<String> {
    match words.split_first() {
        Some((first, rest)) if first == "CMD" => rest.to_vec(),
        Some((_, rest)) => vec!["/bin/sh".to_owned(), "-c".to_owned(), rest.join(" ")],
        None => Vec::new(),
    }
}

/// A check that is one GET by curl or wget of a port that is reached from outside the container.
fn http(words: &[String], unit: &Unit<'_>) -> Option<HTTPGetAction> {
    let line = match words.split_first()? {
        (first, rest) if first == "CMD" => rest.to_vec(),
        (_, rest) => {
            let line = rest.join(" ");
            let line = line.trim();
            let line = ["|| exit 1", "||exit 1"]
                .iter()
                .find_map(|end| line.strip_suffix(end))
                .unwrap_or(line)
                .trim();
            if line.contains(['|', '&', ';', '<', '>', '`', '$', '(', ')', '\n']) {
                return None;
            }
            line.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()
        }
    };
    let (program, arguments) = line.split_first()?;
    let program = program.rsplit('/').next()?;
    let (url, host) = match program {
        "curl" => curl(arguments)?,
        "wget" => wget(arguments)?,
        _ => return None,
    };
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
    let (address, path) = rest.find('/').map_or((rest, "/"), |at| (&rest[..at], &rest[at..]));
    let (name, port) = match address.rsplit_once(':') {
        Some((name, port)) => (name, port.parse().ok()?),
        None => (address, if scheme == "https" { 443 } else { 80 }),
    };
    let local = matches!(name, "localhost" | "127.0.0.1" | "0.0.0.0" | "[::1]");
    // A port without other clients may listen on 127.0.0.1 only, which the kubelet cannot reach.
    let reached = unit.reached.contains(&port);
    (local && reached && matches!(scheme, "http" | "https")).then(|| HTTPGetAction {
        path: Some(path.split('#').next().unwrap_or(path).to_owned()),
        port: IntOrString::Int(i32::from(port)),
        scheme: (scheme == "https").then(|| "HTTPS".to_owned()),
        // The kubelet would send the pod's address, which programs with allowed hosts refuse.
        http_headers: Some(vec![HTTPHeader {
            name: "Host".to_owned(),
            value: host.unwrap_or_else(|| "localhost".to_owned()),
        }]),
        host: None,
    })
}

/// The URL of a `curl -f …` without other requests.
fn curl(arguments: &[String]) -> Option<(String, Option<String>)> {
    let (mut url, mut fails, mut host) = (None, false, None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-f" | "--fail" => fails = true,
            "-o" | "--output" | "--max-time" | "-m" | "--connect-timeout" | "--retry" => drop(words.next()?),
            "-s" | "-S" | "-k" | "-L" | "--silent" | "--show-error" | "--insecure" | "--location" | "-I"
            | "--head" => {}
            "-H" | "--header" => host = Some(words.next()?.strip_prefix("Host:")?.trim().to_owned()),
            flag if flag.starts_with("--") => return None,
            flag if flag.starts_with('-') => {
                if !flag[1..].chars().all(|letter| "fsSkLI".contains(letter)) {
                    return None;
                }
                fails |= flag.contains('f');
            }
            other if url.is_none() => url = Some(other.to_owned()),
            _ => return None,
        }
    }
    Some((url.filter(|_| fails)?, host))
}

/// The URL of a `wget -q --spider …` without other requests.
fn wget(arguments: &[String]) -> Option<(String, Option<String>)> {
    let mut url = None;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-O" | "-T" | "-t" | "-qO" => drop(words.next()?),
            "-q"
            | "-S"
            | "--spider"
            | "--quiet"
            | "--no-check-certificate"
            | "-O-"
            | "-qO-"
            | "-qO/dev/null"
            | "-O/dev/null"
            | "--no-verbose"
            | "-nv" => {}
            flag if ["--tries=", "--timeout=", "--output-document="]
                .iter()
                .any(|known| flag.starts_with(known)) => {}
            flag if flag.starts_with('-') => return None,
            other if url.is_none() => url = Some(other.to_owned()),
            _ => return None,
        }
    }
    Some((url?, None))
}
