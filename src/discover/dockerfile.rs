//! Hints of a Dockerfile on how it is built and run, its context first.
//!
//! Not what the build would do (`image::dockerfile`). No Dockerfile names its context; the files that its `COPY`s name do:
//! the context is the directory where they are.

mod layout;

use super::tree::Tree;
use super::tree::file_name;
use super::tree::is_dockerfile;
use super::tree::join;
use super::tree::parent;
use ::dockerfile::Ask;
use ::dockerfile::Dockerfile;
use layout::context;
use layout::paths_within;
use std::collections::BTreeMap;

/// A Dockerfile of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundDockerfile {
    /// Its path.
    pub path: String,
    /// Whether it lies in the repository around the directory.
    pub outside: bool,
    /// Whether it lies where examples and tests do.
    pub aside: bool,
    /// The directory that it is built from: of what states one, what holds; else where the files are that it copies.
    pub context: String,
    /// The directory where the files are that it copies.
    pub layout: String,
    /// Why that directory.
    pub why_layout: String,
    /// The ports of its `EXPOSE`s, or of its last command where it exposes none.
    pub ports: Vec<u16>,
    /// The user of the last stage, where it is a number.
    pub uid: Option<u32>,
    /// The words of its health check's command.
    pub health: Option<Vec<String>>,
}

/// Every Dockerfile, the nearest first.
#[must_use]
pub fn all(tree: &Tree) -> Vec<FoundDockerfile> {
    let mut found: Vec<FoundDockerfile> = tree
        .texts
        .keys()
        .filter(|path| is_dockerfile(file_name(path)))
        .map(|path| read(tree, path))
        .collect();
    found.sort_by_key(|item| (item.outside, item.aside, item.path.matches('/').count(), item.path.clone()));
    found
}

/// Whether it lies where examples and tests do.
#[must_use]
pub fn is_aside(path: &str) -> bool {
    const ASIDE: [&str; 32] = [
        "test",
        "tests",
        "e2e",
        "it",
        "spec",
        "specs",
        "example",
        "examples",
        "sample",
        "samples",
        "demo",
        "codelab",
        "codelabs",
        "docs",
        "doc",
        "website",
        "third_party",
        ".github",
        "hack",
        "ci",
        "archive",
        "archived",
        "_archived",
        "benches",
        "testing",
        "integration-tests",
        "fixtures",
        "testdata",
        "extras",
        "contrib",
        "optional",
        "optional-modifications",
    ];
    parent(path).split('/').any(|part| ASIDE.contains(&part))
}

/// The words that name the application of a Dockerfile, those of the file before those of the directories.
#[must_use]
pub fn words(found: &FoundDockerfile, project: &str) -> Vec<String> {
    const SILENT: [&str; 13] = [
        "docker",
        "dockerfiles",
        "dockerfile",
        "containerfile",
        "build",
        "images",
        "containers",
        "kubernetes",
        "k8s",
        "deploy",
        "src",
        "apps",
        "services",
    ];
    let name = file_name(&found.path).to_ascii_lowercase();
    let own = name.split(['.', '-', '_']).filter(|word| variant(word).is_none());
    let folders = [parent(&found.path), found.context.as_str()];
    let folders = folders.iter().flat_map(|folder| folder.rsplit('/').take(2)).map(str::to_ascii_lowercase);
    let mut words: Vec<String> = own
        .map(str::to_owned)
        .chain(folders)
        .filter(|word| !word.is_empty() && word != ".." && !SILENT.contains(&word.as_str()))
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    words.retain(|word| seen.insert(word.clone()));
    if words.is_empty() {
        words.push(project.to_ascii_lowercase());
    }
    words
}

/// How much a Dockerfile is meant for running: plain before `.prod`, both before `.dev` and `.test`.
#[must_use]
pub fn rank(path: &str) -> u8 {
    let name = file_name(path).to_ascii_lowercase();
    name.split(['.', '-', '_']).filter_map(variant).max().unwrap_or(0)
}

