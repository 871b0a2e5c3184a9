//! Deploy scripts → what they say about images, charts, manifests, namespaces and Secrets.
//!
//! The best evidence there is: somebody has deployed with them. Never a value of a secret, only the keys.

use super::shell::Call;
use super::shell::calls;
use super::tree::Tree;
use super::tree::file_name;
use super::tree::is_dockerfile;
use super::tree::join;
use super::tree::parent;
use super::tree::upwards;
use crate::event::Place;
use crate::manifest::bind::repository;
use std::collections::BTreeMap;

/// What all scripts of a tree say.
#[derive(Debug, Clone, Default)]
pub struct Scripts {
    /// `docker build`.
    pub builds: Vec<Build>,
    /// `helm install` and `helm upgrade`.
    pub releases: Vec<Release>,
    /// What `kubectl apply -f` and `-k` name, a path of the tree.
    pub applied: Vec<(String, Place)>,
    /// The namespaces that are named, once a mention.
    pub namespaces: Vec<(String, Place)>,
    /// Secrets that are made by `kubectl create secret`, with their keys.
    pub secrets: Vec<(String, Vec<String>, Place)>,
    /// The Services that `minikube service` opens.
    pub opened: Vec<(String, Place)>,
    /// Ports of localhost that are told or forwarded, with the Service, where a forward names it.
    pub local: Vec<(Option<String>, u16, Place)>,
    /// The flags of `minikube start`, each as `--name=value`.
    pub start: Option<(Vec<String>, Place)>,
}

/// A `docker build`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The repositories it is tagged with.
    pub names: Vec<String>,
    /// The Dockerfile.
    pub dockerfile: String,
    /// The context.
    pub context: String,
    /// `--target`.
    pub target: Option<String>,
    /// `--build-arg`s with values.
    pub args: BTreeMap<String, String>,
    /// Where it stands.
    pub place: Place,
}

/// A `helm install`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The release's name.
    pub name: String,
    /// The chart's folder.
    pub chart: String,
    /// The values files, those that are there.
    pub values: Vec<String>,
    /// The values files that are not there.
    pub absent: Vec<String>,
    /// `--set`, those whose values stand in the script.
    pub set: BTreeMap<String, String>,
    /// The keys of `--set` whose values come from elsewhere.
    pub unknown: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// Reads every script.
#[must_use]
pub fn read(tree: &Tree) -> Scripts {
    let mut scripts = Scripts::default();
    let mut paths: Vec<&String> = tree.texts.keys().filter(|path| is_script(path)).collect();
    paths.sort_by_key(|path| (path.matches('/').count(), (*path).clone()));
    for path in paths {
        for (index, line) in tree.text(path).unwrap_or_default().lines().enumerate() {
            let place = Place { file: path.into(), line: index + 1, column: 0 };
            scripts.local.extend(on_localhost(line).map(|port| (None, port, place.clone())));
        }
        for call in calls(tree.text(path).unwrap_or_default(), path) {
            let place = Place { file: path.into(), line: call.line, column: 0 };
            let reader = Reader { tree, path, call: &call, place };
            reader.take(&mut scripts);
        }
    }
    scripts
}

fn is_script(path: &str) -> bool {
    let small = path.to_ascii_lowercase();
    [".sh", ".bash", ".bat", ".cmd", ".ps1"].iter().any(|end| small.ends_with(end))
        || file_name(&small) == "makefile"
}

/// The ports of localhost that a line names.
fn on_localhost(line: &str) -> impl Iterator<Item = u16> {
    let after = ["localhost:", "127.0.0.1:"].into_iter().flat_map(|host| line.split(host).skip(1));
    after.filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok().filter(|port| *port != 0)
    })
}

/// The flags of a call without words of its own, each as `--name=value`: `--memory 4096` is `--memory=4096`.
fn flags(words: &[&str]) -> Vec<String> {
    let is_value = |word: &&&str| !word.starts_with('-') && !word.contains(['>', '|', '&']) && known(word);
    let flags = words.iter().enumerate().filter(|(_, word)| word.starts_with("--"));
    let whole = flags.map(|(at, flag)| match words.get(at + 1).filter(is_value) {
        Some(value) if !flag.contains('=') => format!("{flag}={value}"),
        _ => (*flag).to_owned(),
    });
    whole.filter(|flag| known(flag)).collect()
}

struct Reader<'a> {
    tree: &'a Tree,
    path: &'a str,
    call: &'a Call,
    place: Place,
}

