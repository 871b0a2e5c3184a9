//! The word that was probably meant, for every message about a word that is not known.

/// The one of `known` that differs from `written` least, if it is near enough to be a slip: one change in a short word,
/// two in a long one. Two letters in the wrong order are one change; case, and `_` for `-`, do not count.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = if written.chars().count() < 8 { 1 } else { 2 };
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    known
        .into_iter()
        .filter(|word| *word != written && word.len() > 2)
        .map(|word| (strsim::osa_distance(&plain(written), &plain(word)), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known =
            ["todo-backend", "todo-frontend", "web", "context", "dockerfile", "args", "max-size", "FROM"];
        for (written, meant) in [
            ("todo-bakend", Some("todo-backend")),
            ("todo-backned", Some("todo-backend")),
            ("Todo-Frontend", Some("todo-frontend")),
            ("wbe", Some("web")),
            ("contxt", Some("context")),
            ("Dockerfile", Some("dockerfile")),
            ("max_size", Some("max-size")),
            ("agrs", Some("args")),
            ("arg", Some("args")),
            ("FRM", Some("FROM")),
            ("app", None),
            ("todo", None),
            ("web", None),
            ("volume", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }
}
