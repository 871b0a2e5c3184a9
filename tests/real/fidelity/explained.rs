//! The differences that are known, each with its reason: `tests/fidelity/explained.toml`.

use crate::real::fidelity::facts::Facts;
use regex::Regex;
use serde::Deserialize;

const LIST: &str = include_str!("../../fidelity/explained.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explained {
    difference: Vec<Difference>,
}

/// Lines of only one of the two clusters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    only: Side,
    /// What they look like; `*` stands for anything.
    lines: Vec<String>,
    why: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Cluster,
    Rehearsal,
    /// One or the other, as it happens.
    Either,
}

/// Unexplained differences, and explained lines that do not differ.
pub(super) fn unexplained(cluster: &Facts, rehearsal: &Facts) -> (Vec<String>, Vec<String>) {
    let list: Explained = toml::from_str(LIST).unwrap_or_else(|error| panic!("explained.toml: {error}"));
    let mut patterns: Vec<(Side, Regex, &str, bool)> = Vec::new();
    for Difference { only, lines, why } in &list.difference {
        assert!(!why.trim().is_empty(), "{lines:?} are not explained");
        for line in lines {
            let pattern = regex::escape(line).replace(r"\*", ".*");
            patterns.push((*only, Regex::new(&format!("^{pattern}$")).unwrap(), line, false));
        }
    }
    let mut left = Vec::new();
    for (side, word, ours, theirs) in
        [(Side::Cluster, "cluster", cluster, rehearsal), (Side::Rehearsal, "rehearsal", rehearsal, cluster)]
    {
        for line in ours.difference(theirs) {
            let fits = |known: &&mut (Side, Regex, &str, bool)| {
                (known.0 == side || known.0 == Side::Either) && known.1.is_match(line)
            };
            match patterns.iter_mut().find(fits) {
                Some(known) => known.3 = true,
                None => left.push(format!("{word}: {line}")),
            }
        }
    }
    let stale = patterns.iter().filter(|known| !known.3 && known.0 != Side::Either);
    (left, stale.map(|known| known.2.to_owned()).collect())
}
