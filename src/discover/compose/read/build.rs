//! How an image is built.

use super::super::model::ComposeBuild;
use super::super::model::Untaken;
use super::super::node::Node;
use super::super::short;
use super::text;
use crate::discover::tree::join;
use std::rc::Rc;

/// `build`; inputs from elsewhere are reported.
pub(super) fn build(node: &Rc<Node>, untaken: &mut Vec<Untaken>) -> Option<ComposeBuild> {
    let node = short::text_as_map(node, "context");
    let place = node.get("context").map_or(&node.place, |context| &context.place).clone();
    let context = text(&node, "context").unwrap_or_else(|| ".".to_owned());
    if context.contains("://") || context.starts_with("git@") {
        let help = "clone it next to this directory, and build it from there";
        untaken.push(Untaken { key: "build.context".to_owned(), place, help });
        return None;
    }
    let unsupported: [(&str, &'static str); 5] = [
        ("additional_contexts", "copy what the Dockerfile takes from there into the context"),
        (
            "ssh",
            "no SSH agent is forwarded: fetch private code before the build, or give a token as a build secret",
        ),
        ("entitlements", "the build has no such rights"),
        ("privileged", "the build has no such rights"),
        ("network", "the build has the usual network"),
    ];
    for (key, help) in unsupported {
        if let Some(entry) = node.entries().iter().find(|entry| entry.key == key && !entry.node.is_null()) {
            untaken.push(Untaken { key: format!("build.{key}"), place: entry.place.clone(), help });
        }
    }
    let context = join(&node.scope.folder, &context);
    let dockerfile = text(&node, "dockerfile").filter(|path| !path.is_empty());
    let args = node.get("args").map(short::as_map);
    let args = args.iter().flat_map(|args| args.entries()).filter_map(|entry| {
        // Without a value it is the caller's; `.env` counts, the rest of the environment does not.
        let value = if entry.node.is_null() {
            entry.node.scope.values.get(&entry.key).cloned()
        } else {
            entry.node.text()
        };
        Some((entry.key.clone(), value?))
    });
    let secrets = node.get("secrets").map(short::as_list);
    let secrets = secrets.iter().flat_map(|list| list.items()).filter_map(|item| {
        let source = item.text().or_else(|| text(item, "source"))?;
        Some((text(item, "target").unwrap_or_else(|| source.clone()), source))
    });
    Some(ComposeBuild {
        secrets: secrets.collect(),
        dockerfile: join(&context, dockerfile.as_deref().unwrap_or("Dockerfile")),
        inline: text(&node, "dockerfile_inline"),
        target: text(&node, "target").filter(|target| !target.is_empty()),
        args: args.collect(),
        context,
    })
}
