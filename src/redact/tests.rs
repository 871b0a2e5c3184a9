//! Values in every form that programs and servers give them, and text that must stay.

use super::Redactor;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::fmt::Write as _;

/// With what has to be escaped somewhere: quotes, backslash, blank, percent, plus, letters beyond ASCII and beyond 16 bits.
const VALUES: [&str; 5] = [
    "s3cr3t-t0ken-4711",
    "a\"b'c\\d e%f+g&h<é>😀z9",
    "pass word/with:all@of?it#1",
    "{\"token\":\"s3cr3t-t0ken\"}",
    "tab\there and\u{7f}there 42",
];

fn redactor(values: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    for value in values {
        redactor.hide(value.as_bytes());
    }
    redactor
}

fn quoted(values: &[&str], text: &str) -> String {
    let mut text = text.to_owned();
    redactor(values).quoted(&mut text);
    text
}

fn escaped_ascii(value: &str, upper: bool) -> String {
    let json = serde_json::to_string(value).unwrap();
    let mut units = [0; 2];
    json.trim_matches('"').chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut units) {
                let _ = if upper { write!(text, "\\u{unit:04X}") } else { write!(text, "\\u{unit:04x}") };
            }
        }
        text
    })
}

fn percent(value: &str, upper: bool, plus: bool) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        let _ = match byte {
            b' ' if plus => write!(text, "+"),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                write!(text, "{}", char::from(byte))
            }
            byte if upper => write!(text, "%{byte:02X}"),
            byte => write!(text, "%{byte:02x}"),
        };
        text
    })
}

/// `strconv.QuoteToASCII` of Go.
fn go(value: &str) -> String {
    value.chars().fold(String::new(), |mut text, letter| {
        let _ = match letter {
            '"' | '\\' => write!(text, "\\{letter}"),
            '\t' => write!(text, "\\t"),
            letter if letter.is_ascii_control() => write!(text, "\\x{:02x}", u32::from(letter)),
            letter if letter.is_ascii() => write!(text, "{letter}"),
            letter if u32::from(letter) < 0x10000 => write!(text, "\\u{:04x}", u32::from(letter)),
            letter => write!(text, "\\U{:08x}", u32::from(letter)),
        };
        text
    })
}

