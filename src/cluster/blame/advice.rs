//! Log lines that indicate a well-known cause, and what helps.

use regex::Regex;
use std::sync::LazyLock;

/// What helps, and the fields of the container that it is about, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Advice {
    /// What to do.
    pub help: &'static str,
    /// Fields of the container.
    pub fields: &'static [&'static str],
}

/// The advice for the last lines of a crashed program, if they show a well-known cause.
pub(crate) fn of_log(tail: &[String]) -> Option<Advice> {
    let (_, advice) = TABLE.iter().find(|(pattern, _)| tail.iter().any(|line| pattern.is_match(line)))?;
    Some(*advice)
}

static TABLE: LazyLock<Vec<(Regex, Advice)>> = LazyLock::new(|| {
    let rows: [(&str, Advice); 6] = [
        (
            "exec format error",
            Advice {
                help: "the program is built for another CPU: build the image for the node's platform",
                fields: &["image"],
            },
        ),
        (
            "read-only file ?system",
            Advice {
                help: "mount an `emptyDir` where the program writes, or drop `readOnlyRootFilesystem`",
                fields: &["securityContext/readOnlyRootFilesystem", "volumeMounts"],
            },
        ),
        (
            "permission denied|operation not permitted",
            Advice {
                help: "the user that it runs as may not do this: see `securityContext` and who owns the files in the image",
                fields: &["securityContext/runAsUser", "securityContext", "volumeMounts"],
            },
        ),
        (
            "address already in use",
            Advice {
                help: "another container of the pod listens on that port: give one of them another",
                fields: &["ports"],
            },
        ),
        (
            r"ModuleNotFoundError|no module named|cannot find (module|package)|ERR_MODULE_NOT_FOUND|ClassNotFoundException",
            Advice {
                help: "the image lacks what the program imports: see what its Dockerfile installs and copies, then `todo up`",
                fields: &["image"],
            },
        ),
        (
            r"connection refused|no such host|name or service not known|host not found in upstream|getaddrinfo|\bECONNREFUSED\b|\bENOTFOUND\b",
            Advice {
                help: "it gives up on something that it cannot reach: see its name and port, and whether the program should wait for it",
                fields: &["env", "envFrom"],
            },
        ),
    ];
    rows.into_iter()
        .filter_map(|(pattern, advice)| Some((Regex::new(&format!("(?i){pattern}")).ok()?, advice)))
        .collect()
});

#[cfg(test)]
mod tests {
    use super::TABLE;
    use super::of_log;

    #[test]
    fn every_row_has_a_pattern_that_compiles() {
        assert_eq!(TABLE.len(), 6);
    }

    #[test]
    fn logs_tell_well_known_causes() {
        let of = |line: &str| of_log(&[line.to_owned()]).map(|advice| advice.fields[0]);
        assert_eq!(
            of("nginx: [emerg] mkdir() failed (30: Read-only file system)"),
            Some("securityContext/readOnlyRootFilesystem")
        );
        assert_eq!(of("exec /app: exec format error"), Some("image"));
        assert_eq!(of("SyntaxError: invalid syntax"), None);
        assert_eq!(of("ModuleNotFoundError: No module named 'x'"), Some("image"));
        assert_eq!(of("Error: getaddrinfo ENOTFOUND db"), Some("env"));
    }
}
