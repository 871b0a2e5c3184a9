//! The hosts that objects refer to, and the deployments of these Services.

use crate::manifest::Object;
use crate::manifest::pods;
use serde_json::Value;
use std::collections::BTreeSet;

/// Whether the pods of `some` name a Service of `others` as a host.
pub(in crate::discover) fn refers(some: &[Object], others: &[Object]) -> bool {
    let mut services = others.iter().filter(|other| other.kind() == "Service").map(Object::name).peekable();
    if services.peek().is_none() {
        return false;
    }
    let hosts = hosts(some);
    let is_of = |host: &String, name: &str| host.split('.').next() == Some(name);
    services.any(|name| name.len() > 1 && hosts.iter().any(|host| is_of(host, name)))
}

/// The hosts of addresses in objects: `db`, `http://api:80/`, `user@db.shop.svc`.
pub(in crate::discover) fn hosts(objects: &[Object]) -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    for (_, template) in pods::all(objects) {
        for container in template.containers() {
            for key in ["env", "args", "command"] {
                container.value.get(key).into_iter().for_each(|value| collect(value, &mut hosts));
            }
        }
    }
    for config in objects.iter().filter(|object| matches!(object.kind(), "ConfigMap" | "Ingress")) {
        collect(&config.value["data"], &mut hosts);
        collect(&config.value["spec"], &mut hosts);
    }
    hosts
}

fn collect(value: &Value, hosts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => text.lines().for_each(|line| of_line(line, hosts)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, hosts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, hosts)),
        _ => {}
    }
}

fn of_line(line: &str, hosts: &mut BTreeSet<String>) {
    const MOST: usize = 4096;
    if line.len() > MOST {
        return; // no configuration of a host, but data in one line
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let mut rest = 0;
    for word in line.split(|c: char| !is_name(c)) {
        let (start, end) = (rest, rest + word.len());
        rest = end + line[end..].chars().next().map_or(0, char::len_utf8);
        let before = line[..start].chars().next_back().unwrap_or('"');
        let after = line[end..].chars().next().unwrap_or('"');
        if !word.is_empty() && "\"'/@,=".contains(before) && "\"':/,;".contains(after) {
            hosts.insert(word.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::hosts;
    use super::refers;
    use crate::manifest::read::objects;

    #[test]
    fn hosts_are_where_addresses_have_them() {
        let pod = |env: &str| {
            objects(&format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: i, env: [{{name: A, value: '{env}'}}]}}]}}\n"
            ))
        };
        let service =
            objects("apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {ports: [{port: 1}]}\n");
        for (env, asks) in [
            ("db", true),
            ("db:5432", true),
            ("postgres://u:p@db/x", true),
            ("http://db.shop.svc:80/", true),
            ("a:1,db:2", true),
            ("host=db;port=1", true),
            ("the db of it", false),
            ("http://mydb/", false),
            ("http://a/x.db", false),
        ] {
            assert_eq!(refers(&pod(env), &service), asks, "{env}");
        }
        assert!(hosts(&pod("http://db.shop.svc:80/")).contains("db.shop.svc"));
    }
}
