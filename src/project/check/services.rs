//! `[service.NAME]` and `[[check]]`: what is asked over the network, and what the answer must be.

use crate::project::Check;
use crate::project::Expect;
use crate::project::From;
use crate::project::Probe;
use crate::project::Service;
use crate::project::When;
use crate::project::file::Section;
use crate::project::name::ObjectName;

pub(super) fn service(name: ObjectName, section: Section<'_, '_>) -> Service {
    let service = Service {
        name,
        place: section.place.clone(),
        path: section.parsed("path", url_path).map_or_else(|| "/".to_owned(), |at| at.value),
        expect: expect(&section),
        local_port: section
            .integer("local-port", 1..=65_535)
            .map(|at| u16::try_from(at.value).unwrap_or_else(|_| unreachable!("its range was checked"))),
    };
    section.close();
    service
}

fn url_path(text: &str) -> std::result::Result<String, &'static str> {
    if text.starts_with('/') && !text.contains(char::is_whitespace) {
        Ok(text.to_owned())
    } else {
        Err("a path begins with `/` and has no spaces")
    }
}

/// `expect = 200` or `expect = { status = 200, contains = "…" }`.
fn expect(section: &Section<'_, '_>) -> Expect {
    if !section.is_table("expect") {
        return Expect { status: status(section, "expect"), contains: None };
    }
    let inner = section.section("expect");
    let contains = inner.text("contains").map(|at| at.value.to_owned());
    let expect = Expect { status: status(&inner, "status"), contains };
    inner.close();
    expect
}

fn status(section: &Section<'_, '_>, key: &'static str) -> Option<u16> {
    section.integer(key, 100..=599).and_then(|at| u16::try_from(at.value).ok())
}

pub(super) fn own_check(section: Section<'_, '_>) -> Option<Check> {
    let url = section.parsed("url", |text| {
        if text.starts_with("http://") || text.starts_with("https://") {
            Ok(text.to_owned())
        } else {
            Err("a URL begins with `http://` or `https://`")
        }
    });
    let tcp = section.parsed("tcp", |text| match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("write it as `host:port`"),
    });
    let expect = Expect {
        status: status(&section, "status"),
        contains: section.text("contains").map(|at| at.value.to_owned()),
    };
    let probe = match (url, tcp) {
        (Some(url), None) => Some(Probe::Http { url: url.value, expect }),
        (None, Some(address)) => Some(Probe::Tcp(address.value)),
        _ => {
            section
                .lacks("needs one of `url` and `tcp`", "write `url = \"http://…\"` or `tcp = \"host:port\"`");
            None
        }
    };
    let name = section.text("name").map(|at| at.value.to_owned());
    if name.is_none() {
        section.lacks("has no name", "add `name = \"…\"`, what people call it");
    }
    let check = Check {
        name: name.unwrap_or_default(),
        place: section.place.clone(),
        from: choice(&section, "from", &[("host", From::Host), ("cluster", From::Cluster)])
            .unwrap_or(From::Host),
        when: choice(&section, "when", &[("before", When::Before), ("after", When::After)])
            .unwrap_or(When::After),
        required: section.flag("required").unwrap_or(true),
        probe: probe.clone().unwrap_or_else(|| Probe::Tcp(String::new())),
    };
    section.close();
    probe.map(|_| check)
}

fn choice<T: Copy>(section: &Section<'_, '_>, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
    let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
    let find = |text: &str| choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
    let parsed =
        section.parsed(key, |text| find(text).ok_or_else(|| format!("write {}", words.join(" or "))));
    parsed.map(|at| at.value)
}
