//! Whole dumps, and such as were cut off.

use super::Ending;
use super::Part;
use super::parse;
use serde_json::Value;
use std::fmt::Write as _;

/// The names of the entries, whether there was a list, and how it ended.
fn parts(text: &str) -> (Vec<String>, usize, Option<Ending>) {
    let (mut names, mut lists) = (Vec::new(), 0);
    let name = |value: &Value| value["metadata"]["name"].as_str().unwrap_or("?").to_owned();
    let ending = parse(text, &mut |part| match part {
        Part::Item(value) | Part::Object(value) => names.push(name(&value)),
        Part::List(_) => lists += 1,
    });
    (names, lists, ending.ok())
}

#[test]
fn entries_come_one_by_one_in_both_languages() {
    for text in [
        "kind: List\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n---\nmetadata: {name: c}\n",
        "{\"kind\": \"List\", \"items\": [{\"metadata\": {\"name\": \"a\"}}, {\"metadata\": {\"name\": \"b\"}}]}\n{\"metadata\": {\"name\": \"c\"}}",
        "items:\n- &a {metadata: {name: a}}\n- {<<: *a, metadata: {name: b}}\nkind: List\n---\n---\nmetadata: {name: c}\n",
        "{kind: List, items: [{metadata: {name: a}}, {metadata: {name: b}}]}\n---\n{metadata: {name: c}}",
    ] {
        let (names, lists, ending) = parts(text);
        assert_eq!((names.join(""), lists, ending), ("abc".to_owned(), 1, Some(Ending::Whole)), "{text}");
    }
}

#[test]
fn what_was_cut_off_keeps_its_whole_entries() {
    let yaml = "apiVersion: v1\nitems:\n- metadata:\n    name: a\n- metadata:\n    name: b\n  status:\n    text: \"x y\"\nkind: List\n";
    let json = "{\"apiVersion\": \"v1\", \"items\": [{\"metadata\": {\"name\": \"a\"}}, {\"metadata\": {\"name\": \"b\"}, \"status\": {\"text\": \"x\"}}], \"kind\": \"List\"}";
    for text in [yaml, json] {
        assert_eq!(parts(text).0, ["a", "b"], "{text}");
        let mut seen = 0;
        for end in (text.find("\"b\"").or(text.find("name: b")).unwrap() + 8)
            ..text.find("kind").unwrap_or(text.len()).max(text.rfind("kind").unwrap()) - 3
        {
            let (names, lists, ending) = parts(&text[..end]);
            // Some cuts leave a text that is not YAML for another reason; none invents an entry.
            if ending == Some(Ending::CutOff) {
                assert!(
                    names.first().is_some_and(|name| name == "a") && lists <= 1,
                    "{names:?} {}",
                    &text[..end]
                );
                seen += 1;
            }
            assert_ne!(ending, Some(Ending::Whole), "{}", &text[..end]);
        }
        assert!(seen > 5, "{seen}");
    }
}

#[test]
fn what_is_neither_is_not_read() {
    assert!(parse("kind: List\nitems:\n- a: }\n- b: 1\n- c: 2\n- d: 3\n", &mut |_| {}).is_err());
}

#[test]
fn aliases_of_aliases_end_at_a_limit() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let one = format!("*a{}", level - 1);
        let _ = writeln!(text, "a{level}: &a{level} [{}]", [one.as_str(); 10].join(", "));
    }
    assert!(parse(&text, &mut |_| {}).is_err());
}
