//! Which kinds the server serves: Kubernetes' own, all of them, and those whose CRD is there.

use crate::kinds;
use crate::memory::Memory;
use crate::request::ApiResponse;
use crate::request::Where;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The version that minikube 1.38 brings; what reads it only shows it.
fn version() -> Value {
    json!({"major": "1", "minor": "35", "gitVersion": "v1.35.1", "platform": "linux/amd64"})
}

/// A kind as it is served.
struct Kind {
    group: String,
    version: String,
    name: String,
    plural: String,
    namespaced: bool,
}

impl Kind {
    fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

impl Memory {
    /// Answers a path that is not an object's: the groups, the kinds of a group version, the server's own state.
    ///
    /// With `aggregated` the groups are listed with all their resources (`apidiscovery.k8s.io/v2`), as servers since
    /// 1.27 do
    /// for clients that accept it.
    pub(crate) fn discover(&self, path: &str, aggregated: bool) -> ApiResponse {
        let path = path.trim_end_matches('/');
        let document = match path {
            "/version" => version(),
            "/readyz" | "/livez" | "/healthz" => Value::String("ok".to_owned()),
            "/api" if aggregated => self.aggregated(true),
            "/apis" if aggregated => self.aggregated(false),
            "/api" => json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
            "/apis" => self.groups(),
            _ => return self.of_version(path.trim_start_matches("/apis/").trim_start_matches("/api/")),
        };
        ApiResponse::Json(200, document)
    }

    fn of_version(&self, desired: &str) -> ApiResponse {
        let resources: Vec<Value> = self
            .kinds()
            .filter(|kind| kind.api_version() == desired)
            .map(|kind| {
                json!({"name": kind.plural, "kind": kind.name, "singularName": kind.name.to_lowercase(),
                    "namespaced": kind.namespaced, "verbs": VERBS})
            })
            .collect();
        if resources.is_empty() {
            return ApiResponse::Json(404, Value::String("404 page not found".to_owned()));
        }
        let list = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": desired,
            "resources": resources});
        ApiResponse::Json(200, list)
    }

    /// Kubernetes' own kinds, and those of the CRDs.
    fn kinds(&self) -> impl Iterator<Item = Kind> {
        let own = kinds::ALL.iter().map(|kind| Kind {
            group: kind.group.to_owned(),
            version: kind.version.to_owned(),
            name: kind.kind.to_owned(),
            plural: kind.plural.to_owned(),
            namespaced: kind.namespaced,
        });
        let more = self.crds().flat_map(|crd| {
            let spec = &crd["spec"];
            let versions = spec["versions"].as_array().into_iter().flatten();
            versions.map(move |version| Kind {
                group: text(&spec["group"]),
                version: text(&version["name"]),
                name: text(&spec["names"]["kind"]),
                plural: text(&spec["names"]["plural"]),
                namespaced: spec["scope"] != "Cluster",
            })
        });
        own.chain(more)
    }

    /// The kinds of each version of each group.
    fn by_group(&self) -> BTreeMap<String, BTreeMap<String, Vec<Kind>>> {
        let mut groups: BTreeMap<String, BTreeMap<String, Vec<Kind>>> = BTreeMap::new();
        for kind in self.kinds() {
            let versions = groups.entry(kind.group.clone()).or_default();
            versions.entry(kind.version.clone()).or_default().push(kind);
        }
        groups
    }

    fn groups(&self) -> Value {
        let named = self.by_group().into_iter().filter(|(name, _)| !name.is_empty());
        let groups: Vec<Value> = named
            .map(|(name, versions)| {
                let versions: Vec<Value> = versions
                    .keys()
                    .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
                    .collect();
                json!({"name": name, "versions": versions, "preferredVersion": versions[0]})
            })
            .collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }

    fn aggregated(&self, core: bool) -> Value {
        let items: Vec<Value> = self
            .by_group()
            .into_iter()
            .filter(|(name, _)| name.is_empty() == core)
            .map(|(name, versions)| {
                let versions: Vec<Value> = versions
                    .into_iter()
                    .map(|(version, kinds)| {
                        let resources: Vec<Value> = kinds.iter().map(aggregate).collect();
                        json!({"version": version, "freshness": "Current", "resources": resources})
                    })
                    .collect();
                let metadata = if core { json!({}) } else { json!({"name": name}) };
                json!({"metadata": metadata, "versions": versions})
            })
            .collect();
        json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
    }

    fn crds(&self) -> impl Iterator<Item = &Value> {
        self.within("apis/apiextensions.k8s.io/v1/customresourcedefinitions", None, "", "")
    }

    /// Kubernetes' own groups are all served; any other needs its CRD, or, as that of the metrics, a server of its own.
    pub(crate) fn serves(&self, at: &Where) -> bool {
        let own = !at.group.contains('.') || (at.group.ends_with(".k8s.io") && at.group != "metrics.k8s.io");
        own || self.crds().any(|crd| {
            crd["spec"]["group"] == at.group.as_str() && crd["spec"]["names"]["plural"] == at.plural.as_str()
        })
    }
}

fn aggregate(kind: &Kind) -> Value {
    json!({"resource": kind.plural, "singularResource": kind.name.to_lowercase(), "verbs": VERBS,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.name}})
}