fn variant(word: &str) -> Option<u8> {
    Some(match word {
        "dockerfile" | "containerfile" => 0,
        "prod" | "production" | "release" => 1,
        "base" | "slim" | "alpine" | "debug" => 2,
        "dev" | "development" | "local" => 3,
        "test" | "tests" | "ci" => 4,
        _ => return None,
    })
}

fn read(tree: &Tree, path: &str) -> FoundDockerfile {
    let text = tree.text(path).unwrap_or_default();
    let args = BTreeMap::new();
    let ask = Ask { target: None, args: &args, platform: "linux/amd64" };
    let read = Dockerfile::parse(path.into(), text.as_bytes().to_vec(), ask);
    let mut found = FoundDockerfile {
        path: path.to_owned(),
        outside: path.starts_with(".."),
        aside: is_aside(&if path.starts_with("..") { join(&tree.place, path) } else { path.to_owned() }),
        context: parent(path).to_owned(),
        layout: parent(path).to_owned(),
        why_layout: String::new(),
        ports: Vec::new(),
        uid: None,
        health: None,
    };
    // `up` reports its errors, with the lines.
    let Ok(read) = read else { return found };
    let sources: Vec<&str> =
        read.copies.iter().flat_map(|copy| &copy.sources).flatten().map(String::as_str).collect();
    if !read.copies.is_empty() {
        (found.layout, found.why_layout) = context(tree, path, &sources, &paths_within(&read));
        found.context.clone_from(&found.layout);
    }
    let mut stage = read.stages.get(read.target);
    let mut command = String::new();
    while let Some(at) = stage {
        for instruction in read.instructions[at.body.clone()].iter().rev() {
            match instruction.keyword.as_str() {
                "EXPOSE" => found.ports.extend(ports(&instruction.rest)),
                "HEALTHCHECK" if found.health.is_none() => {
                    found.health = Some(command_words(&instruction.rest));
                }
                "CMD" | "ENTRYPOINT" | "ENV" => {
                    command.push(' ');
                    command.push_str(&instruction.rest);
                }
                _ => {}
            }
        }
        stage = at.parent.and_then(|parent| read.stages.get(parent));
    }
    if found.ports.is_empty() {
        found.ports.extend(port_of_command(&command));
    }
    found.uid = read.user.and_then(|(user, _)| user.split(':').next()?.parse().ok());
    found
}

fn ports(text: &str) -> Vec<u16> {
    text.split_whitespace()
        .filter(|word| !word.ends_with("/udp"))
        .filter_map(|word| word.split(['/', '-']).next()?.parse::<u16>().ok())
        .collect()
}

/// The words after `CMD`, as a list or as a line for a shell.
pub(super) fn command_words(text: &str) -> Vec<String> {
    let command = text.split_once("CMD").map_or("", |(_, command)| command.trim());
    serde_json::from_str(command).unwrap_or_else(|_| {
        command.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect()
    })
}

/// `--port 8000`, `-b 0.0.0.0:5000`, `PORT=3000`; else what the server that is started listens on by itself.
fn port_of_command(command: &str) -> Option<u16> {
    let words: Vec<&str> =
        command.split([' ', ',', '"', '\'', '[', ']', '=', '\n']).filter(|word| !word.is_empty()).collect();
    let named = words.windows(2).find_map(|pair| {
        let key = pair[0].trim_start_matches('-').to_ascii_lowercase();
        matches!(key.as_str(), "port" | "p").then(|| pair[1].parse().ok()).flatten()
    });
    let bound =
        words.iter().find_map(|word| word.rsplit_once(':')?.1.parse::<u16>().ok().filter(|port| *port > 79));
    let usual = || {
        let starts = |name: &str| words.iter().any(|word| file_name(word) == name);
        [
            ("uvicorn", 8000),
            ("gunicorn", 8000),
            ("flask", 5000),
            ("streamlit", 8501),
            ("nginx", 80),
            ("next", 3000),
        ]
        .into_iter()
        .find(|(name, _)| starts(name))
        .map(|(_, port)| port)
    };
    named.or(bound).or_else(usual)
}

