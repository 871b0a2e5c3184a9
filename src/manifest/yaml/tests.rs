//! What a text means, where it is written, and what is refused.

use crate::event::Severity;
use crate::manifest::yaml::Document;
use crate::manifest::yaml::documents;
use crate::manifest::yaml::rendered;
use serde_json::Value;
use serde_json::json;
use std::path::Path;

/// The documents of `text`, which is sound.
fn read(text: &str) -> Vec<Document> {
    let (read, found) = documents(text, Path::new("a.yaml"));
    assert!(found.is_empty(), "{text}\n{found:#?}");
    read
}

fn values(text: &str) -> Vec<Value> {
    read(text).into_iter().map(|document| document.value).collect()
}

/// Each finding of `text` as `line:column message`.
fn wrong(text: &str) -> Vec<String> {
    let (_, found) = documents(text, Path::new("a.yaml"));
    assert!(found.iter().all(|finding| finding.help.is_some()), "{found:#?}");
    found
        .iter()
        .map(|finding| {
            let place = finding.place.as_ref().unwrap();
            format!("{}:{} {}", place.line, place.column, finding.message)
        })
        .collect()
}

#[test]
fn scalars_mean_what_they_mean_to_kubectl() {
    let table = values(include_str!("../../../tests/manifest/scalars.yaml")).remove(0);
    let table = table.as_object().unwrap();
    assert!(table.len() > 100);
    for (written, expected) in table {
        let (read, found) = documents(&format!("v: {written}\n"), Path::new("a.yaml"));
        if expected["refused"] == json!(true) {
            assert_eq!(found.len(), 1, "{written} should be refused, is {read:?}");
        } else {
            assert!(found.is_empty(), "{written}: {found:?}");
            assert_eq!(read[0].value["v"], expected["means"], "{written}");
        }
    }
}

#[test]
fn documents_are_told_apart_and_empty_ones_left_out() {
    assert_eq!(
        values("---\n# nothing\n---\na: 1\n--- # two\nb: 2\n...\n---\nnull\n---\n"),
        [json!({"a": 1}), json!({"b": 2})]
    );
    assert_eq!(
        values("\u{feff}a: 1\r\nb:\r\n  - |\r\n    x\r\n    y\r\n"),
        [json!({"a": 1, "b": ["x\ny\n"]})]
    );
    assert_eq!(values(""), Vec::<Value>::new());
    assert_eq!(values("{}"), [json!({})]);
}

#[test]
fn json_values_follow_one_another() {
    let text = "{\"a\": \"\\ud83d\\ude00\\/\",\n\t\"b\": 1e3}{\"c\":\n [1]}\n";
    let read = read(text);
    assert_eq!(read[0].value, json!({"a": "😀/", "b": 1000}));
    assert_eq!(read[1].value, json!({"c": [1]}));
    let place = |document: &Document, pointer: &str| document.places[pointer].to_string();
    assert_eq!(place(&read[0], "/b"), "a.yaml:2:7");
    assert_eq!(
        (read[1].place.to_string(), place(&read[1], "/c/0")),
        ("a.yaml:2:11".into(), "a.yaml:3:3".into())
    );
    assert_eq!(wrong("{\"a\": 1,\n \"a\": 2}"), ["2:2 `a` is written twice in one mapping, first in line 1"]);
    let (_, found) = documents("{\"a\": 1,\n  b: 2}", Path::new("a.json"));
    assert_eq!(found[0].place.as_ref().unwrap().to_string(), "a.json:2:3");
}

#[test]
fn every_part_has_its_place() {
    let read =
        read("kind: A\nspec:\n  ports:\n    - port: 80\n      a/b~c: x\n  flow: {k: [1, 2]}\n  none:\n");
    let places: Vec<String> = read[0]
        .places
        .iter()
        .map(|(pointer, place)| format!("{pointer} {}:{}", place.line, place.column))
        .collect();
    assert_eq!(
        places,
        [
            "/kind 1:7",
            "/spec 2:1",
            "/spec/flow 6:9",
            "/spec/flow/k 6:13",
            "/spec/flow/k/0 6:14",
            "/spec/flow/k/1 6:17",
            "/spec/none 7:3",
            "/spec/ports 3:3",
            "/spec/ports/0 4:7",
            "/spec/ports/0/a~1b~0c 5:14",
            "/spec/ports/0/port 4:13",
        ]
    );
}

#[test]
fn a_key_written_twice_is_told_with_both_lines() {
    assert_eq!(
        wrong("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n"),
        [
            "5:3 `c` is written twice in one mapping, first in line 3",
            "6:1 `a` is written twice in one mapping, first in line 1"
        ]
    );
    // A boolean and a text are one key in JSON.
    assert_eq!(wrong("yes: 1\n\"true\": 2\n").len(), 1);
    assert!(wrong("a: {c: 1}\nb: {c: 1}\n").is_empty());
}

