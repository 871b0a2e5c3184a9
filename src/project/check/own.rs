//! `[[check]]`: what the project itself wants to know, from where, when, and whether it is needed.
//!
//! A check of a Service is always after the rollout and uses the URL that users open; any other is before it, unless it
//! sets another time, because an unreachable database should be reported before the crashes that it causes.

use crate::project::Check;
use crate::project::Expect;
use crate::project::From;
use crate::project::Probe;
use crate::project::When;
use crate::project::check::services;
use crate::project::file::Located;
use crate::project::file::Section;
use crate::project::name::DataKey;
use crate::project::name::NotAName;
use crate::project::name::ObjectName;

/// The name that minikube gives to the machine it runs on, known in the cluster alone.
const HOST: &str = "host.minikube.internal";

pub(super) fn own_check(section: Section<'_, '_>) -> Option<Check> {
    let probe = probe(&section);
    let name = section.text("name").map(|at| at.value.to_owned());
    if name.is_none() {
        section.lacks("has no name", "add `name = \"…\"`, what people call it");
    }
    let from = choice(&section, "from", &[("host", From::Host), ("cluster", From::Cluster)]);
    let times = [When::Before, When::After, When::Change].map(|when| (when.as_str(), when));
    let when = choice(&section, "when", &times);
    let required = section.flag("required").unwrap_or(true);
    let of_service = matches!(probe, Some(Probe::Service { .. }));
    if of_service && when.as_ref().is_some_and(|when| when.value == When::Before) {
        section.lacks(
            "checks a Service before it exists",
            "remove `when`: a Service is checked after the rollout",
        );
    }
    if of_service && from.is_some() {
        section.lacks(
            "says `from` of a Service",
            "remove `from`: a Service is checked through the URL that people open; to check it from inside the cluster, write its `url`",
        );
    }
    let from = from.map_or(From::Host, |at| at.value);
    if from == From::Host && probe.as_ref().is_some_and(names_the_host) {
        let help = "add `from = \"cluster\"`; from this machine it is `localhost`";
        section.lacks(format!("uses `{HOST}`, a name that resolves only in the cluster"), help);
    }
    if from == From::Cluster && probe.as_ref().is_some_and(is_loopback) {
        let help = format!("write `{HOST}` if this machine is meant");
        section.lacks("uses `localhost` with `from = \"cluster\"`, which is the node itself", help);
    }
    let check = probe.map(|probe| Check {
        name: name.unwrap_or_default(),
        place: section.place.clone(),
        when: match when {
            Some(when) if !of_service || when.value == When::Change => when.value,
            _ if of_service => When::After,
            _ => When::Before,
        },
        from,
        required,
        probe,
    });
    section.close();
    check
}

fn probe(section: &Section<'_, '_>) -> Option<Probe> {
    let url = section.parsed("url", url);
    if url.as_ref().is_some_and(|at| authority(&at.value).contains('@')) {
        section.lacks(
            "has a user in its `url`",
            "use a path that needs none: do not write passwords into this file",
        );
    }
    let tcp = if section.is_table("tcp") {
        of_secret(section)
    } else {
        section.parsed("tcp", host_and_port).map(|at| Probe::Tcp(at.value))
    };
    let service = section.parsed("service", ObjectName::parse);
    let path = section.parsed("path", services::url_path);
    let expect = Expect {
        status: services::status(section, "status"),
        contains: section.text("contains").map(|at| at.value.to_owned()),
    };
    let asks = [url.is_some() || section.has("url"), section.has("tcp"), section.has("service")];
    if asks.into_iter().filter(|asked| *asked).count() != 1 {
        section.lacks(
            "needs one of `url`, `tcp` and `service`",
            "write `url = \"http://…\"`, `tcp = \"host:port\"` or `service = \"…\"` with a `path`",
        );
        return None;
    }
    if path.is_some() && !section.has("service") {
        section.lacks("has a `path` without a `service`", "write the path into the `url`");
    }
    if section.has("tcp") && expect != (Expect { status: None, contains: None }) {
        section.lacks(
            "expects a response from a TCP connection",
            "remove `status` and `contains`, or ask a `url`",
        );
    }
    let path = path.map_or_else(|| "/".to_owned(), |at| at.value);
    match (url, tcp, service) {
        (Some(url), ..) => Some(Probe::Http { url: url.value, expect }),
        (_, Some(tcp), _) => Some(tcp),
        (.., Some(service)) => Some(Probe::Service { name: service.value, path, expect }),
        _ => None,
    }
}

