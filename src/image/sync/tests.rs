//! Each rule with a change that violates it, and a similar one that does not.

use crate::image::survey::tests::file;
use crate::image::survey::tests::surveyed;
use crate::image::surveyed::Surveyed;
use crate::image::sync::After;
use crate::image::sync::SyncDecision;
use crate::image::sync::decide;
use crate::image::sync::decide_all;
use crate::image::sync::facts::Accounts;
use crate::image::sync::facts::BaseConfig;
use crate::image::sync::facts::PathKind;
use crate::image::sync::facts::Question;
use crate::image::sync::facts::SyncFacts;
use crate::image::sync::reason::Input;
use crate::image::sync::reason::Reason;
use crate::project::Signal;
use crate::project::SyncRule;
use dockerfile::context::Context;
use dockerfile::context::ContextEntry;
use dockerfile::context::EntryKind;
use std::collections::BTreeMap;

/// `a/b.txt` with its content, `a/` for a directory, `a -> b` for a link, `a+x` for an executable file.
fn entry(written: &str, content: &str) -> ContextEntry {
    if let Some((path, target)) = written.split_once(" -> ") {
        return ContextEntry { path: path.to_owned(), kind: EntryKind::Link { target: target.to_owned() } };
    }
    match (written.strip_suffix('/'), written.strip_suffix("+x")) {
        (Some(path), _) => ContextEntry { path: path.to_owned(), kind: EntryKind::Folder },
        (None, Some(path)) => {
            let ContextEntry { path, mut kind } = file(path, content.as_bytes());
            if let EntryKind::File { executable, .. } = &mut kind {
                *executable = true;
            }
            ContextEntry { path, kind }
        }
        (None, None) => file(written, content.as_bytes()),
    }
}

/// An image with these files and the directories around them.
fn image(name: &str, dockerfile: &str, files: &[(&str, &str)], needs: &[&str]) -> Surveyed {
    let mut entries: BTreeMap<String, ContextEntry> = BTreeMap::new();
    for (written, content) in files {
        let entry = entry(written, content);
        for (end, _) in entry.path.match_indices('/') {
            let path = entry.path[..end].to_owned();
            entries.entry(path.clone()).or_insert(ContextEntry { path, kind: EntryKind::Folder });
        }
        entries.insert(entry.path.clone(), entry);
    }
    let mut entries: Vec<ContextEntry> = entries.into_values().collect();
    entries.sort_by(|one, other| dockerfile::context::compare(&one.path, &other.path));
    let mut image = surveyed(name, dockerfile, needs);
    image.context = Context { entries, ..image.context };
    image
}

fn facts() -> SyncFacts {
    let config = |working_dir: &str| BaseConfig {
        working_dir: working_dir.to_owned(),
        env: BTreeMap::from([("BASE_HOME".to_owned(), "/base".to_owned())]),
        ..BaseConfig::default()
    };
    let trigger = BaseConfig { has_triggers: true, ..BaseConfig::default() };
    let volume = BaseConfig { volumes: vec!["/data".to_owned()], ..BaseConfig::default() };
    let paths = [
        ("/app", PathKind::Directory),
        ("/app/a", PathKind::Directory),
        ("/app/lib", PathKind::Directory),
        ("/app/new", PathKind::Missing),
        ("/base", PathKind::Directory),
        ("/data", PathKind::Directory),
        ("/etc", PathKind::Directory),
        ("/home", PathKind::Directory),
        ("/home/me", PathKind::Directory),
        ("/linked", PathKind::Link),
        ("/out", PathKind::Directory),
        ("/one.txt", PathKind::File),
    ];
    SyncFacts {
        bases: [("base", ""), ("wd", "/home/me")]
            .map(|(name, dir)| (name.to_owned(), config(dir)))
            .into_iter()
            .chain([("trigger".to_owned(), trigger), ("volume".to_owned(), volume)])
            .collect(),
        paths: paths.map(|(path, kind)| (path.to_owned(), kind)).into(),
        below: BTreeMap::from([("/app/a/x".to_owned(), false), ("/app/page".to_owned(), true)]),
        accounts: Some(Accounts::parse("root:x:0:0::/:\napp:x:10:20::/:\nbad\n", "app:x:20:\nweb:x:33:\n")),
    }
}

