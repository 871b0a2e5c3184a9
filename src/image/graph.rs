//! Which image is built from which other one of the project, and so in which order.
//!
//! Not a scheduler: it determines what may run at the same time; the builder decides how much of it does.

use crate::event::Code;
use crate::event::Finding;
use crate::image::surveyed::Surveyed;
use crate::project::name::ImageName;

/// The image of the project that a base reference names, whatever its tag; `own` is the referencing image, which a
/// base of its own name cannot mean.
#[must_use]
pub fn needed<'a>(
    reference: &str,
    own: &ImageName,
    images: impl IntoIterator<Item = &'a ImageName>,
) -> Option<&'a ImageName> {
    if reference.contains('@') {
        return None; // a digest names an image that exists already
    }
    let name = untagged(reference);
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    images.into_iter().find(|image| image.as_str() == name && *image != own)
}

/// A reference without its tag.
#[must_use]
pub fn untagged(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    match name.rfind(':') {
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        _ => name,
    }
}

/// The images as indices, in levels: those of one level can be built at once when the levels before are done. Images
/// of a [`cycle`], and those based on them, are in none.
pub fn levels(surveyed: &[Surveyed]) -> Vec<Vec<usize>> {
    let needs = needs(surveyed);
    let mut levels: Vec<Vec<usize>> = Vec::new();
    let mut done = vec![false; surveyed.len()];
    loop {
        let ready: Vec<usize> = (0..surveyed.len())
            .filter(|&index| !done[index] && needs[index].iter().all(|&need| done[need]))
            .collect();
        if ready.is_empty() {
            return levels;
        }
        for &index in &ready {
            done[index] = true;
        }
        levels.push(ready);
    }
}

/// For each image, which others it is built from.
fn needs(surveyed: &[Surveyed]) -> Vec<Vec<usize>> {
    let index = |name: &ImageName| surveyed.iter().position(|other| other.image.name == *name);
    surveyed.iter().map(|image| image.needs.iter().filter_map(index).collect()).collect()
}

/// A finding for each image of a cycle, with the line that names the next one; none without a cycle.
pub fn cycle(surveyed: &[Surveyed]) -> Vec<Finding> {
    let (needs, levels) = (needs(surveyed), levels(surveyed));
    let is_done = |index: usize| levels.iter().flatten().any(|&done| done == index);
    let Some(first) = (0..surveyed.len()).find(|&index| !is_done(index)) else { return Vec::new() };
    // Each remaining image needs another remaining one: the path returns to an image that is on it.
    let mut path: Vec<usize> = Vec::new();
    let mut at = first;
    while !path.contains(&at) {
        path.push(at);
        at = needs[at].iter().copied().find(|&need| !is_done(need)).unwrap_or(at);
    }
    let start = path.iter().position(|&index| index == at).unwrap_or_default();
    let ring = &path[start..];
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(|(&from, &to)| built_from(&surveyed[from], &surveyed[to])).collect()
}

fn built_from(from: &Surveyed, to: &Surveyed) -> Finding {
    let (name, base_name) = (&from.image.name, &to.image.name);
    let names = |reference: &str| needed(reference, name, [base_name]).is_some();
    let line = from.dockerfile.bases.iter().find(|base| names(&base.reference)).map_or(0, |base| base.line);
    Code::ImageCycle
        .error(format!("`{name}` and `{base_name}` are built from each other"))
        .about(from.subject())
        .at(from.place(line))
        .help(format!(
            "start from another image, or rename `{base_name}` if that is not the image of the project"
        ))
}

#[cfg(test)]
mod tests {
    use super::cycle;
    use super::levels;
    use super::needed;
    use super::untagged;
    use crate::image::survey::tests::surveyed;
    use crate::project::name::ImageName;

    #[test]
    fn a_base_names_an_image_of_the_project_with_any_tag() {
        let images = ["base", "team/api", "redis"].map(|name| ImageName::parse(name).unwrap());
        for (reference, expected) in [
            ("base", Some("base")),
            ("base:latest", Some("base")),
            ("docker.io/library/base:1", Some("base")),
            ("team/api:x", Some("team/api")),
            ("base@sha256:00", None),
            ("ghcr.io/base", None),
            ("redis:7", None),
            ("base2", None),
        ] {
            assert_eq!(
                needed(reference, &images[2], &images).map(ImageName::as_str),
                expected,
                "{reference}"
            );
        }
        assert_eq!(untagged("localhost:5000/a/b"), "localhost:5000/a/b");
        assert_eq!(untagged("localhost:5000/a/b:1@sha256:0"), "localhost:5000/a/b");
    }

    #[test]
    fn levels_follow_the_bases() {
        let images = [
            surveyed(
                "web",
                "FROM base AS x\nFROM node:22\nCOPY --from=api:1 a b\nCOPY --from=x a b",
                &["base", "api"],
            ),
            surveyed("base", "FROM debian:12", &[]),
            surveyed("api", "FROM base:dev", &["base"]),
            surveyed("redis", "FROM redis:7", &[]),
        ];
        assert_eq!(levels(&images), [vec![1, 3], vec![2], vec![0]]);
        assert_eq!(cycle(&images), []);
    }

    #[test]
    fn a_cycle_names_its_images_and_their_lines() {
        let images = [
            surveyed("a", "FROM b", &["b"]),
            surveyed("b", "FROM scratch\nCOPY --from=c x x", &["c"]),
            surveyed("c", "FROM b:1", &["b"]),
        ];
        let places = cycle(&images).into_iter().map(|finding| (finding.subject, finding.place.unwrap().line));
        let subject = |name: &str| Some(format!("image {name}"));
        assert_eq!(places.collect::<Vec<_>>(), [(subject("b"), 2), (subject("c"), 1)]);
    }
}