impl Reader<'_> {
    fn take(self, scripts: &mut Scripts) {
        let words: Vec<&str> = self.call.words.iter().map(String::as_str).collect();
        let program = words.first().map_or("", |word| file_name(word)).trim_end_matches(".exe");
        match (program, &words[1..]) {
            (
                "docker" | "podman" | "nerdctl",
                ["build", rest @ ..] | ["buildx" | "image", "build", rest @ ..],
            )
            | ("minikube", ["image", "build", rest @ ..]) => scripts.builds.extend(self.build(rest)),
            ("helm", ["install" | "upgrade", rest @ ..]) => {
                self.namespaces(rest, scripts);
                scripts.releases.extend(self.release(rest));
            }
            ("kubectl" | "k" | "oc", rest) | ("minikube", ["kubectl", "--", rest @ ..]) => {
                self.kubectl(rest, scripts);
            }
            ("minikube", ["service", rest @ ..]) => {
                self.namespaces(rest, scripts);
                let name = positional(rest, &["-n", "--namespace", "-p", "--profile"]).first().copied();
                scripts
                    .opened
                    .extend(name.filter(|name| known(name)).map(|name| (name.to_owned(), self.place)));
            }
            ("minikube", ["start", rest @ ..]) if scripts.start.is_none() => {
                let flags = flags(rest);
                scripts.start = (!flags.is_empty()).then_some((flags, self.place));
            }
            _ => {}
        }
    }

    fn build(&self, rest: &[&str]) -> Option<Build> {
        const VALUED: [&str; 14] = [
            "-t",
            "--tag",
            "-f",
            "--file",
            "--target",
            "--build-arg",
            "--platform",
            "--progress",
            "--label",
            "--cache-from",
            "--network",
            "--secret",
            "-p",
            "--profile",
        ];
        let names: Vec<String> = options(rest, &["-t", "--tag"])
            .filter_map(|name| {
                let name = repository(name);
                known(name).then(|| name.to_owned())
            })
            .collect();
        let written = positional(rest, &VALUED).first().copied().filter(|word| known(word))?;
        let file = options(rest, &["-f", "--file"]).next();
        let (context, dockerfile) = self.bases().find_map(|base| {
            let context = path(&base, written);
            let dockerfile = match file {
                Some(file) => path(&base, file),
                None => join(&context, "Dockerfile"),
            };
            self.tree.files.contains(&dockerfile).then_some((context, dockerfile))
        })?;
        let args = options(rest, &["--build-arg"])
            .filter_map(|pair| pair.split_once('='))
            .filter(|(_, value)| known(value))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let target = options(rest, &["--target"]).next().map(str::to_owned);
        Some(Build { names, dockerfile, context, target, args, place: self.place.clone() })
    }

    fn release(&self, rest: &[&str]) -> Option<Release> {
        const VALUED: [&str; 12] = [
            "-f",
            "--values",
            "-n",
            "--namespace",
            "--set",
            "--set-string",
            "--set-file",
            "--timeout",
            "--version",
            "--kube-context",
            "--description",
            "--set-json",
        ];
        let words = positional(rest, &VALUED);
        let (name, written) = match words[..] {
            [name, chart, ..] => (Some(name), chart),
            [chart] => (None, chart),
            [] => return None,
        };
        let (base, chart) = self.bases().find_map(|base| {
            let chart = path(&base, written);
            self.tree.files.contains(&join(&chart, "Chart.yaml")).then_some((base, chart))
        })?;
        let files = options(rest, &["-f", "--values"]).flat_map(|files| files.split(','));
        let files = files.filter(|file| known(file)).map(|file| path(&base, file));
        let (values, absent) = files.partition(|file| self.tree.files.contains(file));
        let pairs: Vec<(&str, &str)> = options(rest, &["--set", "--set-string"])
            .flat_map(|pairs| pairs.split(','))
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let (set, unknown): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(_, value)| known(value));
        Some(Release {
            name: name.filter(|name| known(name)).unwrap_or_else(|| file_name(&chart)).to_owned(),
            chart: chart.clone(),
            values,
            absent,
            set: set.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            unknown: unknown.into_iter().map(|(key, _)| key.to_owned()).collect(),
            place: self.place.clone(),
        })
    }

    fn kubectl(&self, rest: &[&str], scripts: &mut Scripts) {
        self.namespaces(rest, scripts);
        let words =
            positional(rest, &["-n", "--namespace", "-f", "--filename", "-k", "--kustomize", "--context"]);
        match words[..] {
            ["apply" | "create" | "replace"] => {
                for written in
                    options(rest, &["-f", "--filename", "-k", "--kustomize"]).filter(|path| known(path))
                {
                    let found = self.bases().map(|base| path(&base, written));
                    let found = found
                        .into_iter()
                        .find(|path| self.tree.files.contains(path) || self.tree.has_folder(path));
                    scripts.applied.extend(found.map(|path| (path, self.place.clone())));
                }
            }
            ["port-forward", target, ports, ..] => {
                let service = target.rsplit_once('/').map_or(target, |(_, name)| name);
                let port = ports.split(':').next().and_then(|port| port.parse().ok());
                if let Some(port) = port.filter(|_| known(service)) {
                    scripts.local.push((Some(service.to_owned()), port, self.place.clone()));
                }
            }
            ["create", "namespace" | "ns", name, ..] if known(name) => {
                scripts.namespaces.push((name.to_owned(), self.place.clone()));
            }
            ["create", "secret", "generic", name, ..] if known(name) => {
                let mut keys: Vec<String> = options(rest, &["--from-literal"])
                    .filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()))
                    .collect();
                for file in options(rest, &["--from-env-file"]) {
                    let text = self.bases().find_map(|base| self.tree.text(&path(&base, file)));
                    keys.extend(super::keys::keys(text.unwrap_or_default()));
                }
                scripts.secrets.push((name.to_owned(), keys, self.place.clone()));
            }
            _ => {}
        }
    }

    fn namespaces(&self, rest: &[&str], scripts: &mut Scripts) {
        let named =
            options(rest, &["-n", "--namespace"]).filter(|name| known(name) && !name.starts_with("kube-"));
        scripts.namespaces.extend(named.map(|name| (name.to_owned(), self.place.clone())));
    }

    /// Where the script may have been started, or where it has gone to: the tree, its own folder, those above.
    fn bases(&self) -> impl Iterator<Item = String> {
        let starts = std::iter::once("").chain(upwards(parent(self.path)));
        starts.map(|start| join(start, self.call.folder.as_deref().unwrap_or_default()))
    }
}

