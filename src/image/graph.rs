//! Which image is built from which other one of the project, and so in which order.
//!
//! Not a scheduler: it says what may run at the same time; how much of it does is the builder's business.

use crate::event::Code;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::fault::Result;
use crate::image::surveyed::Surveyed;
use crate::project::name::ImageName;

/// The image of the project that a base reference names, whatever its tag; `own` is the image that asks, which a base of
/// its own name cannot mean.
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

/// The images as indices, in levels: those of one level can be built at once when the levels before are done.
pub fn order(surveyed: &[Surveyed]) -> Result<Vec<Vec<usize>>> {
    let needs: Vec<Vec<usize>> = surveyed
        .iter()
        .map(|one| {
            let known = one.needs.iter();
            known.filter_map(|name| surveyed.iter().position(|other| other.image.name == *name)).collect()
        })
        .collect();
    let mut levels: Vec<Vec<usize>> = Vec::new();
    let mut done = vec![false; surveyed.len()];
    while done.contains(&false) {
        let ready: Vec<usize> = (0..surveyed.len())
            .filter(|&one| !done[one] && needs[one].iter().all(|&need| done[need]))
            .collect();
        if ready.is_empty() {
            return Err(cycle(surveyed, &needs, &done));
        }
        for &one in &ready {
            done[one] = true;
        }
        levels.push(ready);
    }
    Ok(levels)
}

/// Whoever is not done needs somebody who is not done: following that must come back to itself.
fn cycle(surveyed: &[Surveyed], needs: &[Vec<usize>], done: &[bool]) -> Fault {
    let mut way: Vec<usize> = Vec::new();
    let mut at = done.iter().position(|done| !done).unwrap_or_default();
    while !way.contains(&at) {
        way.push(at);
        at = needs[at].iter().copied().find(|&need| !done[need]).unwrap_or(at);
    }
    let start = way.iter().position(|&one| one == at).unwrap_or_default();
    let ring: Vec<usize> = way[start..].to_vec();
    let findings = ring.iter().enumerate().map(|(index, &one)| {
        let (from, to) = (&surveyed[one], &surveyed[ring[(index + 1) % ring.len()]]);
        let names = |reference: &str| needed(reference, &from.image.name, [&to.image.name]).is_some();
        let line =
            from.dockerfile.bases.iter().find(|base| names(&base.reference)).map_or(0, |base| base.line);
        Code::ImageCycle
            .error(format!("`{}` is built from `{}`", from.image.name, to.image.name))
            .about(from.subject())
            .at(from.place(line))
            .help(format!(
                "start from another image, or rename `{}` if that is not the image of the project",
                to.image.name
            ))
    });
    let names: Vec<String> = ring.iter().map(|&one| format!("`{}`", surveyed[one].image.name)).collect();
    let message = format!("the images {} are built from each other", names.join(" and "));
    Code::ImageCycle.fault(Kind::Usage, message).findings(findings)
}

#[cfg(test)]
mod tests {
    use super::needed;
    use super::order;
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
        assert_eq!(order(&images).unwrap(), [vec![1, 3], vec![2], vec![0]]);
    }

    #[test]
    fn a_cycle_names_its_images_and_their_lines() {
        let images = [
            surveyed("a", "FROM b", &["b"]),
            surveyed("b", "FROM scratch\nCOPY --from=c x x", &["c"]),
            surveyed("c", "FROM b:1", &["b"]),
        ];
        let fault = order(&images).unwrap_err();
        assert_eq!(fault.causes(), ["the images `b` and `c` are built from each other"]);
        let places: Vec<usize> =
            fault.findings.iter().map(|found| found.place.as_ref().unwrap().line).collect();
        assert_eq!(places, [2, 1]);
    }
}
