//! `.env` files: `KEY=VALUE` lines, as people write them by hand and as Docker, Compose and the dotenv libraries share them.
//!
//! Not a shell: in the values of Secrets nothing is expanded. `$` in a value is a `$`, because the same file read by two
//! programs must not mean two secrets; where the user may expect an expansion (`${OTHER}`), a warning reports it. No
//! message ever quotes a value. What Compose itself takes from the file for `${NAME}` is expanded ([`entries`]).

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::event::Severity;
use crate::project::name::DataKey;
use crate::project::secret::Secret;
use std::collections::BTreeMap;
use std::path::Path;

/// One `KEY=VALUE`.
#[derive(Debug, Clone)]
pub struct DotenvEntry {
    /// The key.
    pub key: DataKey,
    /// The value.
    pub value: Secret,
    /// Where the key stands.
    pub place: Place,
}

/// The entries of a `.env` file, and warnings about it.
#[derive(Debug, Clone, Default)]
pub struct Dotenv {
    /// Its entries, in the order of the file.
    pub entries: Vec<DotenvEntry>,
    /// Warnings.
    pub warnings: Vec<Finding>,
}

/// Reads the text of a `.env` file; `file` is only what the places name.
///
/// `export ` before a key is passed over. A value is plain (to the end of the line or to a `#` after a blank), in single
/// quotes (literal) or in double quotes (`\n`, `\r`, `\t`, `\"`, `\\`, `\$`); quoted ones may span lines. `KEY: value` is
/// read as Compose reads it, and of a key that is there twice the last one counts, as with Compose and python-dotenv
/// (`compose-go: dotenv/parser.go`, `python-dotenv: parser.py`).
///
/// # Errors
/// Every line that is none of these.
pub fn parse(text: &str, file: &Path) -> Result<Dotenv, Vec<Finding>> {
    let text = unified(text);
    let DotenvReader { found, entries, .. } = DotenvReader::new(&text, file, None);
    let (mut errors, warnings): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|finding| finding.severity == Severity::Error);
    errors.sort_by(|one, other| one.place.cmp(&other.place));
    if errors.is_empty() { Ok(Dotenv { entries, warnings }) } else { Err(errors) }
}

/// What a value becomes, given the entries above it.
pub type Expand<'e> = &'e dyn Fn(&[DotenvEntry], &str) -> String;

/// The entries of the lines that can be read. `expand` is given what stands without quotes or in double quotes, with `$$`
/// for an escaped `$`, as Compose does before it puts variables in (`compose-go: dotenv/parser.go`).
#[must_use]
pub fn entries(text: &str, expand: Option<Expand<'_>>) -> Vec<DotenvEntry> {
    DotenvReader::new(&unified(text), Path::new(""), expand).entries
}

/// A text without a byte order mark, and with the line ends of Unix.
fn unified(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n")
}

/// [`parse`] for the bytes of a file.
pub fn read_bytes(bytes: &[u8], file: &Path) -> Result<Dotenv, Vec<Finding>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, file),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            let place = Place { file: file.to_owned(), line, column: 0 };
            Err(vec![Code::NotUtf8.error("the file is not UTF-8").at(place).help("save the file as UTF-8")])
        }
    }
}

struct DotenvReader<'a> {
    file: &'a Path,
    rest: &'a str,
    line: usize,
    found: Vec<Finding>,
    entries: Vec<DotenvEntry>,
    expand: Option<Expand<'a>>,
}

