//! A RUN that ended with something else than 0.

use crate::event::Code;
use crate::image::build::FailedBuild;
use crate::image::failure::cause::Cause;
use crate::image::failure::cause::plain;
use crate::image::failure::excerpt::says_why;
use crate::image::failure::network;
use crate::image::failure::program;
use crate::image::progress::shortened;
use crate::image::progress::step_name;
use crate::image::surveyed::Surveyed;
use regex::Regex;

/// Programs' words for a lock file that is not there, and the file.
const NO_LOCK: [(&str, &str); 9] = [
    ("`npm ci` command can only install with an existing package-lock.json", "package-lock.json"),
    ("npm ci can only install", "package-lock.json"),
    ("Could not open requirements file", "requirements.txt"),
    ("ERR_PNPM_NO_LOCKFILE", "pnpm-lock.yaml"),
    ("Your lockfile needs to be updated", "yarn.lock"),
    ("Unable to find lockfile", "uv.lock"),
    ("poetry.lock not found", "poetry.lock"),
    ("missing go.sum entry", "go.sum"),
    ("needs to be updated but --locked was passed", "Cargo.lock"),
];

/// A RUN that failed.
pub(super) fn ran(image: &Surveyed, broken: &FailedBuild, error: &str) -> Option<Cause> {
    let step = broken.step.as_deref().and_then(step_name)?;
    let command = step.text.strip_prefix("RUN ")?;
    let code = Regex::new(r"(?:exit code|returned a non-zero code): (\d+)").ok()?.captures(error);
    let code: Option<i64> = code.and_then(|found| found[1].parse().ok());
    Some(why(image, broken, error, command, code).some("exit-code", code))
}

fn why(image: &Surveyed, broken: &FailedBuild, error: &str, command: &str, code: Option<i64>) -> Cause {
    let short = shortened(command);
    let message = match code {
        Some(code) => format!("`{short}` ended with exit code {code}"),
        None => format!("`{short}` failed: {}", plain(error)),
    };
    let last = |is: &dyn Fn(&str) -> bool| broken.output.iter().rposition(|line| is(line));
    if let Some((_, file)) = NO_LOCK.iter().find(|(words, _)| last(&|line| line.contains(words)).is_some()) {
        let help =
            format!("commit `{file}`, COPY it before this step, and see that .dockerignore lets it through");
        let cause = Cause::new(format!("{message}: `{file}` is missing or out of date"), help);
        return cause.named(Code::LockFileMissing).with("file", *file);
    }
    if let Some(at) = last(&network::is_told).filter(|at| !is_followed(&broken.output[at + 1..])) {
        let host = network::host(&broken.output[at]);
        let reached = match &host {
            Some(host) => format!("it cannot reach `{host}`"),
            None => "it cannot reach the network".to_owned(),
        };
        let cause = Cause::new(format!("{message}: {reached}"), network::HELP);
        return cause.named(Code::BuildNetworkFailed).some("host", host);
    }
    if let Some((why, help)) = program::why(image, command, &broken.output, error, code) {
        return Cause::new(format!("{message}: {why}"), help).named(Code::CommandNotRunnable);
    }
    if code == Some(137) {
        return Cause::new(
            format!("{message}: it was killed by signal 9, most often because memory ran out"),
            "give the profile more `memory`, or the step less to do at once",
        )
        .named(Code::OutOfMemory);
    }
    let mut cause = Cause::unknown(message);
    let absent = absent_secrets(image, broken);
    if !absent.is_empty() {
        cause.help = Some(format!(
            "it ran without {}, which deploy.toml does not declare: if it needs that, add `secrets = {{ … }}` to `[image.{}]`",
            absent.join(" and "),
            image.image.name
        ));
    }
    cause
}

/// Whether a step went on after a failed connection, and failed for another reason: then the connection is not the
/// cause. The last message of package managers is about what they could not install because of it.
fn is_followed(after: &[String]) -> bool {
    const ENDS: [&str; 12] = [
        "Could not find a version",
        "No matching distribution",
        "Unable to locate package",
        "unable to select packages",
        "no such package",
        "Failed to fetch",
        "Some index files failed",
        "npm ",
        "Max retries exceeded",
        "unable to access",
        "could not lock config file",
        "ConnectionError",
    ];
    after
        .iter()
        .any(|line| says_why(line) && !network::is_told(line) && !ENDS.iter().any(|end| line.contains(end)))
}

/// The optional secrets that the failing step mounts itself and that were not provided.
fn absent_secrets(image: &Surveyed, broken: &FailedBuild) -> Vec<String> {
    let step = broken.step.as_deref().and_then(|step| image.dockerfile.step(step));
    let mounts =
        image.dockerfile.secrets.iter().filter(|mount| step.is_some_and(|step| step.first == mount.line));
    mounts
        .filter(|mount| broken.undeclared.contains(&mount.id))
        .map(|mount| format!("the secret `{}`", mount.id))
        .collect()
}
