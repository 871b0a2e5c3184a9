//! `[target.NAME]`: a cluster that is not our minikube, and the registry that its nodes pull from.

use crate::project::OtherCluster;
use crate::project::file::Located;
use crate::project::file::Section;

pub(super) fn target((name, section): (Located<&str>, Section<'_, '_>)) -> Option<(String, OtherCluster)> {
    let context = section.text("context").map(|at| at.value.to_owned());
    if context.is_none() {
        section.lacks("names no context", "add `context = \"…\"`, a name from `kubectl config get-contexts`");
    }
    let registry = section.parsed("registry", registry).map(|at| at.value);
    let place = section.place.clone();
    section.close();
    let name = name.value.to_owned();
    context.map(|context| (name.clone(), OtherCluster { name, place, context, registry }))
}

/// As references begin: Docker Hub's accounts stand for themselves (`distribution/reference: splitDockerDomain`).
fn registry(text: &str) -> Result<String, &'static str> {
    if text.contains("://") {
        return Err("write it without `https://`, as images are named");
    }
    let text = text.trim_end_matches('/');
    let text = text.strip_prefix("docker.io/").unwrap_or(text);
    if text == "docker.io" {
        return Err("Docker Hub takes images of an account: `docker.io/ACCOUNT`");
    }
    let (host, path) = match text.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (text, None),
    };
    let may = |text: &str, more: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
    };
    let path_is_well = path.is_none_or(|path| path.split('/').all(|part| may(part, "._-")));
    if may(&host.to_ascii_lowercase(), ".:-_[]") && path_is_well {
        Ok(text.to_owned())
    } else {
        Err("write it as images are named: `HOST[:PORT][/PATH]`, the path in lower case")
    }
}

#[cfg(test)]
mod tests {
    use super::registry;

    #[test]
    fn a_registry_is_written_as_images_are_named() {
        for (written, meant) in [
            ("ghcr.io/acme/", "ghcr.io/acme"),
            ("registry.example:5000", "registry.example:5000"),
            ("docker.io/acme", "acme"),
            ("acme", "acme"),
        ] {
            assert_eq!(registry(written).as_deref(), Ok(meant));
        }
        for wrong in ["https://ghcr.io/acme", "docker.io", "", "ghcr.io/Acme", "ghcr.io//acme", "a b"] {
            assert!(registry(wrong).is_err(), "{wrong}");
        }
    }
}
