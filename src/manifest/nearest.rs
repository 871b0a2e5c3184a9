//! The name that was probably meant.

/// The one of `known` that differs from `text` least, if it is near enough to be a slip: one change in a short name, two
/// in a long one. A neighbouring pair of letters in the wrong order is one change, and so is a case.
#[must_use]
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = if text.chars().count() < 8 { 1 } else { 2 };
    known
        .into_iter()
        .map(|name| (distance(&text.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= allowed && *name != text && name.len() > 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = index;
    }
    rows[0] = (0..=other.len()).collect();
    for i in 1..=one.len() {
        for j in 1..=other.len() {
            let same = one[i - 1] == other[j - 1];
            let mut least =
                (rows[i - 1][j - 1] + usize::from(!same)).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[one.len()][other.len()]
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
