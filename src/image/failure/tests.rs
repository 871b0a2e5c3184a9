//! The findings about failed builds, by Dockerfile, vertex and log.

use super::finding as untested;
use crate::event::Code;
use crate::event::Finding;
use crate::image::build::FailedBuild;
use crate::image::survey::tests::surveyed;
use crate::image::surveyed::Surveyed;
use dockerfile::ignore::Ignore;
use serde_json::json;

const DOCKERFILE: &str = "# syntax=docker/dockerfile:1\nFROM python:3.99 AS deps\nRUN --mount=type=cache,target=/c \\\n    pip install -r requirements.txt\nFROM node:22\nCOPY a.txt .\nCOPY --from=deps /nope .\n";

/// The finding, whose data has only keys that the page of its code lists.
fn finding(image: &Surveyed, broken: &FailedBuild) -> Finding {
    let finding = untested(image, broken);
    assert!(finding.has_documented_data(), "{finding:?}");
    finding
}

fn broken(step: &str, error: &str, output: &[&str]) -> FailedBuild {
    FailedBuild {
        message: format!("failed to solve: {error}"),
        step: (!step.is_empty()).then(|| step.to_owned()),
        error: error.to_owned(),
        output: output.iter().map(|line| (*line).to_owned()).collect(),
        ..FailedBuild::default()
    }
}

/// Messages of engines 20.10 to 28.5, and the resulting findings.
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
        (run, exit, "Temporary failure in name resolution", 3, "cannot reach the network", "DNS"),
        (run, exit, "SyntaxError: invalid", 3, "ended with exit code 1", "todo up -v"),
        (run, old_exit, "", 3, "memory ran out", "`memory`"),
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
    assert_eq!(found.code, Code::FileDockerignored);
    assert!(found.help.unwrap().contains("`!a.txt`"));
}

#[test]
fn a_changed_file_comes_before_what_it_led_to() {
    let image = surveyed("web", DOCKERFILE, &[]);
    let base = broken("[stage-1 2/3] COPY a.txt .", "rpc error", &[]);
    let changed = FailedBuild { changed: Some("a.txt: changed while building".to_owned()), ..base };
    assert_eq!(finding(&image, &changed).message, "a.txt: changed while building");
}

const EXIT_1: &str = "process \"/bin/sh -c make\" did not complete successfully: exit code: 1";
const MAKE: &str = "[2/2] RUN make";

