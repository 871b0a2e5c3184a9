//! The values that are offered, each from files alone.

use super::Places;
use crate::cli::Cli;
use crate::cluster::owns_pods;
use crate::event::Code;
use crate::help::TOPICS;
use crate::manifest::Object;
use crate::manifest::pods;
use crate::manifest::read::load;
use crate::minikube;
use crate::project::Project;
use crate::project::check;
use crate::project::locate::locate;
use clap::Command;
use clap::CommandFactory;

/// Finds values.
pub(super) type FindValues = fn(&Places) -> Vec<String>;

/// What finds the values of the argument `id` of `command`, if they depend on files.
pub(super) fn completer(command: &str, id: &str) -> Option<FindValues> {
    match (command, id) {
        ("cp" | "exec" | "logs", "container") => Some(containers),
        ("exec", "name") | ("logs", "names") => Some(logged),
        ("forward", "service") => Some(services),
        ("help", "topic") => Some(topics),
        ("restart", "names") => Some(workloads),
        ("todo", "profile") => Some(profiles),
        ("todo", "target") => Some(targets),
        _ => None,
    }
}

/// The readable part of the project in deploy.toml.
fn project(places: &Places) -> Option<Project> {
    let path = locate(&places.world, places.file.as_deref()).ok()?;
    Some(check::load_checked(&path).ok()?.project)
}

/// The objects of its plain manifests. Charts and kustomizations are rendered by other programs, which take too long.
fn objects(places: &Places) -> Vec<Object> {
    project(places).map(|project| load(&project.root, &project.sources).0).unwrap_or_default()
}

fn named(places: &Places, is_wanted: impl Fn(&Object) -> bool) -> Vec<String> {
    let objects = objects(places);
    objects.iter().filter(|object| is_wanted(object)).map(|object| object.name().to_owned()).collect()
}

/// minikube's profiles.
fn profiles(places: &Places) -> Vec<String> {
    minikube::profiles(&places.world)
}

/// The targets of deploy.toml.
fn targets(places: &Places) -> Vec<String> {
    project(places).map(|project| project.targets.into_keys().collect()).unwrap_or_default()
}

/// What has pods.
fn workloads(places: &Places) -> Vec<String> {
    named(places, |object| owns_pods(object.group(), object.kind()))
}

/// What logs can be shown of: what has pods, and Services.
fn logged(places: &Places) -> Vec<String> {
    named(places, |object| owns_pods(object.group(), object.kind()) || is_service(object))
}

/// What files can be copied into, as `todo cp` names it.
pub(super) fn sides(places: &Places) -> Vec<String> {
    logged(places).into_iter().map(|name| name + ":").collect()
}

/// Services of the manifests.
fn services(places: &Places) -> Vec<String> {
    named(places, is_service)
}

fn is_service(object: &Object) -> bool {
    object.group().is_empty() && object.kind() == "Service"
}

/// The containers of pods.
fn containers(places: &Places) -> Vec<String> {
    let objects = objects(places);
    let containers = pods::all(&objects).flat_map(|(_, template)| template.every_container());
    containers.map(|container| container.name().to_owned()).collect()
}

/// What `todo help` explains.
fn topics(_: &Places) -> Vec<String> {
    let cli = Cli::command();
    let commands = cli.get_subcommands().filter(|command| !command.is_hide_set()).map(Command::get_name);
    let topics = TOPICS.iter().map(|(name, _)| *name);
    commands.chain(topics).chain(Code::ALL.iter().map(|code| code.as_str())).map(str::to_owned).collect()
}
