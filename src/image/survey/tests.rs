//! Whole projects with every sort of bad input, on real directories.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::event::Severity;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::image::context::Problem;
use crate::image::context::ProblemKind;
use crate::image::survey::findings;
use crate::image::survey::survey;
use crate::image::surveyed::Surveyed;
use crate::project::BuildSecret;
use crate::project::Image;
use crate::project::Project;
use crate::project::check::sample;
use crate::project::name::ImageName;
use crate::run::Run;
use crate::signal::Cancel;
use crate::world::World;
use dockerfile::Ask;
use dockerfile::Dockerfile;
use dockerfile::context::Context;
use dockerfile::context::ContextEntry;
use dockerfile::context::EntryKind;
use dockerfile::ignore::Ignore;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// An image of `[image.NAME]` whose context is the directory of its name.
pub(crate) fn image(root: &Path, name: &str) -> Image {
    let context = root.join(name);
    Image {
        name: ImageName::parse(name).unwrap(),
        place: Place { line: 7, ..Place::file("deploy.toml") },
        dockerfile: context.join("Dockerfile"),
        context,
        target: None,
        args: BTreeMap::new(),
        secrets: BTreeMap::new(),
        platform: None,
        max_size: None,
        sync: Some(Vec::new()),
    }
}

/// A file of a context that is not on disk.
pub(crate) fn file(path: &str, content: &[u8]) -> ContextEntry {
    let kind = EntryKind::File {
        size: content.len() as u64,
        executable: false,
        hash: *blake3::hash(content).as_bytes(),
        modified_secs: 0,
    };
    ContextEntry { path: path.to_owned(), kind }
}

/// An image that was understood, with an empty context.
pub(crate) fn surveyed(name: &str, text: &str, needs: &[&str]) -> Surveyed {
    let image = image(Path::new("/project"), name);
    let ask = Ask { target: None, args: &image.args, platform: "linux/amd64" };
    Surveyed {
        context: Context { root: image.context.clone(), entries: Vec::new(), bytes: 0 },
        dockerfile: Dockerfile::parse(image.dockerfile.clone(), text.into(), ask).unwrap(),
        needs: needs.iter().map(|name| ImageName::parse(*name).unwrap()).collect(),
        ignore: Ignore::default(),
        ignore_path: format!("{name}/.dockerignore").into(),
        dockerfile_path: format!("{name}/Dockerfile").into(),
        warnings: Vec::new(),
        image,
    }
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
}

fn project(root: &Path, images: Vec<Image>) -> Project {
    Project { images, ..sample(root, "") }
}

fn run(root: &Path) -> Run {
    let world = World::fake(root, [("XDG_CACHE_HOME", root.join("cache").into_os_string())]);
    Run::fake(world).0
}

/// Surveys one image `web` after `change` to it.
fn one(files: &[(&str, &str)], change: impl FnOnce(&Path, &mut Image)) -> (TempDir, Result<Surveyed, Fault>) {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), files);
    let mut image = image(root.path(), "web");
    change(root.path(), &mut image);
    let result = survey(&run(root.path()), &project(root.path(), vec![image]));
    (root, result.map(|mut all| all.pop().unwrap()))
}

fn messages(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|found| {
            let place = found.place.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{place}: {} => {}", found.message, found.help.as_deref().unwrap_or("NOTHING"))
        })
        .collect()
}

fn errors(files: &[(&str, &str)], change: impl FnOnce(&Path, &mut Image)) -> Vec<String> {
    let (_root, result) = one(files, change);
    let fault = result.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Usage);
    assert_eq!(fault.causes(), ["image web has errors"]);
    assert!(fault.findings.iter().all(|found| found.severity == Severity::Error));
    messages(&fault.findings)
}

#[test]
fn an_image_that_is_well_is_read() {
    let files = [
        ("web/Dockerfile", "FROM node:22\nCOPY package.json src /app/\nUSER node\n"),
        ("web/package.json", "{}"),
        ("web/src/a.js", "a"),
        ("web/node_modules/x/y.js", "no"),
        ("web/.dockerignore", "node_modules\n"),
    ];
    let (_root, result) = one(&files, |_, _| ());
    let surveyed = result.unwrap();
    let paths: Vec<&str> = surveyed.context.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, [".dockerignore", "Dockerfile", "package.json", "src", "src/a.js"]);
    assert_eq!((surveyed.warnings, surveyed.needs), (Vec::new(), Vec::new()));
}