fn forms(value: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(value).unwrap().trim_matches('"').to_owned();
    let twice = serde_json::to_string(&json!({ "log": json!({ "key": value }).to_string() })).unwrap();
    let (one, rest) = value.split_at(5);
    let in_user = |name: &str| STANDARD.encode(format!("{name}:{value}"));
    let every = |letter: char| value.chars().flat_map(|character| [character, letter]).collect::<String>();
    vec![
        ("raw", value.to_owned()),
        ("json", json.clone()),
        ("json in json", twice),
        ("json with slashes escaped", json.replace('/', "\\/")),
        ("json of Go", json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")),
        ("json in ASCII", escaped_ascii(value, false)),
        ("json in ASCII, upper", escaped_ascii(value, true)),
        ("Go", go(value)),
        ("bytes", value.bytes().fold(String::new(), |text, byte| format!("{text}\\x{byte:02X}"))),
        ("octal", value.bytes().fold(String::new(), |text, byte| format!("{text}\\{byte:03o}"))),
        ("percent", percent(value, true, false)),
        ("percent, lower", percent(value, false, false)),
        ("form", percent(value, true, true)),
        ("percent in json", percent(value, true, true).replace('%', "\\u0025")),
        ("shell", value.replace('\'', r"'\''")),
        ("shell with other quotes", value.replace('\'', r#"'"'"'"#)),
        (
            "printf %q",
            value.replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\\\"").replace(' ', "\\ "),
        ),
        ("YAML or SQL", value.replace('\'', "''")),
        ("CSV", value.replace('"', "\"\"")),
        ("XML", value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")),
        ("base64", STANDARD.encode(value)),
        ("base64, no padding", STANDARD_NO_PAD.encode(value)),
        ("base64 for URLs", URL_SAFE.encode(value)),
        ("base64 for URLs, no padding", URL_SAFE_NO_PAD.encode(value)),
        ("base64 of a line", STANDARD.encode(format!("{value}\n"))),
        ("Basic, 1", in_user("a")),
        ("Basic, 2", in_user("ab")),
        ("Basic, 3", in_user("abc")),
        ("coloured", format!("{one}\x1b[0m{rest}")),
        ("coloured in json", format!("{one}\\u001b[0m{rest}")),
        ("linked", format!("{one}\x1b]8;;http://x\x07{rest}")),
        ("in a title", format!("\x1b]0;{value}\x07")),
        ("bell", format!("{one}\x07{rest}")),
        ("return", format!("{one}\r{rest}")),
        ("C1", format!("{one}\u{9b}{rest}")),
        ("turned", format!("{one}\u{202e}{rest}")),
        ("without width", every('\u{200b}')),
        ("folded", format!("{one}\n      {rest}")),
        ("folded in json", format!("{one}\\n{rest}")),
    ]
}

#[test]
fn a_value_is_hidden_in_every_form_that_quotes_it() {
    for value in VALUES {
        for (name, form) in forms(value) {
            for text in [format!("cannot use {form} here"), format!("key=\"{form}\""), form.clone()] {
                let shown = quoted(&[value], &text);
                let hidden = shown.contains("***") && !shown.contains(&form);
                let left = shown.replace("***", "");
                let leaks = value.as_bytes().windows(6).any(|part| contains(left.as_bytes(), part));
                // A quote, the sentence around it, what `Basic` has before the value.
                let leaks = leaks || left.len() > text.len() - form.len() + 28;
                assert!(hidden && !leaks, "{value:?} as {name}: {text:?} became {shown:?}");
            }
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn lines_of_others_do_not_repeat_secrets() {
    let cases: &[(&[&str], &str, &str)] = &[
        (&["hunter2", "hunter22"], "hunter22, or hunter2 (aHVudGVyMg==)", "***, or *** (***)"),
        (&["first-line\nsecond-line"], "second-line first-line", "*** ***"),
        (&["correcthorsebatterystaple"], "not correcthorsebatterystaple", "not ***"),
        (&["4929123412341234"], "card 4929123412341234", "card ***"),
        (&["x\x1b"], "\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        (&[], "nothing to hide", "nothing to hide"),
        // Parts of a value that hold secrets of their own.
        (&["postgres://me:hunter-2@db/x"], "bad password hunter-2", "bad password ***"),
        (&["postgres://me:p%40ss-w0rd@db/x"], "bad password p@ss-w0rd", "bad password ***"),
        (&["[db]\nuser = web\npassword = \"hunter-2\"\n"], "cannot log in: hunter-2", "cannot log in: ***"),
        (&[r#"{"auths":{"r.io":{"auth":"bWU6aHVudGVyMg=="}}}"#], "Basic bWU6aHVudGVyMg==", "Basic ***"),
    ];
    for (values, line, expected) in cases {
        assert_eq!(quoted(values, line), *expected, "{values:?}");
    }
}

#[test]
fn ordinary_text_stays_as_it_is() {
    let values = [
        "on",
        "abc",
        "1",
        "true",
        "True",
        "todo",
        "Production",
        "postgres",
        "5432",
        "0.25",
        "1.36.1",
        "30s",
        "512Mi",
        "127.0.0.1",
        "192.168.49.2",
        "cache:6379",
        "redis://cache:6379",
        "https://api.example.com/",
        "db.shop.svc.cluster.local",
    ];
    for line in [
        "on port 80: abc",
        "postgres listens on 5432",
        "container `todo` runs Production with 0.25 CPU for 30s and 512Mi on Kubernetes 1.36.1",
        "True, true or 1",
        "http://192.168.49.2:30080/ and redis://cache:6379/0 and https://api.example.com/v1 answer",
        "cannot reach db.shop.svc.cluster.local",
        "see http://localhost:8080/@me and user@example.com, git@github.com:a/b.git, http://[::1]:80/",
        "GET /a%20b?c=d+e HTTP/1.1 \"-\" 'it''s' C:\\new\\table &amp; \\d+",
    ] {
        assert_eq!(quoted(&values, line), line);
    }
}

#[test]
fn names_of_the_project_are_never_hidden() {
    let redactor = redactor(&["postgres-service", "shop-db-1", "shop-db-1-password"]);
    redactor.keep(["postgres-service", "shop-db-1"]);
    for (text, expected) in [
        (
            "Service/postgres-service has no pods of shop-db-1",
            "Service/postgres-service has no pods of shop-db-1",
        ),
        ("shop-db-1-password", "***"),
    ] {
        let mut shown = text.to_owned();
        redactor.quoted(&mut shown);
        assert_eq!(shown, expected);
    }
}

#[test]
fn the_password_of_any_url_is_hidden() {
    for (text, expected) in [
        ("tcp://me:hunter2@10.0.0.1:2375 is not there", "tcp://me:***@10.0.0.1:2375 is not there"),
        ("proxy http://:hunter2@proxy:3128/", "proxy http://:***@proxy:3128/"),
        ("\"postgres:\\/\\/me:hunter2@db\\/x\"", "\"postgres:\\/\\/me:***@db\\/x\""),
        ("u=postgres%3A%2F%2Fme%3Ahunter2%40db", "u=postgres%3A%2F%2Fme%3A***%40db"),
        ("amqp://me:a/b#c@mq and http://x:y@z", "amqp://me:***@mq and http://x:***@z"),
        ("postgres://me:$PASSWORD@db, http://h:80/?a=b@c", "postgres://me:$PASSWORD@db, http://h:80/?a=b@c"),
    ] {
        assert_eq!(quoted(&[], text), expected);
    }
    let redactor = Redactor::default();
    redactor.hide_password_of("tcp://me:hunter-22@10.0.0.1");
    let mut text = "10.0.0.1: me cannot log in with hunter-22".to_owned();
    redactor.quoted(&mut text);
    assert_eq!(text, "10.0.0.1: me cannot log in with ***");
}

#[test]
fn what_is_cut_off_shows_no_more_of_a_value_than_a_few_letters() {
    let value = "sk-proj-4f9a1c77e2b04d6c";
    for text in [
        "key sk-proj-4f9a1c",
        "key \"sk-proj-4f9a1c…\" is refused",
        "key sk-proj-4f9a1c... is refused",
        "77e2b04d6c is the rest",
        "…77e2b04d6c is the rest",
    ] {
        let shown = quoted(&[value], text);
        let longest = (1..=value.len())
            .rev()
            .find(|size| value.as_bytes().windows(*size).any(|part| contains(shown.as_bytes(), part)));
        assert!(longest < Some(8), "{text} became {shown}");
    }
    for text in ["a key of sk-proj- has 24 letters", "no more than sk-"] {
        assert_eq!(quoted(&[value], text), text);
    }
    assert_eq!(
        quoted(&["chatbot-7f3a-password"], "Deployment/chatbot"),
        "Deployment/chatbot",
        "a word is no part"
    );
}

#[test]
fn sentences_of_our_own_keep_short_names() {
    let redactor = redactor(&["Web1", "s3cr3t-token"]);
    let mut text = "`Web1` ends with `bad s3cr3t-token`".to_owned();
    redactor.sentence(&mut text);
    assert_eq!(text, "`Web1` ends with `bad ***`");
    let mut value = json!({ "s3cr3t-token": ["a s3cr3t-token", 1, null] });
    redactor.json(&mut value);
    assert_eq!(value, json!({ "***": ["a ***", 1, null] }));
}

#[test]
fn any_text_can_be_redacted() {
    let redactor = redactor(&["é😀é😀é😀é😀é😀", "\u{1b}[0m", "\\\\\\\\\\\\", "%%%%%%", "    ", "\n\n\n"]);
    let mut random = 1_u32;
    let letters = [
        'é', '😀', '\u{1b}', '[', 'm', '\\', 'u', 'x', '%', '2', '"', '\'', '\n', ' ', '+', '…', ':', '/',
        '@',
    ];
    for _ in 0..2_000 {
        let mut text = String::new();
        for _ in 0..24 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push(letters[usize::try_from(random >> 24).unwrap() % letters.len()]);
        }
        redactor.quoted(&mut text);
    }
}

#[test]
fn thousands_of_lines_are_redacted_in_no_time() {
    let values: Vec<String> = (0..200).map(|n| format!("value-{n}-of-a-secret-{}", n * 7919)).collect();
    let redactor = Redactor::default();
    for value in values {
        redactor.hide(value.as_bytes());
    }
    let began = std::time::Instant::now();
    for n in 0..5_000 {
        let mut line = format!(
            "{{\"time\":\"2026-01-01T00:00:00Z\",\"msg\":\"request {n} of \\\"/api/items\\\" took 12 ms\"}}"
        );
        let before = line.clone();
        redactor.quoted(&mut line);
        assert_eq!(line, before);
    }
    // Without optimisation, on a busy machine; a search for each value would take a minute.
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
}
