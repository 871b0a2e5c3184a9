//! Tiltfile → statements (`tilt: api/__init__.py`), limited to literal arguments.
//!
//! Not Starlark: texts, lists, names, `+` and loops over written lists are understood, nothing is run, and the bodies of
//! conditions and functions are read as written. A call with a computed argument is reported.

mod expression;

use super::evidence::Applied;
use super::evidence::Besides;
use super::evidence::BuildEvidence;
use super::evidence::Evidence;
use super::evidence::INSTALL;
use super::evidence::Provenance;
use super::evidence::Rank;
use super::evidence::Release;
use super::evidence::Sort;
use super::script::rank_of;
use super::tree::Tree;
use super::tree::ends;
use super::tree::file_name;
use super::tree::join;
use super::tree::parent;
use crate::event::Place;
use crate::manifest::bind::repository;
use expression::Arguments;
use expression::Statement;
use expression::Value;
use expression::statements;
use std::collections::BTreeMap;

/// Reads every Tiltfile.
pub fn read(tree: &Tree, evidence: &mut Evidence) {
    let named = |path: &&String| file_name(path) == "Tiltfile" || ends(path, &["Tiltfile"]);
    for path in tree.texts.keys().filter(named) {
        let mut reader = TiltfileReader { tree, path, line: 0, evidence };
        for Statement { line, value } in statements(tree.text(path).unwrap_or_default()) {
            reader.line = line;
            reader.take(&value);
        }
    }
}

struct TiltfileReader<'a> {
    tree: &'a Tree,
    path: &'a str,
    line: usize,
    evidence: &'a mut Evidence,
}

