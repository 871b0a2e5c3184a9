//! The changes that make the hooks of a release run again.

use super::digest;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::Release;
use crate::manifest::hook::Hook;
use crate::project::Chart;
use crate::project::Mode;
use crate::project::name::Namespace;
use serde_json::json;

fn object(name: &str, image: &str, hook: Option<&str>) -> Object {
    let annotations = hook.map_or(json!({}), |hook| json!({"helm.sh/hook": hook}));
    let value = json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "annotations": annotations}, "spec": {"image": image}});
    Object::made(value, Place::file("a.yaml"))
}

#[test]
fn a_release_changes_with_its_objects_and_hooks_and_with_nothing_else() {
    let of = |member: &str, hook: &str, other: &str| {
        let member = object("member", member, None);
        let hook = Hook::from_object(&object("hook", hook, Some("pre-install"))).unwrap().unwrap();
        let release = Release {
            chart: Chart {
                folder: "/c".into(),
                release: "r".to_owned(),
                namespace: None,
                values: Vec::new(),
                set: [].into(),
                set_env: [].into(),
                mode: Mode::Objects,
            },
            namespace: Namespace::parse("shop").unwrap(),
            place: Place::file("deploy.toml"),
            members: [member.id()].into(),
            hooks: vec![hook],
        };
        digest(&release, &[object("other", other, None), member])
    };
    let before = of("web:1", "migrate:1", "x:1");
    assert_eq!(before, of("web:1", "migrate:1", "x:2"));
    assert_ne!(before, of("web:2", "migrate:1", "x:1"));
    assert_ne!(before, of("web:1", "migrate:2", "x:1"));
}
