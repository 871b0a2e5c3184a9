//! Secret values: a type that cannot be printed, compared in a log or serialised by accident.
//!
//! Not encryption. The value reaches a Kubernetes Secret or a BuildKit secret mount through [`Secret::expose`] and goes
//! nowhere else; its callers are easy to find.

use std::fmt;

/// A value that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes a value in.
    pub fn new(value: impl Into<Vec<u8>>) -> Secret {
        Secret(value.into())
    }

    /// Returns the value, to be written into a Kubernetes Secret or a BuildKit secret mount.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let (one, other) = (Secret::new("hunter2"), Secret::new("a longer one"));
        assert_eq!(format!("{one:?} {:?}", Some(&one)), "Secret(…) Some(Secret(…))");
        assert_eq!(format!("{one:?}"), format!("{other:?}"), "not even its length");
    }
}
