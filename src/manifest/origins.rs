//! Lists of origins against the URL that people open. Pure.
//!
//! A backend lets pages of another origin read its answers only if its list names them (`ALLOWED_ORIGINS`,
//! `CORS_ORIGINS`, `FRONTEND_URL`). The browser refuses, so no probe, log or request of todo shows it. Not a
//! lint, because the URL is known only once it has answered.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::go_base64;
use crate::manifest::Object;
use crate::manifest::pods;
use crate::manifest::pods::PodTemplate;
use crate::manifest::pods::items;
use crate::pointer::below;
use serde_json::Value;

/// What people open.
#[derive(Debug, Clone, Copy)]
pub struct OpenedPage<'a> {
    /// The Service that answers.
    pub service: &'a str,
    /// The URL that is printed.
    pub url: &'a str,
    /// The corresponding URL on localhost.
    pub local: Option<&'a str>,
    /// Whether `url` is another one after the next start.
    pub passing: bool,
}

/// A value that lists origins, and who reads it.
struct List<'a> {
    object: &'a Object,
    place: Place,
    key: &'a str,
    value: String,
    readers: Vec<PodTemplate<'a>>,
}

/// The lists that name none of the page's URLs. Lists that only the page's own pods read do not count: an origin may
/// always read its own answers.
#[must_use]
pub fn unlisted(objects: &[Object], page: OpenedPage<'_>) -> Vec<Finding> {
    let Some(origin) = origin(page.url) else { return Vec::new() };
    let own = |template: &PodTemplate<'_>| {
        let services = objects.iter().filter(|object| object.kind() == "Service");
        let service = services.into_iter().find(|object| object.name() == page.service);
        let selector = service.and_then(|service| service.value["spec"]["selector"].as_object());
        selector.is_some_and(|selector| pods::selects(selector, template.labels()))
    };
    let opened = [Some(page.url), page.local].into_iter().flatten().filter_map(self::origin);
    let opened: Vec<String> = opened.collect();
    let lacks = |list: &List<'_>| {
        let listed = elements(&list.value);
        let named = |listed: &str| opened.iter().any(|origin| names(listed, origin));
        !listed.is_empty() && !listed.iter().any(|item| named(item))
    };
    let elsewhere = |list: &List<'_>| list.readers.is_empty() || !list.readers.iter().all(own);
    let describe = |list: List<'_>| {
        let message = format!(
            "the origins in `{}` do not include {origin}: browsers will block its responses to the page there",
            list.key
        );
        let keep = if page.passing {
            format!("; `local-port` under [service.{}] keeps the port the same", page.service)
        } else {
            String::new()
        };
        let note = Code::AllowedOriginMissing.note(message);
        note.about(list.object.id().to_string())
            .at(list.place)
            .help(format!("add {origin} to it, unless the page asks through its own address only{keep}"))
    };
    lists(objects).into_iter().filter(|list| elsewhere(list) && lacks(list)).map(describe).collect()
}

fn lists(objects: &[Object]) -> Vec<List<'_>> {
    let mut found = Vec::new();
    for (object, template) in pods::all(objects) {
        for container in template.containers() {
            for (index, variable) in items(&container.value["env"]) {
                let (Some(key), Some(value)) = (variable["name"].as_str(), variable["value"].as_str()) else {
                    continue;
                };
                let place = container.place(object, &format!("/env/{index}/value")).clone();
                let readers = vec![template.clone()];
                found.push(List { object, place, key, value: value.to_owned(), readers });
            }
        }
    }
    for object in objects.iter().filter(|object| object.group().is_empty()) {
        let encoded = object.kind() == "Secret";
        if !encoded && object.kind() != "ConfigMap" {
            continue;
        }
        for (key, value) in object.value["data"].as_object().into_iter().flatten() {
            let Some(value) = plain(value, encoded) else { continue };
            let place = object.place_of(&below("/data", key)).clone();
            found.push(List { object, place, key, value, readers: readers(objects, object, key) });
        }
    }
    found.retain(|list| is_for_origins(list.key));
    found
}

fn plain(value: &Value, encoded: bool) -> Option<String> {
    let text = value.as_str()?;
    if encoded { String::from_utf8(go_base64::decode(text)?).ok() } else { Some(text.to_owned()) }
}

fn readers<'a>(objects: &'a [Object], data: &Object, key: &str) -> Vec<PodTemplate<'a>> {
    let reads = |template: &PodTemplate<'_>| {
        template.references().iter().any(|reference| {
            let whose = reference.kind.as_str() == data.kind() && reference.name == data.name();
            whose && reference.key.is_none_or(|read| read == key)
        })
    };
    pods::all(objects).map(|(_, template)| template).filter(reads).collect()
}

/// Whether a key is one that frameworks and people give lists of origins. Patterns are not compared.
fn is_for_origins(key: &str) -> bool {
    let key = key.to_ascii_uppercase().replace(['-', '.'], "_");
    let is = key.contains("ORIGIN") || key.contains("CORS");
    (is || key.ends_with("FRONTEND_URL") || key.ends_with("CLIENT_URL")) && !key.contains("REGEX")
}

