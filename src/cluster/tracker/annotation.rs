//! The tracker's annotations, read before anything is written: an invalid rule must be reported at once, not after a
//! wait.

use crate::event::Code;
use crate::event::Finding;
use crate::manifest::Object;
use crate::pointer;
use health::live;
use health::status::expression;
use health::status::expression::Rule;
use serde_json::Value;

/// The annotation that multiplies the tolerances for one object, as `--patience` does for all.
pub(crate) const PATIENCE: &str = "todo.dev/patience";

/// The tolerance that the object's annotation requests; `None` if there is no valid one.
pub(crate) fn patience(object: &Value) -> Option<f64> {
    live::annotation(object, PATIENCE).trim().parse().ok().filter(|factor| (0.0..=100.0).contains(factor))
}

/// All that is wrong with the tracker's annotations.
pub fn check_annotations(objects: &[Object]) -> Vec<Finding> {
    objects.iter().flat_map(|object| [rule(object), factor(object)]).flatten().collect()
}

fn rule(object: &Object) -> Option<Finding> {
    let text = object.value["metadata"]["annotations"].get(expression::ANNOTATION)?;
    let why = Rule::parse(text.as_str().unwrap_or_default()).err()?;
    Some(invalid(object, expression::ANNOTATION, &format!("cannot be read: {why}")).help(
        "write what `kubectl wait --for` takes, or CEL such as `status.phase == 'Running'`; the README shows what is known",
    ))
}

fn factor(object: &Object) -> Option<Finding> {
    object.value["metadata"]["annotations"].get(PATIENCE)?;
    if patience(&object.value).is_some() {
        return None;
    }
    Some(invalid(object, PATIENCE, "is not a valid factor").help("write a number from 0 to 100, in quotes"))
}

fn invalid(object: &Object, annotation: &str, what: &str) -> Finding {
    let field = pointer::annotation(annotation);
    Code::AnnotationInvalid
        .error(format!("its annotation `{annotation}` {what}"))
        .about(object.id().to_string())
        .at(object.place_of(&field).clone())
}

#[cfg(test)]
mod tests {
    use super::check_annotations;
    use super::patience;
    use crate::event::Place;
    use crate::manifest::Object;
    use serde_json::json;

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let annotated = |rule: &str, patience: &str| {
            let value = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "annotations":
                {"todo.dev/ready": rule, "todo.dev/patience": patience}}});
            let mut object = Object::made(value, Place::file("web.yaml"));
            for name in ["ready", "patience"] {
                let field = format!("/metadata/annotations/todo.dev~1{name}");
                object.places.insert(field, Place::file(format!("web.yaml#{name}")));
            }
            object
        };
        assert_eq!(check_annotations(&[annotated("status.phase == 'Running'", "2.5")]), []);
        assert_eq!(patience(&annotated("", "2.5").value), Some(2.5));
        let findings = check_annotations(&[annotated("status.phase = 'Running'", "two")]);
        let places: Vec<String> =
            findings.iter().map(|finding| finding.place.as_ref().unwrap().to_string()).collect();
        assert_eq!(places, ["web.yaml#ready", "web.yaml#patience"]);
        assert!(findings[0].message.ends_with("equality is `==`"), "{}", findings[0].message);
    }
}
