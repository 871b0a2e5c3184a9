//! `todo post-render`: called by Helm when it installs a release itself, to put our images into its objects.
//!
//! A filter. Objects are written as JSON, which is valid YAML; only images and their pull policies differ.

use crate::event::Code;
use crate::event::Place;
use crate::event::Severity;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::file;
use crate::flow::Answer;
use crate::manifest::Object;
use crate::manifest::bind::PullPolicy;
use crate::manifest::bind::bind;
use crate::manifest::yaml;
use crate::project::Project;
use crate::project::name::ImageName;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Binds `images`, each as `NAME=REFERENCE`, in the objects of standard input.
pub async fn post_render(project: &Project, images: &[String]) -> Result<Answer> {
    let reading = tokio::task::spawn_blocking(|| file::read_stream(std::io::stdin().lock(), file::OBJECTS));
    let read = reading.await.or_fault(Code::InternalError, FaultKind::Internal, || {
        "internal error while reading the objects".to_owned()
    })?;
    let text = read.or_fault(Code::ManifestInvalid, FaultKind::Usage, || {
        "cannot read objects from standard input".to_owned()
    })?;
    bound(project, images, &text).map(Answer::Text)
}

fn bound(project: &Project, images: &[String], text: &str) -> Result<String> {
    let mut built = BTreeMap::new();
    for pair in images {
        let parsed =
            pair.split_once('=').and_then(|(name, to)| Some((ImageName::parse(name).ok()?, to.to_owned())));
        let Some((name, to)) = parsed else {
            return Err(Code::ArgumentInvalid
                .fault(FaultKind::Usage, format!("`{pair}` is not NAME=REFERENCE"))
                .hint("this command is for Helm; call `todo up`"));
        };
        built.insert(name, to);
    }
    let (documents, found) = yaml::rendered(text, Path::new("what Helm rendered"));
    if found.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Code::ManifestInvalid
            .fault(FaultKind::Usage, "what Helm rendered cannot be read")
            .findings(found));
    }
    let place = Place::file("what Helm rendered");
    let mut objects: Vec<Object> =
        documents.into_iter().map(|document| Object::made(document.value, place.clone())).collect();
    let pull = if project.elsewhere.is_some() { PullPolicy::IfNotPresent } else { PullPolicy::Never };
    bind(&mut objects, &project.bindings, &built, pull);
    let mut text = String::new();
    for object in &objects {
        let _ = write!(text, "---\n{}\n", *object.value);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::bound;
    use crate::manifest::yaml;
    use crate::project::check::check;
    use std::path::Path;

    #[test]
    fn only_images_differ() {
        let project = check(Path::new("/p/deploy.toml"), "[[manifests]]\npath = 'k8s'").unwrap();
        let text = "---\n# Source: web/templates/a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {A: \"1\"}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'web:latest'}, {name: d, image: nginx}]}\n";
        let rendered = bound(&project, &["web=web:abc".to_owned()], text).unwrap();
        let (read, found) = yaml::documents(&rendered, Path::new("out"));
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(read[0].value["stringData"]["A"], "1");
        let containers = &read[1].value["spec"]["containers"];
        assert_eq!(
            (&containers[0]["image"], &containers[0]["imagePullPolicy"]),
            (&"web:abc".into(), &"Never".into())
        );
        assert_eq!(containers[1]["image"], "nginx");
        assert!(bound(&project, &["web".to_owned()], text).is_err());
    }
}
