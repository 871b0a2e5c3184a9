//! The names of our images.
//!
//! Two tags each: `k-` and the key finds an image without building it, `i-` and the image's id is the reference in
//! the pods. So an edit that does not affect the image (a comment, a README that is not copied) makes a new key and
//! restarts nothing. The host `todo.local` does not exist: no engine can pull such a name from a foreign registry by
//! mistake.

use crate::project::name::ImageName;
use crate::project::name::ImageOwner;
use std::collections::BTreeMap;

const HOST: &str = "todo.local";

/// The label with the project of an image.
pub const PROJECT: &str = "todo.project";

/// The label with the image's name in the project.
pub const IMAGE: &str = "todo.image";

/// `todo.local/PROJECT/IMAGE`.
#[must_use]
pub fn repository(project: &ImageOwner, image: &ImageName) -> String {
    format!("{HOST}/{project}/{}", image.as_path())
}

/// The tag that finds an image by its key.
#[must_use]
pub fn by_key(repository: &str, key: &str) -> String {
    format!("{repository}:k-{key}")
}

/// The tag that pods name, of an image's id (`sha256:…`).
#[must_use]
pub fn by_id(repository: &str, id: &str) -> String {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    format!("{repository}:i-{}", hex.get(..16).unwrap_or(hex))
}

/// Which image of the project a reference is of ([`ImageName::as_path`]), if it is one that we created.
#[must_use]
pub fn ours<'a>(project: &ImageOwner, reference: &'a str) -> Option<&'a str> {
    let rest =
        reference.strip_prefix(HOST)?.strip_prefix('/')?.strip_prefix(project.as_str())?.strip_prefix('/')?;
    let (image, tag) = rest.rsplit_once(':')?;
    let hex = tag.strip_prefix("k-").or_else(|| tag.strip_prefix("i-"))?;
    (!hex.is_empty() && hex.chars().all(|c| c.is_ascii_hexdigit())).then_some(image)
}

/// Whether a reference is one under which the image of that name and id was pushed to a registry. Only we name images
/// by their own ids.
#[must_use]
pub fn is_pushed(image: &str, id: &str, reference: &str) -> bool {
    reference.ends_with(&by_id(&format!("/{}", image.replace(':', "--")), id))
}

/// The labels of every image of ours. Constant, because any other label would change the image.
#[must_use]
pub fn labels(project: &ImageOwner, image: &ImageName) -> BTreeMap<String, String> {
    BTreeMap::from([(PROJECT.to_owned(), project.to_string()), (IMAGE.to_owned(), image.to_string())])
}

#[cfg(test)]
mod tests {
    use super::by_id;
    use super::by_key;
    use super::is_pushed;
    use super::ours;
    use super::repository;
    use crate::project::name::ImageName;
    use crate::project::name::ImageOwner;

    #[test]
    fn what_we_pushed_says_its_own_name_and_id() {
        let id = "sha256:0123456789abcdef0123";
        assert!(is_pushed("web", id, "ghcr.io/acme/web:i-0123456789abcdef"));
        for foreign in
            ["ghcr.io/acme/web:i-1123456789abcdef", "ghcr.io/acme/web:1", "ghcr.io/web2:i-0123456789abcdef"]
        {
            assert!(!is_pushed("web", id, foreign), "{foreign}");
        }
    }

    #[test]
    fn the_port_of_a_registry_is_no_tag() {
        let (project, image) =
            (ImageOwner::parse("shop").unwrap(), ImageName::parse("localhost:5000/web").unwrap());
        let tag = by_id(&repository(&project, &image), "sha256:0123456789abcdef0123");
        assert_eq!(tag, "todo.local/shop/localhost--5000/web:i-0123456789abcdef");
        assert_eq!(ours(&project, &tag), Some(image.as_path().as_str()));
        let pushed = "ghcr.io/acme/localhost--5000/web:i-0123456789abcdef";
        assert!(is_pushed(image.as_str(), "sha256:0123456789abcdef0123", pushed));
    }

    #[test]
    fn only_what_we_tagged_is_ours() {
        let project = ImageOwner::parse("shop").unwrap();
        let image = ImageName::parse("team/web").unwrap();
        let repository = repository(&project, &image);
        assert_eq!(
            by_id(&repository, "sha256:0123456789abcdef0123"),
            "todo.local/shop/team/web:i-0123456789abcdef"
        );
        assert_eq!(ours(&project, &by_key(&repository, "00ff")), Some("team/web"));
        assert_eq!(ours(&project, &by_id(&repository, "sha256:abc")), Some("team/web"));
        for foreign in [
            "shop/web:k-00ff",
            "todo.local/shop2/web:k-00ff",
            "todo.local/shop/web:latest",
            "todo.local/shop/web:k-",
            "todo.local/shop/web",
            "todo.local/shopping/web:i-00",
            "docker.io/todo.local/shop/web:i-00",
        ] {
            assert_eq!(ours(&project, foreign), None, "{foreign}");
        }
    }
}
