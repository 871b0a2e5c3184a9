//! The variables that the build of an image embeds, because a tool that it depends on puts them into browser code.

use crate::file;
use crate::image::surveyed::Surveyed;
use crate::project::name::ImageName;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The prefix of the variables that a tool embeds at its build, and the tool's package.
const TOOLS: [(&str, &[&str]); 4] = [
    ("NEXT_PUBLIC_", &["next"]),
    ("VITE_", &["vite"]),
    ("REACT_APP_", &["react-scripts", "@craco/craco"]),
    ("NUXT_PUBLIC_", &["nuxt"]),
];

/// Of a context with more of them, the first ones are read.
const PACKAGES_AT_MOST: usize = 50;

/// The prefixes of variables that each image's build embeds, according to the package.json files of its context.
pub(crate) fn beginnings(images: &[Surveyed]) -> BTreeMap<ImageName, BTreeSet<&'static str>> {
    let found = images.iter().map(|image| (image.image.name.clone(), of_context(image)));
    found.filter(|(_, beginnings)| !beginnings.is_empty()).collect()
}

fn of_context(image: &Surveyed) -> BTreeSet<&'static str> {
    let entries = image.context.entries.iter().map(|entry| entry.path.as_str());
    let packages = entries.filter(|path| path.rsplit('/').next() == Some("package.json"));
    let read = |path: &str| file::read(&image.context.root.join(path), file::TEXT).ok();
    packages
        .filter(|path| !path.contains("node_modules/"))
        .take(PACKAGES_AT_MOST)
        .filter_map(read)
        .filter_map(|bytes| serde_json::from_slice(&bytes).ok())
        .flat_map(|package: Value| taken_up(&package))
        .collect()
}

fn taken_up(package: &Value) -> Vec<&'static str> {
    let depends =
        |name: &str| ["dependencies", "devDependencies"].iter().any(|field| !package[*field][name].is_null());
    let tools = TOOLS.iter().filter(|(_, packages)| packages.iter().any(|name| depends(name)));
    tools.map(|(beginning, _)| *beginning).collect()
}

#[cfg(test)]
mod tests {
    use super::taken_up;
    use serde_json::json;

    #[test]
    fn a_package_says_by_its_dependencies_what_its_build_takes_up() {
        for (package, beginnings) in [
            (json!({"dependencies": {"next": "15"}}), vec!["NEXT_PUBLIC_"]),
            (json!({"devDependencies": {"vite": "7"}, "dependencies": {"vue": "3"}}), vec!["VITE_"]),
            (json!({"dependencies": {"express": "5"}}), vec![]),
            (json!({"name": "next"}), vec![]),
        ] {
            assert_eq!(taken_up(&package), beginnings, "{package}");
        }
    }
}
