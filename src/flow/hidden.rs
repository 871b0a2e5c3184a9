//! Volumes that are mounted over files of the image: its program, most often.
//!
//! Kubernetes shows only the volume; Docker fills a new named volume from the image, so the mistake comes from
//! Docker.

use crate::event::Code;
use crate::event::Finding;
use crate::image::surveyed::Surveyed;
use crate::manifest::Object;
use crate::manifest::bind::named_by;
use crate::manifest::pods;
use crate::manifest::pods::Container;
use crate::manifest::pods::PodTemplate;
use crate::manifest::pods::items;

/// A warning for each empty volume that hides the program of an image of ours.
pub(super) fn programs(images: &[Surveyed], objects: &[Object]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(objects) {
        let all = template.containers();
        for container in all.iter().filter(|container| !container.init) {
            let name = container.value["image"].as_str().unwrap_or_default();
            let name = named_by(name, images.iter().map(|image| &image.image.name));
            let Some(image) = images.iter().find(|image| Some(&image.image.name) == name) else { continue };
            let command: Vec<&str> = ["command", "args"]
                .iter()
                .flat_map(|field| items(&container.value[*field]).filter_map(|(_, word)| word.as_str()))
                .collect();
            for (index, mount) in items(&container.value["volumeMounts"]) {
                let volume = mount["name"].as_str().unwrap_or_default();
                let path = mount["mountPath"].as_str().unwrap_or_default();
                if !is_empty_at_first(object, &template, volume) || is_filled(&all, volume) {
                    continue;
                }
                if let Some((hidden, line)) = image.dockerfile.hidden_by(path, &command) {
                    let message = format!(
                        "the volume `{volume}` is mounted at `{path}` and hides `{hidden}`, which the image has there ({})",
                        image.place(line)
                    );
                    let place =
                        object.place_of(&format!("{}/volumeMounts/{index}", container.pointer)).clone();
                    let help = "mount it at the directory of the data alone";
                    found.push(
                        Code::VolumeHidesProgram
                            .warning(message)
                            .about(object.id().to_string())
                            .at(place)
                            .help(help),
                    );
                }
            }
        }
    }
    found
}

/// Whether the volume is empty when it is mounted for the first time: ConfigMaps contain files, and the content of
/// the node's disk is not known here.
fn is_empty_at_first(object: &Object, template: &PodTemplate<'_>, name: &str) -> bool {
    let claimed = items(&object.value["spec"]["volumeClaimTemplates"])
        .any(|(_, claim)| claim["metadata"]["name"] == name);
    let kinds = ["persistentVolumeClaim", "emptyDir", "ephemeral"];
    let empty = template
        .volumes()
        .any(|(_, volume)| volume["name"] == name && kinds.iter().any(|kind| volume.get(kind).is_some()));
    claimed || empty
}

/// Whether an init container may have put something into it.
fn is_filled(containers: &[Container<'_>], volume: &str) -> bool {
    let mut init = containers.iter().filter(|container| container.init);
    init.any(|container| items(&container.value["volumeMounts"]).any(|(_, mount)| mount["name"] == volume))
}

#[cfg(test)]
mod tests {
    use super::programs;
    use crate::image::survey::tests::surveyed;
    use crate::manifest::read::objects;

    const DOCKERFILE: &str = "FROM a:1\nWORKDIR /app\nCOPY . .\nCMD [\"python\", \"main.py\"]\n";

    #[test]
    fn a_volume_over_the_program_is_told_and_one_beside_it_is_not() {
        let claim = "{name: v, persistentVolumeClaim: {claimName: c}}";
        for (dockerfile, mount, volume, more, hides) in [
            (DOCKERFILE, "/app", claim, "", Some("/app/main.py")),
            (DOCKERFILE, "/app/", "{name: v, emptyDir: {}}", "", Some("/app/main.py")),
            (DOCKERFILE, "/app/data", claim, "", None),
            (DOCKERFILE, "/application", claim, "", None),
            (DOCKERFILE, "/app", "{name: v, configMap: {name: c}}", "", None),
            (DOCKERFILE, "/app", "{name: v, hostPath: {path: /src}}", "", None),
            (
                DOCKERFILE,
                "/app",
                claim,
                "initContainers: [{name: i, image: web, volumeMounts: [{name: v, mountPath: /x}]}], ",
                None,
            ),
            ("FROM a:1\nCOPY server /usr/local/bin/\nCMD server --data /data\n", "/data", claim, "", None),
            (
                "FROM a:1\nCOPY server /srv/\nENTRYPOINT [\"/srv/server\"]\n",
                "/srv",
                claim,
                "",
                Some("/srv/server"),
            ),
            (
                "FROM a:1\nWORKDIR /app\nCOPY . .\nRUN npm ci\nCMD npm start\n",
                "/app",
                claim,
                "",
                Some("/app"),
            ),
            (
                "FROM a:1 AS b\nWORKDIR /app\nCOPY . .\nFROM b\nCMD npm start\n",
                "/app",
                claim,
                "",
                Some("/app"),
            ),
            ("FROM a:1\nWORKDIR /app\nCMD npm start\n", "/app", claim, "", None),
            (
                "FROM a:1\nCOPY server /bin/\nWORKDIR /data\nCOPY seed.db .\nCMD [\"/bin/server\"]\n",
                "/data",
                claim,
                "",
                None,
            ),
        ] {
            let image = surveyed("web", dockerfile, &[]);
            let objects = objects(&format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{{more}containers: [{{name: c, image: web, volumeMounts: [{{name: v, mountPath: {mount}}}]}}], volumes: [{volume}]}}\n"
            ));
            let found = programs(&[image], &objects);
            let message = found.first().map(|finding| finding.message.clone());
            match hides {
                Some(path) => assert!(
                    message.as_ref().is_some_and(|message| message.contains(&format!("hides `{path}`"))),
                    "{dockerfile} {mount}: {message:?}"
                ),
                None => assert_eq!(message, None, "{dockerfile} {mount}"),
            }
        }
    }
}
