//! The likely cause of a failed build, derived only from the messages of the engine and the failing step: requests of
//! other steps or of the engine are no evidence.

use crate::event::Code;
use crate::image::build::FailedBuild;
use crate::image::failure::base::base;
use crate::image::failure::cause::Cause;
use crate::image::failure::cause::plain;
use crate::image::failure::copied::copied;
use crate::image::failure::fetched::fetched;
use crate::image::failure::ran::ran;
use crate::image::surveyed::Surveyed;
use crate::image::surveyed::WITHOUT_AGENT;
use regex::Regex;

/// The likely cause; the engine's message if the cause is unknown.
pub(super) fn diagnose(image: &Surveyed, broken: &FailedBuild) -> Cause {
    let error = if broken.error.is_empty() { &broken.message } else { &broken.error };
    if let Some(changed) = &broken.changed {
        return Cause::new(changed.clone(), "run it again when the file is as it should be")
            .named(Code::FileChanging);
    }
    if is_full(error) || broken.output.iter().any(|line| is_full(line)) {
        return Cause::new(
            "the engine's disk is full",
            "free space in the node (`docker system prune` in `minikube ssh -p PROFILE`), or give the profile more `disk`",
        )
        .named(Code::DiskSpaceLow);
    }
    secret(image, error)
        .or_else(|| ssh(error))
        .or_else(|| syntax(image, broken))
        .or_else(|| parse(image, error))
        .or_else(|| base(image, broken, error))
        .or_else(|| fetched(broken, error))
        .or_else(|| copied(image, broken, error))
        .or_else(|| ran(image, broken, error))
        .unwrap_or_else(|| Cause::unknown(plain(error)))
}

/// The same error number is used for watches (`inotify(7)`) and by small in-memory file systems.
fn is_full(line: &str) -> bool {
    line.to_lowercase().contains("no space left on device")
        && !["inotify", "watch", "/dev/shm"].iter().any(|other| line.contains(other))
}

/// A `RUN --mount=type=secret,required` without its secret (`buildkit: frontend/gateway/container: secret %s: not
/// found`). The other secrets that BuildKit requests (`GIT_AUTH_HEADER`, `HTTP_AUTH_HEADER_…`) are optional.
fn secret(image: &Surveyed, error: &str) -> Option<Cause> {
    let found = Regex::new(r"secret ([^\s:]+):? not found").ok()?.captures(error)?;
    let id = &found[1];
    Some(
        Cause::new(
            format!("this step requires the secret `{id}`, which deploy.toml does not declare"),
            format!("add `secrets = {{ {id} = {{ env = \"…\" }} }}` to `[image.{}]`", image.image.name),
        )
        .named(Code::BuildSecretMissing)
        .with("secret", id),
    )
}

/// A `RUN --mount=type=ssh,required` (`buildkit: solver/llbsolver/mounts: no SSH key %q forwarded from the client`).
fn ssh(error: &str) -> Option<Cause> {
    let forwarded = error.contains("forwarded from the client") || error.contains("no ssh handler for id");
    forwarded.then(|| {
        Cause::new("this step mounts an SSH agent, and `todo` forwards none to builds", WITHOUT_AGENT)
            .named(Code::SshAgentNotForwarded)
    })
}

/// A `# syntax=` line makes the engine fetch a frontend from a registry at each build.
fn syntax(image: &Surveyed, broken: &FailedBuild) -> Option<Cause> {
    let (frontend, line) = image.dockerfile.syntax.as_ref()?;
    let name = frontend.split([':', '@']).next().unwrap_or(frontend);
    let fetching = broken
        .step
        .as_deref()
        .is_some_and(|step| step.contains("resolve image config for") || step.contains("docker-image://"));
    (fetching && broken.step.as_deref().is_some_and(|step| step.contains(name))
        || broken.message.contains(name))
    .then(|| {
        Cause::new(
            format!("the frontend `{frontend}` cannot be fetched: {}", plain(&broken.message)),
            "delete the `# syntax=` line: engines from 20.10 on build this without fetching anything",
        )
        .named(Code::DockerfileSyntaxDirective)
        .with("frontend", frontend.as_str())
        .at(Some(*line))
    })
}

/// A Dockerfile that the engine cannot read, or that names a stage or an image which cannot be.
fn parse(image: &Surveyed, error: &str) -> Option<Cause> {
    let pattern = Regex::new(r"(?i)dockerfile parse error(?: on)? line (\d+): (.*)").ok()?;
    if let Some(found) = pattern.captures(error) {
        let line = found[1].parse().ok();
        return Some(Cause::new(found[2].trim(), "fix the line").named(Code::DockerfileInvalid).at(line));
    }
    let pattern = Regex::new(r"target stage [^\w]*([\w.-]+)[^\w]* could not be found").ok()?;
    if let Some(found) = pattern.captures(error) {
        let message = format!("the Dockerfile has no stage `{}`", &found[1]);
        let help = "name one of its stages as `target`, or remove `target`";
        return Some(Cause::new(message, help).named(Code::DockerfileInvalid).with("stage", &found[1]));
    }
    let pattern =
        Regex::new(r#"failed to parse stage name "([^"]*)": invalid reference format(?:: (.*))?"#).ok()?;
    let found = pattern.captures(error)?;
    let base = image.dockerfile.bases.iter().find(|base| base.reference == found[1]);
    let why = found.get(2).map_or("it is not a valid image reference", |why| why.as_str());
    let message = format!("`{}` names no stage and no image: {why}", &found[1]);
    let cause = Cause::new(message, "write the name of a stage, or an image in lower case");
    Some(cause.named(Code::DockerfileInvalid).at(base.map(|base| base.line)))
}
