//! Files that a Dockerfile copies and its context lacks: missing files, files that `.dockerignore` excludes, and
//! files whose contents Git LFS keeps elsewhere.

use super::Note;
use super::artifact::made_by;
use crate::discover::submodules::empty;
use crate::discover::submodules::submodule;
use crate::discover::tree::Tree;
use crate::discover::tree::join;
use crate::discover::tree::shown;
use ::dockerfile::Ask;
use ::dockerfile::Copy;
use ::dockerfile::Dockerfile;
use ::dockerfile::ignore::Ignore;
use std::collections::BTreeMap;

/// A file that a Dockerfile copies and its context does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The line of the `COPY`.
    pub line: usize,
    /// The path.
    pub source: String,
    /// The command that makes it, where that is plain.
    pub command: Option<String>,
}

/// A way to build a Dockerfile.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The Dockerfile.
    pub dockerfile: &'a str,
    /// The context.
    pub context: &'a str,
    /// The stage.
    pub target: Option<&'a str>,
    /// The arguments.
    pub args: &'a BTreeMap<String, String>,
}

/// What a Dockerfile copies and its context does not have. BuildKit accepts a pattern without a match.
#[must_use]
pub fn lacking(tree: &Tree, attempt: Attempt<'_>) -> Vec<Lack> {
    let mut lacks: Vec<Lack> = Vec::new();
    for copy in copies(tree, attempt) {
        for source in copy.sources.iter().flatten() {
            let made = made_by(tree, attempt.context, source);
            let pattern = source.contains(['*', '?', '[']);
            if source == "." || pattern && made.is_none() || tree.matches(&join(attempt.context, source)) {
                continue;
            }
            lacks.push(Lack { line: copy.line, source: source.clone(), command: made });
        }
    }
    lacks
}

/// Everything that is to be done before the build can work.
#[must_use]
pub fn before(tree: &Tree, attempt: Attempt<'_>) -> Vec<Note> {
    let context = shown(attempt.context);
    let lacks = lacking(tree, attempt);
    // A missing directory is reported once, for all files that are copied from it.
    let folder = |lack: &Lack| {
        let (first, _) = lack.source.split_once('/')?;
        let gone = !tree.has_folder(&join(attempt.context, first)) && lack.command.is_none();
        gone.then(|| first.to_owned())
    };
    let gone: BTreeMap<String, usize> =
        lacks.iter().rev().filter_map(|lack| Some((folder(lack)?, lack.line))).collect();
    let folders = gone.into_iter().map(|(first, line)| {
        let what = format!(
            "{}:{line} copies from the directory `{first}`, which is empty or not there",
            attempt.dockerfile
        );
        let help = match submodule(tree, &join(attempt.context, &first)) {
            Some(path) => format!("`git submodule update --init {path}`, before `todo up`"),
            None => format!("put `{first}` there, or correct the path: it starts at `{context}`"),
        };
        Note { what, help, first: true }
    });
    let folders: Vec<Note> = folders.collect();
    let missing = lacks.iter().filter(|lack| folder(lack).is_none()).map(|lack| {
        let place = format!("{}:{}", attempt.dockerfile, lack.line);
        let (what, help) = match &lack.command {
            Some(command) => (
                format!("{place} copies `{}`, which a build outside of Docker makes", lack.source),
                format!("`{command}`, before each `todo up`"),
            ),
            None => (
                format!("{place} copies `{}`, which is not in the context `{context}`", lack.source),
                format!("put `{}` there, or correct the path: it starts at `{context}`", lack.source),
            ),
        };
        Note { what, help, first: true }
    });
    let missing: Vec<Note> = missing.collect();
    let fetched = [submodules(tree, attempt), pointers(tree, attempt).into_iter().collect()].concat();
    [folders, missing, ignored(tree, attempt), fetched].concat()
}