#[test]
fn rules_beside_the_dockerfile_replace_those_of_the_context() {
    let files = [
        ("web/a", ""),
        ("web/b", ""),
        ("web/.dockerignore", "*\n"),
        ("files/web.Dockerfile", "FROM scratch\nCOPY a /\n"),
        ("files/web.Dockerfile.dockerignore", "b\n"),
    ];
    let (_root, result) = one(&files, |root, image| image.dockerfile = root.join("files/web.Dockerfile"));
    let surveyed = result.unwrap();
    let paths: Vec<&str> = surveyed.context.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, [".dockerignore", "a"]);
    assert_eq!(surveyed.place(2).to_string(), "files/web.Dockerfile:2");
}

#[test]
fn what_is_not_there_is_named_with_what_could_be_meant() {
    assert_eq!(
        errors(&[], |_, _| ()),
        [
            "deploy.toml:7: the context `web` does not exist => set `context` to the directory that the Dockerfile copies from; it starts at deploy.toml"
        ]
    );
    assert_eq!(
        errors(&[("web", "a file")], |_, _| ()),
        [
            "deploy.toml:7: the context `web` is a file => set `context` to the directory that the Dockerfile copies from"
        ]
    );
    assert_eq!(
        errors(&[("web/Dockerfile.dev", "FROM a:1"), ("web/Dockerfile.dockerignore", "")], |_, _| ()),
        [
            "deploy.toml:7: the Dockerfile `web/Dockerfile` does not exist => set `dockerfile = \"web/Dockerfile.dev\"`, which exists"
        ]
    );
    assert_eq!(
        errors(&[("web/Dockerfile", "")], |_, _| ()),
        ["web/Dockerfile: the Dockerfile is empty => begin with `FROM image`"]
    );
    assert_eq!(
        errors(&[("web/Dockerfile/x", "")], |_, _| ()),
        [
            "deploy.toml:7: the Dockerfile `web/Dockerfile` is a directory => set `dockerfile = \"web/Dockerfile/Dockerfile\"`"
        ]
    );
}

#[test]
fn a_source_that_is_not_in_the_context_is_named_with_its_reason() {
    let files = [
        (
            "web/Dockerfile",
            "FROM a:1 AS b\nCOPY web/app.py *.none /x/\nCOPY readme.md /\nFROM a:1\nCOPY reqs.txt conf/x.toml /\nCOPY --from=0 nope /\nCOPY /app.py link/x uv.lock /\nFROM b\n",
        ),
        ("web/app.py", ""),
        ("web/requirements.txt", ""),
        ("web/readme.md", ""),
        ("web/.dockerignore", "# docs\n*.md\n"),
    ];
    assert_eq!(
        errors(&files, |_, _| ()),
        [
            "web/Dockerfile:2: `web/app.py` is not in the context `web` => write `app.py`: paths start at the context",
            "web/Dockerfile:3: `readme.md` is excluded from the build by `*.md` (web/.dockerignore:2) => add `!readme.md` at the end of `web/.dockerignore`",
        ]
    );
    let mut other = files;
    other[0].1 = "FROM a:1\nCOPY app.pi uv.lock /\n";
    assert_eq!(
        errors(&other, |_, _| ()),
        [
            "web/Dockerfile:2: `app.pi` is not in the context `web` => write `app.py`",
            "web/Dockerfile:2: `uv.lock` is not in the context `web` => make it, or correct the path: it starts at `web`",
        ]
    );
}

#[test]
fn rules_that_mean_nothing_are_named_by_line() {
    let files = [("web/Dockerfile", "FROM a:1\nCOPY x /"), ("web/.dockerignore", "ok\n[\n!\n")];
    assert_eq!(
        errors(&files, |_, _| ()),
        [
            "web/.dockerignore:2: the pattern `[` has a `[` without its `]` => correct it, or put `\\` before a character that is meant as it is",
            "web/.dockerignore:3: the pattern `!` excepts nothing => correct it, or put `\\` before a character that is meant as it is",
        ]
    );
}

