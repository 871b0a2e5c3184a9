//! The house rules that a compiler does not see, as text searches over `src/` and `crates/`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use todo::fault::FaultKind;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn sources() -> BTreeMap<PathBuf, String> {
    fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(ROOT).unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    for folder in ["src", "crates"] {
        walk(&Path::new(ROOT).join(folder), &mut found);
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// `src/image/session.rs` → `image`; `None` for a file of a crate of its own, whose manifest defines its dependencies.
fn module(path: &Path) -> Option<String> {
    if !path.starts_with("src") {
        return None;
    }
    let first = path.components().nth(1).unwrap().as_os_str().to_string_lossy().into_owned();
    Some(first.trim_end_matches(".rs").to_owned())
}

#[test]
fn modules_use_only_what_they_may_use() {
    const GROUND: [&str; 2] = ["event", "fault"];
    const GIVEN: [&str; 19] = [
        "answer",
        "clock",
        "event",
        "fault",
        "file",
        "project",
        "manifest",
        "exec",
        "world",
        "run",
        "signal",
        "limit",
        "random",
        "redact",
        "relative",
        "replace",
        "go_base64",
        "pointer",
        "version",
    ];
    let sibling = [&GIVEN[..], &["docker", "kubernetes"]].concat();
    let mut may_know: BTreeMap<&str, Vec<&str>> = BTreeMap::from([
        ("answer", vec!["event"]),
        ("event", vec!["fault", "redact"]),
        ("redact", Vec::new()),
        ("fault", vec!["event"]),
        ("signal", [&GROUND[..], &["file", "terminal"]].concat()),
        ("terminal", Vec::new()),
        ("world", [&GROUND[..], &["clock", "file"]].concat()),
        ("run", vec!["event", "fault", "signal", "world"]),
        ("exec", vec!["event", "fault", "run", "signal", "world"]),
        ("docker", vec!["file", "requests", "world"]),
        ("file", Vec::new()),
        ("kubernetes", vec!["requests"]),
        ("limit", Vec::new()),
        ("requests", Vec::new()),
        ("random", Vec::new()),
        ("relative", Vec::new()),
        ("replace", Vec::new()),
        ("go_base64", Vec::new()),
        ("pointer", Vec::new()),
        ("version", Vec::new()),
        ("crash", Vec::new()),
        ("project", vec!["event", "fault", "file", "relative", "run", "world"]),
        ("manifest", GIVEN.to_vec()),
        ("plan", GIVEN.to_vec()),
        ("discover", GIVEN.to_vec()),
        ("preflight", sibling.clone()),
        ("minikube", sibling.clone()),
        ("image", sibling.clone()),
        ("cluster", sibling.clone()),
        ("service", sibling.clone()),
        ("watch", vec!["event", "fault", "file", "project"]),
        ("report", GIVEN.to_vec()),
        ("cli", vec!["report", "version"]),
    ]);
    let below = [
        "cli",
        "cluster",
        "discover",
        "image",
        "minikube",
        "plan",
        "preflight",
        "rehearsal",
        "service",
        "terminal",
        "watch",
    ];
    may_know.insert("flow", [&sibling[..], &below].concat());
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some(module) = module(&path) else { continue };
        let Some(allowed) = may_know.get(module.as_str()) else { continue };
        for line in text.lines().map(str::trim) {
            let Some(rest) = line.strip_prefix("use crate::") else { continue };
            let other = rest.split([':', ';']).next().unwrap_or_default();
            if other != module && !allowed.contains(&other) {
                wrong.push(format!("{}: {module} may not know {other}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_is_short_and_imports_one_name_a_line() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if text.lines().count() > 400 {
            wrong.push(format!("{} has over 400 lines: split it", path.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{} opens without //!", path.display()));
        }
        for line in text.lines().map(str::trim) {
            if line.starts_with("use crate::") && line.contains('{') || line.starts_with("use super::*") {
                wrong.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A FIFO or `/dev/zero` under the name of a file must neither hold the program nor fill the memory: `file` looks at what
/// is opened, and ends at a limit. Writing is another matter, and so is what tests read.
#[test]
fn only_one_module_opens_files_for_reading() {
    const RAW: [&str; 12] = [
        "fs::read(",
        "fs::read,",
        "fs::read;",
        "fs::read)",
        "fs::read_to_string",
        "File::open",
        "File::options()",
        "OpenOptions::new()",
        "tokio::fs",
        "stdin().read",
        "stdin().lines",
        "io::read_to_string",
    ];
    // Each opens with a mechanism of its own, and documents why it is safe.
    const KNOWN: [(&str, &str); 4] = [
        ("src/file.rs", "File::options()"),
        // Without links, and its callers check the kind of the opened file.
        ("src/image/stat.rs", "File::options()"),
        // They write, or lock.
        ("src/service/detached/store.rs", "File::options()"),
        ("src/replace.rs", "File::options()"),
    ];
    // The simulator reads what it has written itself.
    let of_tests = |path: &Path| {
        path.starts_with("crates/simulator")
            || path.components().any(|part| part.as_os_str() == "tests")
            || path.file_stem().is_some_and(|name| name == "tests" || name == "cases")
    };
    let mut wrong = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !of_tests(path)) {
        let code = text.split("#[cfg(test)]\n").next().unwrap_or_default();
        for (index, line) in code.lines().enumerate() {
            for word in RAW.iter().filter(|word| line.contains(**word) && !line.trim().starts_with("//")) {
                if !KNOWN.iter().any(|(file, allowed)| path == Path::new(file) && allowed == word) {
                    wrong.push(format!("{}:{}: `{word}`: read through `file`", path.display(), index + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_modules_are_pure() {
    const PURE: [&str; 14] = [
        "src/plan.rs",
        "src/manifest/bind.rs",
        "src/manifest/lint.rs",
        "src/discover/generate.rs",
        "src/discover/naming.rs",
        "src/discover/proposal.rs",
        "src/discover/toml.rs",
        "src/discover/method.rs",
        "crates/dockerfile/src",
        "crates/health/src",
        "src/image/sync.rs",
        "src/cluster/blame.rs",
        "src/cluster/phase.rs",
        "src/report/fold.rs",
    ];
    let sources = sources();
    for name in PURE {
        let of_it =
            |path: &&PathBuf| path.starts_with(name.trim_end_matches(".rs")) || *path == Path::new(name);
        let files: Vec<&PathBuf> = sources.keys().filter(of_it).collect();
        assert!(!files.is_empty(), "{name} is gone");
        for path in files {
            let code = sources[path].split("#[cfg(test)]").next().unwrap_or_default();
            for word in ["async fn", "tokio::", "std::fs", "SystemTime", "Instant::now"] {
                assert!(!code.contains(word), "{} is pure, but says `{word}`", path.display());
            }
        }
    }
}

#[test]
fn the_readme_tells_every_exit_code() {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let documented: Vec<u8> = readme
        .lines()
        .skip_while(|line| !line.starts_with("| exit code |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1)?.trim().parse::<u8>().ok())
        .collect();
    let mut codes: Vec<u8> = FaultKind::ALL.iter().map(|kind| kind.exit_code()).chain([0, 3, 4, 5]).collect();
    codes.sort_unstable();
    assert_eq!(documented, codes);
}

#[test]
fn one_file_writes_to_standard_output_and_standard_error() {
    let writes = ["io::stdout()", "io::stderr()", "println!(", "print!(", "dbg!("];
    // `world` asks whether they are terminals, `inherit` changes a flag of the streams.
    let others = ["src/report/output.rs", "src/world.rs", "crates/inherit/src/lib.rs"];
    for (path, text) in sources() {
        if others.iter().any(|other| path == Path::new(other)) {
            continue;
        }
        let found = writes.iter().find(|word| text.contains(*word));
        assert!(found.is_none(), "{} says `{}`", path.display(), found.unwrap_or(&""));
    }
}

/// Archives of engines and nodes are passed on as they are: names in them are not resolved here.
#[test]
fn no_archive_is_unpacked_here() {
    for (path, text) in sources() {
        for word in [".unpack(", ".unpack_in(", "set_preserve_permissions"] {
            assert!(!text.contains(word), "{} says `{word}`", path.display());
        }
    }
}

/// `src/a/b.rs::test` and `tests/c.rs::test`, as docs/security.md names what shows a claim.
#[test]
fn what_the_security_page_claims_is_shown_by_tests_that_exist() {
    let page = std::fs::read_to_string(Path::new(ROOT).join("docs/security.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let named: Vec<(&str, &str)> = quoted.filter_map(|text| text.split_once(".rs::")).collect();
    assert!(named.len() > 40, "{}", named.len());
    let mut wrong = Vec::new();
    for (file, test) in named {
        let text = std::fs::read_to_string(Path::new(ROOT).join(format!("{file}.rs"))).unwrap_or_default();
        let function = text.find(&format!("fn {test}("));
        // The attribute stands among the lines above it that are not blank.
        let is_test = function.is_some_and(|at| {
            let above = text[..at].rsplit("\n\n").next().unwrap_or_default();
            ["#[test]", "#[tokio::test"].iter().any(|attribute| above.contains(attribute))
        });
        if !is_test {
            wrong.push(format!("{file}.rs::{test}"));
        }
    }
    assert!(wrong.is_empty(), "docs/security.md names tests that are not there:\n{}", wrong.join("\n"));
    for line in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| claim |")) {
        assert!(line.contains(".rs::"), "a claim without a test: {line}");
    }
}

/// Two files that import each other can only be read together: what both need belongs into a third. A file may use the files
/// below it, and they may use it.
#[test]
fn no_two_files_import_each_other() {
    // The parts of the simulated cluster act on the whole of it, and the whole keeps the state of its parts.
    let known = |file: &Path| file.starts_with("crates/simulator/src/cluster/world.rs");
    let sources = sources();
    let modules: BTreeMap<String, &Path> =
        sources.keys().filter(|path| !known(path)).map(|path| (module_path(path), path.as_path())).collect();
    let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, path) in &modules {
        for used in used(from, &sources[*path]) {
            let file = ancestors(&used).find_map(|name| modules.get_key_value(name));
            if let Some((to, _)) = file.filter(|(to, _)| !is_below(to, from)) {
                imports.entry(from).or_default().insert(to);
            }
        }
    }
    let reached = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = imports.get(from).into_iter().flatten().copied().collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(imports.get(module).into_iter().flatten());
            }
        }
        reached
    };
    assert!(imports.len() > 100, "the imports were not found");
    let circular: Vec<&str> =
        imports.keys().copied().filter(|module| reached(module).contains(module)).collect();
    assert!(circular.is_empty(), "these import one another: {circular:#?}");
}

/// `src/image/session.rs` → `src::image::session`, `src/lib.rs` → `src`.
fn module_path(path: &Path) -> String {
    let parts =
        path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>();
    parts.join("::").trim_end_matches("::lib").to_owned()
}

/// The full paths of the names that a module imports from its own crate.
fn used(module: &str, text: &str) -> Vec<String> {
    let root = module.split_inclusive("src").next().unwrap_or_default();
    let text = text.split("\nmod tests {").next().unwrap_or_default();
    let absolute = |line: &str| {
        let mut path = line.strip_prefix("use ")?.trim_end_matches(';').split(" as ").next()?;
        if let Some(rest) = path.strip_prefix("crate::") {
            return Some(format!("{root}::{rest}"));
        }
        let mut base = module;
        while let Some(rest) = path.strip_prefix("super::") {
            (path, base) = (rest, base.rsplit_once("::")?.0);
        }
        (base != module).then(|| format!("{base}::{path}"))
    };
    text.lines().filter_map(absolute).collect()
}

/// A path, and those above it.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once("::").map(|(above, _)| above))
}

fn is_below(module: &str, above: &str) -> bool {
    module.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
