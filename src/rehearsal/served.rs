//! Which kinds the server serves: Kubernetes' own, all of them, and those whose CRD is there.

use crate::rehearsal::kinds;
use crate::rehearsal::memory::Memory;
use crate::rehearsal::request::Answer;
use crate::rehearsal::request::Where;
use crate::rehearsal::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The version that minikube brings; what reads it only shows it.
fn version() -> Value {
    json!({"major": "1", "minor": "34", "gitVersion": "v1.34.0", "platform": "linux/amd64"})
}

impl Memory {
    /// What a path says that is no object's: the groups, the kinds of a group version, the server's own state.
    pub(crate) fn discover(&self, path: &str) -> Answer {
        match path.trim_end_matches('/') {
            "/version" => return Answer::Json(200, version()),
            "/readyz" | "/livez" | "/healthz" => return Answer::Json(200, Value::String("ok".to_owned())),
            "/api" => {
                return Answer::Json(
                    200,
                    json!({"kind": "APIVersions", "versions": ["v1"],
                    "serverAddressByClientCIDRs": []}),
                );
            }
            "/apis" => return Answer::Json(200, self.groups()),
            _ => {}
        }
        let wanted = path.trim_start_matches("/apis/").trim_start_matches("/api/");
        let own = kinds::ALL.iter().filter(|kind| kind.api_version() == wanted).map(|kind| {
            json!({"name": kind.plural, "kind": kind.kind, "singularName": kind.kind.to_lowercase(),
                "namespaced": kind.namespaced, "verbs": VERBS})
        });
        let more: Vec<Value> = self
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
                    "verbs": VERBS})
            })
            .collect();
        let resources: Vec<Value> = own.chain(more).collect();
        if resources.is_empty() {
            return Answer::Json(404, Value::String("404 page not found".to_owned()));
        }
        Answer::Json(
            200,
            json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": wanted, "resources": resources}),
        )
    }

    fn groups(&self) -> Value {
        let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for kind in kinds::ALL.iter().filter(|kind| !kind.group.is_empty()) {
            groups.entry(kind.group.to_owned()).or_default().insert(kind.version.to_owned());
        }
        for crd in self.crds() {
            for version in crd["spec"]["versions"].as_array().into_iter().flatten() {
                groups.entry(text(&crd["spec"]["group"])).or_default().insert(text(&version["name"]));
            }
        }
        let groups: Vec<Value> = groups
            .into_iter()
            .map(|(name, versions)| {
                let versions: Vec<Value> = versions
                    .iter()
                    .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
                    .collect();
                json!({"name": name, "versions": versions, "preferredVersion": versions[0]})
            })
            .collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
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
