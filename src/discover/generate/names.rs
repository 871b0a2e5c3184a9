//! The names of compose services → names that a cluster can have, and the hosts in values rewritten to them.

use super::Unit;
use crate::discover::compose::Compose;
use crate::event::Place;

/// `my_App` → `my-app`: a name that a Service may have.
pub(super) fn object_name(name: &str) -> String {
    let name: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-').trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    name.chars().take(50).collect::<String>().trim_end_matches('-').to_owned()
}

/// A further name of a service.
pub(super) struct Alias {
    /// The name.
    pub(super) name: String,
    /// The unit that it points to.
    pub(super) unit: String,
    /// Where it is given.
    pub(super) place: Place,
}

/// The names of all services, as compose has them and as the cluster will have them.
pub(super) struct Names {
    /// Hosts that are called differently in the cluster: old and new.
    renamed: Vec<(String, String)>,
    /// Further names that stay as they are: each becomes a Service.
    pub(super) aliases: Vec<Alias>,
}

impl Names {
    /// The names of a project's units; `texts` is everything in which a name may be used.
    pub(super) fn from_units(units: &[Unit<'_>], compose: &Compose, texts: &[String]) -> Names {
        let mut names = Names { renamed: Vec::new(), aliases: Vec::new() };
        for unit in units {
            if unit.service.name != unit.name {
                names.renamed.push((unit.service.name.clone(), unit.name.clone()));
            }
            for (name, place) in &unit.service.names {
                names.further(name, place, &unit.name, units, texts);
            }
        }
        for service in &compose.services {
            for (target, alias, place) in &service.links {
                if let Some(unit) = units.iter().find(|unit| unit.service.name == *target) {
                    names.further(alias, place, &unit.name, units, texts);
                }
            }
        }
        names
    }

    fn further(&mut self, name: &str, place: &Place, unit: &str, units: &[Unit<'_>], texts: &[String]) {
        let known = |name: &str| {
            units.iter().any(|unit| unit.name == name) || self.aliases.iter().any(|alias| alias.name == name)
        };
        // A variable that nothing sets gives none.
        if name.is_empty() || known(name) || !texts.iter().any(|text| uses(text, name)) {
            return;
        }
        if object_name(name) == name {
            self.aliases.push(Alias { name: name.to_owned(), unit: unit.to_owned(), place: place.clone() });
        } else {
            self.renamed.push((name.to_owned(), unit.to_owned()));
        }
    }

    /// What compose calls differently: old and new.
    pub(super) fn renamed(&self) -> &[(String, String)] {
        &self.renamed
    }

    /// A text with the hosts as the cluster calls them.
    pub(super) fn rewritten(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (old, new) in &self.renamed {
            text = replace_host(&text, old, new);
        }
        replace_host(&text, "host.docker.internal", "host.minikube.internal")
    }
}

/// Whether `name` stands in a text as a whole host.
pub(super) fn uses(text: &str, name: &str) -> bool {
    hosts(text, name).next().is_some()
}

/// Where `name` stands in a text as a whole host: nothing around it could belong to it.
fn hosts<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = usize> + 't {
    let part = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    text.match_indices(name).map(|(at, _)| at).filter(move |at| {
        let (before, after) = (&text[..*at], &text[at + name.len()..]);
        let ends = !after.starts_with(part) || after.starts_with(". ") || after == ".";
        !before.ends_with(part) && ends
    })
}

/// Replaces a host where it is one: the whole text, after `//` or `@`, before `:PORT`, or in a list with commas.
pub(super) fn replace_host(text: &str, old: &str, new: &str) -> String {
    let mut whole = String::new();
    let mut from = 0;
    for at in hosts(text, old) {
        let (before, after) = (&text[..at], &text[at + old.len()..]);
        let opened =
            before.is_empty() || before.ends_with("//") || before.ends_with(['@', ',', '=', ' ', '(']);
        let port = after
            .strip_prefix(':')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '$'));
        let alone = before.is_empty() && after.is_empty();
        let marked = before.ends_with("//") || before.ends_with('@');
        let listed =
            opened && (port || (after.starts_with(',') || (after.is_empty() && before.ends_with(','))));
        if alone || marked || listed || (opened && port) {
            whole.push_str(&text[from..at]);
            whole.push_str(new);
            from = at + old.len();
        }
    }
    whole.push_str(&text[from..]);
    whole
}

#[cfg(test)]
mod tests {
    use super::replace_host;

    #[test]
    fn only_hosts_are_rewritten() {
        for (text, rewritten) in [
            ("my_db", "my-db"),
            ("postgres://u:p@my_db:5432/my_db", "postgres://u:p@my-db:5432/my_db"),
            ("my_db:1,other:2,my_db:3", "my-db:1,other:2,my-db:3"),
            ("http://my_db", "http://my-db"),
            ("/srv/my_db/x", "/srv/my_db/x"),
            ("my_db_test", "my_db_test"),
            ("the my_db directory", "the my_db directory"),
        ] {
            assert_eq!(replace_host(text, "my_db", "my-db"), rewritten, "{text}");
        }
    }
}
