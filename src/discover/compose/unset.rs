//! Variables in a compose file that neither `.env` nor a default gives a value.

use super::node::Node;
use crate::event::Place;

/// A variable without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unset {
    /// Its name.
    pub name: String,
    /// The service.
    pub service: String,
    /// Where it stands.
    pub place: Place,
    /// Whether it stands in a command, where a reference can stand for it.
    pub in_command: bool,
}

/// What the shells of people have.
const OF_THE_SHELL: [&str; 5] = ["PWD", "HOME", "USER", "APPDATA", "USERPROFILE"];

/// Of each service its variables without a value. Those in `environment` become references, and are requested with
/// the Secrets.
pub(super) fn unset(root: &Node) -> Vec<Unset> {
    let mut found = Vec::new();
    for service in root.get("services").map(|node| node.entries()).unwrap_or_default() {
        for entry in service.node.entries().iter().filter(|entry| entry.key != "environment") {
            let in_command = matches!(entry.key.as_str(), "command" | "entrypoint" | "healthcheck");
            collect(&entry.node, &service.key, in_command, &mut found);
        }
    }
    found
}

fn collect(node: &Node, service: &str, in_command: bool, found: &mut Vec<Unset>) {
    for variable in node.template().iter().flat_map(|template| template.variables()) {
        if variable.text().is_none() && !OF_THE_SHELL.contains(&variable.name.as_str()) {
            let (name, place) = (variable.name.clone(), node.place.clone());
            found.push(Unset { name, service: service.to_owned(), place, in_command });
        }
    }
    node.items().iter().for_each(|item| collect(item, service, in_command, found));
    node.entries().iter().for_each(|entry| collect(&entry.node, service, in_command, found));
}
