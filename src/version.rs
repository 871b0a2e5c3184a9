//! Versions: those of other programs, as they print them, and this one's.

use std::fmt;

/// Major, minor and patch. What follows (`-rc.1`, `+g1234`) counts as the version itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

/// This program's version with the commit that it was built from and its date, if the build knew them (build.rs).
#[must_use]
pub fn long() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION"), env!("TODO_BUILT_FROM"))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Version {
    /// `v3.19.2`, `v4.0.0-rc.1+g1234`, `v3.19`; `None` if the text is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Version> {
        let plain = text.trim().trim_start_matches('v').split(['-', '+', ' ']).next()?;
        let mut numbers = plain.split('.').map(str::parse);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Version(major, minor, numbers.next().transpose().ok()?.unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_compare_as_numbers() {
        for (text, version) in [
            ("v1.38.1", Version(1, 38, 1)),
            ("v3.9.4\n", Version(3, 9, 4)),
            ("1.9", Version(1, 9, 0)),
            ("v4.0.0-rc.1+g9", Version(4, 0, 0)),
        ] {
            assert_eq!(Version::parse(text), Some(version), "{text}");
        }
        assert!(Version(1, 9, 2) < Version(1, 32, 0) && Version(1, 100, 0) > Version(1, 32, 0));
        for text in ["", "v", "lab", "v1", "v1.x.1", "v1.2.x", "v99999999999.1.1"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