const BEFORE: &[(&str, &str)] = &[
    ("a/x", "1"),
    ("a/run+x", "1"),
    ("b/x", "1"),
    ("one.txt", "1"),
    ("two.txt", "1"),
    ("page", "1"),
    ("link -> one.txt", ""),
];

/// The decision on a change of `path` in the context, in short.
fn decided(dockerfile: &str, changed: &str) -> String {
    let before = image("web", dockerfile, BEFORE, &[]);
    let (path, gone) = changed.strip_prefix('-').map_or((changed, false), |path| (path, true));
    let bare = path.trim_end_matches("+x");
    let same = |written: &str| written.trim_end_matches("+x").split(" -> ").next() == Some(bare);
    let mut files: Vec<(&str, &str)> = BEFORE.iter().copied().filter(|(written, _)| !same(written)).collect();
    if !gone {
        files.push((path, "2"));
    }
    describe(&decide(&before, &image("web", dockerfile, &files, &[]), &facts()))
}

fn describe(decision: &SyncDecision) -> String {
    match decision {
        SyncDecision::Unused => "unused".to_owned(),
        SyncDecision::Ask(questions) => format!("ask {questions:?}"),
        SyncDecision::Rebuild(reason) => {
            let text = format!("{reason:?}");
            text.split([' ', '(', '{']).next().unwrap().to_owned()
        }
        SyncDecision::Sync(plan) => {
            let writes = plan
                .writes
                .iter()
                .map(|write| format!("{} {}:{} {:o}", write.destination, write.uid, write.gid, write.mode));
            let deletions = plan.deletions.iter().map(|path| format!("-{path}"));
            writes.chain(deletions).collect::<Vec<_>>().join(", ")
        }
    }
}

