//! deploy.toml as meant: every section turned into the project's types, every mistake at once.
//!
//! Not a look at the disk: whether a context or a .env file is there is for those who read it. The rules that need
//! two sections (a port twice, a name twice) stand at the end.

use crate::event::Code;
use crate::event::Finding;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::file;
use crate::project::Minikube;
use crate::project::Project;
use crate::project::Runtime;
use crate::project::Service;
use crate::project::file::Located;
use crate::project::file::Reading;
use crate::project::file::Section;
use crate::project::name::ImageName;
use crate::project::name::Namespace;
use crate::project::name::NotAName;
use crate::project::name::ObjectName;
use crate::project::name::Profile;
use crate::project::name::ProjectName;
use crate::project::size;
use std::collections::BTreeMap;
#[cfg(test)]
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

mod data;
mod images;
mod own;
mod services;
mod sources;
mod targets;

const MIB: u64 = 1 << 20;

/// The readable part of the project file: its sections without a mistake, and the mistakes.
#[derive(Debug)]
pub struct CheckedProject {
    /// The project; where there are mistakes, without the images, manifests, Secrets and ConfigMaps that have them.
    pub project: Project,
    /// Every mistake, in the order of the file.
    pub mistakes: Vec<Finding>,
}

impl CheckedProject {
    /// The project, if it has no mistake.
    pub fn whole(self) -> Result<Project> {
        let CheckedProject { project, mistakes } = self;
        if mistakes.is_empty() {
            return Ok(project);
        }
        Err(CheckedProject::fault(&project, mistakes))
    }

    /// A run that ends because of `mistakes` in the project file.
    pub(crate) fn fault(project: &Project, mistakes: Vec<Finding>) -> Fault {
        let name = project.file.file_name().unwrap_or(project.file.as_os_str()).to_string_lossy();
        Code::ProjectInvalid.fault(FaultKind::Usage, format!("{name} is invalid")).findings(mistakes)
    }
}

/// Reads the project file at `path`.
pub fn load(path: &Path) -> Result<Project> {
    load_checked(path)?.whole()
}

/// Reads the project file at `path`, with its mistakes.
pub fn load_checked(path: &Path) -> Result<CheckedProject> {
    let text = file::read_text(path, file::TEXT).map_err(|error| {
        let message = format!("cannot read {}", path.display());
        Code::FileUnreadable
            .caused_by(FaultKind::Usage, anyhow::Error::new(error).context(message))
            .hint("name another file with `--file`, or change to the project's directory")
    })?;
    Ok(parse(path, &text))
}

/// What `text`, the contents of the project file at `path`, means; or every mistake in it, in the order of the file.
pub fn check(path: &Path, text: &str) -> std::result::Result<Project, Vec<Finding>> {
    let CheckedProject { project, mistakes } = parse(path, text);
    if mistakes.is_empty() { Ok(project) } else { Err(mistakes) }
}

fn parse(path: &Path, text: &str) -> CheckedProject {
    let file = PathBuf::from(path.file_name().unwrap_or(path.as_os_str()));
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (reading, table) = Reading::begin(file, text);
    let root = path.parent().map(Path::to_owned).unwrap_or_default();
    let mut project = project(reading.root(table.get_ref()), path, &root);
    project.images.retain(|image| reading.is_sound(&image.place));
    project.sources.retain(|source| reading.is_sound(&source.place));
    project.secrets.retain(|secret| reading.is_sound(&secret.place));
    project.configs.retain(|config| reading.is_sound(&config.place));
    CheckedProject { project, mistakes: reading.end() }
}

fn project(top: Section<'_, '_>, path: &Path, root: &Path) -> Project {
    let named = top.parsed("name", ProjectName::parse).map(|at| at.value);
    let namespace = top.parsed("namespace", Namespace::parse).map_or_else(default_namespace, |at| at.value);
    let project = Project {
        name: named.unwrap_or_else(|| default_name(&namespace, root)),
        root: root.to_owned(),
        file: path.to_owned(),
        namespace,
        minikube: minikube(top.section("minikube")),
        images: named_as(&top, "image", ImageName::parse, |name, section| images::image(root, name, section)),
        sources: top
            .list("manifests")
            .into_iter()
            .filter_map(|section| sources::source(root, section))
            .collect(),
        bindings: top.list("binding").into_iter().filter_map(sources::binding).collect(),
        secrets: named_as(&top, "secret", ObjectName::parse, |name, section| {
            data::secret(root, name, section)
        }),
        configs: named_as(&top, "config", ObjectName::parse, |name, section| {
            data::config(root, name, section)
        }),
        services: named_as(&top, "service", ObjectName::parse, services::service),
        checks: top.list("check").into_iter().filter_map(own::own_check).collect(),
        targets: top.named("target").into_iter().filter_map(targets::target).collect(),
        elsewhere: None,
    };
    if !top.has("manifests") {
        top.lacks(
            "names no manifests, so there is nothing to deploy",
            "add `[[manifests]]` with `path = \"manifests\"`",
        );
    }
    distinct_ports(&top, &project.services);
    top.close();
    project
}