/// A path that a script writes, as one of the tree.
fn path(base: &str, written: &str) -> String {
    match written.strip_prefix("//") {
        Some(whole) => join("", whole),
        None => join(base, written),
    }
}

/// The values of an option: `-f x`, `-f=x`, `--file=x`.
fn options<'w>(words: &'w [&'w str], names: &'w [&'w str]) -> impl Iterator<Item = &'w str> {
    words.iter().enumerate().filter_map(move |(at, word)| {
        if names.contains(word) {
            return words.get(at + 1).copied();
        }
        let (name, value) = word.split_once('=')?;
        names.contains(&name).then_some(value)
    })
}

/// The words that are neither options nor their values nor redirections.
fn positional<'w>(words: &[&'w str], valued: &[&str]) -> Vec<&'w str> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if valued.contains(word) {
            words.next();
        } else if !word.starts_with('-') && !word.contains('>') && *word != "2" && *word != "1" {
            found.push(*word);
        }
    }
    found
}

/// Whether a word is what it says, with no variable left in it.
fn known(word: &str) -> bool {
    !word.is_empty() && !word.contains(['$', '%', '`', '{'])
}

/// Whether some build names this Dockerfile.
#[must_use]
pub fn builds_of<'s>(scripts: &'s Scripts, dockerfile: &str) -> Option<&'s Build> {
    scripts.builds.iter().find(|build| build.dockerfile == dockerfile && is_dockerfile(file_name(dockerfile)))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::discover::tree::Tree;

    #[test]
    fn a_script_tells_names_contexts_charts_and_namespaces() {
        let script = "NAMESPACE=todo-app\ncd \"$(dirname \"$0\")/..\"\ndocker build -t todo-backend:1.0.0 -f kubernetes/api.Dockerfile --build-arg URL=http://x ./backend\n\
                      minikube start --cpus=2 --memory 4096\nkubectl create secret generic s --from-literal=KEY=hunter2 -n $NAMESPACE\n\
                      helm upgrade --install todo ./chart -n \"$NAMESPACE\" -f chart/values-dev.yaml -f values-local.yaml --set a.b=1 --set secrets.x=\"$X\" --wait\n\
                      kubectl apply -f k8s/ 2>/dev/null\nminikube service web -n todo-app --url\n\
                      kubectl port-forward svc/web 8080:80 -n todo-app &\necho \"open http://localhost:30080/ or http://$IP:30080\"\n";
        let tree = Tree::of(
            "x",
            &[
                ("scripts/deploy.sh", script),
                ("kubernetes/api.Dockerfile", "FROM a"),
                ("backend/x.py", ""),
                ("chart/Chart.yaml", ""),
                ("chart/values-dev.yaml", ""),
                ("k8s/a.yaml", ""),
            ],
        );
        let read = read(&tree);
        let build = &read.builds[0];
        assert_eq!(
            (build.names[0].as_str(), build.dockerfile.as_str()),
            ("todo-backend", "kubernetes/api.Dockerfile")
        );
        assert_eq!((build.context.as_str(), build.args["URL"].as_str()), ("backend", "http://x"));
        let release = &read.releases[0];
        assert_eq!((release.name.as_str(), release.chart.as_str()), ("todo", "chart"));
        assert_eq!(
            (&release.values[..], &release.absent[..]),
            (&["chart/values-dev.yaml".to_owned()][..], &["values-local.yaml".to_owned()][..])
        );
        assert_eq!((&release.unknown[..], release.set["a.b"].as_str()), (&["secrets.x".to_owned()][..], "1"));
        assert_eq!(read.applied[0].0, "k8s");
        assert!(read.namespaces.iter().all(|(name, _)| name == "todo-app"), "{:?}", read.namespaces);
        assert_eq!((read.secrets[0].1[0].as_str(), read.opened[0].0.as_str()), ("KEY", "web"));
        assert_eq!(read.start.as_ref().unwrap().0, ["--cpus=2", "--memory=4096"]);
        let local: Vec<_> = read.local.iter().map(|(name, port, _)| (name.as_deref(), *port)).collect();
        assert_eq!(local, [(None, 30080), (Some("web"), 8080)]);
        assert!(!format!("{read:?}").contains("hunter2"));
    }
}
