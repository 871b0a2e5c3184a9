//! Messages of programs that cannot reach a host, and the host's name.

use regex::Regex;

/// Messages of resolvers, curl, wget, pip, npm, apt, apk, go and git.
const WORDS: [&str; 15] = [
    "Temporary failure in name resolution",
    "Temporary failure resolving",
    "Could not resolve host",
    "Name or service not known",
    "unable to resolve host address",
    "getaddrinfo EAI_AGAIN",
    "getaddrinfo ENOTFOUND",
    "Network is unreachable",
    "network is unreachable",
    "Failed to establish a new connection",
    "Connection timed out",
    "temporary error (try again later)",
    "connect ETIMEDOUT",
    "no such host",
    "bad address '",
];

/// The help: whether the name is wrong or the connection is blocked cannot be determined here.
pub(super) const HELP: &str = "check the name; builds reach the network through the engine: check its DNS, VPN and proxy (`HTTPS_PROXY` as a build argument)";

/// Whether a line is a message about an unreachable host.
pub(super) fn is_told(line: &str) -> bool {
    WORDS.iter().any(|words| line.contains(words))
}

/// The unreachable host, if the line names it.
pub(super) fn host(line: &str) -> Option<String> {
    let patterns = [
        r"lookup ([\w.-]+) on ",
        r"lookup ([\w.-]+): ",
        r"getaddrinfo (?:EAI_AGAIN|ENOTFOUND) ([\w.-]+)",
        r"[Cc]ould not resolve host: ([\w.-]+)",
        r"resolving '([\w.-]+)'",
        r"host address [`'‘]([\w.-]+)",
        r"bad address '([\w.-]+)'",
        r"host='([\w.-]+)'",
        r"https?://(?:[^/@\s]+@)?([\w.-]+)",
        r"connect ETIMEDOUT ([\w.:-]+)",
    ];
    patterns.iter().find_map(|pattern| {
        let found = Regex::new(pattern).ok()?.captures(line)?;
        Some(found[1].trim_end_matches('.').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::host;
    use super::is_told;

    #[test]
    fn programs_say_what_they_could_not_reach() {
        for (line, asked) in [
            ("dial tcp: lookup a.example on 10.0.0.1:53: no such host", Some("a.example")),
            (
                "go: x: Get \"https://proxy.example/x\": dial tcp: lookup proxy.example: no such host",
                Some("proxy.example"),
            ),
            (
                "npm error network request to https://a.example/x failed, reason: getaddrinfo ENOTFOUND a.example",
                Some("a.example"),
            ),
            ("curl: (6) Could not resolve host: a.example", Some("a.example")),
            (
                "fatal: unable to access 'https://a.example/r/': Could not resolve host: a.example",
                Some("a.example"),
            ),
            (
                "W: Failed to fetch http://deb.example/x  Temporary failure resolving 'deb.example'",
                Some("deb.example"),
            ),
            ("wget: bad address 'a.example'", Some("a.example")),
            ("wget: unable to resolve host address ‘a.example’", Some("a.example")),
            (
                "HTTPSConnectionPool(host='pypi.example', port=443): Failed to establish a new connection",
                Some("pypi.example"),
            ),
            (
                "WARNING: fetching https://apk.example/v3/x: temporary error (try again later)",
                Some("apk.example"),
            ),
            ("connect: Network is unreachable", None),
        ] {
            assert!(is_told(line), "{line}");
            assert_eq!(host(line).as_deref(), asked, "{line}");
        }
        for line in ["mmap: Bad address", "connected to https://a.example", "error: host not set"] {
            assert!(!is_told(line), "{line}");
        }
    }
}