impl<'a> DotenvReader<'a> {
    /// Everything in a text.
    fn new(text: &'a str, file: &'a Path, expand: Option<Expand<'a>>) -> DotenvReader<'a> {
        let mut reader =
            DotenvReader { file, rest: text, line: 1, found: Vec::new(), entries: Vec::new(), expand };
        while !reader.rest.is_empty() {
            reader.line();
        }
        reader.repeated();
        reader
    }

    /// A value that is not in single quotes.
    fn expanded(&self, value: &str) -> String {
        self.expand.map_or_else(|| value.to_owned(), |expand| expand(&self.entries, value))
    }

    /// Reads one line, or as many as a quoted value spans.
    fn line(&mut self) {
        let (whole, after) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        let mut text = whole.trim_start();
        if text.is_empty() || text.starts_with('#') {
            self.skip(after);
            return;
        }
        if let Some(rest) = text.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])) {
            text = rest.trim_start();
        }
        let place = self.place(whole.chars().count() - text.chars().count() + 1);
        let separated = text.split_once('=').filter(|(key, _)| !key.contains(": "));
        let Some((key, value)) = separated.or_else(|| text.split_once(": ")) else {
            // The line may be a value that was pasted without its key: not even its first word is shown.
            let finding = Code::EnvSyntax.error("this line has no `=`").at(place);
            self.found.push(
                finding.help("write KEY=VALUE, or `#` before a comment; quote a value of several lines"),
            );
            self.skip(after);
            return;
        };
        let key = match DataKey::parse(key.trim_end()) {
            Ok(key) => key,
            Err(why) => {
                let finding = Code::EnvSyntax
                    .error(format!("the text before the `=` is not a valid key: it {why}"))
                    .at(place);
                self.found.push(finding.help("write KEY=VALUE, without blanks inside the key"));
                self.skip(after);
                return;
            }
        };
        if separated.is_none() {
            let message =
                format!("`{key}: …` is read as `{key}=…`, as Compose does; other readers pass over the line");
            let help = format!("write `{key}=…`");
            self.found.push(Code::EnvSyntax.warning(message).at(place.clone()).help(help));
        }
        let value = value.trim_start();
        // Quoted values go on past the end of the line.
        let start = self.rest.len() - after.len() - value.len() - usize::from(whole.len() < self.rest.len());
        let read = if let Some(quote @ ('"' | '\'')) = value.chars().next() {
            self.quoted(&key, &place, quote, start + 1)
        } else {
            self.skip(after);
            if value.starts_with("# ") {
                let message = format!("`{key}` is empty: what follows its `=` is read as a comment");
                let help = "put the value in quotes if it begins with `#`";
                self.found.push(Code::EnvSyntax.warning(message).at(place.clone()).help(help));
            }
            Some(self.expanded(plain(value)))
        };
        let Some(read) = read else { return };
        if read.contains("${") && !value.starts_with('\'') {
            let finding = Code::EnvNotExpanded
                .warning(format!("the value of `{key}` contains `${{`, which is not expanded"));
            let help = "write the value out, or put it in single quotes: variables are not expanded";
            self.found.push(finding.at(place.clone()).help(help));
        }
        self.entries.push(DotenvEntry { key, value: Secret::new(read), place });
    }

    /// The value whose opening quote ends just before `start`.
    fn quoted(&mut self, key: &DataKey, place: &Place, quote: char, start: usize) -> Option<String> {
        let body = &self.rest[start..];
        let mut value = String::new();
        let mut letters = body.char_indices();
        while let Some((index, letter)) = letters.next() {
            match letter {
                _ if letter == quote => {
                    let end = &body[index + 1..];
                    let (rest, after) = end.split_once('\n').unwrap_or((end, ""));
                    let lines = body[..index].matches('\n').count();
                    let tail = rest.trim_start();
                    if !tail.is_empty() && !tail.starts_with('#') {
                        let message = format!("something follows the closing quote of `{key}`");
                        let help = "put a backslash before a quote inside double quotes, or use single quotes around it";
                        self.found.push(Code::EnvSyntax.error(message).at(place.clone()).help(help));
                    }
                    self.line += lines;
                    self.skip(after);
                    return Some(if quote == '"' { self.expanded(&value) } else { value });
                }
                '\\' if quote == '"' => match letters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, '$')) if self.expand.is_some() => value.push_str("$$"),
                    Some((_, escaped @ ('"' | '\\' | '$' | '\'' | '`'))) => value.push(escaped),
                    Some((_, other)) => value.extend(['\\', other]),
                    None => value.push('\\'),
                },
                _ => value.push(letter),
            }
        }
        let finding =
            Code::EnvSyntax.error(format!("the quote of `{key}` is never closed")).at(place.clone());
        self.found.push(finding.help(format!("end the value with {quote}")));
        // Whether the next lines are keys or the value is unknown: continue with the next line.
        let after = self.rest.split_once('\n').map_or("", |(_, after)| after);
        self.skip(after);
        None
    }

    /// Leaves the last entry of each key, and reports the others.
    fn repeated(&mut self) {
        let mut last: BTreeMap<DataKey, Place> = BTreeMap::new();
        for entry in &self.entries {
            if let Some(earlier) = last.insert(entry.key.clone(), entry.place.clone()) {
                let (key, line) = (&entry.key, entry.place.line);
                let message =
                    format!("`{key}` is there twice: line {line} counts, not line {}", earlier.line);
                let help = "keep one of the two";
                self.found.push(Code::EnvSyntax.warning(message).at(entry.place.clone()).help(help));
            }
        }
        self.entries.retain(|entry| last.get(&entry.key) == Some(&entry.place));
    }

    fn skip(&mut self, after: &'a str) {
        self.rest = after;
        self.line += 1;
    }

    fn place(&self, column: usize) -> Place {
        Place { file: self.file.to_owned(), line: self.line, column }
    }
}

