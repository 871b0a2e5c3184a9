//! The name that was probably meant.

/// The one of `known` that differs from `text` least, if it is near enough to be a slip: one change in a short name, two
/// in a long one. A neighbouring pair of letters in the wrong order is one change, and so is a case.
#[must_use]
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = if text.chars().count() < 8 { 1 } else { 2 };
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&text.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= allowed && *name != text && name.len() > 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known = ["todo-backend", "todo-frontend", "web"];
        for (text, expected) in [
            ("todo-bakend", Some("todo-backend")),
            ("todo-backned", Some("todo-backend")),
            ("Todo-Frontend", Some("todo-frontend")),
            ("wbe", Some("web")),
            ("app", None),
            ("todo", None),
            ("web", None),
        ] {
            assert_eq!(nearest(text, known), expected, "{text}");
        }
    }
}
