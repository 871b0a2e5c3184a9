//! A base image that cannot be had.

use crate::event::Code;
use crate::image::build::FailedBuild;
use crate::image::failure::cause::Cause;
use crate::image::failure::cause::plain;
use crate::image::progress::step_name;
use crate::image::surveyed::Surveyed;
use dockerfile::reference;

/// Messages of Docker's and containerd's resolvers and of registries, each with its meaning. The first match counts.
const MEANINGS: [(&[&str], Meaning); 7] = [
    (&["toomanyrequests", "429 Too Many Requests", "pull rate limit"], Meaning::Limited),
    (
        &["x509:", "certificate signed by unknown authority", "server gave HTTP response to HTTPS"],
        Meaning::Tls,
    ),
    (&["no match for platform", "no matching manifest for"], Meaning::Platform),
    // Docker Hub sends the same message for missing and for private repositories.
    (&["pull access denied", "repository does not exist", "insufficient_scope"], Meaning::HiddenOrMissing),
    (
        &["401", "unauthorized", "authorization failed", "authentication required", "403", "denied"],
        Meaning::Private,
    ),
    (&["manifest unknown", ": not found", "not found: manifest", "404"], Meaning::Missing),
    (
        &[
            "dial tcp",
            "i/o timeout",
            "no such host",
            "handshake timeout",
            "connection refused",
            "EOF",
            "deadline exceeded",
        ],
        Meaning::Unreachable,
    ),
];

#[derive(Clone, Copy)]
enum Meaning {
    Limited,
    Tls,
    Platform,
    HiddenOrMissing,
    Private,
    Missing,
    Unreachable,
}

pub(super) fn base(image: &Surveyed, broken: &FailedBuild, error: &str) -> Option<Cause> {
    let step = broken.step.as_deref().unwrap_or_default();
    let loading = step.contains("load metadata for ")
        || step_name(step).is_some_and(|step| step.text.starts_with("FROM "))
        || error.contains("failed to resolve source metadata for")
        || error.contains("manifest unknown")
        || error.contains("pull access denied");
    if !loading {
        return None;
    }
    let about = format!("{step} {error}");
    let found = image.dockerfile.bases.iter().find(|base| {
        let name = base.reference.split('@').next().unwrap_or(&base.reference);
        about.contains(name)
    })?;
    // The name may have any of the words in it.
    let words = error.replace(&found.reference, "");
    let meaning = MEANINGS.iter().find(|(all, _)| all.iter().any(|word| words.contains(word)));
    let meaning = meaning.map(|(_, meaning)| *meaning);
    let (message, help) = explain(&found.reference, meaning, &plain(error));
    Some(
        Cause { help, ..Cause::unknown(message) }
            .named(code(meaning))
            .at(Some(found.line))
            .with("image", found.reference.as_str())
            .with("answer", plain(error)),
    )
}

/// The code: the same as where a node pulls an image.
fn code(meaning: Option<Meaning>) -> Code {
    match meaning {
        Some(Meaning::Limited) => Code::RegistryRateLimited,
        Some(Meaning::Tls) => Code::RegistryUntrusted,
        Some(Meaning::Platform) => Code::ImagePlatformMismatch,
        Some(Meaning::HiddenOrMissing | Meaning::Missing) => Code::ImageNotFound,
        Some(Meaning::Private) => Code::ImageAccessDenied,
        Some(Meaning::Unreachable) => Code::RegistryUnreachable,
        None => Code::ImagePullFailed,
    }
}

fn explain(reference: &str, meaning: Option<Meaning>, error: &str) -> (String, Option<String>) {
    let login = format!("`docker login {}`", reference::registry(reference));
    let (message, help) = match meaning {
        Some(Meaning::Unreachable) => (
            format!("the registry of the base image `{reference}` cannot be reached: {error}"),
            "check the network, the VPN or the proxy of the machine; with the image pulled once, no build asks again".to_owned(),
        ),
        Some(Meaning::Private) => {
            (format!("the registry denies access to the base image `{reference}`: {error}"), login)
        }
        Some(Meaning::HiddenOrMissing) => (
            format!("the base image `{reference}` does not exist, or is private: the registry does not say which"),
            format!("check its name; if it is private, {login}"),
        ),
        Some(Meaning::Missing) => (
            format!("there is no base image `{reference}`"),
            "check its name and tag; a private one needs `docker login` first".to_owned(),
        ),
        Some(Meaning::Limited) => (
            format!("the registry gives no more pulls for now, and the base image `{reference}` is one"),
            format!("{login}, wait, or take the image from another registry"),
        ),
        Some(Meaning::Platform) => (
            format!("the base image `{reference}` is not there for this platform: {error}"),
            "set `platform` of the image to one that it has, or use another base".to_owned(),
        ),
        Some(Meaning::Tls) => (
            format!("the engine does not trust the registry of the base image `{reference}`: {error}"),
            "give minikube the registry's certificate (~/.minikube/certs and `--embed-certs`), or create the profile with `--insecure-registry`".to_owned(),
        ),
        None => return (format!("the base image `{reference}` cannot be pulled: {error}"), None),
    };
    (message, Some(help))
}