#[test]
fn what_is_proved_is_synced_and_nothing_else() {
    for (dockerfile, changed, expected) in [
        // Nothing after the copy.
        ("FROM base\nCOPY a /app\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nCOPY a /app/\nENV X=1\nUSER me\nCMD [\"x\"]\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nCOPY a /app\n", "a/run+x", "/app/run 0:0 755"),
        ("FROM base\nCOPY a /app\n", "a/new+x", "/app/new 0:0 755"),
        ("FROM base\nCOPY . /app\n", "a/x", "/app/a/x 0:0 644"),
        ("FROM base\nCOPY a /app\n", "b/x", "unused"),
        ("FROM base\nCOPY a /app\n", "new.txt", "unused"),
        // A RUN may read any existing file.
        ("FROM base\nCOPY a /app\nRUN make\n", "a/x", "RunFollows"),
        ("FROM base\nCOPY a /app\nRUN make\n", "b/x", "unused"),
        ("FROM base\nRUN make\nCOPY a /app\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nCOPY one.txt /app/\nRUN make\nCOPY . /app\n", "one.txt", "RunFollows"),
        ("FROM base\nCOPY one.txt /app/\nRUN make\nCOPY . /app\n", "two.txt", "/app/two.txt 0:0 644"),
        ("FROM base AS one\nCOPY a /app\nFROM one\nRUN make\n", "a/x", "RunFollows"),
        ("FROM base AS one\nCOPY a /app\nFROM one\nENV A=1\n", "a/x", "/app/x 0:0 644"),
        ("FROM base AS one\nCOPY a /app\nRUN make\nFROM base\nCOPY b /app\n", "a/x", "unused"),
        ("FROM base\nRUN --mount=type=bind,target=/src make\n", "a/x", "Mounted"),
        ("FROM base\nRUN --mount=source=a,target=/src make\n", "a/x", "Mounted"),
        ("FROM base\nRUN --mount=source=a,target=/src make\n", "b/x", "unused"),
        ("FROM base\nRUN --mount=type=cache,target=/src make\nCOPY a /app\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nRUN --mount=type=odd,target=/src make\nCOPY a /app\n", "a/x", "NotUnderstood"),
        // Through other stages.
        ("FROM scratch AS s\nCOPY a /s\nFROM base\nCOPY --from=s /s /app\n", "a/x", "/app/x 0:0 644"),
        ("FROM base AS s\nCOPY a /s/\nFROM base\nCOPY --from=0 /s/x /app/\n", "a/x", "/app/x 0:0 644"),
        ("FROM base AS s\nCOPY a /s\nRUN x\nFROM base\nCOPY --from=s /s /app\n", "a/x", "RunFollows"),
        ("FROM base AS s\nCOPY . /s\nFROM base\nCOPY --from=s /t /app\n", "a/x", "ThroughStage"),
        ("FROM scratch AS s\nCOPY . /s\nFROM base\nCOPY --from=s /t /app\n", "a/x", "unused"),
        (
            "FROM scratch AS s\nCOPY a /s\nFROM base\nCOPY --from=s /s/*.c /app/\n",
            "a/y.c",
            "/app/y.c 0:0 644",
        ),
        ("FROM base AS s\nCOPY a /s\nCOPY b /t\nFROM base\nCOPY --from=s /s /app\n", "a/x", "Overwritten"),
        ("FROM base AS s\nCOPY a /s\nCOPY b /t\nRUN x\nFROM base\nCOPY --from=s /s /\n", "a/x", "RunFollows"),
        // Files that a later instruction overwrites.
        ("FROM base\nCOPY a /app\nCOPY b /app\n", "a/x", "unused"),
        ("FROM base\nCOPY a /app\nCOPY b /app\n", "a/y", "/app/y 0:0 644"),
        ("FROM base\nCOPY a /app\nCOPY --from=other /x /app\n", "a/x", "Overwritten"),
        ("FROM base\nCOPY a /app\nCOPY --from=other /x /app/lib\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nCOPY a /app\nADD http://h/x /app/\n", "a/x", "Overwritten"),
        ("FROM base\nCOPY a /app\nCOPY b /linked\n", "a/x", "Destination"),
        // Where it lands.
        ("FROM base\nCOPY one.txt /app\n", "one.txt", "/app/one.txt 0:0 644"),
        ("FROM base\nCOPY one.txt /one.txt\n", "one.txt", "/one.txt 0:0 644"),
        ("FROM base\nWORKDIR /w\nCOPY one.txt /w\n", "one.txt", "ask {Path(\"/w\")}"),
        ("FROM wd\nCOPY one.txt .\n", "one.txt", "/home/me/one.txt 0:0 644"),
        ("FROM wd\nWORKDIR /app\nCOPY one.txt two.txt ./\n", "two.txt", "/app/two.txt 0:0 644"),
        ("FROM base\nCOPY *.txt /app\n", "two.txt", "Destination"),
        ("FROM base\nCOPY *.txt /app/\n", "two.txt", "/app/two.txt 0:0 644"),
        ("FROM base\nCOPY a /linked/a\n", "a/x", "Destination"),
        ("FROM base\nCOPY link /app/\n", "one.txt", "SourceLink"),
        ("FROM base\nCOPY link /app/\n", "two.txt", "unused"),
        ("FROM base\nENV D=/app\nCOPY a ${D}\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nENV D /app\nCOPY a $D\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nARG D=/app\nCOPY a $D\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nCOPY a $BASE_HOME\n", "a/x", "/base/x 0:0 644"),
        ("FROM base\nARG D\nCOPY a $D\n", "a/x", "NotUnderstood"),
        ("FROM base\nENV D=$NONE\nCOPY a ${D:-/app}\n", "a/x", "NotUnderstood"),
        // Flags.
        ("FROM base\nCOPY --link a /app/\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nCOPY --link one.txt /app\n", "one.txt", "Destination"),
        ("FROM base\nCOPY --exclude=*.md a /app/\n", "a/x", "NotUnderstood"),
        ("FROM base\nCOPY --exclude=*.md a /app/\n", "b/x", "unused"),
        // ADD.
        ("FROM base\nADD a /app\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nADD one.txt /app/\n", "one.txt", "Add"),
    ] {
        assert_eq!(decided(dockerfile, changed), expected, "{changed} in\n{dockerfile}");
    }
}

