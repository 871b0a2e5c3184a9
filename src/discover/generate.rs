//! Manifests for a tree that has none, after its compose file or its Dockerfiles: plain ones, a file a service, that
//! a person would be glad to own.
//!
//! The model of the compose file is `compose`'s; here it becomes objects. Keys without a counterpart are reported and
//! left out.

mod build;
mod container;
mod dockerfiles;
mod health;
mod job;
mod lacking;
mod listen;
mod main_service;
mod names;
mod ports;
mod resources;
mod stage;
mod steps;
mod storage;
mod units;
mod values;
mod workload;
mod yaml;

use super::compose::Compose;
use super::compose::Part;
use super::compose::Service;
use super::keys;
use super::method::Method;
use super::method::MethodKind;
use super::method::Source;
use super::proposal::Proposal;
use super::proposal::Survey;
use super::proposal::manifest_path;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use lacking::lacking;
use names::Names;
use names::object_name;
use ports::Listened;
use stage::Stage;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use values::Values;

/// Where the manifests go, unless something else is there.
const FOLDERS: [&str; 3] = ["k8s", "manifests", "kubernetes"];

/// The inputs of all generated objects.
struct Plan<'a> {
    survey: &'a Survey,
    compose: &'a Compose,
    /// The project's name, as a namespace may have it.
    project: String,
    /// Each service: its name in the cluster, its kind, and whether it is a database or a broker.
    kinds: BTreeMap<String, (String, &'static str, bool)>,
    /// The claims that several services mount.
    shared: BTreeSet<String>,
}

/// A service on its way into the cluster.
struct Unit<'a> {
    /// Its name there.
    name: String,
    /// The service of the compose file.
    service: &'a Service,
    /// The image that its pods name.
    image: String,
    /// The stage that it is built from.
    stage: Option<Stage>,
    /// The ports that it listens on.
    ports: Vec<Listened>,
    /// Those that are known to be reached from outside its container.
    reached: Vec<u16>,
    /// Whether it has a name that others use.
    named: bool,
    /// Whether it ends.
    job: bool,
    /// Whether the image of a Dockerfile stands for a stock image with the sources mounted.
    adopted: bool,
}

/// Fills in manifests, images, Secrets and notes.
pub(super) fn generate(survey: &Survey, method: &Method, proposal: &mut Proposal) {
    let made;
    let (compose, what) = match method.kind {
        MethodKind::Compose => {
            let Some(compose) = survey.composes.iter().find(|compose| compose.path == method.path) else {
                return;
            };
            (compose, compose.described())
        }
        _ => {
            made = Compose {
                services: dockerfiles::services(survey),
                env: ".env".to_owned(),
                ..Compose::default()
            };
            (&made, "the Dockerfiles".to_owned())
        }
    };
    let project = object_name(&if compose.path.is_empty() {
        survey.tree.name.clone()
    } else {
        compose.project(&survey.tree.name)
    });
    let project = if project.is_empty() { "app".to_owned() } else { project };
    let folder = FOLDERS.into_iter().find(|folder| is_free(survey, folder)).unwrap_or("todo-manifests");
    let mut plan = Plan { survey, compose, project, kinds: BTreeMap::new(), shared: BTreeSet::new() };
    let mut units = units::units(&plan, proposal);
    if units.is_empty() {
        proposal.wrong.push(nothing(&what, proposal));
        return;
    }
    proposal.notes.extend(compose.notes.iter().cloned());
    let texts = texts(&plan, &units);
    listen::listen(&plan, &mut units, &texts);
    let names =
        Names::from_units(&units, compose, &texts.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>());
    plan.shared = units::shared(&plan, &units);
    for unit in &units {
        let owner = owner(unit, &units).unwrap_or(unit);
        let claims = units::claims(&plan, owner);
        let kind = workload::kind(owner, &claims, &plan.shared);
        let store = ports::is_store(&unit.image);
        plan.kinds.insert(unit.service.name.clone(), (owner.name.clone(), kind, store));
    }
    let main = main_service::main_of(&units).map(str::to_owned);
    let mut values = Values::new(&plan, &units, &names);
    let mut written: Vec<(String, Vec<yaml::SerializedYaml>)> = Vec::new();
    let mut notes = Vec::new();
    let pods: Vec<&Unit<'_>> = units.iter().filter(|unit| owner(unit, &units).is_none()).collect();
    for unit in &pods {
        let main = main.as_deref() == Some(unit.name.as_str());
        let beside = |other: &&Unit<'_>| owner(other, &units).is_some_and(|owner| owner.name == unit.name);
        let pod: Vec<&Unit<'_>> = std::iter::once(*unit).chain(units.iter().filter(beside)).collect();
        let objects = workload::objects(&plan, &pod, &names, main, &mut values, &written, &mut notes);
        written.push((unit.name.clone(), objects));
    }
    for (unit, (name, objects)) in pods.iter().zip(&written) {
        let head =
            format!("{name}: written by `todo init` after {}; yours from here on.", unit.service.place);
        proposal.files.push((manifest_path(folder, name), yaml::file(&head, objects)));
    }
    proposal.first.extend(units.iter().flat_map(|unit| lacking(&plan, unit)));
    proposal.secrets = values.secrets(proposal);
    unset(&plan, &units, proposal);
    proposal.notes.append(&mut notes);
    left_out(&plan, &units, proposal);
    steps::propose(&plan, &units, proposal);
    proposal.sources = vec![Source::Path(folder.to_owned())];
    proposal.why_sources = format!("these were written after {what}");
    proposal.namespace = Some((
        plan.project,
        "everything is deployed to its own namespace, which is created if it does not exist".to_owned(),
    ));
}