#[test]
fn aliases_and_merges_are_expanded() {
    let text =
        "x: &x {p: 1, q: 2}\ny: &y {q: 3, r: 4}\na: *x\nb:\n  <<: [*x, *y]\n  p: 9\nc: &c [1]\nd: *c\n";
    assert_eq!(values(text)[0]["b"], json!({"p": 9, "q": 2, "r": 4}));
    assert_eq!((&values(text)[0]["a"], &values(text)[0]["d"]), (&json!({"p": 1, "q": 2}), &json!([1])));
    let read = read(text);
    let place = |pointer: &str| read[0].places[pointer].to_string();
    assert_eq!((place("/a"), place("/a/p")), ("a.yaml:3:4".to_owned(), "a.yaml:1:11".to_owned()));
    assert_eq!((place("/b/p"), place("/b/r")), ("a.yaml:6:6".to_owned(), "a.yaml:2:17".to_owned()));
    assert_eq!(values("v: &a 1\nw: &a 2\nz: *a\n\"<<\": 1\n"), [json!({"v": 1, "w": 2, "z": 2, "<<": 1})]);
}

#[test]
fn aliases_that_cannot_be_meant_are_refused() {
    for (text, expected) in [
        ("v: &a [*a]\n", "1:8 this alias stands inside its own anchor"),
        ("v: *b\n", "1:4 the alias `*b` has no anchor `&b` before it in this document"),
        ("v: {<<: 3}\n", "1:5 `<<` merges a mapping or a list of mappings"),
        ("x: &x {p: 1}\nv: {p: 3, <<: *x}\n", "2:5 `p` is written before the `<<` that also defines it"),
    ] {
        assert_eq!(wrong(text), [expected]);
    }
    let laughs = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        text + &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", "))
    });
    assert!(wrong(&laughs)[0].contains("stand for more than"), "{:?}", wrong(&laughs));
}

#[test]
fn every_broken_document_is_told_and_the_others_are_read() {
    let text = "a: [1, 2\n---\nok: 1\n---\nb: x: y\n---\nc: 'open\n";
    let (read, found) = documents(text, Path::new("a.yaml"));
    assert_eq!(read.len(), 1);
    let lines: Vec<usize> = found.iter().map(|finding| finding.place.as_ref().unwrap().line).collect();
    assert_eq!(lines.len(), 3, "{found:#?}");
    assert!(lines[0] <= 2 && lines[1] == 5 && lines[2] >= 7, "{found:#?}");
}

#[test]
fn what_is_not_a_value_is_refused_where_it_stands() {
    for (text, line) in [
        ("v:\n\t- a\n", 2),
        ("v: @x\n", 1),
        ("a: 1\nv: {{ .Values.x }}\n", 2),
        ("{a: b}: c\n", 1),
        ("~: c\n", 1),
        ("v: \u{7}\n", 1),
        ("a:\n  b: 1\n c: 2\n", 3),
    ] {
        let messages = wrong(text);
        assert_eq!(messages.len(), 1, "{text:?} {messages:?}");
        assert!(messages[0].starts_with(&format!("{line}:")), "{text:?} {messages:?}");
    }
    let (_, found) = documents("v: {{ .Values.x }}\n", Path::new("a.yaml"));
    assert!(found[0].help.as_ref().unwrap().contains("chart = "));
}

#[test]
fn strange_input_does_not_end_the_program() {
    let deep = "[".repeat(5000);
    let chain: String = (1..600).fold("a0: &a0 [x]\n".to_owned(), |text, level| {
        text + &format!("a{level}: &a{level} [*a{}]\n", level - 1)
    });
    for text in [deep.as_str(), &chain, "%", "---\n--- ]", "? ? ?", "&a &b", "!<", "\u{0}", "{", "a: |9\n x"]
    {
        let (read, found) = documents(text, Path::new("a.yaml"));
        assert!(read.is_empty() && !found.is_empty(), "{text:.40} {read:?}");
    }
}

/// What kubectl 1.35 made of each (`kubectl annotate --local`).
#[test]
fn quoted_texts_may_go_on_at_the_indentation_of_their_key() {
    for (text, value) in [
        ("d:\n  a: \"one\n  two\"\n  b: c\n", json!({"d": {"a": "one two", "b": "c"}})),
        ("d:\n  a: 'one\n  two\n\n  three'\n  b: c\n", json!({"d": {"a": "one two\nthree", "b": "c"}})),
        ("d:\n  a: \"one\nzero\"\n", json!({"d": {"a": "one zero"}})),
        ("d:\n  a: \"one\n  k: two\"\n  b: 'x\n  y'\n", json!({"d": {"a": "one k: two", "b": "x y"}})),
    ] {
        assert_eq!(values(text), [value], "{text}");
    }
    let last = read("d:\n  a: \"one\n  two\"\n  b: c\n").remove(0);
    assert_eq!(last.places["/d/b"].line, 4);
    assert_eq!(wrong("d:\n  a: \"one\n  two\n").len(), 1, "a quote that nobody closes");
}

#[test]
fn a_repeated_key_is_a_mistake_in_a_file_and_a_warning_in_what_was_rendered() {
    let text = "a: {c: 1}\nb: 2\na: {d: 3}\n";
    let file = Path::new("a.yaml");
    let (read, found) = documents(text, file);
    assert!(read.is_empty() && found.len() == 1 && found[0].severity == Severity::Error, "{found:?}");
    let (read, found) = rendered(text, file);
    assert_eq!(read[0].value, json!({"a": {"d": 3}, "b": 2}), "the last one counts");
    assert_eq!((found.len(), found[0].severity), (1, Severity::Warning));
    assert_eq!(found[0].place.as_ref().unwrap().line, 3);
    let (read, found) = rendered("a: 1\na: 2\nb: [\n", file);
    assert!(read.is_empty() && found.iter().any(|finding| finding.severity == Severity::Error), "{found:?}");
}
