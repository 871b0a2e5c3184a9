//! What changes a key, what does not, and how changes are reported.

use crate::Ask;
use crate::Dockerfile;
use crate::context::Context;
use crate::context::ContextEntry;
use crate::context::EntryKind;
use crate::key::Facts;
use crate::key::Inputs;
use crate::key::Source;
use crate::key::key;
use crate::key::why;
use std::collections::BTreeMap;

/// An image's sources, owned.
struct Image {
    target: Option<String>,
    args: BTreeMap<String, String>,
    dockerfile: Dockerfile,
    context: Context,
}

impl Image {
    fn source(&self) -> Source<'_> {
        let Image { target, args, dockerfile, context } = self;
        Source { target: target.as_deref(), args, dockerfile, context }
    }
}

fn file(path: &str, content: &[u8]) -> ContextEntry {
    let hash = *blake3::hash(content).as_bytes();
    let kind = EntryKind::File { size: content.len() as u64, executable: false, hash, modified_secs: 0 };
    ContextEntry { path: path.to_owned(), kind }
}

fn image() -> Image {
    let args = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
    let ask = Ask { target: None, args: &args, platform: "linux/amd64" };
    let dockerfile = Dockerfile::parse("Dockerfile".into(), "FROM python:3\nCOPY . .\n".into(), ask).unwrap();
    let context = Context::new("/project/web".as_ref(), vec![file("a", b"1"), file("b/c", b"2")]);
    Image { target: None, args, dockerfile, context }
}

fn facts() -> Facts {
    let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    Facts {
        platform: "linux/amd64".to_owned(),
        bases: one("python:3", "sha256:1"),
        labels: one("todo.project", "p"),
    }
}

#[test]
fn everything_that_decides_the_image_changes_its_key_and_is_told() {
    type Change = fn(&mut Image, &mut Facts);
    let changes: [(Change, &str); 11] = [
        (|image, _| image.target = Some("x".to_owned()), "the target stage changed"),
        (|image, _| _ = image.args.insert("A".to_owned(), "2".to_owned()), "build argument A changed"),
        (|image, _| image.args.clear(), "build argument A is gone"),
        (|image, _| image.dockerfile.text.push(b'\n'), "the Dockerfile changed"),
        (|image, _| image.context.entries[0] = file("a", b"2"), "a changed"),
        (|image, _| image.context.entries[1] = file("b/d", b"2"), "b/d is new"),
        (|image, _| _ = image.context.entries.pop(), "b/c is gone"),
        (
            |image, _| {
                let EntryKind::File { executable, .. } = &mut image.context.entries[0].kind else {
                    unreachable!()
                };
                *executable = true;
            },
            "a changed",
        ),
        (
            |_, facts| facts.platform = "linux/arm64".to_owned(),
            "the platform is linux/arm64 and was linux/amd64",
        ),
        (|_, facts| facts.bases.clear(), "base image python:3 changed"),
        (|_, facts| facts.labels.clear(), "label todo.project is gone"),
    ];
    let (before_key, before) = (key(image().source(), &facts()), Inputs::new(image().source(), &facts()));
    let mut keys = vec![before_key];
    for (change, expected) in changes {
        let (mut image, mut facts) = (image(), facts());
        change(&mut image, &mut facts);
        let reason = why(&before, &Inputs::new(image.source(), &facts));
        assert_eq!(reason.first().map(String::as_str), Some(expected), "{reason:?}");
        keys.push(key(image.source(), &facts));
    }
    keys.sort_unstable();
    let all = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), all);
}

#[test]
fn what_decides_nothing_leaves_the_key_as_it_is() {
    let before = key(image().source(), &facts());
    let mut other = image();
    other.args.insert("https_proxy".to_owned(), "http://proxy".to_owned());
    let EntryKind::File { modified_secs, .. } = &mut other.context.entries[0].kind else { unreachable!() };
    *modified_secs = 7;
    other.context.root = "/elsewhere".into();
    let mut facts = facts();
    facts.bases.insert("unused".to_owned(), "sha256:2".to_owned());
    assert_eq!(key(other.source(), &facts), before);
    assert_eq!(
        why(&Inputs::new(image().source(), &facts), &Inputs::new(other.source(), &facts)),
        Vec::<String>::new()
    );
    assert_eq!(before.to_string().len(), 32);
}

#[test]
fn two_lists_of_fields_are_never_the_same_bytes() {
    let key_of = |entries| {
        let mut image = image();
        image.context.entries = entries;
        key(image.source(), &facts())
    };
    let link = |path: &str, target: &str| {
        let mut link = file(path, b"");
        link.kind = EntryKind::Link { target: target.to_owned() };
        link
    };
    assert_ne!(key_of(vec![link("a", "bc")]), key_of(vec![link("ab", "c")]));
    assert_ne!(key_of(vec![file("a", b""), file("b", b"")]), key_of(vec![file("ab", b"")]));
}

#[test]
fn many_files_are_told_by_their_folder() {
    let paths = |paths: &[&str]| Inputs {
        context: paths.iter().map(|path| ((*path).to_owned(), 1)).collect(),
        ..Inputs::default()
    };
    let all = ["static/", "static/a", "static/b", "static/x/c", "src/m.py", "d", "e", "f"];
    assert_eq!(why(&paths(&[]), &paths(&all)), ["3 files, src/m.py and 3 files under static/ are new"]);
    assert_eq!(
        why(&paths(&all), &paths(&["static/", "d"])),
        ["e, f, src/m.py and 3 files under static/ are gone"]
    );
    assert_eq!(why(&paths(&[]), &paths(&["empty/"])), ["empty/ is new"]);
    let folders: Vec<String> = (0..9).map(|folder| format!("{folder}/x")).collect();
    let reason = why(&paths(&[]), &paths(&folders.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(reason, ["0/x, 1/x, 2/x and 6 more are new"]);
}
