//! What is said of failed builds, by Dockerfile, vertex and log.

use super::finding;
use crate::image::build::Broken;
use crate::image::ignore::Ignore;
use crate::image::survey::tests::surveyed;

const DOCKERFILE: &str = "# syntax=docker/dockerfile:1\nFROM python:3.99 AS deps\nRUN --mount=type=cache,target=/c \\\n    pip install -r requirements.txt\nFROM node:22\nCOPY a.txt .\nCOPY --from=deps /nope .\n";

fn broken(step: &str, error: &str, output: &[&str]) -> Broken {
    Broken {
        message: format!("failed to solve: {error}"),
        step: (!step.is_empty()).then(|| step.to_owned()),
        error: error.to_owned(),
        output: output.iter().map(|line| (*line).to_owned()).collect(),
        ..Broken::default()
    }
}

/// What engines of 20.10 and 28.5 say, and what is made of it.
#[test]
fn causes_are_recognised_with_their_line_and_help() {
    let run = "[deps 2/2] RUN --mount=type=cache,target=/c     pip install -r requirements.txt";
    let exit =
        "process \"/bin/sh -c pip install -r requirements.txt\" did not complete successfully: exit code: 1";
    let old_exit = "executor failed running [/bin/sh -c pip install -r requirements.txt]: exit code: 137";
    for (step, error, output, line, message, help) in [
        (
            run,
            exit,
            "Could not open requirements file: [Errno 2]",
            3,
            "`requirements.txt` is missing",
            "commit `requirements.txt`",
        ),
        (run, exit, "Temporary failure in name resolution", 3, "no way to the network", "DNS"),
        (run, exit, "SyntaxError: invalid", 3, "ended with exit code 1", "todo up -v"),
        (run, old_exit, "", 3, "memory runs out", "`memory`"),
        (run, exit, "OSError: [Errno 28] No space left on device", 3, "disk is full", "prune"),
        (
            "[stage-1 2/3] COPY a.txt .",
            "failed to compute cache key: \"/a.txt\" not found: not found",
            "",
            6,
            "`a.txt` is not in the context",
            "sources of COPY start at",
        ),
        (
            "[stage-1 2/3] COPY a.txt .",
            "failed to calculate checksum of ref 4b::xy: \"/a.txt\": not found",
            "",
            6,
            "`a.txt` is not in the context",
            "sources of COPY start at",
        ),
        (
            "[stage-1 3/3] COPY --from=deps /nope .",
            "failed to calculate checksum of ref 4b::xy: \"/nope\": not found",
            "",
            7,
            "`/nope` is not in `deps`",
            "earlier stage",
        ),
        (
            "[internal] load metadata for docker.io/library/python:3.99",
            "docker.io/library/python:3.99: not found",
            "",
            2,
            "no base image `python:3.99`",
            "name and tag",
        ),
        (
            "[internal] load metadata for docker.io/library/python:3.99",
            "failed to do request: Head: dial tcp: lookup x: no such host",
            "",
            2,
            "cannot be reached",
            "network",
        ),
        (
            "resolve image config for docker-image://docker.io/docker/dockerfile:1",
            "failed to do request: dial tcp",
            "",
            1,
            "frontend `docker/dockerfile:1` cannot be fetched",
            "delete the `# syntax=` line",
        ),
        (
            "",
            "dockerfile parse error on line 6: unknown instruction: CPY (did you mean COPY?)",
            "",
            6,
            "unknown instruction: CPY",
            "fix the line",
        ),
    ] {
        let image = surveyed("web", DOCKERFILE, &[]);
        let found = finding(&image, &broken(step, error, &[output]));
        assert!(found.message.contains(message), "{step} / {error} / {output}: {}", found.message);
        assert!(found.help.as_ref().is_some_and(|found| found.contains(help)), "{error}: {:?}", found.help);
        assert_eq!(found.place.as_ref().unwrap().line, line, "{error}");
        let marked =
            found.evidence.iter().any(|shown| shown.starts_with('>') && shown.contains(&format!("{line} |")));
        assert!(marked, "{error}: {:?}", found.evidence);
    }
}

#[test]
fn a_file_that_the_ignore_file_drops_is_told_with_the_line_that_drops_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "").unwrap();
    let mut image = surveyed("web", DOCKERFILE, &[]);
    image.context.root = folder.path().to_owned();
    image.ignore = Ignore::parse(b"*.md\n*.txt\n").unwrap();
    image.ignore_path = "web/.dockerignore".into();
    let found = finding(&image, &broken("[stage-1 2/3] COPY a.txt .", "\"/a.txt\": not found", &[]));
    assert_eq!(
        found.message,
        "`a.txt` is there, but `*.txt` in `web/.dockerignore:2` keeps it out of the context"
    );
    assert!(found.help.unwrap().contains("`!a.txt`"));
}

#[test]
fn a_changed_file_and_an_undeclared_secret_come_before_what_they_led_to() {
    let image = surveyed("web", DOCKERFILE, &[]);
    let base = broken("[stage-1 2/3] COPY a.txt .", "rpc error", &[]);
    let changed = Broken { changed: Some("a.txt: changed while building".to_owned()), ..base.clone() };
    assert_eq!(finding(&image, &changed).message, "a.txt: changed while building");
    let undeclared = Broken { undeclared: ["npm".to_owned()].into(), ..base };
    assert!(finding(&image, &undeclared).help.unwrap().contains("npm = {"));
}