fn default_namespace() -> Namespace {
    Namespace::parse("default").unwrap_or_else(|NotAName(_)| unreachable!("it is a label"))
}

/// The namespace names the project, unless it is everybody's; then the directory does.
fn default_name(namespace: &Namespace, root: &Path) -> ProjectName {
    let folder = root.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let folder: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let folder: String = folder.trim_matches('-').chars().take(63).collect();
    let name = if namespace.as_str() == "default" { folder.trim_matches('-') } else { namespace.as_str() };
    ProjectName::parse(name)
        .or_else(|_| ProjectName::parse("project"))
        .unwrap_or_else(|NotAName(_)| unreachable!("it is a label"))
}

fn named_as<'r, 'a, N, T>(
    top: &Section<'r, 'a>,
    key: &'static str,
    parse: impl Fn(&'r str) -> std::result::Result<N, NotAName>,
    read: impl Fn(N, Section<'r, 'a>) -> T,
) -> Vec<T> {
    let mut made = Vec::new();
    for (Located { value: written, place }, section) in top.named(key) {
        match parse(written) {
            Ok(name) => made.push(read(name, section)),
            Err(NotAName(must)) => {
                top.wrong(
                    &place,
                    &format!("{key}.{written}"),
                    format_args!("is not a valid name: it {must}"),
                );
            }
        }
    }
    made
}

fn minikube(section: Section<'_, '_>) -> Minikube {
    let mib = |text: &str| size::parse(text, MIB).map(|bytes| bytes / MIB);
    let minikube = Minikube {
        profile: section
            .parsed("profile", Profile::parse)
            .map_or_else(|| Profile::parse("minikube"), |at| Ok(at.value))
            .unwrap_or_else(|NotAName(_)| unreachable!("it is minikube's own default")),
        cpus: section.integer("cpus", 2..=1024).map(|at| at.value),
        memory_mib: section.parsed("memory", mib).map(|at| at.value),
        disk_mib: section.parsed("disk", mib).map(|at| at.value),
        driver: section.text("driver").map(|at| at.value.to_owned()),
        kubernetes: section.text("kubernetes").map(|at| at.value.to_owned()),
        runtime: section.parsed("runtime", runtime).map_or(Runtime::Docker, |at| at.value),
        nodes: section.integer("nodes", 1..=32).map_or(1, |at| at.value),
        addons: section.texts("addons").into_iter().map(|at| at.value.to_owned()).collect(),
        publish: Vec::new(),
    };
    section.close();
    minikube
}

fn runtime(text: &str) -> std::result::Result<Runtime, &'static str> {
    match text {
        "docker" => Ok(Runtime::Docker),
        "containerd" => Ok(Runtime::Containerd),
        _ => Err("write `docker` or `containerd`"),
    }
}

fn distinct_ports(top: &Section<'_, '_>, services: &[Service]) {
    let mut taken: BTreeMap<u16, &ObjectName> = BTreeMap::new();
    for service in services {
        let Some(port) = service.local_port else { continue };
        if let Some(other) = taken.insert(port, &service.name) {
            let key = format!("service.{}", service.name);
            top.wrong(
                &service.place,
                &key,
                format_args!("has local-port {port}, and so has `service.{other}`"),
            );
        }
    }
}

/// The keys that the reader asks for in `text`, with the section of each, and every mistake in it.
#[cfg(test)]
pub(super) fn known(text: &str) -> (BTreeSet<(String, &'static str)>, Vec<Finding>) {
    let (reading, table) = Reading::begin("deploy.toml", text);
    project(reading.root(table.get_ref()), Path::new("/p/deploy.toml"), Path::new("/p"));
    let known = reading.known.borrow().clone();
    (known, reading.end())
}

/// A project for tests: `text` as deploy.toml in `root`, with manifests in `k8s` if it names none.
#[cfg(test)]
pub(crate) fn sample(root: &Path, text: &str) -> Project {
    let manifests = if text.contains("[[manifests]]") { "" } else { "\n[[manifests]]\npath = 'k8s'\n" };
    check(&root.join("deploy.toml"), &format!("{text}{manifests}")).expect("deploy.toml is right")
}

#[cfg(test)]
mod tests;