/// Each cause, and similar output that does not have this cause.
#[test]
fn a_cause_is_named_on_evidence_of_the_step_alone() {
    let exit =
        |code: u8| format!("process \"/bin/sh -c make\" did not complete successfully: exit code: {code}");
    for (step, error, output, expected) in [
        // A full disk, and the same number for watches and for a file system in memory.
        (MAKE, EXIT_1, vec!["write: No space left on device"], "disk is full"),
        (MAKE, EXIT_1, vec!["inotify_add_watch: No space left on device"], "ended with exit code 1"),
        (MAKE, EXIT_1, vec!["/dev/shm/x: No space left on device"], "ended with exit code 1"),
        // An unreachable host, and one that was reachable after a while.
        (MAKE, EXIT_1, vec!["curl: (6) Could not resolve host: a.example"], "cannot reach `a.example`"),
        (
            MAKE,
            EXIT_1,
            vec![
                "Retrying: [Errno -3] Temporary failure in name resolution",
                "ERROR: No matching distribution found for x",
            ],
            "cannot reach the network",
        ),
        (
            MAKE,
            EXIT_1,
            vec!["Temporary failure resolving 'a.example', retrying", "src/a.ts(1,1): error TS1: no"],
            "ended with exit code 1",
        ),
        // Killed, most likely for memory, and exited by itself.
        (MAKE, &exit(137), vec![], "killed by signal 9"),
        (MAKE, &exit(2), vec!["Killed: 9 tests"], "ended with exit code 2"),
        (MAKE, &exit(127), vec!["/bin/sh: make: not found"], "no such program"),
        (MAKE, &exit(126), vec!["/bin/sh: ./make: Permission denied"], "not executable"),
        (MAKE, &exit(127), vec!["env: 'bash\\r': No such file or directory"], "carriage return"),
        (MAKE, "exec /bin/sh: exec format error", vec![], "another processor"),
        // A repository without git in the engine, a missing one, a missing URL, and a host.
        (
            "[2/2] ADD https://git.example/r.git#main /r",
            "failed to load cache key: failed to fetch remote https://git.example/r.git: git stderr:\n: exec: \"git\": executable file not found in $PATH",
            vec![],
            "no git",
        ),
        (
            "[2/2] ADD https://git.example/r.git#main /r",
            "failed to fetch remote https://git.example/r.git: git stderr:\nfatal: repository 'r' not found\n: exit status 128",
            vec![],
            "cannot be fetched",
        ),
        ("[2/2] ADD https://a.example/x.txt /x", "invalid response status 404", vec![], "answers with 404"),
        (
            "[2/2] ADD https://a.example/x.txt /x",
            "Get \"https://a.example/x.txt\": dial tcp: lookup a.example on 10.0.0.1:53: no such host",
            vec![],
            "`a.example` cannot be reached",
        ),
        (
            "[2/2] ADD x.txt /x",
            "failed to compute cache key: \"/x.txt\": not found",
            vec![],
            "`x.txt` is not in the context",
        ),
        // Secrets and agents that a step requires.
        (MAKE, "secret token: not found", vec![], "requires the secret `token`"),
        (MAKE, EXIT_1, vec!["Error: secret token not found"], "ended with exit code 1"),
        (MAKE, "no SSH key \"default\" forwarded from the client", vec![], "SSH agent"),
        // Bases: each message of a registry has its own meaning.
        ("[1/2] FROM a.example/b", "manifest unknown", vec![], "there is no base image"),
        (
            "[1/2] FROM a.example/b",
            "pull access denied, repository does not exist or may require authorization: authorization failed",
            vec![],
            "or is private",
        ),
        ("[1/2] FROM a.example/b", "unexpected status: 401 Unauthorized", vec![], "denies access"),
        (
            "[1/2] FROM a.example/b",
            "toomanyrequests: You have reached your pull rate limit",
            vec![],
            "no more pulls",
        ),
        (
            "[1/2] FROM a.example/b",
            "no match for platform in manifest: not found",
            vec![],
            "for this platform",
        ),
        ("[1/2] FROM a.example/b", "x509: certificate signed by unknown authority", vec![], "does not trust"),
        ("[1/2] FROM a.example/b", "dial tcp 10.0.0.9:443: i/o timeout", vec![], "cannot be reached"),
        (
            "[1/2] FROM a.example/b",
            "unexpected status: 503 Service Unavailable",
            vec![],
            "cannot be pulled: unexpected status: 503",
        ),
        (
            "",
            "failed to parse stage name \"A.example/B\": invalid reference format: repository name (B) must be lowercase",
            vec![],
            "names no stage and no image",
        ),
    ] {
        let image = surveyed("web", "FROM a.example/b\nRUN make\n", &[]);
        let asked = ["GIT_AUTH_HEADER", "HTTP_AUTH_HEADER_a.example", "token"].map(str::to_owned);
        let broken = FailedBuild { undeclared: asked.into(), ..broken(step, error, &output) };
        let found = finding(&image, &broken);
        assert!(found.message.contains(expected), "{step} / {error} / {output:?}: {}", found.message);
        assert!(!found.message.contains("AUTH_HEADER"), "{}", found.message);
    }
}

