//! Two compose files, or a service and the one that it extends → one (`compose-go: override/`).

use super::node::Body;
use super::node::MapEntry;
use super::node::Node;
use super::node::Tag;
use super::short;
use std::rc::Rc;

/// How the values of a key come together.
enum Rule {
    /// The later one stays.
    Replace,
    /// `KEY=value` lists and mappings, by key.
    Pairs,
    /// A list of names counts as a mapping.
    Names,
    /// A list whose items are equal by `identity`; the later one is kept.
    Unique(fn(&Node) -> String),
    /// A text counts as the mapping with this one key.
    Text(&'static str),
    /// Mappings by key, lists one after the other, anything else replaced.
    Plain,
}

fn rule(path: &[&str]) -> Rule {
    match path {
        ["services", _, rest @ ..] => match rest {
            ["command" | "entrypoint"] | ["healthcheck", "test"] | ["ulimits", _] => Rule::Replace,
            ["environment" | "labels" | "annotations" | "sysctls"]
            | ["build", "args" | "labels"]
            | ["deploy", "labels"] => Rule::Pairs,
            ["depends_on" | "networks" | "models"] => Rule::Names,
            ["ports"] => Rule::Unique(short::port_identity),
            ["volumes" | "devices"] => Rule::Unique(short::volume_target),
            ["secrets" | "configs"] => Rule::Unique(short::mounted_target),
            ["env_file" | "label_file"] => Rule::Unique(short::file_path),
            [
                "dns" | "dns_search" | "tmpfs" | "expose" | "cap_add" | "cap_drop" | "profiles"
                | "extra_hosts",
            ] => Rule::Unique(|node| node.text().unwrap_or_default()),
            ["build"] => Rule::Text("context"),
            ["extends"] => Rule::Text("service"),
            _ => Rule::Plain,
        },
        _ => Rule::Plain,
    }
}

/// `over` laid over `base`; `path` is where both stand.
pub(super) fn merge(path: &[&str], base: &Rc<Node>, over: &Rc<Node>) -> Rc<Node> {
    if over.tag == Tag::Override {
        return Rc::clone(over);
    }
    if over.is_null() {
        return Rc::clone(base);
    }
    if base.is_null() {
        return Rc::clone(over);
    }
    match rule(path) {
        Rule::Replace => Rc::clone(over),
        Rule::Pairs => by_key(path, &short::as_map(base), &short::as_map(over)),
        Rule::Names => by_key(path, &short::names_as_map(base), &short::names_as_map(over)),
        Rule::Text(key) => by_key(path, &short::text_as_map(base, key), &short::text_as_map(over, key)),
        Rule::Unique(identity) => {
            let (base, over) = (short::as_list(base), short::as_list(over));
            let mut items: Vec<Rc<Node>> = base.items().to_vec();
            for item in over.items() {
                let known = items.iter_mut().find(|known| identity(known) == identity(item));
                match known {
                    Some(known) => *known = Rc::clone(item),
                    None => items.push(Rc::clone(item)),
                }
            }
            over.beside(Body::List(items))
        }
        Rule::Plain => match (&base.body, &over.body) {
            (Body::Map(_), Body::Map(_)) => by_key(path, base, over),
            (Body::List(first), Body::List(more)) => {
                over.beside(Body::List(first.iter().chain(more).cloned().collect()))
            }
            _ => Rc::clone(over),
        },
    }
}

fn by_key(path: &[&str], base: &Rc<Node>, over: &Rc<Node>) -> Rc<Node> {
    let mut entries: Vec<MapEntry> = base.entries().to_vec();
    for entry in over.entries() {
        let known = entries.iter().position(|known| known.key == entry.key);
        match known {
            _ if entry.node.tag == Tag::Reset => entries.retain(|known| known.key != entry.key),
            Some(at) => {
                let path: Vec<&str> = path.iter().copied().chain([entry.key.as_str()]).collect();
                let place = match &entry.node.body {
                    // A service is where it begins; its values have places of their own.
                    Body::Map(_) => entries[at].place.clone(),
                    _ => entry.place.clone(),
                };
                let node = merge(&path, &entries[at].node, &entry.node);
                entries[at] = MapEntry { key: entry.key.clone(), place, node };
            }
            None => entries.push(entry.clone()),
        }
    }
    base.beside(Body::Map(entries))
}

/// `!reset` where there is nothing to remove.
pub(super) fn without_reset(node: &Rc<Node>) -> Rc<Node> {
    let Body::Map(entries) = &node.body else { return Rc::clone(node) };
    let kept = entries.iter().filter(|entry| entry.node.tag != Tag::Reset);
    let kept = kept.map(|entry| MapEntry { node: without_reset(&entry.node), ..entry.clone() }).collect();
    let mut node = (**node).clone();
    node.body = Body::Map(kept);
    Rc::new(node)
}
