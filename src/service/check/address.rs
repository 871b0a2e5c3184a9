//! The host and port in the URL of a database: pure, and never prints the value.
//!
//! Not a URL parser: passwords with unescaped `/`, `@` and `#` are common in such values, so an ambiguous value has
//! no address, and no error names the part of the value that is wrong.

/// The target of a value.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Leads {
    /// To a host and a port.
    To(String, u16),
    /// To no other machine: a file, a socket.
    Nowhere,
}

/// Reads `postgresql+driver://user:password@host:port/name?…`, `jdbc:…`, or `host=… port=…`.
pub(super) fn leads(value: &[u8]) -> Option<Leads> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    let Some((scheme, rest)) = text.split_once("://") else {
        return words(text);
    };
    let scheme = scheme.split('+').next().unwrap_or_default().to_ascii_lowercase();
    if matches!(scheme.as_str(), "sqlite" | "file" | "unix") {
        return Some(Leads::Nowhere);
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // A password cut the authority short; or the host is known to DNS's service records alone.
    if path.split('?').next().is_some_and(|path| path.contains('@')) || text.starts_with("mongodb+srv:") {
        return None;
    }
    let places = authority.rsplit_once('@').map_or(authority, |(_, places)| places);
    // Several hosts are replicas: the first one is enough.
    let first = places.split(',').next().unwrap_or_default();
    if first.is_empty() {
        return Some(Leads::Nowhere);
    }
    let (host, port) = match first.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':')),
        None => match first.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (first, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => usual(&scheme)?,
    };
    is_host(host).then(|| Leads::To(host.to_owned(), port))
}

/// `host=db port=5432 user=…`, as libpq has it.
fn words(text: &str) -> Option<Leads> {
    let word = |key: &str| {
        let mut pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value.trim_matches('\''))
    };
    let host = word("host")?;
    if host.starts_with('/') {
        return Some(Leads::Nowhere);
    }
    let port = word("port").map_or(Some(5432), |port| port.parse().ok())?;
    is_host(host).then(|| Leads::To(host.to_owned(), port))
}

/// Characters that are safe in the shell script below.
pub(super) fn is_host(host: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':');
    !host.is_empty() && !host.starts_with('-') && host.chars().all(plain)
}

fn usual(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "postgres" | "postgresql" => 5432,
        "mysql" | "mariadb" => 3306,
        "mongodb" => 27017,
        "redis" | "rediss" | "valkey" => 6379,
        "amqp" => 5672,
        "amqps" => 5671,
        "nats" => 4222,
        "http" => 80,
        "https" => 443,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::Leads;
    use super::leads;

    #[test]
    fn the_host_and_port_of_a_database_are_found_and_nothing_is_guessed() {
        let to = |host: &str, port| Some(Leads::To(host.to_owned(), port));
        for (value, wanted) in [
            ("postgresql://u:p@ep-x.neon.tech/db?sslmode=require", to("ep-x.neon.tech", 5432)),
            ("postgresql+asyncpg://u:p%40@db:6543/x", to("db", 6543)),
            ("postgres://u:p@ss@db:5433/x", to("db", 5433)),
            ("  postgres://db  \n", to("db", 5432)),
            ("postgres://a:1,b:2/x", to("a", 1)),
            ("postgres://u:p@[::1]:5432/x", to("::1", 5432)),
            ("jdbc:postgresql://db:5432/x", to("db", 5432)),
            ("mysql://u@db/x", to("db", 3306)),
            ("redis://:p@cache/0", to("cache", 6379)),
            ("host=db port=6000 password='x'", to("db", 6000)),
            ("host=db user=x", to("db", 5432)),
            ("host=/var/run/postgresql", Some(Leads::Nowhere)),
            ("postgresql:///x?host=/run", Some(Leads::Nowhere)),
            ("sqlite:///todo.db", Some(Leads::Nowhere)),
            ("sqlite+aiosqlite:////data/todo.db", Some(Leads::Nowhere)),
            // The rest of a password must not become a host.
            ("postgres://u:pa/ss@db/x", None),
            ("postgres://u:1/ss@db/x", None),
            ("postgres://u:1#ss@db/x", None),
            ("mongodb+srv://u:p@cluster.mongodb.net/x", None),
            ("postgres://u:p@$(reboot)/x", None),
            ("postgres://u:p@-x/x", None),
            ("gopher://db/x", None),
            ("hunter2", None),
            ("", None),
        ] {
            assert!(leads(value.as_bytes()) == wanted, "{value}");
        }
        assert!(leads(b"\xff").is_none());
    }
}
