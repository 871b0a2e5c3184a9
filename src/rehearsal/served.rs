//! Which kinds the server serves: Kubernetes' own, all of them, and those whose CRD is there.

use crate::rehearsal::memory::Memory;
use crate::rehearsal::request::Answer;
use crate::rehearsal::request::Where;
use crate::rehearsal::request::text;
use serde_json::Value;
use serde_json::json;

impl Memory {
    /// The kinds of a group version: those of the CRDs that are here.
    pub(crate) fn discover(&self, path: &str) -> Answer {
        let wanted = path.trim_start_matches("/apis/");
        let resources: Vec<Value> = self
            .crds()
            .flat_map(|crd| {
                let spec = &crd["spec"];
                let group = text(&spec["group"]);
                let versions = spec["versions"].as_array().cloned().unwrap_or_default();
                versions
                    .into_iter()
                    .map(move |version| (format!("{group}/{}", text(&version["name"])), spec.clone()))
            })
            .filter(|(version, _)| version == wanted)
            .map(|(_, spec)| {
                json!({"name": spec["names"]["plural"], "kind": spec["names"]["kind"], "singularName": "",
                    "namespaced": spec["scope"] != "Cluster",
                    "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"]})
            })
            .collect();
        if resources.is_empty() {
            return Answer::Json(404, Value::String("404 page not found".to_owned()));
        }
        Answer::Json(
            200,
            json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": wanted, "resources": resources}),
        )
    }

    fn crds(&self) -> impl Iterator<Item = &Value> {
        self.within("apis/apiextensions.k8s.io/v1/customresourcedefinitions", None, "", "")
    }

    /// Groups of Kubernetes are all served; any other needs its CRD.
    pub(crate) fn serves(&self, at: &Where) -> bool {
        let own = !at.group.contains('.') || at.group.ends_with(".k8s.io");
        own || self.crds().any(|crd| {
            crd["spec"]["group"] == at.group.as_str() && crd["spec"]["names"]["plural"] == at.plural.as_str()
        })
    }
}