fn url(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.ok_or("a URL begins with `http://` or `https://`")?;
    // What comes before an `@` may be a password: `probe` refuses it without repeating it.
    if authority(text).contains('@') {
        return Ok(text.to_owned());
    }
    if rest.is_empty()
        || rest.starts_with(['/', '?', '#'])
        || text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
    {
        return Err("a URL has a host and no spaces");
    }
    let uri: http::Uri = text.parse().map_err(|_| "this is not a URL")?;
    // The http crate takes `http://a:b/`, and for a port that no port can be.
    let port = uri.authority().and_then(|authority| authority.as_str().rsplit_once(':'));
    let port_is_one = uri.port_u16().is_some_and(|port| port > 0);
    let has_port = port.is_some_and(|(_, port)| !port.ends_with(']'));
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "-._:[]".contains(letter);
    match uri.host() {
        Some(host) if host.is_empty() || host.starts_with('-') || !host.chars().all(letters) => {
            Err("its host is neither a name nor an address")
        }
        Some(_) if has_port && !port_is_one => Err("its port is not a number from 1 to 65535"),
        Some(_) => Ok(text.to_owned()),
        None => Err("a URL has a host and no spaces"),
    }
}

fn host_and_port(text: &str) -> Result<String, &'static str> {
    let letters = |host: &str| {
        host.chars().all(|letter| {
            letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '[' | ']')
        })
    };
    match text.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty()
                && !host.starts_with('-')
                && letters(host)
                && port.parse().is_ok_and(|port: u16| port > 0) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("write it as `host:port`"),
    }
}

/// `tcp = { secret = "NAME", key = "KEY" }`.
fn of_secret(section: &Section<'_, '_>) -> Option<Probe> {
    let inner = section.section("tcp");
    let secret = inner.parsed("secret", ObjectName::parse);
    let key = inner.parsed("key", |text| DataKey::parse(text).map_err(|NotAName(must)| format!("it {must}")));
    if !inner.has("secret") || !inner.has("key") {
        inner
            .lacks("needs `secret` and `key`", "write `tcp = { secret = \"NAME\", key = \"DATABASE_URL\" }`");
    }
    inner.close();
    Some(Probe::TcpOf { secret: secret?.value, key: key?.value })
}

fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn host(probe: &Probe) -> Option<&str> {
    match probe {
        Probe::Http { url, .. } => {
            let authority = authority(url);
            Some(authority.rsplit_once(':').map_or(authority, |(host, _)| host))
        }
        Probe::Tcp(address) => address.rsplit_once(':').map(|(host, _)| host),
        Probe::TcpOf { .. } | Probe::Service { .. } => None,
    }
}

fn names_the_host(probe: &Probe) -> bool {
    host(probe).is_some_and(|host| host.eq_ignore_ascii_case(HOST))
}

fn is_loopback(probe: &Probe) -> bool {
    host(probe).is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"))
}

fn choice<T: Copy>(
    section: &Section<'_, '_>,
    key: &'static str,
    choices: &[(&str, T)],
) -> Option<Located<T>> {
    let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
    let find = |text: &str| choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
    section.parsed(key, |text| find(text).ok_or_else(|| format!("write {}", words.join(" or "))))
}

#[cfg(test)]
mod tests {
    use crate::project::Check;
    use crate::project::From;
    use crate::project::Probe;
    use crate::project::When;
    use crate::project::check::check;
    use std::path::Path;