/// Files that are copied by name and exist, but are excluded from the context.
fn ignored(tree: &Tree, attempt: Attempt<'_>) -> Vec<Note> {
    let own = format!("{}.dockerignore", attempt.dockerfile);
    let shared = join(attempt.context, ".dockerignore");
    // BuildKit reads only one of them (`frontend/dockerui: config.go`).
    let Some(file) = [own, shared].into_iter().find(|file| tree.text(file).is_some()) else {
        return Vec::new();
    };
    let Ok(ignore) = Ignore::parse(tree.text(&file).unwrap_or_default().as_bytes()) else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    for copy in copies(tree, attempt) {
        let named = |source: &&String| *source != "." && !source.contains(['*', '?', '[']);
        for source in copy.sources.iter().flatten().filter(named) {
            let path = join(attempt.context, source);
            let there = tree.files.contains(&path) || tree.has_folder(&path);
            let Some(rule) = ignore.ignored_by(source).filter(|_| there) else { continue };
            if !tree.files.contains(&path) && ignore.may_keep_below(source) {
                continue;
            }
            let (place, line) = (format!("{}:{}", attempt.dockerfile, copy.line), rule.line);
            notes.push(Note {
                what: format!("{place} copies `{source}`, which {file}:{line} leaves out of the context"),
                help: format!("remove that line, or write `!{source}` at the end of `{file}`"),
                first: true,
            });
        }
    }
    notes
}

/// Submodules that are not there, in directories that are copied as a whole.
fn submodules(tree: &Tree, attempt: Attempt<'_>) -> Vec<Note> {
    let copies = copies(tree, attempt);
    let line_of = |path: &str| {
        let holds = |source: &String| {
            let folder = join(attempt.context, source);
            folder.is_empty() || path.starts_with(&format!("{folder}/"))
        };
        copies.iter().find(|copy| copy.sources.iter().flatten().any(holds)).map(|copy| copy.line)
    };
    let notes = empty(tree).filter_map(|path| {
        let line = line_of(path)?;
        Some(Note {
            what: format!("{}:{line} copies `{path}`, a git submodule that is not there", attempt.dockerfile),
            help: format!("`git submodule update --init {path}`, before `todo up`"),
            first: true,
        })
    });
    notes.collect()
}

/// Files that Git LFS has not fetched: the image would have the pointers.
fn pointers(tree: &Tree, attempt: Attempt<'_>) -> Option<Note> {
    let copies = copies(tree, attempt);
    let sources = copies.iter().flat_map(|copy| copy.sources.iter().flatten());
    let folders: Vec<String> = sources.map(|source| join(attempt.context, source)).collect();
    let is_copied = |path: &&String| {
        folders
            .iter()
            .any(|folder| folder.is_empty() || path == &folder || path.starts_with(&format!("{folder}/")))
    };
    let found: Vec<&String> = tree.pointers.iter().filter(is_copied).collect();
    let (first, dockerfile) = (found.first()?, attempt.dockerfile);
    let what = match found.len() {
        1 => format!("`{first}`, which `{dockerfile}` copies, is a pointer of Git LFS, not the file itself"),
        count => format!(
            "`{dockerfile}` copies {count} files that are pointers of Git LFS, not the files themselves: `{first}` and others"
        ),
    };
    Some(Note { what, help: "`git lfs pull`, before `todo up`".to_owned(), first: true })
}