/// Each code that is similar to another, by the output of the step.
#[test]
fn what_fails_alike_has_a_code_of_its_own() {
    let exit =
        |code: u8| format!("process \"/bin/sh -c make\" did not complete successfully: exit code: {code}");
    let base = "[1/2] FROM a.example/b";
    for (step, error, output, code) in [
        (MAKE, EXIT_1, vec!["error: no"], Code::ImageBuildFailed),
        (MAKE, EXIT_1, vec!["curl: (6) Could not resolve host: a.example"], Code::BuildNetworkFailed),
        (MAKE, EXIT_1, vec!["ERR_PNPM_NO_LOCKFILE"], Code::LockFileMissing),
        (MAKE, EXIT_1, vec!["write: No space left on device"], Code::DiskSpaceLow),
        (MAKE, &exit(127), vec!["/bin/sh: make: not found"], Code::CommandNotRunnable),
        (MAKE, &exit(137), vec![], Code::OutOfMemory),
        (MAKE, "secret token: not found", vec![], Code::BuildSecretMissing),
        (MAKE, "no SSH key \"default\" forwarded from the client", vec![], Code::SshAgentNotForwarded),
        ("", "dockerfile parse error on line 2: unknown instruction: RUM", vec![], Code::DockerfileInvalid),
        ("[2/2] ADD x.txt /x", "\"/x.txt\": not found", vec![], Code::CopySourceMissing),
        (
            "[2/2] ADD https://git.example/r.git#main /r",
            "exec: \"git\": executable file not found in $PATH",
            vec![],
            Code::BuildNeedsGit,
        ),
        (
            "[2/2] ADD https://a.example/x.txt /x",
            "dial tcp: lookup a.example: no such host",
            vec![],
            Code::BuildNetworkFailed,
        ),
        (base, "manifest unknown", vec![], Code::ImageNotFound),
        (base, "unexpected status: 401 Unauthorized", vec![], Code::ImageAccessDenied),
        (base, "toomanyrequests: You have reached your pull rate limit", vec![], Code::RegistryRateLimited),
        (base, "x509: certificate signed by unknown authority", vec![], Code::RegistryUntrusted),
        (base, "dial tcp 10.0.0.9:443: i/o timeout", vec![], Code::RegistryUnreachable),
        (base, "no match for platform in manifest: not found", vec![], Code::ImagePlatformMismatch),
        (base, "unexpected status: 503 Service Unavailable", vec![], Code::ImagePullFailed),
    ] {
        let image = surveyed("web", "FROM a.example/b\nRUN make\n", &[]);
        let found = finding(&image, &broken(step, error, &output));
        assert_eq!(found.code, code, "{step} / {error} / {output:?}: {}", found.message);
    }
}

#[test]
fn an_optional_secret_is_told_beside_the_cause_of_the_step_that_mounts_it() {
    let text = "FROM a\nRUN --mount=type=secret,id=token make a\nRUN make b\n";
    let image = surveyed("web", text, &[]);
    for (step, mounts) in
        [("[2/3] RUN --mount=type=secret,id=token make a", true), ("[3/3] RUN make b", false)]
    {
        let broken = FailedBuild { undeclared: ["token".to_owned()].into(), ..broken(step, EXIT_1, &[]) };
        let found = finding(&image, &broken);
        assert!(found.message.ends_with("ended with exit code 1"), "{}", found.message);
        assert_eq!(found.help.unwrap().contains("`token`"), mounts, "{step}");
    }
}

#[test]
fn a_script_that_does_not_start_is_looked_at() {
    for (script, code, says, expected) in [
        ("#!/bin/sh\r\necho\r\n", 127, "/bin/sh: ./run.sh: not found", "carriage return"),
        ("#!/bin/bash\necho\n", 127, "/bin/sh: ./run.sh: not found", "`/bin/bash`"),
        ("echo\n", 1, "exec ./run.sh: exec format error", "without `#!`"),
        ("#!/bin/sh\necho\n", 3, "broken", "exit code 3"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run.sh"), script).unwrap();
        let mut image = surveyed("web", "FROM a\nCOPY run.sh .\nRUN ./run.sh\n", &[]);
        image.context.root = folder.path().to_owned();
        let error =
            format!("process \"/bin/sh -c ./run.sh\" did not complete successfully: exit code: {code}");
        let found = finding(&image, &broken("[3/3] RUN ./run.sh", &error, &[says]));
        assert!(found.message.contains(expected), "{script:?}: {}", found.message);
    }
}

#[test]
fn a_cause_has_its_data() {
    let image = surveyed("web", DOCKERFILE, &["b.txt"]);
    let data = |step: &str, error: &str, output: &[&str]| {
        serde_json::to_value(finding(&image, &broken(step, error, output)).data).unwrap()
    };
    let run = "[deps 2/2] RUN pip install x";
    let exit = "process \"/bin/sh -c pip install x\" did not complete successfully: exit code: 1";
    assert_eq!(data(run, exit, &["no idea"]), json!({"step": "RUN pip install x", "exit-code": 1}));
    assert_eq!(
        data(run, exit, &["curl: (6) Could not resolve host: a.example"]),
        json!({"step": "RUN pip install x", "exit-code": 1, "host": "a.example"})
    );
    assert_eq!(
        data("[stage-1 2/3] COPY a.txt .", "\"/a.txt\": not found", &[]),
        json!({"step": "COPY a.txt .", "path": "a.txt"})
    );
    let answer = data("[internal] load metadata for docker.io/library/node:22", "node:22: not found", &[]);
    assert_eq!((&answer["image"], answer["answer"].is_string()), (&json!("node:22"), true));
}