    fn parse(lines: &str) -> Result<Check, Vec<String>> {
        let text = format!("[[manifests]]\npath = 'k8s'\n[[check]]\nname = 'c'\n{lines}\n");
        check(Path::new("/p/deploy.toml"), &text)
            .map(|mut project| project.checks.remove(0))
            .map_err(|found| found.into_iter().map(|finding| finding.message).collect())
    }

    #[test]
    fn a_service_is_asked_after_the_rollout_and_all_else_before_it() {
        for (lines, when, from) in [
            ("url = 'http://a/'", When::Before, From::Host),
            ("tcp = 'db:5432'\nfrom = 'cluster'", When::Before, From::Cluster),
            ("tcp = { secret = 's', key = 'DATABASE_URL' }", When::Before, From::Host),
            ("url = 'http://a/'\nwhen = 'after'", When::After, From::Host),
            ("service = 'web'\npath = '/api'", When::After, From::Host),
            ("service = 'web'\nwhen = 'change'", When::Change, From::Host),
            ("url = 'http://a/'\nwhen = 'change'", When::Change, From::Host),
        ] {
            let check = parse(lines).unwrap();
            assert_eq!((check.when, check.from), (when, from), "{lines}");
        }
        assert!(matches!(
            parse("service = 'web'\npath = '/api'\ncontains = 'x'").unwrap().probe,
            Probe::Service { path, expect, .. } if path == "/api" && expect.contains.as_deref() == Some("x")
        ));
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for (lines, expected) in [
            ("", "`[check]` needs one of `url`, `tcp` and `service`"),
            ("url = 'http://a/'\ntcp = 'a:1'", "`[check]` needs one of `url`, `tcp` and `service`"),
            ("url = 'ftp://a/'", "`check.url` is `ftp://a/`: a URL begins with `http://` or `https://`"),
            ("url = 'http://-o/'", "`check.url` is `http://-o/`: its host is neither a name nor an address"),
            ("url = 'http://a{b,c}/'", "`check.url` is `http://a{b,c}/`: this is not a URL"),
            ("url = 'http://a:0/'", "`check.url` is `http://a:0/`: its port is not a number from 1 to 65535"),
            ("tcp = '-x:1'", "`check.tcp` is `-x:1`: write it as `host:port`"),
            ("tcp = 'a'", "`check.tcp` is `a`: write it as `host:port`"),
            ("tcp = 'a b:1'", "`check.tcp` is `a b:1`: write it as `host:port`"),
            ("tcp = { secret = 's' }", "`[check.tcp]` needs `secret` and `key`"),
            ("service = 'web'\nwhen = 'before'", "`[check]` checks a Service before it exists"),
            ("service = 'web'\nfrom = 'cluster'", "`[check]` says `from` of a Service"),
            ("url = 'http://a/'\npath = '/x'", "`[check]` has a `path` without a `service`"),
            ("tcp = 'a:1'\nstatus = 200", "`[check]` expects a response from a TCP connection"),
            (
                "tcp = 'host.minikube.internal:11434'",
                "`[check]` uses `host.minikube.internal`, a name that resolves only in the cluster",
            ),
            (
                "url = 'http://localhost:11434/'\nfrom = 'cluster'",
                "`[check]` uses `localhost` with `from = \"cluster\"`, which is the node itself",
            ),
        ] {
            assert_eq!(parse(lines).unwrap_err(), [expected], "{lines}");
        }
        assert!(parse("url = \"http://a/\\nurl = b\"").is_err(), "a line of its own");
        // What stands there may be a password, so it is not repeated.
        for url in ["http://me:hunter2@a/", "http://me:hunter 2@a/", "http://me:hunter2@/"] {
            let expected = parse(&format!("url = '{url}'")).unwrap_err();
            assert_eq!(expected, ["`[check]` has a user in its `url`"], "{url}");
        }
    }
}