impl TiltfileReader<'_> {
    fn take(&mut self, value: &Value) {
        let Value::Call(name, arguments) = value else { return };
        match name.as_str() {
            "docker_build" | "docker_build_with_restart" => self.build(arguments),
            "k8s_yaml" => match arguments.get(0, "yaml") {
                Some(value) => self.yaml(value),
                None => self.computed("k8s_yaml"),
            },
            "k8s_resource" => self.resource(arguments),
            "custom_build" => {
                let image = arguments.text(0, "ref").unwrap_or_default();
                let what = format!("builds `{image}` by its own command");
                self.besides(
                    what,
                    "`todo` builds Dockerfiles: write one, or build it into the node before `todo up`",
                );
            }
            "helm_remote" | "helm_resource" => {
                let chart = arguments.text(usize::from(name == "helm_resource"), "chart").unwrap_or_default();
                let what = format!("installs the chart `{chart}`, which is not in this tree");
                let name = arguments.text(0, "name").unwrap_or_default();
                self.add(what, INSTALL, Sort::Install, vec![name, chart]);
            }
            "local_resource" => {
                let command = arguments.text(1, "cmd").unwrap_or_default();
                let builds = ["go build", "gradle", "mvn", "npm run", "dotnet", "cargo build"];
                if builds.iter().any(|word| command.contains(word)) {
                    let what =
                        format!("runs `{}` on this machine", command.lines().next().unwrap_or_default());
                    self.besides(what, "`todo up` does not: run it before each `todo up`");
                }
            }
            _ => {}
        }
    }

    fn place(&self) -> Place {
        Place { file: self.path.into(), line: self.line, column: 0 }
    }

    fn provenance(&self) -> Provenance {
        let rank = if rank_of(self.path) == Rank::Aside { Rank::Aside } else { Rank::Declared };
        Provenance::at(self.place(), rank, super::variant::distance(self.path))
    }

    fn besides(&mut self, what: String, help: &str) {
        self.add(what, help, Sort::Lack, Vec::new());
    }

    fn add(&mut self, what: String, help: &str, sort: Sort, names: Vec<String>) {
        if self
            .evidence
            .besides
            .iter()
            .any(|known| known.what == what && known.provenance.place == self.place())
        {
            return;
        }
        let provenance = self.provenance();
        self.evidence.besides.push(Besides { what, help: help.to_owned(), sort, names, provenance });
    }

    fn computed(&mut self, name: &str) {
        self.besides(
            format!("computes what it gives to `{name}`"),
            "look what it is, and write it into deploy.toml",
        );
    }

    fn at(&self, path: &str) -> String {
        join(parent(self.path), path)
    }

    fn build(&mut self, arguments: &Arguments) {
        let (Some(image), Some(context)) = (arguments.text(0, "ref"), arguments.text(1, "context")) else {
            self.computed("docker_build");
            return;
        };
        let context = self.at(&context);
        let dockerfile = match arguments.text(usize::MAX, "dockerfile") {
            Some(file) => self.at(&file),
            None => join(&context, "Dockerfile"),
        };
        let args = match arguments.get(2, "build_args") {
            Some(Value::Map(pairs)) => pairs
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), value.text()?)))
                .filter(|(key, value)| {
                    !super::keys::is_secret(key) && !super::secrecy::looks_secret(key, value)
                })
                .collect(),
            _ => BTreeMap::new(),
        };
        let target = arguments.text(usize::MAX, "target").filter(|target| !target.is_empty());
        let names = vec![repository(&image).to_owned()];
        let provenance = self.provenance();
        self.evidence.builds.push(BuildEvidence {
            names,
            dockerfile,
            context,
            target,
            args,
            fails: false,
            provenance,
        });
    }

    fn yaml(&mut self, value: &Value) {
        match value {
            Value::Text(path) => self.applied(path, false),
            Value::List(values) => values.iter().for_each(|value| self.yaml(value)),
            Value::Call(name, arguments) => match (name.as_str(), arguments.text(0, "path")) {
                ("kustomize", Some(path)) => self.applied(&path, true),
                ("helm", Some(path)) => self.helm(&path, arguments),
                ("listdir" | "read_file" | "read_yaml" | "read_yaml_stream", Some(path)) => {
                    self.applied(&path, false);
                }
                ("blob" | "decode_yaml", _) => {}
                _ => self.computed("k8s_yaml"),
            },
            _ => self.computed("k8s_yaml"),
        }
    }

    fn applied(&mut self, written: &str, kustomize: bool) {
        let path = self.at(written);
        if self.tree.matches(&path) {
            let provenance = self.provenance();
            self.evidence.applied.push(Applied {
                path,
                kustomize,
                recursive: false,
                namespace: None,
                provenance,
            });
        } else {
            self.besides(
                format!("applies `{path}`, which is not there"),
                "correct the path, or put the file there",
            );
        }
    }

    fn helm(&mut self, path: &str, arguments: &Arguments) {
        let chart = self.at(path);
        if !self.tree.files.contains(&join(&chart, "Chart.yaml")) {
            self.besides(
                format!("installs the chart `{chart}`, which is not in this tree"),
                "put it there, or correct the path",
            );
            return;
        }
        let texts = |key: &str| match arguments.get(usize::MAX, key) {
            Some(Value::Text(text)) => vec![text.clone()],
            Some(Value::List(values)) => values.iter().filter_map(Value::text).collect(),
            _ => Vec::new(),
        };
        let (values, absent) =
            texts("values").iter().map(|file| self.at(file)).partition(|file| self.tree.files.contains(file));
        let (mut set, mut secret) = (BTreeMap::new(), BTreeMap::new());
        for pair in texts("set") {
            let Some((key, value)) = pair.split_once('=') else { continue };
            if super::keys::is_secret(key) || super::secrecy::looks_secret(key, value) {
                secret.insert(key.to_owned(), None);
            } else {
                set.insert(key.to_owned(), value.to_owned());
            }
        }
        let name = arguments.text(usize::MAX, "name").unwrap_or_else(|| file_name(&chart).to_owned());
        let namespace = arguments.text(usize::MAX, "namespace");
        let provenance = self.provenance();
        self.evidence.releases.push(Release {
            name,
            chart,
            values,
            absent,
            set,
            secret,
            namespace,
            provenance,
        });
    }

    fn resource(&mut self, arguments: &Arguments) {
        let Some(name) = arguments.text(0, "workload") else { return };
        let Some(ports) = arguments.get(usize::MAX, "port_forwards") else { return };
        let first = match ports {
            Value::List(values) => values.first().and_then(Value::text),
            other => other.text(),
        };
        let port = first.and_then(|text| text.split(':').next()?.parse().ok());
        if let Some(port) = port {
            let place = self.place();
            self.evidence.local.push((Some(name), port, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::discover::readers::read;
    use crate::discover::tree::Tree;

    #[test]
    fn calls_with_written_arguments_are_read_and_others_told() {
        let text = "load('ext://restart_process', 'docker_build_with_restart')\nBASE = 'src/'\nif True:\n  docker_build('me/' + 'api', BASE + 'api', dockerfile='docker/api.Dockerfile',\n    build_args={'A': '1'}, target='dev')  # comment\n\
            k8s_yaml(['k8s/a.yaml', 'k8s/b.yaml'])\nk8s_yaml(kustomize('./k'))\nk8s_yaml(helm('chart', name='web', values=['v.yaml'], set=['a=1', 'db.password=hunter2']))\n\
            for s in ['x', 'y']:\n    docker_build(s, 'src/%s' % s)\nk8s_resource('api', port_forwards=['9000:80'])\ndocker_build(os.getenv('X'), '.')\nhelm_remote('redis')\n";
        let files = ["k8s/a.yaml", "k8s/b.yaml", "k/kustomization.yaml", "chart/Chart.yaml", "v.yaml"];
        let mut all: Vec<(&str, &str)> = files.iter().map(|file| (*file, "")).collect();
        all.push(("Tiltfile", text));
        let read = read(&Tree::from_texts("x", &all));
        let builds: Vec<_> = read
            .builds
            .iter()
            .map(|build| {
                (
                    build.names[0].as_str(),
                    build.context.as_str(),
                    build.dockerfile.as_str(),
                    build.provenance.place.line,
                )
            })
            .collect();
        assert_eq!(
            builds,
            [
                ("me/api", "src/api", "docker/api.Dockerfile", 4),
                ("x", "src/x", "src/x/Dockerfile", 10),
                ("y", "src/y", "src/y/Dockerfile", 10)
            ]
        );
        assert_eq!((read.builds[0].target.as_deref(), read.builds[0].args["A"].as_str()), (Some("dev"), "1"));
        let paths: Vec<_> = read.applied.iter().map(|item| (item.path.as_str(), item.kustomize)).collect();
        assert_eq!(paths, [("k8s/a.yaml", false), ("k8s/b.yaml", false), ("k", true)]);
        assert_eq!((read.releases[0].name.as_str(), read.releases[0].values.len()), ("web", 1));
        assert!(
            read.releases[0].secret.contains_key("db.password") && !format!("{read:?}").contains("hunter2")
        );
        assert_eq!(read.local[0].1, 9000);
        assert_eq!(read.besides.iter().map(|item| item.provenance.place.line).collect::<Vec<_>>(), [12, 13]);
    }
}
