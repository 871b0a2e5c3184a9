//! The small types: names that are made only by parsing, so that a wrong one cannot be passed on.

use dockerfile::reference;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;

/// Why a text is not such a name: what it must look like, as the end of a sentence that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAName(pub &'static str);

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotAName {}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $rule:expr, $must:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Parses it.
            pub fn parse(text: impl Into<String>) -> Result<Self, NotAName> {
                let text = text.into();
                if ($rule)(&text) { Ok($type(text)) } else { Err(NotAName($must)) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NotAName;
            fn try_from(text: String) -> Result<Self, NotAName> {
                $type::parse(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
    };
}

name!(
    /// A Kubernetes namespace: an RFC 1123 label.
    Namespace, is_label, "must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"
);
name!(
    /// The project's name, which its objects and images carry: an RFC 1123 label.
    ProjectName, is_label, "must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"
);
name!(
    /// The owner of images, as in their tags and labels: the project's name, and the namespace where that is another.
    /// A name has no dot, so two projects never have the same one ([`ImageOwner::new`]).
    ImageOwner, is_subdomain, "must be labels joined by dots"
);
name!(
    /// A minikube profile: what minikube accepts (`pkg/minikube/config/profile.go`: `ProfileNameValid`), 2 characters at least.
    Profile, is_profile, "must be at least 2 of a-z, A-Z, 0-9, - and ., beginning and ending with a letter or digit"
);
name!(
    /// An image of the project, as manifests name it: a repository, perhaps of a registry, without tag or digest.
    ImageName, is_repository, "must be a-z and 0-9 in parts joined by / . _ or -, perhaps after a registry (`localhost:5000/`), without a tag"
);
name!(
    /// The name of a Kubernetes object: an RFC 1123 subdomain.
    ObjectName, is_subdomain, "must be 1 to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit"
);
name!(
    /// A key of a Secret or ConfigMap (`apimachinery: pkg/util/validation: IsConfigMapKey`).
    DataKey, is_data_key, "must be 1 to 253 of a-z, A-Z, 0-9, -, _ and ., and not . or .."
);

impl ImageName {
    /// The name as a part of a repository's path, which has no port: `localhost--5000/web`.
    #[must_use]
    pub fn as_path(&self) -> String {
        self.0.replace(':', "--")
    }
}

impl ImageOwner {
    /// Of the project `name` in `namespace`. Projects of one name in two namespaces have their own images: what the one no
    /// longer needs the other may still go back to.
    #[must_use]
    pub fn new(name: &ProjectName, namespace: &Namespace) -> ImageOwner {
        if name.as_str() == namespace.as_str() {
            return ImageOwner(name.to_string());
        }
        ImageOwner(format!("{name}.{namespace}"))
    }
}

fn is_label(text: &str) -> bool {
    text.len() <= 63 && !text.contains('.') && is_subdomain(text)
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|part| {
            part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.ends_with(|c: char| c.is_ascii_alphanumeric())
        })
}

fn is_profile(text: &str) -> bool {
    text.len() >= 2
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_repository(text: &str) -> bool {
    let registry = reference::host(text);
    let path = registry.map_or(text, |registry| &text[registry.len() + 1..]);
    text.len() <= 255 && !path.contains([':', '@']) && reference::mistake(text).is_none()
}

fn is_data_key(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text != "."
        && text != ".."
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::DataKey;
    use super::ImageName;
    use super::ImageOwner;
    use super::Namespace;
    use super::ObjectName;
    use super::Profile;
    use super::ProjectName;

    #[test]
    fn two_projects_never_have_the_same_images() {
        let of = |name: &str, namespace: &str| {
            let (name, namespace) = (ProjectName::parse(name).unwrap(), Namespace::parse(namespace).unwrap());
            ImageOwner::new(&name, &namespace).to_string()
        };
        assert_eq!(of("shop", "shop"), "shop");
        assert_eq!(of("shop", "dev"), "shop.dev");
        assert_ne!(of("shop", "dev"), of("dev", "shop"));
    }

    #[test]
    fn names_are_what_their_owners_accept() {
        for (good, bad) in [("todo-chatbot", "Todo"), ("a", ""), ("a1", "-a"), ("x", "a.b"), ("x", "a-")] {
            assert!(Namespace::parse(good).is_ok(), "{good}");
            assert!(Namespace::parse(bad).is_err(), "{bad}");
        }
        assert!(ObjectName::parse("a.b-c").is_ok() && ObjectName::parse("a..b").is_err());
        assert!(
            Profile::parse("mini.Kube-2").is_ok()
                && Profile::parse("m").is_err()
                && Profile::parse("a b").is_err()
        );
        for (name, fits) in [
            ("team/todo_backend", true),
            ("localhost:5000/web", true),
            ("registry.local:5000/team/web", true),
            ("todo:1", false),
            ("localhost:5000/web:1", false),
            ("team/todo:1", false),
            ("localhost:5000", false),
            ("localhost:http/web", false),
            ("Todo", false),
        ] {
            assert_eq!(ImageName::parse(name).is_ok(), fits, "{name}");
        }
        assert!(DataKey::parse("OPENAI_API_KEY").is_ok() && DataKey::parse("a b").is_err());
    }
}
