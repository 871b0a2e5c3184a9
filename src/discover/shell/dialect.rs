//! How a script is written: for sh, for cmd or for PowerShell.

use crate::discover::tree::ends;

/// How a script is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// sh and bash.
    Sh,
    /// cmd.
    Batch,
    /// PowerShell.
    PowerShell,
}

impl Dialect {
    /// That of a file.
    #[must_use]
    pub fn from_path(path: &str) -> Dialect {
        match () {
            () if ends(path, &["bat", "cmd"]) => Dialect::Batch,
            () if ends(path, &["ps1"]) => Dialect::PowerShell,
            () => Dialect::Sh,
        }
    }

    pub(super) fn continues(self) -> char {
        match self {
            Dialect::Sh => '\\',
            Dialect::Batch => '^',
            Dialect::PowerShell => '`',
        }
    }
}
