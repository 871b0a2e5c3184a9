//! The words of a command: options with their values, and arguments.

use crate::discover::shell::Call;

/// The values of an option: `-f x`, `-f=x`, `--file=x`.
pub(super) fn options<'w>(words: &'w [&'w str], names: &'w [&'w str]) -> impl Iterator<Item = &'w str> {
    words.iter().enumerate().filter_map(move |(at, word)| {
        if names.contains(word) {
            return words.get(at + 1).copied();
        }
        let (name, value) = word.split_once('=')?;
        names.contains(&name).then_some(value)
    })
}

/// The words that are neither options nor their values nor redirections.
pub(super) fn positional<'w>(words: &[&'w str], valued: &[&str]) -> Vec<&'w str> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if valued.contains(word) || *word == ">" || *word == "<" || *word == ">>" {
            words.next();
        } else if !word.starts_with('-') && !word.contains(['>', '<']) && *word != "2" && *word != "1" {
            found.push(*word);
        }
    }
    found
}

/// Likewise for a command that takes `count` of them. A variable that nothing sets may stand for flags or for nothing, so
/// of more words than that it is no one's.
pub(super) fn arguments<'w>(words: &[&'w str], valued: &[&str], count: usize) -> Vec<&'w str> {
    let mut found = positional(words, valued);
    while let Some(at) = found.iter().position(|word| is_variable(word)).filter(|_| found.len() > count) {
        found.remove(at);
    }
    found
}

/// Whether a word is a variable that nothing sets, and nothing else.
pub(super) fn is_variable(word: &str) -> bool {
    let name = word.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).or(word.strip_prefix('$'));
    let name = name.or_else(|| word.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')));
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_@*".contains(c));
    name.is_some_and(|name| !name.is_empty() && is_name(name))
}

/// Whether a word is literal, without a variable.
pub(super) fn known(word: &str) -> bool {
    !word.is_empty() && !word.contains(['$', '%', '`', '{', '<', '>'])
}

/// The flags of a call without words of its own, each as `--name=value`: `--memory 4096` is `--memory=4096`.
pub(super) fn flags(words: &[&str]) -> Vec<String> {
    let is_value = |word: &&&str| !word.starts_with('-') && !word.contains(['>', '|', '&']) && known(word);
    let flags = words.iter().enumerate().filter(|(_, word)| word.starts_with("--"));
    let whole = flags.map(|(at, flag)| match words.get(at + 1).filter(is_value) {
        Some(value) if !flag.contains('=') => format!("{flag}={value}"),
        _ => (*flag).to_owned(),
    });
    whole.filter(|flag| known(flag)).collect()
}

/// The ports of localhost that a line names.
pub(super) fn on_localhost(line: &str) -> impl Iterator<Item = u16> {
    let after = ["localhost:", "127.0.0.1:"].into_iter().flat_map(|host| line.split(host).skip(1));
    after.filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok().filter(|port| *port != 0)
    })
}

/// Whether a command creates or selects a cluster of a cloud: the commands next to it are for that cluster.
pub(super) fn enters_a_cloud(call: &Call) -> bool {
    let words: Vec<&str> = call.words.iter().map(String::as_str).collect();
    let has = |word: &str| words.contains(&word);
    match words.first() {
        Some(&"gcloud") => has("clusters") && (has("get-credentials") || has("create") || has("create-auto")),
        Some(&"aws") => has("eks") && (has("update-kubeconfig") || has("create-cluster")),
        Some(&"az") => has("aks") && (has("get-credentials") || has("create")),
        Some(&"doctl") => has("kubernetes") && (has("save") || has("create")),
        Some(&"eksctl") => has("create") && has("cluster"),
        _ => false,
    }
}
