//! Lines of a hosts file: ours are identified by the comment at their end. Pure.
//!
//! Only `todo up --hosts` writes them, after a confirmation, and `todo down --hosts` removes them; no other line is
//! touched.

use std::fmt;
use std::fmt::Write;
use std::net::IpAddr;

/// A name, and the address that it is to have on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostsEntry {
    /// The address.
    pub address: IpAddr,
    /// The name.
    pub host: String,
}

impl HostsEntry {
    /// The entry of a host, if that is a valid DNS name: it is written into a system file, and into commands that are
    /// shown for copying.
    #[must_use]
    pub fn new(address: IpAddr, host: &str) -> Option<HostsEntry> {
        let is_name = !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        is_name.then(|| HostsEntry { address, host: host.to_owned() })
    }
}

impl fmt::Display for HostsEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.address, self.host)
    }
}

/// The comment at the end of the lines of `project`.
#[must_use]
pub fn mark(project: &str) -> String {
    format!("# todo up: {project}")
}

/// How many lines of `text` are `project`'s.
#[must_use]
pub fn ours(text: &str, project: &str) -> usize {
    let mark = mark(project);
    text.lines().filter(|line| line.trim_end().ends_with(&mark)).count()
}

/// `text` without the lines of `project`.
#[must_use]
pub fn without(text: &str, project: &str) -> String {
    let mark = mark(project);
    text.split_inclusive('\n').filter(|line| !line.trim_end().ends_with(&mark)).collect()
}

/// `text` with `entries` as the only lines of `project`.
#[must_use]
pub fn with(text: &str, project: &str, entries: &[HostsEntry]) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut new = without(text, project);
    if !new.is_empty() && !new.ends_with('\n') {
        new.push_str(end);
    }
    let mark = mark(project);
    for entry in entries {
        let _ = write!(new, "{entry} {mark}{end}");
    }
    new
}

#[cfg(test)]
mod tests {
    use super::HostsEntry;
    use super::ours;
    use super::with;
    use super::without;

    fn entry(address: &str) -> HostsEntry {
        HostsEntry { address: address.parse().unwrap(), host: "todo.local".to_owned() }
    }

    #[test]
    fn a_host_that_is_no_name_is_no_line() {
        let of = |host: &str| HostsEntry::new("::1".parse().unwrap(), host);
        assert_eq!(of("todo.local").unwrap().to_string(), "::1 todo.local");
        for host in [
            "",
            "a\n1.2.3.4 bank.example",
            "a bank.example",
            "a # b",
            "a';reboot;'",
            "a`b`",
            "a\u{202e}",
            "*",
        ] {
            assert_eq!(of(host), None, "{host:?}");
        }
    }

    #[test]
    fn only_our_own_lines_come_and_go() {
        for (before, line) in [
            ("127.0.0.1 localhost\n", "192.168.49.2 todo.local # todo up: shop\n"),
            ("127.0.0.1 localhost\r\n", "192.168.49.2 todo.local # todo up: shop\r\n"),
            ("", "192.168.49.2 todo.local # todo up: shop\n"),
            ("1.2.3.4 x # todo up: shop-b\n", "192.168.49.2 todo.local # todo up: shop\n"),
        ] {
            let after = with(before, "shop", &[entry("192.168.49.2")]);
            assert_eq!(after, format!("{before}{line}"));
            assert_eq!((ours(before, "shop"), ours(&after, "shop")), (0, 1));
            assert_eq!(without(&after, "shop"), before);
            let moved = with(&after, "shop", &[entry("192.168.58.2")]);
            assert_eq!(moved, format!("{before}{}", line.replace("49", "58")), "an old address goes");
        }
        assert_eq!(with("a b", "s", &[entry("::1")]), "a b\n::1 todo.local # todo up: s\n");
    }
}
