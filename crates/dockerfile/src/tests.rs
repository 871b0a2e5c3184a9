//! Parsing of Dockerfiles, as tables.

use crate::Ask;
use crate::Dockerfile;
use crate::Wrong;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn parse(text: &str, target: Option<&str>, args: &[(&str, &str)]) -> Result<Dockerfile, Vec<Wrong>> {
    let args: BTreeMap<String, String> =
        args.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let ask = Ask { target, args: &args, platform: "linux/arm64/v8" };
    Dockerfile::parse(PathBuf::from("Dockerfile"), text.into(), ask)
}

fn bases(text: &str, target: Option<&str>, args: &[(&str, &str)]) -> Vec<(String, usize)> {
    parse(text, target, args).unwrap().bases.into_iter().map(|base| (base.reference, base.line)).collect()
}

const STAGES: &str = "\
ARG TAG=3.12
ARG BASE=python:${TAG}-slim
FROM --platform=$BUILDPLATFORM node:$NODE AS Web
FROM ${BASE} AS build
COPY --from=web /dist /dist
RUN --mount=type=bind,from=ghcr.io/x/tool:1,target=/t --mount=type=cache,target=/c true
FROM build
COPY --from=busybox:1 /bin/sh /sh
FROM golang AS unused
FROM build AS last
COPY --from=0 /a /a
";

#[test]
fn bases_are_those_that_the_target_needs() {
    let text = STAGES.replace("$NODE", "22");
    let expected = [("python:3.12-slim", 4), ("node:22", 3), ("ghcr.io/x/tool:1", 6)];
    assert_eq!(bases(&text, None, &[]), expected.map(|(base, line)| (base.to_owned(), line)));
    assert_eq!(bases(&text, Some("WEB"), &[]), [("node:22".to_owned(), 3)]);
    assert_eq!(bases(&text, Some("unused"), &[]), [("golang".to_owned(), 9)]);
    assert_eq!(bases("ARG V=1\nFROM a:$V", None, &[("V", "2")]), [("a:2".to_owned(), 2)]);
    assert_eq!(bases("FROM a-$TARGETARCH$TARGETVARIANT", None, &[]), [("a-arm64v8".to_owned(), 1)]);
    assert_eq!(bases("FROM scratch\nCOPY a b", None, &[]), []);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let wrong = |text: &str| -> Vec<(usize, String)> {
        parse(text, None, &[]).unwrap_err().into_iter().map(|wrong| (wrong.line, wrong.message)).collect()
    };
    for (text, line, message) in [
        ("FROM a\nCPOY a b", 2, "unknown instruction `CPOY`"),
        ("RUN a", 1, "`RUN` stands before the first `FROM`"),
        ("FORM a\nWORKDIR /x\nRUN b", 1, "unknown instruction `FORM`"),
        ("# nothing\n", 0, "the Dockerfile has no `FROM`"),
        ("FROM a as", 1, "`FROM a as` is not understood"),
        ("FROM a:$V", 1, "`FROM a:$V` names no image: `V` has no value"),
        ("FROM a\nCOPY --form=b c d", 2, "`COPY` has no flag `--form`"),
        ("FROM a\nRUN --from=b c", 2, "`RUN` has no flag `--from`"),
        ("FROM a\nCOPY b", 2, "`COPY b` has no destination"),
        ("FROM a\nCOPY --from=3 a b", 2, "there is no stage 3"),
        ("FROM a\nCOPY --from=$X a b", 2, "`$X` is not expanded here"),
        ("FROM a\nRUN <<E\n", 2, "the here-document `E` has no end"),
        ("FROM a\nUSER", 2, "`USER` says nothing"),
        ("FROM ${A", 1, "`${A` has a `${` without its `}`"),
        ("FROM Nginx", 1, "`FROM Nginx` names no stage, and no image: its name must be in lower case"),
        (
            "FROM a AS Web\nCOPY --from=Wed a b",
            2,
            "`--from=Wed` names no stage, and no image: its name must be in lower case",
        ),
        (
            "FROM a:b AS e\nFROM a:-1",
            2,
            "`FROM a:-1` names no stage, and no image: its tag must be 1 to 128 of a-z, A-Z, 0-9, _, . and -, and not begin with . or -",
        ),
    ] {
        assert_eq!(wrong(text), [(line, message.to_owned())], "{text}");
    }
    assert_eq!(wrong("FROM a\nCPOY a b\nRNU x").len(), 2);
    let help = |text: &str| parse(text, None, &[]).unwrap_err().remove(0).help.unwrap();
    assert_eq!(help("FROM Nginx:1"), "write `FROM nginx:1`");
    assert_eq!(help("FROM a AS web\nFROM Wed"), "write `FROM web`, which is a stage");
    // Stages are found regardless of case; the case of tags and registries is kept.
    for text in
        ["FROM a AS base\nFROM Base\nCOPY --from=BASE a b", "FROM a:V1", "FROM Registry.example:5000/a"]
    {
        assert!(parse(text, None, &[]).is_ok(), "{text}");
    }
    assert_eq!(bases("FROM a AS base\nFROM Base", None, &[]), [("a".to_owned(), 1)]);
    let target = parse("FROM a AS builder", Some("bulider"), &[]).unwrap_err();
    assert_eq!(target[0].help.as_deref(), Some("set `target = \"builder\"`"));
}

