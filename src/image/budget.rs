//! Image sizes against the project's budgets, and the largest layers.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::image::Built;
use crate::image::surveyed::Surveyed;
use bollard::models::ImageHistoryResponseItem;

/// How many layers are named.
const NAMED: usize = 5;

/// How many images are named in a summary.
const SUMMED: usize = 3;

/// The finding about an image of `size` bytes, if it is over its budget.
#[must_use]
pub fn check(surveyed: &Surveyed, size: u64, history: &[ImageHistoryResponseItem]) -> Option<Finding> {
    let allowed = surveyed.image.max_size.filter(|allowed| size > *allowed)?;
    let message = format!("the image has {}, {} more than `max-size`", bytes(size), bytes(size - allowed));
    let mut layers: Vec<(u64, &str)> = history
        .iter()
        .map(|layer| (u64::try_from(layer.size).unwrap_or(0), layer.created_by.as_str()))
        .filter(|(size, _)| *size > 0)
        .collect();
    layers.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let largest =
        layers.iter().take(NAMED).map(|(size, by)| format!("{:>8}  {}", bytes(*size), instruction(by)));
    let finding = Code::ImageTooLarge.error(message)
        .about(format!("image {}", surveyed.image.name))
        .at(surveyed.image.place.clone())
        .evidence(largest)
        .help("make the layers above smaller (a smaller base, a multi-stage build, caches removed in the same RUN), or raise `max-size`");
    Some(finding)
}

/// An instruction from a layer's history, without what the builders add.
fn instruction(created_by: &str) -> String {
    let text = created_by.strip_suffix("# buildkit").unwrap_or(created_by).trim();
    let text = match text.strip_prefix("RUN ").unwrap_or(text).strip_prefix("/bin/sh -c ") {
        Some(rest) => match rest.strip_prefix("#(nop) ") {
            Some(instruction) => instruction.trim().to_owned(),
            None => format!("RUN {rest}"),
        },
        None => text.to_owned(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 100 {
        text
    } else {
        format!("{}…", text.chars().take(99).collect::<String>())
    }
}

/// A size in decimal units, as Docker prints it: `143 MB`, `1.2 GB`, `812 kB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    for (name, unit) in units {
        if count >= unit {
            let tenths = count / (unit / 10);
            return if tenths < 100 {
                format!("{}.{} {name}", tenths / 10, tenths % 10)
            } else {
                format!("{} {name}", tenths / 10)
            };
        }
    }
    format!("{count} B")
}

/// The change from one size to another: `+1.2 MB`, `-3.0 kB`; `None` where it is negligible.
#[must_use]
pub fn change(from: u64, to: u64) -> Option<String> {
    let sign = if to > from { '+' } else { '-' };
    let difference = to.abs_diff(from);
    (difference >= 1000).then(|| format!("{sign}{}", bytes(difference)))
}

/// The sizes of the images that were built, for the line that sums the builds up: each by name where they are few.
#[must_use]
pub fn summary(built: &[Built]) -> Option<String> {
    let built: Vec<&Built> = built.iter().filter(|image| image.outcome == Outcome::Built).collect();
    let with_change = |now: u64, before: Option<u64>| match before.and_then(|before| change(before, now)) {
        Some(change) => format!("{} ({change})", bytes(now)),
        None => bytes(now),
    };
    match built.as_slice() {
        [] => None,
        few if few.len() <= SUMMED => {
            let each =
                few.iter().map(|image| format!("{} {}", image.name, with_change(image.size, image.before)));
            Some(each.collect::<Vec<_>>().join(", "))
        }
        many => {
            let sum = many.iter().map(|image| image.size).sum();
            let before = many.iter().map(|image| image.before.unwrap_or(image.size)).sum();
            Some(format!("together {}", with_change(sum, Some(before))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;
    use super::change;
    use super::instruction;
    use super::summary;
    use crate::event::Outcome;
    use crate::image::Built;
    use crate::project::name::ImageName;

    fn built(name: &str, outcome: Outcome, size: u64, before: Option<u64>) -> Built {
        Built {
            name: ImageName::parse(name).unwrap(),
            reference: String::new(),
            id: String::new(),
            size,
            before,
            outcome,
            why: Vec::new(),
            key: String::new(),
            tag: String::new(),
        }
    }

    #[test]
    fn the_summary_has_the_sizes_of_what_was_built_and_how_they_changed() {
        let (new, same) = (Outcome::Built, Outcome::Unchanged);
        let mut images = vec![built("web", same, 5_000_000, None)];
        assert_eq!(summary(&images), None);
        images.push(built("api", new, 143_000_000, Some(141_800_000)));
        images.push(built("db", new, 61_000_000, None));
        assert_eq!(summary(&images).as_deref(), Some("api 143 MB (+1.2 MB), db 61 MB"));
        images.extend([built("c", new, 1_000_000, Some(2_000_000)), built("d", new, 1_000_000, None)]);
        assert_eq!(summary(&images).as_deref(), Some("together 206 MB (+200 kB)"));
    }

    #[test]
    fn sizes_are_said_as_people_say_them() {
        for (count, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_999, "9.9 kB"),
            (143_400_000, "143 MB"),
            (1_250_000_000, "1.2 GB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
        assert_eq!(change(5_000_000, 3_800_000).as_deref(), Some("-1.2 MB"));
        assert_eq!(change(1, 900), None);
    }

    #[test]
    fn layers_are_named_by_their_instruction() {
        for (created_by, expected) in [
            ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
            ("COPY src src # buildkit", "COPY src src"),
            ("/bin/sh -c #(nop)  CMD [\"x\"]", "CMD [\"x\"]"),
            ("/bin/sh -c make", "RUN make"),
        ] {
            assert_eq!(instruction(created_by), expected);
        }
    }
}
