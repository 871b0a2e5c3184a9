//! Copies of one application in one repository: `phase-4` and `phase-5`, `v1` and `v2`, `old` and the current one.

/// The copy that a path belongs to: the words before the number and the number; of `old` and its like, less
/// than nothing. `None` where it belongs to no copy.
#[must_use]
pub fn copy_of(path: &str) -> Option<(String, i64)> {
    const NUMBERED: [&str; 14] = [
        "phase",
        "step",
        "part",
        "chapter",
        "ch",
        "lab",
        "v",
        "version",
        "week",
        "day",
        "stage",
        "lesson",
        "module",
        "hackathon",
    ];
    const BEHIND: [&str; 9] =
        ["old", "backup", "bak", "begin", "starter", "start", "legacy", "deprecated", "previous"];
    const AHEAD: [&str; 6] = ["new", "final", "end", "solution", "complete", "latest"];
    let mut found = None;
    for part in path.split('/') {
        let small = part.to_lowercase();
        let letters: String = small.chars().take_while(char::is_ascii_alphabetic).collect();
        let rest = small[letters.len()..].trim_start_matches(['-', '_', '.']);
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        // `0-base`, `1-measured`: steps of a course.
        let is_step = letters.is_empty() && rest[digits.len()..].starts_with(['-', '_']);
        if let Ok(number) = digits.parse::<i64>()
            && is_step
        {
            found = Some((letters, number));
        } else if let Ok(number) = digits.parse::<i64>()
            && NUMBERED.contains(&letters.as_str())
        {
            found = Some((letters, number));
        } else if small.split(['-', '_']).any(|word| BEHIND.contains(&word)) {
            found = Some(("old".to_owned(), -1));
        } else if small.split(['-', '_']).any(|word| AHEAD.contains(&word)) {
            found = Some(("old".to_owned(), 1));
        }
    }
    found
}

/// Whether the numbers of such directories may count lessons, each with an application of its own, and not versions of one.
#[must_use]
pub fn may_be_lesson(path: &str) -> bool {
    const WORDS: [&str; 10] = ["", "step", "part", "chapter", "ch", "lab", "week", "day", "lesson", "module"];
    copy_of(path).is_some_and(|(word, _)| WORDS.contains(&word.as_str()))
}

/// How late a copy is: the highest is the one that is worked on.
#[must_use]
pub fn lateness(path: &str) -> i64 {
    copy_of(path).map_or(0, |(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::copy_of;
    use super::lateness;

    #[test]
    fn copies_are_told_by_their_folders() {
        assert_ne!(copy_of("phase-4/helm/app"), copy_of("phase-5/helm/app"));
        assert_eq!(copy_of("phase-5/api/k8s"), copy_of("phase-5/web/k8s"));
        assert_eq!(copy_of("services/api"), None);
        for (late, early) in [
            ("phase-5/k8s", "phase4/k8s"),
            ("v2", "v1"),
            ("k8s", "old/k8s"),
            ("solution", "starter"),
            ("2-best", "0-base"),
            ("chapter10", "chapter9"),
        ] {
            assert!(lateness(late) > lateness(early), "{late} {early}");
        }
    }
}