fn copies(tree: &Tree, attempt: Attempt<'_>) -> Vec<Copy> {
    let text = tree.text(attempt.dockerfile).unwrap_or_default();
    let ask = Ask { target: attempt.target, args: attempt.args, platform: "linux/amd64" };
    let read = Dockerfile::parse(attempt.dockerfile.into(), text.as_bytes().to_vec(), ask);
    read.map(|read| read.copies).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Attempt;
    use super::before;
    use super::lacking;
    use crate::discover::tree::Tree;
    use std::collections::BTreeMap;

    const ARGS: &BTreeMap<String, String> = &BTreeMap::new();

    fn api() -> Attempt<'static> {
        Attempt { dockerfile: "api/Dockerfile", context: "api", target: None, args: ARGS }
    }

    #[test]
    fn what_is_built_outside_of_docker_is_known_by_its_tool() {
        for (files, source, command) in [
            (vec!["pom.xml", "mvnw", "api/pom.xml"], "target/api.jar", Some("./mvnw -DskipTests package")),
            (vec!["pom.xml", "mvnw"], "target/*.jar", Some("./mvnw -DskipTests package")),
            (vec!["api/build.gradle", "gradlew"], "build/libs/a.jar", Some("./gradlew build")),
            (vec!["api/package.json", "api/yarn.lock"], "dist", Some("cd api && yarn run build")),
            (vec!["api/web/package.json"], "web/build", Some("cd api/web && npm run build")),
            (vec!["api/x.csproj"], "bin/Release/net8.0/publish", Some("cd api && dotnet publish -c Release")),
            (
                vec!["api/go.mod", "api/main.go"],
                "server",
                Some("cd api && CGO_ENABLED=0 go build -o server ."),
            ),
            (vec![], "dist", None),
        ] {
            let text = format!("FROM a\nCOPY {source} .\n");
            let mut all: Vec<(&str, &str)> = files.into_iter().map(|file| (file, "")).collect();
            all.push(("api/Dockerfile", &text));
            let lacks = lacking(&Tree::from_texts("x", &all), api());
            assert_eq!(lacks[0].command.as_deref(), command, "{source}");
        }
        let tree = Tree::from_texts("x", &[("api/Dockerfile", "FROM a\nCOPY yarn.lock* *.txt ./\n")]);
        assert!(lacking(&tree, api()).is_empty());
    }

    #[test]
    fn a_folder_that_is_not_there_is_told_once() {
        for (modules, help) in
            [("", "put `lib` there"), ("[submodule \"lib\"]\n\tpath = api/lib\n", "submodule update")]
        {
            let text = "FROM a\nCOPY lib/a.txt lib/b.txt ./\nCOPY lib/c ./c\n";
            let files = [("api/Dockerfile", text), ("api/x", ""), (".gitmodules", modules)];
            let notes = before(&Tree::from_texts("x", &files), api());
            assert_eq!(notes.len(), 1, "{notes:?}");
            assert!(notes[0].first && notes[0].help.contains(help), "{notes:?}");
        }
    }

    #[test]
    fn what_is_copied_by_name_and_left_out_of_the_context_is_told() {
        for (ignore, expected) in [
            ("dist\n", &["dist"][..]),
            ("*.json\n!package.json\n", &["config.json"]),
            ("**\n!package.json\n!config.json\n!dist\n", &[]),
            ("**\n!dist/a.js\n!*.json\n", &[]),
            ("node_modules\n", &[]),
        ] {
            let text = "FROM a\nCOPY package.json config.json ./\nCOPY dist dist\nCOPY . .\n";
            let files = [
                ("api/Dockerfile", text),
                ("api/.dockerignore", ignore),
                ("api/package.json", ""),
                ("api/config.json", ""),
                ("api/dist/a.js", ""),
            ];
            let notes = before(&Tree::from_texts("x", &files), api());
            let names: Vec<bool> = expected
                .iter()
                .map(|name| notes.iter().any(|note| note.first && note.what.contains(&format!("`{name}`"))))
                .collect();
            assert_eq!(
                (notes.len(), names),
                (expected.len(), vec![true; expected.len()]),
                "{ignore}: {notes:?}"
            );
        }
        let own = [
            ("api/Dockerfile", "FROM a\nCOPY a.txt .\n"),
            ("api/Dockerfile.dockerignore", "b.txt"),
            ("api/.dockerignore", "a.txt"),
            ("api/a.txt", ""),
        ];
        assert!(
            before(&Tree::from_texts("x", &own), api()).is_empty(),
            "the Dockerfile's own file counts alone"
        );
    }

    #[test]
    fn pointers_of_git_lfs_are_told_where_they_are_copied() {
        for (copied, count) in [("model.bin", 1), ("data", 1), (".", 1), ("main.py", 0)] {
            let text = format!("FROM a\nCOPY {copied} /x\n");
            let files = [
                ("api/Dockerfile", text.as_str()),
                ("api/model.bin", ""),
                ("api/data/a", ""),
                ("api/main.py", ""),
            ];
            let mut tree = Tree::from_texts("x", &files);
            tree.pointers = ["api/model.bin".to_owned(), "api/data/a".to_owned()].into();
            let notes = before(&tree, api());
            assert_eq!(
                notes.iter().filter(|note| note.help.contains("git lfs pull")).count(),
                count,
                "{copied}"
            );
        }
    }
}