/// A value without quotes: up to a comment, which needs a blank before it, and without the blanks around. A `#` at the
/// beginning begins one where a blank follows: `#0f62fe` is a colour, `# what it is for` is not a value.
fn plain(value: &str) -> &str {
    let begins = |index: usize| {
        if index == 0 { value.starts_with("# ") } else { value[..index].ends_with([' ', '\t']) }
    };
    let comment = value.char_indices().find(|(index, letter)| *letter == '#' && begins(*index));
    value[..comment.map_or(value.len(), |(index, _)| index)].trim_end()
}

#[cfg(test)]
mod tests {
    use super::parse;
    use super::read_bytes;
    use crate::event::Finding;
    use std::path::Path;

    fn values(text: &str) -> Vec<(String, String)> {
        let read = parse(text, Path::new(".env")).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        read.entries.iter().map(|entry| (entry.key.to_string(), text(entry.value.expose()))).collect()
    }

    fn messages(found: &[Finding]) -> Vec<String> {
        assert!(found.iter().all(|finding| finding.help.is_some()));
        found
            .iter()
            .map(|finding| format!("{} {}", finding.place.as_ref().unwrap(), finding.message))
            .collect()
    }

    #[test]
    fn values_are_read_as_they_are_commonly_meant() {
        for (line, value) in [
            ("K=v", "v"),
            ("  K = v  ", "v"),
            ("export K=v", "v"),
            ("K=", ""),
            ("K=   ", ""),
            ("K=a b # comment", "a b"),
            ("K=a#b", "a#b"),
            ("K=#0f62fe", "#0f62fe"),
            ("K=#0f62fe # blue", "#0f62fe"),
            ("K=#", "#"),
            ("K=a #b", "a"),
            ("K=a\t# b", "a"),
            ("K= # what it is for", ""),
            ("K='#x'", "#x"),
            ("K: v", "v"),
            ("K: http://h/?a=b", "http://h/?a=b"),
            ("K : 'v' # c", "v"),
            ("K=a: b", "a: b"),
            ("K=postgres://u:p@h/d?x=1&y=2", "postgres://u:p@h/d?x=1&y=2"),
            ("K=it's", "it's"),
            ("K=$HOME", "$HOME"),
            (r"K=C:\new", r"C:\new"),
            (r#"K="a b" # comment"#, "a b"),
            (r#"K="a\n\"b\"\\ \$x \d""#, "a\n\"b\"\\ $x \\d"),
            (r"K='a\n$b # c'", r"a\n$b # c"),
            ("K='a\nb'", "a\nb"),
            ("K=\"-----BEGIN\nabc==\n-----END\"", "-----BEGIN\nabc==\n-----END"),
            ("K=ключ", "ключ"),
        ] {
            for text in [line.to_owned(), format!("{line}\n"), format!("\u{feff}# c\n\n{line}\nL=1\n")] {
                assert_eq!(values(&text)[0], ("K".to_owned(), value.to_owned()), "{text:?}");
            }
        }
        assert_eq!(values("A=1\r\nB='2'\r\n"), [("A".into(), "1".into()), ("B".into(), "2".into())]);
        assert_eq!(values("\n# nothing\n"), []);
    }

    #[test]
    fn nothing_in_a_value_is_run_fetched_or_taken_from_elsewhere() {
        for value in [
            "$(touch /tmp/x)",
            "`id`",
            "$HOME",
            "${PATH}",
            "@/etc/passwd",
            "file:///etc/passwd",
            "a\0b",
            "%(x)s",
        ] {
            for text in [format!("K={value}\n"), format!("K='{value}'\n"), format!("K=\"{value}\"\n")] {
                assert_eq!(values(&text), [("K".to_owned(), value.to_owned())], "{text:?}");
            }
        }
        // The `A` of the second is Cyrillic.
        let found = parse("PATH=1\nP\u{410}TH=2\n", Path::new(".env")).unwrap_err();
        assert_eq!(found.len(), 1, "a key that only looks like another is none: {found:?}");
    }

    #[test]
    fn lines_are_counted_past_values_of_several_lines() {
        let read = parse("A='1\n2\n3'\nexport  B=4\n", Path::new(".env")).unwrap();
        let places: Vec<_> = read.entries.iter().map(|entry| entry.place.to_string()).collect();
        assert_eq!(places, [".env:1:1", ".env:4:9"]);
    }

    #[test]
    fn every_bad_line_is_told_and_none_of_its_values() {
        let text = "hunter2\nA B=hunter2\nC=1\n=hunter2\nD='hunter2' hunter2\nC=hunter2\nexportE=1\nF=\"hunter2\nG=1\n";
        let found = parse(text, Path::new(".env")).unwrap_err();
        assert_eq!(
            messages(&found),
            [
                ".env:1:1 this line has no `=`",
                ".env:2:1 the text before the `=` is not a valid key: it must be 1 to 253 of a-z, A-Z, 0-9, -, _ and ., and not . or ..",
                ".env:4:1 the text before the `=` is not a valid key: it must be 1 to 253 of a-z, A-Z, 0-9, -, _ and ., and not . or ..",
                ".env:5:1 something follows the closing quote of `D`",
                ".env:8:1 the quote of `F` is never closed",
            ]
        );
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn what_other_readers_would_read_otherwise_is_a_warning() {
        for (text, warnings) in [
            ("A=1\nA=2\n", vec![".env:2:1 `A` is there twice: line 2 counts, not line 1"]),
            (
                "A=1\nB=1\nA=2\nA=3\n",
                vec![
                    ".env:3:1 `A` is there twice: line 3 counts, not line 1",
                    ".env:4:1 `A` is there twice: line 4 counts, not line 3",
                ],
            ),
            (
                "A: 1\n",
                vec![".env:1:1 `A: …` is read as `A=…`, as Compose does; other readers pass over the line"],
            ),
            ("A= # x\n", vec![".env:1:1 `A` is empty: what follows its `=` is read as a comment"]),
            ("A=\nB=#x\nC=a#b\n", vec![]),
        ] {
            assert_eq!(messages(&parse(text, Path::new(".env")).unwrap().warnings), warnings, "{text:?}");
        }
        assert_eq!(values("A=1\nB=2\nA=3\n"), [("B".into(), "2".into()), ("A".into(), "3".into())]);
    }

    #[test]
    fn a_variable_in_a_value_is_a_warning() {
        let read = parse("A=${HOST}:1\nB='${x}'\n", Path::new(".env")).unwrap();
        assert_eq!(
            messages(&read.warnings),
            [".env:1:1 the value of `A` contains `${`, which is not expanded"]
        );
        assert_eq!(read.entries[0].value.expose(), b"${HOST}:1");
    }

    #[test]
    fn bytes_that_are_no_text_are_told_with_their_line() {
        assert_eq!(
            messages(&read_bytes(b"A=1\nB=\xff\n", Path::new(".env")).unwrap_err()),
            [".env:2 the file is not UTF-8"]
        );
    }
}
