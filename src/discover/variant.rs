//! How far the words of a name are from this machine: `local` is nearest, `prod` is farthest.

/// Words for a target, the nearest first; the empty one stands for names without such a word.
const WORDS: [&[&str]; 6] = [
    &["local", "minikube", "localhost"],
    &["dev", "development", "develop"],
    &[],
    &["kind", "k3s", "k3d", "microk8s", "rancher", "test", "testing", "ci", "qa"],
    &["staging", "stage", "preprod", "uat"],
    &[
        "prod",
        "production",
        "cloud",
        "aws",
        "eks",
        "gke",
        "gcp",
        "aks",
        "azure",
        "doks",
        "oke",
        "live",
        "digitalocean",
    ],
];

/// The rank of names without such a word.
const SILENT: usize = 2;

/// The distance of a path or a name; of several words the farthest counts.
#[must_use]
pub fn distance(name: &str) -> usize {
    let small = name.to_ascii_lowercase();
    let words = small.split(|c: char| !c.is_ascii_alphanumeric());
    let known = words.filter_map(|word| WORDS.iter().position(|same| same.contains(&word)));
    known.max().unwrap_or(SILENT)
}

/// Whether it is for another machine than this one.
#[must_use]
pub fn is_far(name: &str) -> bool {
    distance(name) > SILENT
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn what_is_for_this_machine_is_nearest() {
        for pair in [
            "deploy-minikube.sh deploy-dev.sh",
            "setup.sh setup-rancher.sh",
            "k8s/dev k8s",
            "k8s k8s/staging",
            "values-staging.yaml values-prod.yaml",
        ] {
            let (near, far) = pair.split_once(' ').unwrap();
            assert!(distance(near) < distance(far), "{pair}");
        }
        assert_eq!(distance("products/api"), distance("api"), "a word is a whole word");
    }
}
