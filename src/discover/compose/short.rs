//! The short forms of a compose file: ports, volumes, command lines, times and sizes as people write them in one line.

use super::Bind;
use super::ComposePort;
use super::Protocol;
use super::Volume;
use super::node::Body;
use super::node::MapEntry;
use super::node::Node;
use super::scalar::Scalar;
use crate::discover::tree::join;
use jiff::SignedDuration;
use std::rc::Rc;

/// `- KEY=value` as `KEY: value`.
pub(super) fn as_map(node: &Rc<Node>) -> Rc<Node> {
    let Body::List(items) = &node.body else { return Rc::clone(node) };
    let mut entries: Vec<MapEntry> = Vec::new();
    for item in items {
        let Some(raw) = item.raw() else { continue };
        let (key, value) = match raw.split_once('=') {
            Some((key, value)) => (key, item.beside_text(value)),
            None => (raw.as_str(), item.beside(Body::Scalar(Scalar::Null))),
        };
        let entry = MapEntry { key: key.to_owned(), place: item.place.clone(), node: value };
        match entries.iter_mut().find(|known| known.key == key) {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
    }
    node.beside(Body::Map(entries))
}

/// `[db]` as `db: {}`.
pub(super) fn names_as_map(node: &Rc<Node>) -> Rc<Node> {
    let Body::List(items) = &node.body else { return Rc::clone(node) };
    let entry = |item: &Rc<Node>| {
        Some(MapEntry {
            key: item.text()?,
            place: item.place.clone(),
            node: item.beside(Body::Map(Vec::new())),
        })
    };
    node.beside(Body::Map(items.iter().filter_map(entry).collect()))
}

/// `build: ./web` as `build: {context: ./web}`.
pub(super) fn text_as_map(node: &Rc<Node>, key: &str) -> Rc<Node> {
    if !matches!(node.body, Body::Scalar(_)) {
        return Rc::clone(node);
    }
    let entry = MapEntry { key: key.to_owned(), place: node.place.clone(), node: Rc::clone(node) };
    node.beside(Body::Map(vec![entry]))
}

/// One text as a list of it.
pub(super) fn as_list(node: &Rc<Node>) -> Rc<Node> {
    match &node.body {
        Body::Scalar(scalar) if *scalar != Scalar::Null => node.beside(Body::List(vec![Rc::clone(node)])),
        _ => Rc::clone(node),
    }
}

/// The key by which two ports are merged.
pub(super) fn port_identity(node: &Node) -> String {
    let ports: Vec<String> = ports(node)
        .into_iter()
        .map(|port| format!("{:?}:{:?}:{}/{:?}", port.local, port.published, port.target, port.protocol))
        .collect();
    ports.join(",")
}

/// Where a volume is mounted.
pub(super) fn volume_target(node: &Node) -> String {
    match volume(node) {
        Some(Volume::Data { at, .. } | Volume::Bind(Bind { at, .. }) | Volume::Memory { at, .. }) => at,
        None => node.text().unwrap_or_default(),
    }
}

/// Where a secret or a config is mounted.
pub(super) fn mounted_target(node: &Node) -> String {
    let field = |key: &str| node.get(key).and_then(|node| node.text());
    node.text().or_else(|| field("target")).or_else(|| field("source")).unwrap_or_default()
}

/// The path of an env file.
pub(super) fn file_path(node: &Node) -> String {
    node.text().or_else(|| node.get("path")?.text()).unwrap_or_default()
}

/// `8080:80`, `127.0.0.1:8080:80/tcp`, `3000-3002`, `{published: 8080, target: 80}`.
pub(super) fn ports(node: &Node) -> Vec<ComposePort> {
    if let Some(target) = node.get("target").and_then(|node| node.text()) {
        let field = |key: &str| node.get(key).and_then(|node| node.text());
        let Ok(target) = target.parse() else { return Vec::new() };
        let published = field("published").and_then(|port| port.split('-').next()?.parse().ok());
        return vec![ComposePort {
            published,
            target,
            protocol: protocol(field("protocol").as_deref().unwrap_or("tcp")),
            local: field("host_ip").is_some_and(|host| is_loopback(&host)),
            place: node.place.clone(),
        }];
    }
    let Some(written) = node.text() else { return Vec::new() };
    let (written, kind) = written.split_once('/').unwrap_or((&written, "tcp"));
    let (front, target) =
        written.rsplit_once(':').map_or((None, written), |(front, target)| (Some(front), target));
    let (host, published) = match front {
        Some(front) => front.rsplit_once(':').map_or(("", Some(front)), |(host, port)| (host, Some(port))),
        None => ("", None),
    };
    let Some((from, to)) = range(target) else { return Vec::new() };
    let first = published.and_then(range);
    // `8000-8005:80` is one port of the range, `3000-3002:3000-3002` is three.
    let pairs = first.is_some_and(|(low, high)| high - low == to - from);
    (from..=to)
        .map(|port| ComposePort {
            published: first.map(|(low, _)| if pairs { low + (port - from) } else { low }),
            target: port,
            protocol: protocol(kind),
            local: is_loopback(host.trim_matches(['[', ']'])),
            place: node.place.clone(),
        })
        .collect()
}

fn is_loopback(host: &str) -> bool {
    host.starts_with("127.") || host == "::1" || host == "localhost"
}

/// `tcp`, `udp`, `sctp`.
pub(super) fn protocol(word: &str) -> Protocol {
    match word.to_ascii_lowercase().as_str() {
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => Protocol::Tcp,
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to): (u16, u16) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from <= to && to - from <= 1000).then_some((from, to))
}