#[test]
fn copies_are_known_by_their_paths_in_the_context() {
    let text = "ARG D=src\nFROM a\nARG D\nENV S=\"x y\" T=$HOME\nCOPY ./a/ /b/../c $D $S $T /d\nADD https://x/y z /\nCOPY [\"q r\", \".\", \"/\"]\nCOPY <<E /e\nE\n";
    let copies = parse(text, None, &[]).unwrap().copies;
    let some = |path: &str| Some(path.to_owned());
    assert_eq!(copies[0].sources, [some("a"), some("c"), some("src"), some("x y"), None]);
    assert_eq!((copies[1].line, copies[1].sources.clone()), (6, vec![some("z")]));
    assert_eq!(copies[2].sources, [some("q r"), some(".")]);
    assert_eq!(copies.len(), 3);
}

#[test]
fn secrets_users_and_arguments_are_found() {
    let text = "FROM a AS one\nUSER app\nARG X Y=1\nFROM one\nRUN --mount=type=secret,id=npm,required --mount=type=secret,target=/run/pip.conf x\n";
    let dockerfile = parse(text, None, &[]).unwrap();
    let secrets: Vec<(&str, bool)> =
        dockerfile.secrets.iter().map(|secret| (secret.id.as_str(), secret.required)).collect();
    assert_eq!(secrets, [("npm", true), ("pip.conf", false)]);
    let text = "FROM a\nRUN --mount=type=ssh x\nRUN --mount=type=ssh,id=k,required=true y\nRUN --mount=type=cache,target=/ssh z\n";
    let agents: Vec<(usize, bool)> =
        parse(text, None, &[]).unwrap().agents.iter().map(|agent| (agent.line, agent.required)).collect();
    assert_eq!(agents, [(2, false), (3, true)]);
    let text =
        "FROM a\nADD https://x/r.git#v1:sub /r\nADD git@x:r.git /r\nADD https://x/r.tgz /r\nCOPY x.git /r\n";
    let clones: Vec<usize> = parse(text, None, &[]).unwrap().clones.iter().map(|(_, line)| *line).collect();
    assert_eq!(clones, [2, 3]);
    assert_eq!(dockerfile.user, Some(("app".to_owned(), 2)));
    assert_eq!(dockerfile.arguments, ["X", "Y"]);
}

#[test]
fn a_vertex_leads_to_its_lines() {
    let text = "FROM a AS build\nWORKDIR /x\nENV A=1\nRUN one \\\n two\nFROM build\nCOPY a b\nFROM scratch\nCOPY --from=build a b\nCOPY --from=1 b c\n";
    let dockerfile = parse(text, None, &[]).unwrap();
    let lines = |vertex: &str| dockerfile.step(vertex).map(|step| (step.first, step.last));
    assert_eq!(lines("[build 1/3] FROM docker.io/library/a"), Some((1, 1)));
    assert_eq!(lines("[build 3/3] RUN one  two"), Some((4, 5)));
    assert_eq!(lines("[stage-1 1/1] COPY a b"), Some((7, 7)));
    assert_eq!(lines("[stage-2 2/2] COPY --from=1 b c"), Some((10, 10)));
    for vertex in [
        "[internal] load build context",
        "[build 9/3] RUN x",
        "[build 3/3] COPY x",
        "exporting to image",
        "[x 1/1] RUN",
    ] {
        assert_eq!(lines(vertex), None, "{vertex}");
    }
    assert_eq!(lines("[4/9] RUN one two"), Some((4, 5)), "as the classic builder counts");
    let step = dockerfile.step("[build 3/3] RUN one  two").unwrap();
    assert_eq!(
        dockerfile.excerpt(step, 1),
        ["  3 | ENV A=1", "> 4 | RUN one \\", "> 5 |  two", "  6 | FROM build"]
    );
}