/// Reports the variables without a value: compose takes them from the environment of the calling shell.
fn unset(plan: &Plan<'_>, units: &[Unit<'_>], proposal: &mut Proposal) {
    let of_unit = |service: &str| units.iter().any(|unit| unit.service.name == service);
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let of_secret = |name: &String| {
        let mut secrets = proposal.secrets.iter();
        secrets.any(|secret| secret.keys.iter().chain(&secret.optional).any(|key| key == name))
    };
    for item in plan.compose.unset.iter().filter(|item| of_unit(&item.service)) {
        if !item.in_command || !of_secret(&item.name) {
            let place = Place { column: 0, ..item.place.clone() };
            found.entry(item.name.clone()).or_insert_with(|| place.to_string());
        }
    }
    if found.is_empty() {
        return;
    }
    let list: Vec<String> = found.iter().map(|(name, place)| format!("`{name}` ({place})")).collect();
    let message =
        format!("nothing here gives a value to {}: compose takes it from the shell", list.join(", "));
    let variables: Vec<&String> = found.keys().collect();
    let lines = keys::lines(&variables);
    let help = format!("write {lines} into `{}`, then `todo init --force`", plan.compose.env);
    proposal.first.push(help.clone());
    proposal.notes.push((message, help));
}

/// The unit that runs another one in its pod: the one that shares its network.
fn owner<'u, 'a>(unit: &Unit<'a>, units: &'u [Unit<'a>]) -> Option<&'u Unit<'a>> {
    let mut of = unit.service.network_of.as_ref()?;
    for _ in 0..units.len() {
        let found = units.iter().find(|other| other.service.name == *of && other.name != unit.name)?;
        match &found.service.network_of {
            Some(next) => of = next,
            None => return Some(found),
        }
    }
    None
}

/// Why there is nothing to write.
fn nothing(what: &str, proposal: &Proposal) -> Finding {
    let reasons: Vec<String> = proposal.notes.iter().map(|(message, _)| message.clone()).collect();
    let finding = Code::ComposeInvalid.error(format!("nothing of {what} can be deployed"));
    if reasons.is_empty() {
        return finding.help("give its services an image or a build");
    }
    finding.help(reasons.join("; "))
}

/// Services and keys that are not taken over.
fn left_out(plan: &Plan<'_>, units: &[Unit<'_>], proposal: &mut Proposal) {
    let dormant: Vec<&Service> = plan.compose.services.iter().filter(|service| service.dormant).collect();
    if let Some(first) = dormant.first() {
        let names =
            dormant.iter().map(|service| format!("`{}`", service.name)).collect::<Vec<_>>().join(", ");
        let profiles: BTreeSet<&str> =
            dormant.iter().flat_map(|service| &service.profiles).map(String::as_str).collect();
        let profiles = profiles.into_iter().collect::<Vec<_>>().join(",");
        let env = &plan.compose.env;
        proposal.besides.push((
            format!("left out, because only a profile starts it: {names} ({})", first.place),
            format!("write `COMPOSE_PROFILES={profiles}` into `{env}` and `todo init --force`, if the application needs it"),
        ));
    }
    let mut keys: BTreeMap<&str, (Vec<String>, &'static str)> = BTreeMap::new();
    for untaken in units.iter().flat_map(|unit| &unit.service.untaken) {
        let message = keys.entry(&untaken.key).or_insert_with(|| (Vec::new(), untaken.help));
        message.0.push(untaken.place.to_string());
    }
    for (key, (places, help)) in keys {
        proposal
            .besides
            .push((format!("`{key}` is not taken over ({})", places.join(", ")), help.to_owned()));
    }
    for unit in units {
        for (rule, place) in &unit.service.routes {
            let message =
                format!("the proxy points to `{}` by the rule `{rule}` ({place})", unit.service.name);
            let help = "no manifest says that: write an Ingress, if people or other services need that path";
            proposal.besides.push((message, help.to_owned()));
        }
    }
    for unit in units.iter().filter(|unit| unit.service.name != unit.name) {
        let (old, new) = (&unit.service.name, &unit.name);
        let message = format!(
            "`{old}` is called `{new}` in a cluster, which takes no other letters in a host ({})",
            unit.service.place
        );
        let files = places_of(plan, old);
        let help = if files.is_empty() {
            format!(
                "what compose says is rewritten; write `{new}` where the code of the application has `{old}`"
            )
        } else {
            format!("what compose says is rewritten; write `{new}` in {}", files.join(", "))
        };
        proposal.notes.push((message, help));
    }
    let built = units.iter().any(|unit| unit.stage.is_some());
    let own = plan.survey.dockerfiles.iter().find(|found| !found.aside && !found.outside);
    if let Some(found) = own.filter(|_| !built && !plan.compose.path.is_empty()) {
        let message = format!(
            "no service of `{}` is built from `{}`: the application itself is not in it",
            plan.compose.path, found.path
        );
        proposal.notes.push((
            message,
            "`todo init --force --from .` writes manifests after the Dockerfile instead".to_owned(),
        ));
    }
    for unit in units {
        // A worker has no port; of a server without clients in the project, none is known.
        let server = unit.stage.is_some() && unit.service.command.is_none() && !unit.job;
        if unit.ports.is_empty() && (server || unit.named) {
            let name = &unit.service.name;
            let message = if unit.named {
                format!(
                    "nothing says on which port `{name}` listens: its Service has none, and points to its pods ({})",
                    unit.service.place
                )
            } else {
                format!(
                    "nothing says on which port `{name}` listens, so it gets no Service ({})",
                    unit.service.place
                )
            };
            proposal.notes.push((message, format!("if it does listen, write `expose` for `{name}` or `EXPOSE` in its Dockerfile, and `todo init --force`")));
        }
    }
}

/// The files in which a host is named, with their lines.
fn places_of(plan: &Plan<'_>, host: &str) -> Vec<String> {
    let ours = |path: &str| plan.compose.files.iter().any(|file| file == path);
    let texts = plan
        .survey
        .tree
        .texts
        .iter()
        .filter(|(path, _)| !ours(path) && !super::compose::is_compose(super::tree::file_name(path)));
    let found = texts.filter_map(|(path, text)| {
        let line = text.lines().position(|line| names::replace_host(line.trim(), host, "") != line.trim())?;
        Some(format!("`{path}:{}`", line + 1))
    });
    found.take(5).collect()
}

/// Everything in which a service may be addressed: by whom, and the text.
fn texts(plan: &Plan<'_>, units: &[Unit<'_>]) -> Vec<(String, String)> {
    let tree = &plan.survey.tree;
    let mut texts = Vec::new();
    for unit in units {
        let service = unit.service;
        let mut add = |text: String| texts.push((unit.name.clone(), text));
        for value in service.environment.iter().filter_map(|value| value.value.as_ref()) {
            // Of a variable that is kept, only the text around it is known.
            add(value.text());
            if value.0.iter().any(|part| matches!(part, Part::Variable(_))) {
                add(value
                    .0
                    .iter()
                    .filter_map(|part| match part {
                        Part::Text(text) => Some(text.as_str()),
                        Part::Variable(_) => None,
                    })
                    .collect());
            }
        }
        for value in service.build.iter().flat_map(|build| build.args.values()) {
            add(value.clone());
        }
        add(service
            .command
            .iter()
            .chain(&service.entrypoint)
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(" "));
        for file in &service.env_files {
            let example = tree.inside(super::tree::parent(&file.path));
            let own = super::tree::file_name(&file.path);
            let texts: Vec<&str> = std::iter::once(file.path.as_str())
                .chain(example.filter(|path| super::tree::file_name(path).starts_with(own)))
                .filter_map(|path| tree.text(path))
                .collect();
            for text in texts {
                add(text.to_owned());
            }
        }
        for volume in &service.volumes {
            let super::compose::Volume::Bind(bind) = volume else { continue };
            if let Some(text) = tree.text(&bind.source) {
                add(text.to_owned());
            } else if !bind.elsewhere && !bind.source.is_empty() {
                tree.below(&bind.source)
                    .take(30)
                    .filter_map(|path| tree.text(path))
                    .for_each(|text| add(text.to_owned()));
            }
        }
        // Configuration that lies in what is built: nginx.conf, application.yml.
        if let Some(build) = &service.build {
            let config = |path: &&str| super::mounted::is_config(path);
            let inside = tree
                .below(&build.context)
                .filter(config)
                .filter(|path| !plan.compose.files.iter().any(|file| file == path));
            inside
                .take(200)
                .filter_map(|path| tree.text(path))
                .filter(|text| text.len() < 50_000)
                .for_each(|text| add(text.to_owned()));
        }
    }
    texts
}

/// Whether nothing is in the directory but what an earlier run wrote.
fn is_free(survey: &Survey, folder: &str) -> bool {
    let ours =
        |path: &str| survey.tree.text(path).is_some_and(|text| text.contains("written by `todo init`"));
    survey.tree.below(folder).all(ours)
}

#[cfg(test)]
mod tests;