#[test]
fn owners_deletions_and_what_cannot_be_written() {
    for (dockerfile, changed, expected) in [
        // Owners and permissions.
        ("FROM base\nCOPY --chown=5 a /app\n", "a/x", "/app/x 5:5 644"),
        ("FROM base\nCOPY --chown=5:6 a /app\n", "a/x", "/app/x 5:6 644"),
        ("FROM base\nCOPY --chown=app a /app\n", "a/x", "/app/x 10:20 644"),
        ("FROM base\nCOPY --chown=app:web a /app\n", "a/x", "/app/x 10:33 644"),
        ("FROM base\nCOPY --chown=none a /app\n", "a/x", "Owner"),
        ("FROM base\nCOPY --chown=app a /app\nCOPY b /etc\n", "a/x", "/app/x 10:20 644"),
        ("FROM base\nCOPY --chown=app a /app\nCOPY --from=x /e /etc\n", "a/x", "Owner"),
        ("FROM base\nCOPY --chmod=600 a /app\n", "a/x", "/app/x 0:0 600"),
        ("FROM base\nCOPY --chmod=u+x a /app\n", "a/x", "Mode"),
        (
            "FROM scratch AS s\nCOPY --chown=5 --chmod=640 a /s\nFROM base\nCOPY --from=s /s /app\n",
            "a/x",
            "/app/x 5:5 640",
        ),
        (
            "FROM scratch AS s\nCOPY --chown=5 a /s\nFROM base\nCOPY --from=s --chown=7 /s /app\n",
            "a/x",
            "/app/x 7:7 644",
        ),
        // Deletions.
        ("FROM base\nCOPY . /app\n", "-a/x", "-/app/a/x"),
        ("FROM base\nCOPY . /app\n", "-page", "Below"),
        ("FROM base\nCOPY . /app\n", "-two.txt", "ask {Below { base: \"base\", path: \"/app/two.txt\" }}"),
        ("FROM scratch\nCOPY . /app\n", "-two.txt", "-/app/two.txt"),
        ("FROM base\nRUN make\nCOPY . /app\n", "-a/x", "Below"),
        ("FROM base\nCOPY b /app/a\nCOPY . /app\n", "-a/x", "Below"),
        ("FROM base\nCOPY two.txt /app/\n", "-two.txt", "SourceGone"),
        ("FROM base\nCOPY a /app\n", "-b/x", "unused"),
        // Entries that are no longer files.
        ("FROM base\nCOPY . /app\n", "one.txt -> two.txt", "Kind"),
        ("FROM base\nCOPY . /app\n", "fresh -> two.txt", "/app/fresh 0:0 777"),
        // Volumes.
        ("FROM volume\nCOPY a /data\n", "a/x", "Volume"),
        ("FROM base\nVOLUME /app\nCOPY a /app\n", "a/x", "Volume"),
        ("FROM base\nVOLUME [\"/app/lib\"]\nCOPY a /app\n", "a/x", "/app/x 0:0 644"),
        ("FROM base\nCOPY one.txt /etc/hosts/\n", "one.txt", "ask {Path(\"/etc/hosts\")}"),
        // Bases and frontends.
        ("FROM trigger\nCOPY a /app\n", "a/x", "OnBuild"),
        ("FROM unknown\nCOPY a /app\n", "a/x", "ask {Base(\"unknown\")}"),
        ("FROM base AS one\nONBUILD RUN x\nFROM one\nCOPY a /app\n", "a/x", "OnBuild"),
        ("FROM base\nONBUILD RUN x\nCOPY a /app\n", "a/x", "/app/x 0:0 644"),
        ("# syntax=docker/dockerfile:1\nFROM base\nCOPY a /app\n", "a/x", "/app/x 0:0 644"),
        ("# syntax=someone/frontend\nFROM base\nCOPY a /app\n", "a/x", "Frontend"),
    ] {
        assert_eq!(decided(dockerfile, changed), expected, "{changed} in\n{dockerfile}");
    }
}