/// `data:/data`, `./web:/src:ro`, `/cache`, `C:\shop:/data`, `{type: tmpfs, target: /x}`.
pub(super) fn volume(node: &Node) -> Option<Volume> {
    let place = node.place.clone();
    let Some(written) = node.text() else {
        let field = |key: &str| node.get(key).and_then(|node| node.text());
        let at = field("target")?;
        let source = field("source").unwrap_or_default();
        let read_only = node.get("read_only").and_then(|node| node.flag()) == Some(true);
        return Some(match field("type").as_deref() {
            Some("tmpfs") => {
                let size = node.get("tmpfs").and_then(|tmpfs| bytes(&tmpfs.get("size")?.text()?));
                Volume::Memory { at, size, place }
            }
            Some("bind") => Volume::Bind(bind(node, &source, at, read_only)),
            _ => Volume::Data { name: source, at, read_only, place },
        });
    };
    let mut parts = fields(&written);
    let (source, at) = match parts.len() {
        0 => return None,
        1 => (String::new(), parts.remove(0)),
        _ => (parts.remove(0), parts.remove(0)),
    };
    let read_only = parts.iter().any(|options| options.split(',').any(|option| option == "ro"));
    Some(if is_path(&source) {
        Volume::Bind(bind(node, &source, at, read_only))
    } else {
        Volume::Data { name: source, at, read_only, place }
    })
}

/// The parts between colons; a single letter in front is a drive of Windows.
fn fields(written: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut drive = false;
    for part in written.split(':') {
        match parts.last_mut() {
            Some(last) if drive => {
                last.push(':');
                last.push_str(part);
                drive = false;
            }
            _ => {
                drive = part.len() == 1 && part.starts_with(|letter: char| letter.is_ascii_alphabetic());
                // Users write blanks around the colon, and mean the path without them.
                parts.push(part.trim().to_owned());
            }
        }
    }
    parts
}

fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~', '\\']) || is_windows(source)
}

/// `C:\shop`, `D:/conf`, `\\server\share`.
fn is_windows(path: &str) -> bool {
    let mut letters = path.chars();
    path.starts_with("\\\\")
        || letters.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && letters.next() == Some(':')
}

