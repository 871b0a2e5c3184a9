//! What names an image, as Docker reads it (`distribution/reference`).

/// Why `reference` names no image, as the end of a sentence about it; `None` where it does.
#[must_use]
pub fn mistake(reference: &str) -> Option<&'static str> {
    let (name, digest) =
        reference.split_once('@').map_or((reference, None), |(name, digest)| (name, Some(digest)));
    let (name, tag) = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (name, None),
    };
    let path = match host(name) {
        Some(host) if !is_host(host) => return Some("its registry is not a valid host name"),
        Some(host) => &name[host.len() + 1..],
        None => name,
    };
    let digest_fits =
        digest.is_none_or(|digest| digest.split_once(':').is_some_and(|(_, hex)| !hex.is_empty()));
    if path.chars().any(|char| char.is_ascii_uppercase()) {
        Some("its name must be in lower case")
    } else if !path.split('/').all(is_part) {
        Some("its name must be a-z and 0-9 in parts joined by / . _ or -")
    } else if !tag.is_none_or(is_tag) {
        Some("its tag must be 1 to 128 of a-z, A-Z, 0-9, _, . and -, and not begin with . or -")
    } else if !digest_fits {
        Some("its digest must be like `sha256:…`")
    } else {
        None
    }
}

/// The registry that `name`, without tag and digest, begins with: whatever stands before the first slash and cannot be an
/// account on Docker Hub (`reference/normalize.go: splitDockerDomain`).
#[must_use]
pub fn host(name: &str) -> Option<&str> {
    let (first, _) = name.split_once('/')?;
    (first.contains(['.', ':']) || first == "localhost").then_some(first)
}

/// The registry that a reference is of, `docker.io` where it names none (`distribution/reference: splitDockerDomain`).
#[must_use]
pub fn registry(reference: &str) -> &str {
    host(reference).unwrap_or("docker.io")
}

/// Whether `host` is a name or an address, perhaps with a port.
#[must_use]
pub fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let name_fits = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(|part| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        }),
    };
    name_fits && port_fits
}

/// Small letters and digits, with single `.`, one or two `_`, or any number of `-` between them.
fn is_part(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let between = |separator: &str| {
        matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
    };
    part.starts_with(plain) && part.ends_with(plain) && part.split(plain).all(between)
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && tag.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
        && !tag.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::host;
    use super::mistake;

    /// Docker 28.5's `docker tag` takes the former and calls the latter `invalid reference format`.
    #[test]
    fn references_are_read_as_docker_reads_them() {
        for reference in [
            "nginx",
            "nginx:1.27-alpine",
            "nginx:V1",
            "library/nginx",
            "localhost:5000/web:v1",
            "localhost/web",
            "registry.local:5000/team/web",
            "Registry.local/web",
            "a/b/c_d/e__f/g--h.i:1",
            "web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "web:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(mistake(reference), None, "{reference}");
        }
        for reference in [
            "",
            "Nginx",
            "team/Web",
            "Team/web",
            "registry.local:5000/Web",
            "web:",
            "web:-1",
            "web:a b",
            "-web",
            "web_",
            "a___b",
            "a..b",
            "a//b",
            ":1",
            "web@12",
            "https://registry.local/web",
            "registry.local:port/web",
        ] {
            assert!(mistake(reference).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_registry_is_what_no_account_can_be() {
        for (name, registry) in [
            ("nginx", None),
            ("team/web", None),
            ("localhost/web", Some("localhost")),
            ("localhost:5000/web", Some("localhost:5000")),
            ("ghcr.io/team/web", Some("ghcr.io")),
            ("Team/web", None),
        ] {
            assert_eq!(host(name), registry, "{name}");
        }
    }
}
