//! `.dockerignore` against the Go original, on random rules and paths.

use dockerfile::ignore::Hits;
use dockerfile::ignore::Ignore;
use serde_json::json;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

const CASES: usize = 100_000;
const PATHS: usize = 8;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// Pieces that make patterns hit often, and pieces that make them odd.
fn rules(dice: &mut Dice) -> String {
    const PIECES: [&str; 20] = [
        "a", "b", "ab", "c.d", "/", "/", "/", "*", "*", "**", "?", "**/", "/**", "é", ".", "..", "a", "b",
        "#", " ",
    ];
    const ODD: [&str; 24] = [
        "[ab]",
        "[^a]",
        "[a-c]",
        "[!b]",
        "[]",
        "[",
        "]",
        "\\",
        "\\a",
        "\\*",
        "{a,b}",
        "{2}",
        "{",
        "|",
        "^",
        "$",
        "+",
        "(",
        ")",
        "[b-a]",
        "[*]",
        "[&&~]",
        "[[:alpha:]]",
        "\\d",
    ];
    let mut text = String::new();
    for _ in 0..=dice.roll(4) {
        if dice.roll(3) == 0 {
            text.push('!');
        }
        for _ in 0..=dice.roll(5) {
            text.push_str(if dice.roll(5) == 0 { dice.pick(&ODD) } else { dice.pick(&PIECES) });
        }
        text.push_str(dice.pick(&["\n", "\n", "\r\n", " \n", "/\n"]));
    }
    text
}

fn path(dice: &mut Dice) -> String {
    const NAMES: [&str; 13] =
        ["a", "b", "ab", "ba", "c.d", "aa", "é", "[", "{a,b}", "a|b", "\\a", "^", "a b"];
    let parts: Vec<&str> = (0..=dice.roll(4)).map(|_| dice.pick(&NAMES)).collect();
    parts.join("/")
}

fn verdict(ignore: &Ignore, path: &str) -> bool {
    let mut hits = Hits::default();
    let mut pruned = false;
    for (end, _) in path.match_indices('/') {
        let (ignored, below) = ignore.ignores_folder(&path[..end], &hits);
        pruned |= ignored && !ignore.may_keep_below(&path[..end]);
        hits = below;
    }
    let ignored = ignore.ignores(path, &hits);
    assert!(
        ignored || !pruned,
        "{path:?} is kept, but its directory would not be walked: {:?}",
        ignore.rules()
    );
    ignored
}

#[test]
#[ignore = "needs Go"]
#[expect(clippy::disallowed_methods, reason = "not the program: its test")]
fn agrees_with_the_original() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dockerignore");
    let program = tempfile::tempdir().unwrap();
    let binary = program.path().join("original");
    let built =
        Command::new("go").args(["build", "-o"]).arg(&binary).arg(".").current_dir(source).status().unwrap();
    assert!(built.success());
    let mut original = Command::new(binary).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let seed: u64 = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos().into();
    let mut dice = Dice(seed | 1);
    let cases: Vec<(String, Vec<String>)> =
        (0..CASES).map(|_| (rules(&mut dice), (0..PATHS).map(|_| path(&mut dice)).collect())).collect();

    let mut questions = original.stdin.take().unwrap();
    let asked: String = cases
        .iter()
        .map(|(rules, paths)| json!({ "Rules": rules, "Paths": paths }).to_string() + "\n")
        .collect();
    let asking = std::thread::spawn(move || questions.write_all(asked.as_bytes()).unwrap());
    let (mut decisions, mut refused) = (0, 0);
    let answers = BufReader::new(original.stdout.take().unwrap()).lines();
    for ((rules, paths), expected) in cases.iter().zip(answers) {
        let ours = match Ignore::parse(rules.as_bytes()) {
            Err(_) => "E".to_owned(),
            Ok(ignore) => paths.iter().map(|path| if verdict(&ignore, path) { '1' } else { '0' }).collect(),
        };
        refused += usize::from(ours == "E");
        decisions += paths.len();
        assert_eq!(ours, expected.unwrap(), "seed {seed}, rules {rules:?}, paths {paths:?}");
    }
    asking.join().unwrap();
    assert!(original.wait().unwrap().success());
    assert_eq!(decisions, CASES * PATHS);
    assert!(refused > CASES / 100 && refused < CASES / 2, "{refused} of {CASES} were refused");
}
