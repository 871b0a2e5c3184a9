//! One request to the API server, its answer as JSON.
//!
//! Not a typed client: a field that we do not know must survive, and old and new servers must both work. Paths are made
//! here rather than by `kube::Api`, because the kind is data and a discovery is not always wanted.

mod failure;
pub(crate) mod page;

use crate::cluster::wire::page::ObjectPage;
pub(crate) use failure::Failure;
use failure::refusal;
use http::Method;
use http::Request;
use http::header;
use kube::Client;
use kube::client::Body;
use kube::core::ApiResource;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;
use std::fmt::Write;
use std::time::Duration;

/// The field manager of everything that we write for the project.
pub(crate) const MANAGER: &str = "todo";

/// Objects per page of a list.
const PAGE: usize = 500;

/// How long a read may take.
const READ: Duration = Duration::from_secs(30);

/// The media type that requests a list without the objects' content, from servers that support it.
const NAMES: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// How long a write may take: each of its webhooks may take up to 30 s.
const WRITE: Duration = Duration::from_secs(65);

/// A kind as the server serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKind {
    /// Group, version, kind and plural.
    pub(crate) resource: ApiResource,
    /// Whether its objects live in a namespace.
    pub(crate) namespaced: bool,
}

/// How an apply is sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct How {
    /// Only a dry run.
    pub(crate) dry_run: bool,
    /// Take fields that others own.
    pub(crate) force: bool,
}

/// What happens to the dependents of an object when it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// The object stays until its dependents are deleted.
    Foreground,
    /// The object is deleted at once, its dependents follow.
    Background,
    /// Its dependents stay.
    Orphan,
}

/// The API server.
#[derive(Clone)]
pub(crate) struct Wire {
    client: Client,
}