#[test]
fn a_new_directory_comes_before_what_is_in_it_and_goes_after_it() {
    let dockerfile = "FROM scratch\nCOPY --chown=3 . /app\n";
    let some = image("web", dockerfile, &[("a/x", "1")], &[]);
    let more = image("web", dockerfile, &[("a/x", "1"), ("new/y", "1")], &[]);
    let forth = describe(&decide(&some, &more, &facts()));
    assert_eq!(forth, "/app/new 3:3 755, /app/new/y 3:3 644");
    assert_eq!(describe(&decide(&more, &some, &facts())), "-/app/new/y, -/app/new");
}

#[test]
fn inputs_other_than_files_mean_a_build() {
    let dockerfile = "FROM base\nCOPY a /app\n";
    let before = image("web", dockerfile, BEFORE, &[]);
    let inputs = |change: &dyn Fn(&mut Surveyed)| {
        let mut now = before.clone();
        change(&mut now);
        decide(&before, &now, &facts())
    };
    let changed = |input| SyncDecision::Rebuild(Reason::Changed(input));
    assert_eq!(inputs(&|_| {}), SyncDecision::Unused);
    assert_eq!(inputs(&|now| now.dockerfile.text.extend(b"CMD x")), changed(Input::Dockerfile));
    assert_eq!(
        inputs(&|now| drop(now.image.args.insert("A".to_owned(), "1".to_owned()))),
        changed(Input::Arguments)
    );
    assert_eq!(inputs(&|now| now.image.target = Some("x".to_owned())), changed(Input::Image));
    assert_eq!(inputs(&|now| now.image.sync = None), SyncDecision::Unused);
    let off = inputs(&|now| {
        now.image.sync = None;
        now.context.entries.pop();
    });
    assert_eq!(off, SyncDecision::Rebuild(Reason::Off));
    let rules = |text: &[u8]| dockerfile::ignore::Ignore::parse(text).unwrap();
    assert_eq!(inputs(&|now| now.ignore = rules(b"b\n")), changed(Input::IgnoreRules));
    assert_eq!(inputs(&|now| now.ignore = rules(b"# b\n")), SyncDecision::Unused);
    // A time is not content.
    let touched = inputs(&|now| {
        for entry in &mut now.context.entries {
            if let EntryKind::File { modified_secs, .. } = &mut entry.kind {
                *modified_secs += 1;
            }
        }
    });
    assert_eq!(touched, SyncDecision::Unused);
}

#[test]
fn unanswered_questions_are_asked_before_anything_is_proved() {
    let dockerfile = "FROM scratch\nCOPY --chown=app a /srv/www\n";
    let files = [("a/x", "2")];
    let (before, now) =
        (image("web", dockerfile, &[("a/x", "1")], &[]), image("web", dockerfile, &files, &[]));
    let mut facts = SyncFacts::default();
    let SyncDecision::Ask(asked) = decide(&before, &now, &facts) else { panic!("nothing is asked") };
    assert!(asked.contains(&Question::Path("/srv/www".to_owned())), "{asked:?}");
    for path in ["/srv", "/srv/www"] {
        facts.paths.insert(path.to_owned(), PathKind::Directory);
    }
    assert_eq!(decide(&before, &now, &facts), SyncDecision::Ask([Question::Accounts].into()));
    facts.accounts = Some(Accounts::parse("app:x:1:2::/:\n", ""));
    assert_eq!(describe(&decide(&before, &now, &facts)), "/srv/www/x 1:2 644");
}

