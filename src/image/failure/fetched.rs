//! An ADD of a remote source: a repository or a URL, which the engine fetches itself.

use crate::event::Code;
use crate::image::build::FailedBuild;
use crate::image::failure::cause::Cause;
use crate::image::failure::cause::plain;
use crate::image::failure::network;
use crate::image::progress::step_name;
use regex::Regex;

pub(super) fn fetched(broken: &FailedBuild, error: &str) -> Option<Cause> {
    let step = broken.step.as_deref().and_then(step_name)?;
    let mut words = step.text.strip_prefix("ADD ")?.split_whitespace().filter(|word| !word.starts_with("--"));
    let source = words.find(|word| word.contains("://") || word.starts_with("git@"))?;
    if error.contains("\"git\": executable file not found") {
        let message = format!("`{source}` is a repository, and the engine has no git to clone it");
        let help = "clone it before the build and COPY it, or in a RUN of a stage that has git: the programs of the image are no help here";
        return Some(Cause::new(message, help).named(Code::BuildNeedsGit).with("source", source));
    }
    if let Some(status) = Regex::new(r"(?:response status|status code:?) (\d{3})").ok()?.captures(error) {
        let message = format!("`{source}` answers with {}", &status[1]);
        let status: i64 = status[1].parse().unwrap_or_default();
        let cause = Cause::new(message, "check the address; the engine sends no credentials");
        return Some(cause.with("source", source).with("status", status));
    }
    if network::is_told(error) {
        let host = network::host(error);
        let message = match &host {
            Some(host) => format!("`{source}` cannot be fetched: `{host}` cannot be reached"),
            None => format!("`{source}` cannot be fetched: {}", plain(error)),
        };
        let cause = Cause::new(message, network::HELP).named(Code::BuildNetworkFailed).with("source", source);
        return Some(cause.some("host", host));
    }
    let lines = error.lines().rev().map(str::trim).find(|line| !line.is_empty() && *line != ":");
    Some(Cause::new(
        format!("`{source}` cannot be fetched: {}", plain(lines.unwrap_or(error))),
        "check the address, and whether it can be read without credentials",
    ))
}