#[test]
fn secrets_are_never_silently_empty() {
    let files = [
        (
            "web/Dockerfile",
            "FROM a:1\nUSER 1\nRUN --mount=type=secret,id=npm,required x\nRUN --mount=type=secret,id=pip x\n",
        ),
        ("empty", ""),
    ];
    let change = |root: &Path, image: &mut Image| {
        image.secrets.insert("env".to_owned(), BuildSecret::Env("NO_SUCH".to_owned()));
        image.secrets.insert("file".to_owned(), BuildSecret::File(root.join("empty")));
    };
    let messages = errors(&files, change);
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert_eq!(
        messages[0],
        "deploy.toml:7: the build secret `env` has no value: `NO_SUCH` is not set or empty => set it first: `export NO_SUCH=…`"
    );
    assert!(
        messages[1].contains("the build secret `file` has no value") && messages[1].contains("is empty"),
        "{}",
        messages[1]
    );
    assert_eq!(
        messages[2],
        "web/Dockerfile:3: this `RUN` requires the secret `npm`, which is not given => set `secrets.npm = { env = \"…\" }` of the image in deploy.toml"
    );
}

#[test]
fn every_image_is_read_before_the_run_ends() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[
            ("a/Dockerfile", "FRM x"),
            ("b/Dockerfile", "FROM a\nCOPY x /"),
            ("c/Dockerfile", "FROM b\nUSER 1"),
        ],
    );
    let mut images: Vec<Image> = ["a", "b", "c"].iter().map(|name| image(root.path(), name)).collect();
    images.push(images[2].clone());
    let fault = survey(&run(root.path()), &project(root.path(), images)).unwrap_err();
    assert_eq!(fault.causes(), ["3 images have errors"]);
    let subjects: Vec<&str> = fault.findings.iter().filter_map(|found| found.subject.as_deref()).collect();
    assert_eq!(subjects, ["image c", "image a", "image b"]);
    assert_eq!(fault.findings[1].message, "unknown instruction `FRM`");
}

#[test]
fn a_mistake_of_a_dockerfile_does_not_hide_what_it_copies_in_vain() {
    let root = tempfile::tempdir().unwrap();
    let text = "FROM a AS build\nRUNN make\nCOPY gone /\nCOPY --form=build lost /\nCOPY here /\nUSER 1";
    write(root.path(), &[("web/Dockerfile", text), ("web/here", "")]);
    let fault =
        survey(&run(root.path()), &project(root.path(), vec![image(root.path(), "web")])).unwrap_err();
    let mut findings: Vec<(usize, Code)> = fault
        .findings
        .iter()
        .map(|found| (found.place.as_ref().map_or(0, |place| place.line), found.code))
        .collect();
    findings.sort_by_key(|(line, _)| *line);
    // Where line 4 copies from is not known.
    assert_eq!(
        findings,
        [(2, Code::DockerfileInvalid), (3, Code::CopySourceMissing), (4, Code::DockerfileInvalid)]
    );
}

#[test]
fn the_projects_own_bases_are_needs() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[
            ("a/Dockerfile", "FROM debian:12\nUSER 1"),
            ("b/Dockerfile", "FROM a:dev\nCOPY --from=c x /"),
            ("c/Dockerfile", "FROM c:9\nUSER 1"),
        ],
    );
    let images = ["a", "b", "c"].iter().map(|name| image(root.path(), name)).collect();
    let surveyed = survey(&run(root.path()), &project(root.path(), images)).unwrap();
    let needs: Vec<Vec<&str>> =
        surveyed.iter().map(|item| item.needs.iter().map(ImageName::as_str).collect()).collect();
    assert_eq!(needs, [vec![], vec!["a", "c"], vec![]]);
}

