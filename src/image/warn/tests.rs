//! Which warnings an image gets, and which it does not.

use crate::image::survey::tests::file;
use crate::image::survey::tests::surveyed;
use crate::image::surveyed::Surveyed;
use crate::image::warn::warnings;
use crate::project::BuildSecret;
use dockerfile::context::ContextEntry;
use dockerfile::context::EntryKind;
use dockerfile::ignore::Ignore;

fn messages(surveyed: &Surveyed) -> Vec<String> {
    let found = warnings(surveyed).into_iter();
    found
        .map(|found| format!("{}: {} => {}", found.place.unwrap(), found.message, found.help.unwrap()))
        .collect()
}

const WELL: &str = "FROM a:1\nUSER 1\n";

#[test]
fn an_image_without_faults_has_no_warnings() {
    for text in
        [WELL, "FROM scratch", "FROM gcr.io/distroless/base:nonroot", "FROM a@sha256:0\nUSER x\nFROM 0"]
    {
        let text = text.replace("FROM 0", "FROM b:1\nUSER 2");
        assert_eq!(messages(&surveyed("web", &text, &[])), Vec::<String>::new(), "{text}");
    }
    assert_eq!(messages(&surveyed("web", "FROM base", &["base"])), Vec::<String>::new());
}

#[test]
fn secrets_are_told_only_where_an_image_gets_them() {
    let with = |copy: &str| {
        let mut image = surveyed("web", &format!("{WELL}{copy}"), &[]);
        image.context.entries = vec![file(".env", b""), file("app/.env", b""), file("app/id_rsa", b"")];
        image.context.entries.push(ContextEntry { path: ".git".to_owned(), kind: EntryKind::Folder });
        messages(&image)
    };
    assert_eq!(with("COPY src /"), Vec::<String>::new());
    assert_eq!(
        with("COPY . /"),
        [
            "web/Dockerfile:3: `.env` and `app/.env` go into the image => add `.env` to `web/.dockerignore`",
            "web/Dockerfile:3: `app/id_rsa` goes into the image => add `app/id_rsa` to `web/.dockerignore`",
            "web/Dockerfile:3: `.git` goes into the image => add `.git` to `web/.dockerignore`",
        ]
    );
    assert_eq!(with("COPY app/*_rsa /").len(), 1);
}

#[test]
fn a_heavy_context_is_told_with_what_makes_it_heavy() {
    let mut image = surveyed("web", WELL, &[]);
    let mut add = |path: &str, megabytes: u64| {
        let mut entry = file(path, b"");
        let EntryKind::File { size, .. } = &mut entry.kind else { unreachable!() };
        *size = megabytes * 1_000_000;
        image.context.entries.push(entry);
    };
    add("data/raw/2024/a.bin", 90);
    add("data/raw/2024/b.bin", 80);
    add("data/small", 2);
    add("dist/a", 20);
    add("src/main.js", 0);
    image.context.bytes = 192_000_000;
    let found = warnings(&image).pop().unwrap();
    assert_eq!(found.message, "the context has 192 MB in 5 files");
    assert_eq!(found.evidence, ["  170 MB  data/raw/2024", "   20 MB  dist/a"]);
    assert_eq!(
        found.help.unwrap(),
        "if the image does not need `data/raw/2024`, add it to `web/.dockerignore`"
    );
}

#[test]
fn bases_that_move_and_containers_that_run_as_root_are_told() {
    assert_eq!(
        messages(&surveyed(
            "web",
            "# syntax=docker/dockerfile:1\nFROM node AS x\nFROM python:latest\nCOPY --from=x a b\n",
            &[]
        )),
        [
            "web/Dockerfile:3: the base `python:latest` is `latest`: it can be another image tomorrow => name a version: `python:…`",
            "web/Dockerfile:2: the base `node` has no tag: it can be another image tomorrow => name a version: `node:…`",
            "web/Dockerfile:1: `# syntax=docker/dockerfile:1` contacts a registry at every build, and fails offline => remove the line if the build works without it",
            "web/Dockerfile:3: no `USER`: the container runs as the user of `python:latest`, usually root => end the last stage with `USER 1000`",
        ]
    );
}

#[test]
fn arguments_and_secrets_that_nobody_takes_are_told() {
    let mut image = surveyed("web", &format!("{WELL}ARG VERSION\nRUN --mount=type=secret,id=npm x\n"), &[]);
    for name in ["VERSOIN", "OTHER", "HTTP_PROXY", "TARGETARCH"] {
        image.image.args.insert(name.to_owned(), String::new());
    }
    image.image.secrets.insert("npn".to_owned(), BuildSecret::Env("X".to_owned()));
    assert_eq!(
        messages(&image),
        [
            "deploy.toml:7: the Dockerfile declares no build argument `OTHER` => add `ARG OTHER` to `web/Dockerfile`, or remove it",
            "deploy.toml:7: the Dockerfile declares no build argument `VERSOIN` => write `VERSION`, which it declares",
            "deploy.toml:7: no `RUN` that is needed mounts the secret `npn` => write `npm`, which the Dockerfile mounts",
            "web/Dockerfile:4: the secret `npm` is not given, so this `RUN` runs without it => set `secrets.npm = { env = \"…\" }` of the image in deploy.toml",
        ]
    );
}

#[test]
fn links_out_of_the_context_and_backslashes_are_told() {
    let mut image = surveyed("web", &format!("{WELL}COPY . .\n"), &[]);
    for (path, target) in [("a/b", "../c"), ("a/out", "../../x"), ("abs", "/etc/x")] {
        let kind = EntryKind::Link { target: target.to_owned() };
        image.context.entries.push(ContextEntry { path: path.to_owned(), kind });
    }
    image.ignore = Ignore::parse(b"\\*\nsrc\\build\n").unwrap();
    assert_eq!(
        messages(&image),
        [
            "deploy.toml:7: the link `a/out -> ../../x` points outside the context: the image gets the link, not the file => copy what is needed into the context, or set `context` to a directory that contains both",
            "web/.dockerignore:2: `\\` in `src\\build` does not separate directories => write `src/build`",
        ]
    );
}

#[test]
fn what_an_engine_cannot_do_is_told_before_it_is_asked() {
    for (line, expected) in [
        (
            "RUN --mount=type=ssh git clone git@x:r",
            "web/Dockerfile:4: no SSH agent is forwarded to builds, so this `RUN` runs without it",
        ),
        (
            "ADD https://x/r.git /r",
            "web/Dockerfile:4: the engine clones `https://x/r.git` itself, and minikube's node has no git",
        ),
        (
            "COPY --from=bulid a b",
            "web/Dockerfile:4: no stage is called `bulid`: an image of that name is pulled => did you mean the stage `build`?",
        ),
        ("COPY --from=busybox:1.37 a b", ""),
        ("ADD https://x/r.tgz /r", ""),
        ("RUN --mount=type=cache,target=/ssh true", ""),
    ] {
        let text = format!("FROM a:1 AS build\nFROM a:1\nUSER 1\n{line}\n");
        let messages = messages(&surveyed("web", &text, &[]));
        assert_eq!(messages.is_empty(), expected.is_empty(), "{line}: {messages:?}");
        assert!(messages.first().is_none_or(|message| message.starts_with(expected)), "{line}: {messages:?}");
    }
}
