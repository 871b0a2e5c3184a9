//! The secrets of a build: read before it starts, sent while it runs, redacted from everything it prints.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Sink;
use crate::file;
use crate::image::surveyed::Surveyed;
use crate::project::BuildSecret;
use crate::project::secret::Secret;
use crate::world::World;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::GetSecretRequest;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::GetSecretResponse;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::Secrets;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use tonic::Response;
use tonic::Status;

/// The values of the image's build secrets: all of them, or findings about the missing ones.
pub(crate) fn values(image: &Surveyed, world: &World) -> Result<SecretStore, Vec<Finding>> {
    let (mut values, mut missing) = (BTreeMap::new(), Vec::new());
    for (id, from) in &image.image.secrets {
        let place = image.image.place.clone();
        match from {
            BuildSecret::Env(variable) => match world.var_os(variable) {
                Some(value) => drop(values.insert(id.clone(), Secret::new(value.as_encoded_bytes()))),
                None => missing.push(
                    Code::BuildSecretMissing
                        .error(format!(
                            "the build secret `{id}` is in the variable `{variable}`, which is not set"
                        ))
                        .at(place)
                        .help(format!("`export {variable}=…`")),
                ),
            },
            BuildSecret::File(file) => match file::read(file, file::TEXT) {
                Ok(value) => drop(values.insert(id.clone(), Secret::new(value))),
                Err(error) => missing.push(
                    Code::BuildSecretMissing
                        .error(format!(
                            "the build secret `{id}` cannot be read from `{}`: {error}",
                            file.display()
                        ))
                        .at(place)
                        .help("write the file, or name another one in deploy.toml"),
                ),
            },
        }
    }
    if missing.is_empty() { Ok(SecretStore::new(values)) } else { Err(missing) }
}

/// Build secrets by id, and which others were requested.
#[derive(Debug, Clone, Default)]
pub struct SecretStore {
    values: Arc<BTreeMap<String, Secret>>,
    missed: Arc<Mutex<BTreeSet<String>>>,
}

impl SecretStore {
    /// Serves these.
    #[must_use]
    pub fn new(values: BTreeMap<String, Secret>) -> SecretStore {
        SecretStore { values: Arc::new(values), missed: Arc::default() }
    }

    /// The ids that the Dockerfile mounts and deploy.toml does not declare.
    #[must_use]
    pub fn missed(&self) -> BTreeSet<String> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Redacts the values from all events from now on, also in base64.
    pub(crate) fn hide_from(&self, sink: &Sink) {
        self.values.values().for_each(|secret| sink.hide(secret.expose()));
    }

    /// `line` with every secret value in it blotted out.
    #[must_use]
    pub fn redact(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for value in self.values.values().filter_map(|secret| std::str::from_utf8(secret.expose()).ok()) {
            for part in value.lines().map(str::trim).filter(|part| part.len() >= 4) {
                if line.contains(part) {
                    line = line.replace(part, "***");
                }
            }
        }
        line
    }
}

#[tonic::async_trait]
impl Secrets for SecretStore {
    async fn get_secret(
        &self,
        request: tonic::Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        if let Some(secret) = self.values.get(&id) {
            return Ok(Response::new(GetSecretResponse { data: secret.expose().to_vec() }));
        }
        let status = Status::not_found(format!("secret {id} is not declared"));
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Err(status)
    }
}

#[cfg(test)]
mod tests {
    use super::SecretStore;
    use crate::project::secret::Secret;
    use bollard_buildkit_proto::moby::buildkit::secrets::v1::GetSecretRequest;
    use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::Secrets;
    use std::collections::BTreeMap;

    #[tokio::test]
    async fn a_secret_that_nobody_declared_is_refused_and_remembered() {
        let store = SecretStore::new(BTreeMap::from([("npm".to_owned(), Secret::new("abcd\nefgh"))]));
        let ask = |id: &str| GetSecretRequest { id: id.to_owned(), ..GetSecretRequest::default() };
        let given = store.get_secret(tonic::Request::new(ask("npm"))).await.unwrap().into_inner();
        assert_eq!(given.data, b"abcd\nefgh");
        assert!(store.get_secret(tonic::Request::new(ask("pip"))).await.is_err());
        assert_eq!(store.missed().into_iter().collect::<Vec<_>>(), ["pip"]);
        assert_eq!(store.redact("x=abcdefgh; abc"), "x=******; abc");
    }
}