fn bind(node: &Node, source: &str, at: String, read_only: bool) -> Bind {
    let elsewhere = source.starts_with(['/', '~']) || is_windows(source);
    let path = if elsewhere { source.to_owned() } else { join(&node.scope.folder, source) };
    Bind { source: path, elsewhere, at, read_only, place: node.place.clone() }
}

/// A command line or its words.
pub(super) fn command(node: &Node) -> Option<Vec<String>> {
    match &node.body {
        Body::List(items) => Some(items.iter().filter_map(|item| item.text()).collect()),
        Body::Scalar(Scalar::Null) | Body::Map(_) => None,
        Body::Scalar(_) => node.text().map(|line| words(&line)),
    }
}

/// The words of a line as compose splits it: quotes hold together, a backslash keeps a letter, `$( )` is not run and stays one
/// word, and the line ends at an operator of a shell.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut open, mut quote, mut depth) = (String::new(), false, None, 0);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(end), letter) if letter == end => quote = None,
            (None, '"' | '\'') if depth == 0 => (quote, open) = (Some(letter), true),
            (None | Some('"'), '\\') => word.extend(letters.next()),
            (None, '(') if word.ends_with('$') || depth > 0 => {
                depth += 1;
                word.push(letter);
            }
            (None, ')') if depth > 0 => {
                depth -= 1;
                word.push(letter);
            }
            (None, ';' | '&' | '|' | '<' | '>' | '(' | ')') if depth == 0 => break,
            (None, letter) if letter.is_whitespace() && depth == 0 => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (_, letter) => word.push(letter),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

/// `1m30s`, `10s`, `1.5s`, `500ms` → seconds, rounded up; `None` where it is not a duration.
pub(crate) fn seconds(written: &str) -> Option<u64> {
    let duration: SignedDuration = written.parse().ok()?;
    let whole = u64::try_from(duration.as_secs()).ok()?;
    Some(whole + u64::from(duration.subsec_nanos() > 0))
}

/// `50M`, `1gb`, `512k`, `64b`, `1024`: powers of 1024.
pub(super) fn bytes(written: &str) -> Option<u64> {
    let small = written.trim().to_ascii_lowercase();
    let length = small.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(small.len());
    let number: f64 = small[..length].parse().ok()?;
    let power = match small[length..].trim().trim_end_matches('b') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size of people")]
    let whole = (number * 1024f64.powi(power)) as u64;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::bytes;
    use super::fields;
    use super::seconds;
    use super::words;

    #[test]
    fn lines_are_split_as_compose_splits_them() {
        for (line, split) in [
            ("sh -c 'a b > c' > x", &["sh", "-c", "a b > c"][..]),
            ("echo \"a\\\"b\" # c", &["echo", "a\"b", "#", "c"]),
            ("a '' b\\ c", &["a", "", "b c"]),
            ("run $(a b) > c", &["run", "$(a b)"]),
            ("", &[]),
        ] {
            assert_eq!(words(line), split, "{line}");
        }
    }

    #[test]
    fn times_and_sizes_have_units() {
        for (text, value) in
            [("1m30s", Some(90)), ("500ms", Some(1)), ("1.5s", Some(2)), ("90", None), ("x", None)]
        {
            assert_eq!(seconds(text), value, "{text}");
        }
        for (text, value) in
            [("50M", Some(50 << 20)), ("1gb", Some(1 << 30)), ("7", Some(7)), ("512Mi", None)]
        {
            assert_eq!(bytes(text), value, "{text}");
        }
    }

    #[test]
    fn a_drive_is_no_volume() {
        for (text, parts) in [
            ("C:\\a:/b", &["C:\\a", "/b"][..]),
            ("D:/a/b.c:/d:ro", &["D:/a/b.c", "/d", "ro"]),
            ("v:/data", &["v:/data"]),
            ("data:/x", &["data", "/x"]),
            ("./a b : /x:ro", &["./a b", "/x", "ro"]),
        ] {
            assert_eq!(fields(text), parts, "{text}");
        }
    }
}