#[cfg(test)]
mod tests {
    use super::all;
    use super::rank;
    use crate::discover::tree::Tree;

    fn context(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let tree = Tree::from_texts("shop", files);
        all(&tree).into_iter().map(|found| (found.path, found.context)).collect()
    }

    #[test]
    fn the_context_is_where_the_copied_files_are() {
        let text = "FROM a\nCOPY backend/requirements.txt .\nCOPY backend .\n";
        let files = [("phase-4/docker/backend/Dockerfile", text), ("backend/requirements.txt", "")];
        assert_eq!(context(&files)[0].1, "");
        let text = "FROM a\nCOPY package*.json ./\nCOPY . .\n";
        let files =
            [("kubernetes/dockerfiles/web.Dockerfile", text), ("web/package.json", ""), ("api/x.py", "")];
        assert_eq!(context(&files)[0].1, "web");
        let files = [("web/Dockerfile", "FROM a\nCOPY . .\n"), ("web/package.json", "")];
        assert_eq!(context(&files)[0].1, "web");
        let files = [("docker/Dockerfile", "FROM a\nCOPY . .\n"), ("main.py", "")];
        assert_eq!(context(&files)[0].1, "");
        let files = [("Dockerfile.api", "FROM a\nCOPY api/main.py .\n"), ("api/main.py", "")];
        assert_eq!(context(&files)[0].1, "");
        let text = "FROM a\nWORKDIR /app\nCOPY . .\nWORKDIR /app/services/api\nRUN go build -o api\n";
        let files = [("infra/api.Dockerfile", text), ("services/api/main.go", ""), ("go.mod", "")];
        assert_eq!(context(&files)[0].1, "");
        let text = "FROM a\nWORKDIR /app\nCOPY . .\nRUN go build ./cmd/api\n";
        let files = [("build/api/Dockerfile", text), ("api/x", ""), ("cmd/api/main.go", "")];
        assert_eq!(context(&files)[0].1, "");
        let text = "FROM a\nCOPY requirements.txt .\nCOPY . .\n";
        let files = [("docker/api.Dockerfile", text), ("backend/requirements.txt", ""), ("x", "")];
        assert_eq!(context(&files)[0].1, "backend", "the only directory that has it");
        let files = [("web/Dockerfile", "FROM a\nRUN x\n"), ("x", "")];
        assert_eq!(context(&files)[0].1, "web", "it copies nothing");
    }

    #[test]
    fn ports_are_those_exposed_or_those_of_the_command() {
        for (text, ports) in [
            ("EXPOSE 80 443/tcp 53/udp", vec![80, 443]),
            ("CMD [\"uvicorn\", \"app:app\", \"--host\", \"0.0.0.0\", \"--port\", \"8001\"]", vec![8001]),
            ("CMD gunicorn -b 0.0.0.0:5000 app:app", vec![5000]),
            ("CMD [\"uvicorn\", \"app:app\"]", vec![8000]),
            ("ENV PORT=7860\nCMD [\"python\", \"x.py\"]", vec![7860]),
            ("CMD [\"python\", \"worker.py\"]", vec![]),
        ] {
            let tree = Tree::from_texts("shop", &[("Dockerfile", &format!("FROM a\n{text}\n"))]);
            assert_eq!(all(&tree)[0].ports, ports, "{text}");
        }
    }

    #[test]
    fn what_is_for_running_comes_first() {
        let mut names = ["Dockerfile.dev", "Dockerfile.prod", "Dockerfile.test", "Dockerfile"];
        names.sort_by_key(|name| rank(name));
        assert_eq!(names, ["Dockerfile", "Dockerfile.prod", "Dockerfile.dev", "Dockerfile.test"]);
    }
}