impl Wire {
    pub(crate) fn new(client: Client) -> Wire {
        Wire { client }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The object, or `None` where there is none of that name (or no such kind).
    pub(crate) async fn get(
        &self,
        kind: &ApiKind,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, Failure> {
        let request = request(Method::GET, &path(kind, namespace, Some(name)), None)?;
        match self.send(request, READ).await {
            Ok(object) => Ok(Some(object)),
            Err(failure) if failure.is_absent() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// All objects of a kind, in one namespace or in all, that match `selector`; `managedFields` stay unparsed
    /// ([`page`]).
    pub(crate) async fn list(
        &self,
        kind: &ApiKind,
        namespace: Option<&str>,
        selector: &str,
    ) -> Result<Vec<Value>, Failure> {
        self.pages(kind, namespace, selector, "application/json").await
    }

    /// As [`Wire::list`], but only the metadata: for objects that are large, or none of our business.
    pub(crate) async fn names(
        &self,
        kind: &ApiKind,
        namespace: Option<&str>,
        selector: &str,
    ) -> Result<Vec<Value>, Failure> {
        self.pages(kind, namespace, selector, NAMES).await
    }

    async fn pages(
        &self,
        kind: &ApiKind,
        namespace: Option<&str>,
        selector: &str,
        accept: &'static str,
    ) -> Result<Vec<Value>, Failure> {
        let mut objects = Vec::new();
        let mut more: Option<String> = None;
        loop {
            let mut url = format!("{}?limit={PAGE}", path(kind, namespace, None));
            if !selector.is_empty() {
                let _ = write!(url, "&labelSelector={}", encoded(selector));
            }
            if let Some(token) = &more {
                let _ = write!(url, "&continue={}", encoded(token));
            }
            let mut request = request(Method::GET, &url, None)?;
            request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static(accept));
            let page: ObjectPage = self.send(request, READ).await?;
            more = page.more();
            objects.extend(page.into_objects(&kind.resource));
            if more.is_none() {
                return Ok(objects);
            }
        }
    }

    /// Server-side apply: creates or changes, and returns the object as it is then.
    pub(crate) async fn apply(
        &self,
        kind: &ApiKind,
        namespace: Option<&str>,
        manager: &str,
        body: &Value,
        how: How,
    ) -> Result<Value, Failure> {
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        let mut url = format!(
            "{}?fieldManager={manager}&force={}&fieldValidation=Strict",
            path(kind, namespace, Some(name)),
            how.force
        );
        if how.dry_run {
            url.push_str("&dryRun=All");
        }
        self.send(request(Method::PATCH, &url, Some(("application/apply-patch+yaml", body)))?, WRITE).await
    }

    /// Creates; an object of that name is a refusal.
    pub(crate) async fn create(
        &self,
        kind: &ApiKind,
        namespace: Option<&str>,
        body: &Value,
        dry_run: bool,
    ) -> Result<Value, Failure> {
        let mut url = format!("{}?fieldManager={MANAGER}", path(kind, namespace, None));
        if dry_run {
            url.push_str("&dryRun=All");
        }
        self.send(request(Method::POST, &url, Some(("application/json", body)))?, WRITE).await
    }

    /// Replaces; its `metadata.resourceVersion` makes a race a refusal.
    pub(crate) async fn replace(
        &self,
        kind: &ApiKind,
        namespace: Option<&str>,
        body: &Value,
    ) -> Result<Value, Failure> {
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        let url = format!("{}?fieldManager={MANAGER}", path(kind, namespace, Some(name)));
        self.send(request(Method::PUT, &url, Some(("application/json", body)))?, WRITE).await
    }

    /// Applies a JSON Patch (RFC 6902).
    pub(crate) async fn json_patch(
        &self,
        kind: &ApiKind,
        namespace: Option<&str>,
        name: &str,
        patch: &Value,
    ) -> Result<Value, Failure> {
        let url = format!("{}?fieldManager={MANAGER}", path(kind, namespace, Some(name)));
        self.send(request(Method::PATCH, &url, Some(("application/json-patch+json", patch)))?, WRITE).await
    }

    /// Deletes the object with this UID. Returns whether it may still exist; a missing object counts as deleted.
    pub(crate) async fn delete(
        &self,
        kind: &ApiKind,
        namespace: Option<&str>,
        name: &str,
        uid: &str,
        propagation: Propagation,
    ) -> Result<bool, Failure> {
        let policy = match propagation {
            Propagation::Foreground => "Foreground",
            Propagation::Background => "Background",
            Propagation::Orphan => "Orphan",
        };
        let body = json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "propagationPolicy": policy, "preconditions": {"uid": uid},
        });
        let url = path(kind, namespace, Some(name));
        match self
            .send::<Value>(request(Method::DELETE, &url, Some(("application/json", &body)))?, WRITE)
            .await
        {
            Ok(answer) => Ok(answer["kind"] != "Status"),
            Err(failure) if failure.is_absent() => Ok(false),
            // Another object has that name now: the one we mean was deleted.
            Err(failure) if failure.is_conflict() && failure.to_string().contains("UID in precondition") => {
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Waits until an object changes after `version`, which may be empty, or the server ends the watch.
    pub(crate) async fn change(
        &self,
        kind: &ApiKind,
        namespace: Option<&str>,
        name: &str,
        version: &str,
    ) -> Result<(), Failure> {
        use futures::TryStreamExt;
        let mut url = format!(
            "{}?watch=1&timeoutSeconds=60&fieldSelector={}",
            path(kind, namespace, None),
            encoded(&format!("metadata.name={name}")),
        );
        if !version.is_empty() {
            let _ = write!(url, "&resourceVersion={version}");
        }
        let request = request(Method::GET, &url, None)?;
        let stream = self.client.request_events::<Value>(request).await?;
        let mut stream = std::pin::pin!(stream);
        stream.try_next().await?;
        Ok(())
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: Request<Vec<u8>>,
        limit: Duration,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(limit, self.read_response(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::Unreachable(format!("timed out after {} s", limit.as_secs()))),
        }
    }

    /// Not `kube::Client::request`, which hides the headers: only there does an overloaded server send `Retry-After`.
    async fn read_response<T: DeserializeOwned>(&self, request: Request<Vec<u8>>) -> Result<T, Failure> {
        let (head, body) = self.client.send(request.map(Body::from)).await?.into_parts();
        let bytes = body.collect_bytes().await?;
        if !head.status.is_success() {
            return Err(Failure::Refused(Box::new(refusal(&head, &bytes))));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::Unreachable(format!("its response cannot be parsed: {error}")))
    }
}

fn request(method: Method, url: &str, body: Option<(&str, &Value)>) -> Result<Request<Vec<u8>>, Failure> {
    let mut request = Request::builder().method(method).uri(url);
    let mut bytes = Vec::new();
    if let Some((content, body)) = body {
        request = request.header(header::CONTENT_TYPE, content);
        bytes = serde_json::to_vec(body).map_err(|error| Failure::Unreachable(error.to_string()))?;
    }
    request.body(bytes).map_err(|error| Failure::Unreachable(error.to_string()))
}

fn path(kind: &ApiKind, namespace: Option<&str>, name: Option<&str>) -> String {
    let resource = &kind.resource;
    let mut path =
        if resource.group.is_empty() { "/api/".to_owned() } else { format!("/apis/{}/", resource.group) };
    path.push_str(&resource.version);
    if let Some(namespace) = namespace.filter(|_| kind.namespaced) {
        let _ = write!(path, "/namespaces/{namespace}");
    }
    let _ = write!(path, "/{}", resource.plural);
    if let Some(name) = name {
        let _ = write!(path, "/{}", encoded(name));
    }
    path
}

/// RFC 3986, section 2.1.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}

#[cfg(test)]
mod tests {
    use super::ApiKind;
    use super::encoded;
    use super::path;
    use kube::core::ApiResource;

    #[test]
    fn paths_are_the_api_servers() {
        let resource = |group: &str, kind: &str, plural: &str| ApiResource {
            group: group.into(),
            version: "v1".into(),
            api_version: String::new(),
            kind: kind.into(),
            plural: plural.into(),
        };
        let deployment =
            ApiKind { resource: resource("apps", "Deployment", "deployments"), namespaced: true };
        assert_eq!(path(&deployment, Some("a"), Some("web")), "/apis/apps/v1/namespaces/a/deployments/web");
        assert_eq!(path(&deployment, None, None), "/apis/apps/v1/deployments");
        let role = ApiKind { resource: resource("", "Namespace", "namespaces"), namespaced: false };
        assert_eq!(path(&role, Some("a"), Some("system:b")), "/api/v1/namespaces/system:b");
        assert_eq!(encoded("a/b=c d"), "a%2Fb%3Dc%20d");
    }
}