#[test]
fn images_that_are_built_from_each_other_are_found_with_every_other_mistake() {
    let root = tempfile::tempdir().unwrap();
    let files = [("a/Dockerfile", "FROM b"), ("b/Dockerfile", "FROM a:1"), ("c/Dockerfile", "FORM x")];
    write(root.path(), &files);
    let images = ["a", "b", "c"].iter().map(|name| image(root.path(), name)).collect();
    let fault = survey(&run(root.path()), &project(root.path(), images)).unwrap_err();
    let count = |code: Code| fault.findings.iter().filter(|finding| finding.code == code).count();
    assert_eq!((count(Code::ImageCycle), count(Code::DockerfileInvalid)), (2, 1), "{:?}", fault.findings);
}

#[test]
fn a_run_that_was_stopped_says_so() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &[("web/Dockerfile", "FROM a")]);
    let (asker, cancel) = Cancel::new();
    asker.cancel(FaultKind::Interrupted);
    let run = Run { cancel, ..run(root.path()) };
    let fault = survey(&run, &project(root.path(), vec![image(root.path(), "web")])).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Interrupted);
}

#[test]
fn what_cannot_be_sent_is_told_with_a_way_out() {
    let image = image(Path::new("/p"), "web");
    let problem = |path: &str, kind| Problem { path: path.to_owned(), kind };
    let denied = || ProblemKind::Unreadable(std::io::ErrorKind::PermissionDenied.into());
    let told_of = |problems: &[Problem]| {
        let found = findings::problems(&image, Path::new("web/.dockerignore"), problems);
        (messages(&found), found.into_iter().map(|found| found.evidence).collect::<Vec<_>>())
    };
    let (one, _) = told_of(&[
        problem("data/x", denied()),
        problem("log", ProblemKind::KeepsChanging),
        problem("n\u{fffd}", ProblemKind::NotUtf8),
        problem("run.sock", ProblemKind::Special),
    ]);
    assert_eq!(
        one,
        [
            "deploy.toml:7: `data/x` cannot be read: permission denied => allow it: `chmod u+r /p/web/data/x`, or add it to `web/.dockerignore`",
            "deploy.toml:7: `log` keeps changing while it is read => stop what writes to it, or add it to `web/.dockerignore`",
            "deploy.toml:7: the name `n\u{fffd}`, or what the link of that name says, is not UTF-8, which BuildKit cannot take => rename it, or add it to `web/.dockerignore`",
            "deploy.toml:7: `run.sock` is a socket, pipe or device and is left out => remove it, or add it to `web/.dockerignore`",
        ]
    );
    let many: Vec<Problem> = (0..12).map(|file| problem(&format!("f{file}"), denied())).collect();
    let (lines, evidence) = told_of(&many);
    assert!(lines[0].contains("12 files cannot be read") && lines.len() == 1, "{lines:?}");
    assert_eq!((evidence[0].len(), evidence[0][10].as_str()), (11, "and 2 more"));
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf8_ends_the_run_unless_it_is_ignored() {
    use std::os::unix::ffi::OsStrExt;
    let bad = |root: &Path| {
        fs::create_dir_all(root.join("web/odd")).unwrap();
        fs::write(root.join("web/odd").join(std::ffi::OsStr::from_bytes(b"\xff")), b"").unwrap();
    };
    let files = [("web/Dockerfile", "FROM a:1\nUSER 1\n")];
    assert_eq!(errors(&files, |root, _| bad(root)).len(), 1);
    let ignoring = [files[0], ("web/.dockerignore", "odd\n")];
    assert!(one(&ignoring, |root, _| bad(root)).1.is_ok());
}

#[test]
fn a_platform_that_is_not_the_nodes_is_told() {
    for (asked, is_told) in [
        (None, false),
        (Some("linux/amd64"), false),
        (Some("linux/amd64/v3"), false),
        (Some("linux/arm64"), true),
        (Some("windows/amd64"), true),
    ] {
        let image = Image { platform: asked.map(str::to_owned), ..image(Path::new("/project"), "web") };
        let found = super::findings::other_platform(&image, "linux/amd64");
        assert_eq!(found.is_some(), is_told, "{asked:?}");
    }
}
