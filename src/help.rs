//! The pages of `todo help`: the sections of docs/findings.md by code, and the parts of the README that people look up.
//!
//! Help for commands is clap's (`cli`).

use crate::event::Code;
use std::borrow::Cow;

const FINDINGS: &str = include_str!("../docs/findings.md");
const README: &str = include_str!("../README.md");

/// The topic that lists all codes.
const CODES: &str = "codes";

/// Topics in addition to commands and codes, and the README's heading of each.
pub const TOPICS: [(&str, &str); 5] = [
    ("annotations", "Annotations"),
    (CODES, "Findings"),
    ("deploy.toml", "deploy.toml"),
    ("exit-codes", "Exit codes"),
    ("health", "When is it healthy?"),
];

/// The page of a code or a topic, without blank lines at its ends.
#[must_use]
pub fn page(topic: &str) -> Option<Cow<'static, str>> {
    if topic == CODES { Some(Cow::Owned(codes())) } else { text(topic).map(Cow::Borrowed) }
}

/// Every code, and the first sentence of its page.
fn codes() -> String {
    let row = |code: &Code| {
        let page = text(code.as_str()).unwrap_or_default();
        let lines: Vec<&str> = page.lines().skip(2).take_while(|line| !line.is_empty()).collect();
        let meaning = lines.join(" ");
        let end = meaning.find(". ").map_or(meaning.len(), |end| end + 1);
        format!("| `{code}` | {} |\n", &meaning[..end])
    };
    let rows: String = Code::ALL.iter().map(row).collect();
    format!(
        "## Findings\n\n`todo help CODE` explains one of them.\n\n| code | meaning |\n|---|---|\n{}",
        rows.trim_end()
    )
}

fn text(topic: &str) -> Option<&'static str> {
    if let Some(code) = Code::ALL.iter().find(|code| code.as_str() == topic) {
        return section(FINDINGS, "### ", code.as_str());
    }
    let (_, heading) = TOPICS.iter().find(|(name, _)| *name == topic)?;
    section(README, "## ", heading)
}

/// The section of `text` under `heading`, up to the next heading of the same level or a higher one.
fn section<'a>(text: &'a str, level: &str, heading: &str) -> Option<&'a str> {
    let line = format!("{level}{heading}\n");
    let start = if text.starts_with(&line) { 0 } else { text.find(&format!("\n{line}"))? + 1 };
    let body = start + line.len();
    let ends = |line: &str| line.starts_with("# ") || line.starts_with("## ") || line.starts_with(level);
    let mut fenced = false;
    let mut end = body;
    for line in text[body..].split_inclusive('\n') {
        fenced ^= line.starts_with("```");
        if !fenced && ends(line) {
            break;
        }
        end += line.len();
    }
    Some(text[start..end].trim())
}

#[cfg(test)]
mod tests {
    use super::FINDINGS;
    use super::TOPICS;
    use super::page;
    use super::section;
    use super::text;
    use crate::event::Code;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_one_page_that_explains_it_and_shows_it() {
        let listed: Vec<&str> = FINDINGS.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let pages: BTreeSet<&str> = listed.iter().copied().collect();
        let missing: Vec<&&str> = known.difference(&pages).collect();
        let unknown: Vec<&&str> = pages.difference(&known).collect();
        assert!(missing.is_empty(), "docs/findings.md lacks {missing:?}");
        assert!(unknown.is_empty(), "docs/findings.md has {unknown:?}, which are no codes");
        assert_eq!(listed.len(), pages.len(), "docs/findings.md lists a code twice");
        for code in known {
            let page = text(code).unwrap();
            assert!(page.contains("Fix: "), "{code}: what to do is not said");
            assert!(page.contains(&format!("[{code}]: ")), "{code}: an example is missing");
        }
    }

    /// The similar codes that a page lists.
    fn alike(code: Code) -> Vec<&'static str> {
        let line = text(code.as_str()).unwrap().lines().find_map(|line| line.strip_prefix("Looks like: "));
        line.into_iter().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
    }

    #[test]
    fn what_looks_alike_is_named_on_both_pages_and_told_apart_by_a_test() {
        const TABLES: [&str; 9] = [
            include_str!("../tests/blame/alike.yaml"),
            include_str!("../tests/blame/config.yaml"),
            include_str!("../tests/blame/crash.yaml"),
            include_str!("../tests/blame/image.yaml"),
            include_str!("../tests/blame/refused.yaml"),
            include_str!("../tests/blame/scheduling.yaml"),
            include_str!("cluster/blame/tell/tests.rs"),
            include_str!("image/failure/tests.rs"),
            include_str!("service/blame/tests.rs"),
        ];
        let mut some = 0;
        for code in Code::ALL {
            let others = alike(*code);
            some += others.len();
            for other in &others {
                let other = Code::ALL.iter().find(|known| known.as_str() == *other);
                let other = other
                    .unwrap_or_else(|| panic!("{code} looks like `{others:?}`, of which one is no code"));
                assert!(other != code && alike(*other).contains(&code.as_str()), "{code} and {other}");
            }
            let in_yaml = format!("code: {code}\n");
            let in_code = format!("Code::{code:?}");
            let ends = |rest: &str| !rest.starts_with(|letter: char| letter.is_alphanumeric());
            let is_tested = TABLES
                .iter()
                .any(|table| table.contains(&in_yaml) || table.split(&in_code).skip(1).any(ends));
            assert!(others.is_empty() || is_tested, "no test tells {code} apart");
        }
        assert!(some > 0);
    }

    #[test]
    fn every_key_of_data_is_explained() {
        let table = section(FINDINGS, "## ", "Data").unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
        let explained: BTreeSet<&str> =
            rows.flat_map(|keys| keys.trim_end_matches('`').split("`, `")).collect();
        let lines = FINDINGS.lines().filter_map(|line| line.strip_prefix("Data: "));
        let listed: BTreeSet<&str> = lines.flat_map(|line| line.split('`').skip(1).step_by(2)).collect();
        assert_eq!(explained, listed);
    }

    #[test]
    fn every_topic_has_its_part_of_the_readme() {
        for (topic, heading) in TOPICS {
            let page = page(topic).unwrap_or_else(|| panic!("{topic}"));
            assert!(page.starts_with(&format!("## {heading}")) && page.lines().count() > 5, "{topic}");
        }
    }

    #[test]
    fn the_list_of_codes_has_each_with_its_first_sentence() {
        let page = page("codes").unwrap();
        for code in Code::ALL {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{code}` | ")));
            let meaning = row.unwrap_or_else(|| panic!("{code}")).split(" | ").nth(1).unwrap();
            assert!(meaning.trim_end_matches(" |").ends_with('.') && meaning.len() > 20, "{code}: {meaning}");
        }
    }

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let text = "# t\n## a\none\n### b\n```\n## not a heading\n```\n### c\nlast\n## d\n";
        assert_eq!(section(text, "### ", "b"), Some("### b\n```\n## not a heading\n```"));
        assert_eq!(
            section(text, "## ", "a"),
            Some("## a\none\n### b\n```\n## not a heading\n```\n### c\nlast")
        );
        assert_eq!(section(text, "## ", "e"), None);
    }
}