#[test]
fn images_that_start_from_each_other_are_built() {
    let images = |content: &str| {
        vec![
            image("lib", "FROM base\nCOPY a /app\n", &[("a/x", content)], &[]),
            image("web", "FROM lib\nCOPY a /app\n", &[("a/x", "1")], &["lib"]),
            image("other", "FROM base\nCOPY a /app\n", &[("a/x", content)], &[]),
        ]
    };
    let facts: BTreeMap<_, _> = images("1").into_iter().map(|image| (image.image.name, facts())).collect();
    let decisions = decide_all(&images("1"), &images("2"), &facts);
    let by_name = |name: &str| describe(decisions.iter().find(|(key, _)| key.to_string() == name).unwrap().1);
    assert_eq!(by_name("lib"), "Needed");
    assert_eq!(by_name("web"), "Changed");
    assert_eq!(by_name("other"), "/app/x 0:0 644");
    assert!(
        decide_all(&images("1"), &images("1"), &facts).values().all(|item| *item == SyncDecision::Unused)
    );
}

#[test]
fn very_many_files_are_built() {
    let dockerfile = "FROM scratch\nCOPY . /app\n";
    let names: Vec<String> = (0..2_001).map(|number| format!("f{number}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let empty = image("web", dockerfile, &[], &[]);
    let result = |files| describe(&decide(&empty, &image("web", dockerfile, files, &[]), &facts()));
    assert_eq!(result(&files), "TooMuch");
    assert!(result(&files[1..]).starts_with("/app/f"));
}

#[test]
fn rules_of_deploy_toml_decide_before_the_dockerfile_does() {
    let to = SyncRule { from: "a/**".to_owned(), to: Some("/srv".to_owned()), ..SyncRule::default() };
    let run = SyncRule { run: Some("make".to_owned()), to: None, ..to.clone() };
    let signal = SyncRule { from: "**".to_owned(), signal: Some(Signal::Hup), ..SyncRule::default() };
    let volume = SyncRule { to: Some("/proc/x".to_owned()), ..to.clone() };
    let (made, sent) = (After::Run("make".to_owned()), After::Signal(Signal::Hup));
    let later = "FROM base\nWORKDIR /app\nCOPY . .\nRUN make";
    let plain = "FROM base\nWORKDIR /app\nCOPY . .";
    // the rules, the Dockerfile, a changed file (`-`: removed), the decision, the steps afterwards
    for (rules, dockerfile, changed, expected, then) in [
        (vec![], later, "a/x", "RunFollows", vec![]),
        (vec![to.clone()], later, "a/x", "/srv/x 0:0 644", vec![]),
        (vec![to.clone()], later, "a/x+x", "/srv/x 0:0 755", vec![]),
        (vec![to.clone()], later, "-a/x", "-/srv/x", vec![]),
        (vec![to.clone()], later, "page", "RunFollows", vec![]),
        (vec![to.clone()], "# syntax=foreign/frontend\nFROM base\nCOPY . .", "a/x", "/srv/x 0:0 644", vec![]),
        (vec![volume], plain, "a/x", "Volume", vec![]),
        (vec![run.clone()], later, "a/x", "/app/a/x 0:0 644", vec![made.clone()]),
        (vec![run.clone()], later, "page", "RunFollows", vec![]),
        (vec![signal.clone()], plain, "page", "/app/page 0:0 644", vec![sent.clone()]),
        (vec![signal.clone()], later, "page", "RunFollows", vec![]),
        (vec![signal.clone()], "FROM base\nCOPY b /b", "page", "unused", vec![]),
        (vec![signal, run], later, "a/x", "/app/a/x 0:0 644", vec![made, sent]),
    ] {
        let with = |files: &[(&str, &str)]| {
            let mut image = image("web", dockerfile, files, &[]);
            image.image.sync = Some(rules.clone());
            image
        };
        let path = changed.trim_start_matches('-').trim_end_matches("+x");
        let mut files: Vec<(&str, &str)> = BEFORE.iter().copied().filter(|(name, _)| *name != path).collect();
        if !changed.starts_with('-') {
            files.push((changed, "2"));
        }
        let decision = decide(&with(BEFORE), &with(&files), &facts());
        assert_eq!(describe(&decision), expected, "{rules:?} {dockerfile} {changed}");
        if let SyncDecision::Sync(plan) = decision {
            assert_eq!(plan.then, then, "{rules:?} {changed}");
            assert_eq!(plan.ruled.len(), 1, "{rules:?} {changed}");
        }
    }
}