/// The origins of a value: after commas, blanks or semicolons, or a list of JSON. None if any element is not an origin.
fn elements(value: &str) -> Vec<&str> {
    let value = value.trim().trim_start_matches('[').trim_end_matches(']');
    let parts = value.split([',', ';', ' ', '\t', '\n', '\r']).map(|part| part.trim_matches(['"', '\'']));
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    if parts.iter().all(|part| *part == "*" || origin(part).is_some()) { parts } else { Vec::new() }
}

/// `http://host:port` of a URL, without the port that its scheme has anyhow.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    let authority = authority.strip_suffix(usual).unwrap_or(&authority);
    (!authority.is_empty()).then(|| format!("{scheme}://{authority}"))
}

/// Whether an element of a list names an origin; `*` stands for anything.
fn names(element: &str, wanted: &str) -> bool {
    if element == "*" {
        return true;
    }
    let Some(listed) = origin(element) else { return false };
    match listed.split_once('*') {
        None => listed == wanted,
        Some((begin, end)) => {
            wanted.strip_prefix(begin).is_some_and(|rest| rest.len() > end.len() && rest.ends_with(end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OpenedPage;
    use super::names;
    use super::unlisted;
    use crate::event::Place;
    use crate::manifest::Object;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;
    use serde_json::json;

    const PAGE: OpenedPage<'_> =
        OpenedPage { service: "web", url: "http://192.168.49.2:30080/", local: None, passing: false };

    fn deployment(name: &str, key: &str, value: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {"template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": name, "env": [{"name": key, "value": value}]}]}}}})
    }

    fn service() -> Value {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}})
    }

    fn messages(values: Vec<Value>, page: OpenedPage<'_>) -> Vec<String> {
        let mut objects: Vec<Object> = values
            .into_iter()
            .enumerate()
            .map(|(line, value)| {
                Object::made(value, Place { file: "k8s/all.yaml".into(), line: line + 1, column: 1 })
            })
            .collect();
        objects.push(Object::made(service(), Place::file("k8s/web.yaml")));
        let line = |place: &Option<Place>| place.as_ref().map_or(0, |place| place.line);
        let found = unlisted(&objects, page);
        found.iter().map(|found| format!("{} {}", line(&found.place), found.message)).collect()
    }

    #[test]
    fn a_list_without_the_page_is_told_with_its_key_and_line() {
        for (key, value, lacks) in [
            ("CORS_ORIGINS", "http://localhost:3000,https://todo.example", true),
            ("ALLOWED_ORIGINS", "[\"http://localhost:3000\"]", true),
            ("FRONTEND_URL", "http://localhost:3000", true),
            ("CORS_ORIGINS", "http://localhost:3000 http://192.168.49.2:30080/", false),
            ("cors-origins", "*", false),
            ("CORS_ORIGIN_REGEX", "http://localhost:3000", false),
            ("CORS_ENABLED", "true", false),
            ("CORS_ORIGINS", "", false),
            ("CORS_ORIGINS", "localhost,127.0.0.1", false),
            ("API_URL", "http://localhost:3000", false),
        ] {
            let messages = messages(vec![deployment("api", key, value)], PAGE);
            assert_eq!(!messages.is_empty(), lacks, "{key}={value}: {messages:?}");
            if lacks {
                let begins = format!("1 the origins in `{key}` do not include http://192.168.49.2:30080:");
                assert!(messages[0].starts_with(&begins), "{messages:?}");
            }
        }
    }

    #[test]
    fn the_pods_behind_the_page_need_no_list() {
        assert_eq!(
            messages(vec![deployment("web", "FRONTEND_URL", "http://localhost:3000")], PAGE),
            [] as [&str; 0]
        );
    }

    #[test]
    fn config_maps_and_secrets_count_by_who_reads_them_and_no_value_is_told() {
        let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"},
            "data": {"CORS_ORIGINS": "http://localhost:3000"}});
        let encoded = STANDARD.encode("http://hidden.example");
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
            "data": {"CLIENT_URL": encoded}});
        let mut reader = deployment("api", "X", "");
        let from = json!([{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}}]);
        reader["spec"]["template"]["spec"]["containers"][0]["envFrom"] = from;
        let found = messages(vec![config.clone(), secret.clone(), reader.clone()], PAGE);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("1 the origins in `CORS_ORIGINS`"), "{found:?}");
        assert!(found[1].starts_with("2 the origins in `CLIENT_URL`") && !found[1].contains("hidden"));
        reader["spec"]["template"]["metadata"]["labels"]["app"] = json!("web");
        assert_eq!(messages(vec![config, secret, reader], PAGE), [] as [&str; 0]);
    }

    #[test]
    fn the_address_on_localhost_counts_too() {
        let api = || vec![deployment("api", "CORS_ORIGINS", "http://localhost:30080")];
        assert_eq!(messages(api(), PAGE).len(), 1);
        let local = Some("http://localhost:30080/");
        assert_eq!(messages(api(), OpenedPage { local, ..PAGE }), [] as [&str; 0]);
    }

    #[test]
    fn origins_are_compared_as_browsers_do() {
        for (element, wanted, same) in [
            ("http://Todo.local", "http://todo.local", true),
            ("http://todo.local:80", "http://todo.local", true),
            ("https://todo.local", "http://todo.local", false),
            ("https://*.example.org", "https://todo.example.org", true),
            ("https://*.example.org", "https://example.org", false),
            ("http://127.0.0.1:3000", "http://localhost:3000", false),
        ] {
            assert_eq!(names(element, wanted), same, "{element} {wanted}");
        }
    }
}
