//! What a finding or a failure is called: a stable word that people search for and scripts compare.
//!
//! One code stands for one thing that people do differently, not for one sentence. `docs/findings.md` has a section for
//! each, which `todo help CODE` prints. A code is a public interface: it is never reused for something else.

use serde::Deserialize;
use serde::Serialize;
use std::fmt;

macro_rules! codes {
    ($($name:ident = $text:literal,)*) => {
        /// What a finding or a failure is called.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $(
                #[doc = concat!("`", $text, "`, see docs/findings.md.")]
                #[serde(rename = $text)]
                $name,
            )*
        }

        impl Code {
            /// Every code, in the order of docs/findings.md.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The word itself: `crash-loop`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    // Only until every place names its own.
    Unnamed = "unnamed",
    // The program itself.
    InternalError = "internal-error",
    Interrupted = "interrupted",
    // This machine.
    MinikubeOutdated = "minikube-outdated",
    // Health of objects.
    NotHealthy = "not-healthy",
    CrashLoop = "crash-loop",
    OutOfMemory = "out-of-memory",
    ImageNotFound = "image-not-found",
    ImageTagMutable = "image-tag-mutable",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_a_kebab_case_word_of_its_own() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for word in words {
            let is_kebab = word.split('-').all(|part| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            });
            assert!(is_kebab, "{word}");
        }
    }
}
