//! What to do when a registry refuses an image, by the engine's message.

/// The command or the setting that helps.
pub(super) fn help(registry: &str, why: &str) -> String {
    let why = why.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if says(&["unauthorized", "authentication required", "no basic auth", "denied", "401", "403"]) {
        let hub = if registry == "docker.io" { "" } else { registry };
        format!("log in as a user who can push there: `{}`", format!("docker login {hub}").trim_end())
    } else if says(&["server gave http response to https"]) {
        format!(
            "it speaks plain HTTP: add `{registry}` to `insecure-registries` of the engine, or give it a certificate"
        )
    } else if says(&["x509", "certificate"]) {
        format!(
            "its certificate is not trusted: put its CA into `/etc/docker/certs.d/{registry}/ca.crt` of the engine's machine"
        )
    } else if says(&[
        "no such host",
        "connection refused",
        "i/o timeout",
        "no route",
        "network is unreachable",
    ]) {
        "see whether its name is right (`registry` of the target in deploy.toml) and whether it runs"
            .to_owned()
    } else if says(&["docker-credential-", "docker configuration"]) {
        format!("fix the Docker configuration, or log in again: `docker login {registry}`")
    } else {
        "check the registry's error, then run it again".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::help;

    #[test]
    fn each_refusal_has_its_way_out() {
        for (why, word) in [
            ("unauthorized: authentication required", "`docker login r.example`"),
            ("denied: requested access to the resource is denied", "`docker login r.example`"),
            ("http: server gave HTTP response to HTTPS client", "insecure-registries"),
            ("x509: certificate signed by unknown authority", "/etc/docker/certs.d/r.example/ca.crt"),
            ("dial tcp: lookup r.example: no such host", "`registry`"),
            (
                "the Docker configuration names `docker-credential-x`, which is not on the PATH",
                "Docker configuration",
            ),
            ("blob upload invalid", "run it again"),
        ] {
            let help = help("r.example", why);
            assert!(help.contains(word), "{why}: {help}");
        }
        assert!(help("docker.io", "denied").ends_with("`docker login`"));
    }
}
