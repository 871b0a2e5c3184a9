//! A runtime's sentence about an image that it could not pull → what sort of trouble that is.
//!
//! Docker Hub gives the same answer for an image that does not exist and for one that is private (`pull access denied …
//! repository does not exist or may require 'docker login'`); such an answer belongs to "not found", because a
//! wrong name is the commoner case and both causes are reported. The image's own name is taken out of the sentence
//! first:
//! images are called `timeout-service`, and `eof` too.

use crate::cause::failure_kind::FailureKind;
use regex::Regex;
use std::sync::LazyLock;

/// Classifies a message of `ErrImagePull` or `ImagePullBackOff`; `None` if it does not contain the cause.
pub fn classify(message: &str, image: &str) -> Option<FailureKind> {
    let text = without(message, image);
    if says_nothing(&text) {
        return None;
    }
    let table: [(&Regex, FailureKind); 8] = [
        (&PLATFORM, FailureKind::ImagePlatform),
        (&NO_HOST, FailureKind::ImageNoHost),
        (&LIMITED, FailureKind::ImageLimited),
        (&UNTRUSTED, FailureKind::ImageUntrusted),
        (&UNREACHABLE, FailureKind::ImageUnreachable),
        (&NOT_FOUND, FailureKind::ImageNotFound),
        (&DENIED, FailureKind::ImageDenied),
        (&SIGNATURE, FailureKind::ImageSignature),
    ];
    let known = table.iter().find(|(pattern, _)| pattern.is_match(&text));
    Some(known.map_or(FailureKind::ImagePull, |(_, signal)| *signal))
}

static PLATFORM: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        "no match for platform|no matching manifest for|does not match the (specified|detected host) platform",
    )
});
/// Registries put the name into their paths: `https://ghcr.io/v2/acme/timeout-service/manifests/1`.
static URL: LazyLock<Regex> = LazyLock::new(|| pattern(r#"https?://[^\s"]+"#));
static NO_HOST: LazyLock<Regex> = LazyLock::new(|| pattern("no such host"));
static UNREACHABLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"time-?out|timed out|deadline exceeded|connection refused|connection reset|",
        r"reset by peer|\bunexpected EOF\b|: EOF\b|server misbehaving|TLS handshake|network is unreachable|",
        r"no route to host|",
        r"\b5\d\d (internal|bad gateway|service|gateway)|status(?: code)?:? 5\d\d|server error",
    ))
});
static LIMITED: LazyLock<Regex> = LazyLock::new(|| pattern(r"toomanyrequests|\b429\b|rate limit"));
static UNTRUSTED: LazyLock<Regex> = LazyLock::new(|| pattern("x509|http: server gave HTTP response"));
static NOT_FOUND: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        "not found|manifest unknown|no such (image|manifest)|does not exist|invalid reference|name unknown",
    )
});
static DENIED: LazyLock<Regex> = LazyLock::new(|| {
    pattern("unauthorized|denied|authentication required|forbidden|no basic auth|authorization failed")
});
static SIGNATURE: LazyLock<Regex> = LazyLock::new(|| pattern("signature"));

#[expect(clippy::expect_used, reason = "the patterns are constants of this file; a test compiles them all")]
fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?i){text}")).expect("a constant pattern")
}

/// `Back-off pulling image "x"` alone, as kubelets before 1.33 write it, or nothing.
fn says_nothing(text: &str) -> bool {
    let text = text.trim().trim_matches('"').trim();
    text.is_empty() || text.eq_ignore_ascii_case("Back-off pulling image")
}

fn without(message: &str, image: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let repository = match name.rfind(':') {
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        _ => name,
    };
    let mut text = URL.replace_all(message, "").into_owned();
    for part in [image, name, repository] {
        // A short one such as `eof` would be cut out of other words.
        if part.len() >= 5 || part == image {
            text = text.replace(part, "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::classify;
    use crate::cause::failure_kind::FailureKind;

    #[test]
    fn runtimes_sentences() {
        let image = "ghcr.io/acme/timeout-service:1";
        for (message, desired) in [
            (
                "Error response from daemon: manifest for ghcr.io/acme/timeout-service:1 not found: manifest unknown",
                FailureKind::ImageNotFound,
            ),
            (
                "rpc error: code = NotFound desc = failed to pull and unpack image \"ghcr.io/acme/timeout-service:1\": failed to resolve reference \"ghcr.io/acme/timeout-service:1\": ghcr.io/acme/timeout-service:1: not found",
                FailureKind::ImageNotFound,
            ),
            (
                "Error response from daemon: pull access denied for ghcr.io/acme/timeout-service, repository does not exist or may require 'docker login'",
                FailureKind::ImageNotFound,
            ),
            (
                "Error response from daemon: Head \"https://ghcr.io/v2/acme/timeout-service/manifests/1\": denied",
                FailureKind::ImageDenied,
            ),
            (
                "failed to authorize: failed to fetch anonymous token: unexpected status from GET request: 401 Unauthorized",
                FailureKind::ImageDenied,
            ),
            ("no match for platform in manifest: not found", FailureKind::ImagePlatform),
            (
                "Error response from daemon: no matching manifest for linux/arm64/v8 in the manifest list entries",
                FailureKind::ImagePlatform,
            ),
            ("toomanyrequests: You have reached your pull rate limit", FailureKind::ImageLimited),
            (
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                FailureKind::ImageUntrusted,
            ),
            ("http: server gave HTTP response to HTTPS client", FailureKind::ImageUntrusted),
            ("dial tcp: lookup ghcr.io on 10.96.0.10:53: no such host", FailureKind::ImageNoHost),
            ("dial tcp: lookup ghcr.io on 10.96.0.10:53: server misbehaving", FailureKind::ImageUnreachable),
            ("received unexpected HTTP status: 503 Service Unavailable", FailureKind::ImageUnreachable),
            ("something new", FailureKind::ImagePull),
        ] {
            assert_eq!(classify(message, image), Some(desired), "{message}");
        }
        assert_eq!(classify("Back-off pulling image \"ghcr.io/acme/timeout-service:1\"", image), None);
        assert_eq!(classify("", image), None);
    }
}
