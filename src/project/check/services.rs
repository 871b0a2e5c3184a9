//! `[service.NAME]`: what people open, and what the answer must be.

use crate::project::Expect;
use crate::project::Service;
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

pub(super) fn url_path(text: &str) -> std::result::Result<String, &'static str> {
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

pub(super) fn status(section: &Section<'_, '_>, key: &'static str) -> Option<u16> {
    section.integer(key, 100..=599).and_then(|at| u16::try_from(at.value).ok())
}
