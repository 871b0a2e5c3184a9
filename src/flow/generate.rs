//! Generated secret values: made at random once, and from then on read from the cluster.
//!
//! The cluster is their only store, so they survive `down` with the volumes (the data they guard may need them) and
//! are deleted by `down --purge`.

use crate::cluster::GENERATED;
use crate::cluster::Target;
use crate::event::Code;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::manifest::Object;
use crate::project::SecretSpec;
use crate::random;
use crate::run::Run;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::Value;

/// Fills the generated keys of the project's Secrets into `objects`.
pub(crate) async fn generate(
    run: &Run,
    target: &Target,
    specs: &[SecretSpec],
    objects: &mut [Object],
) -> Result<()> {
    for spec in specs.iter().filter(|spec| !spec.generate.is_empty()) {
        let name = spec.name.as_str();
        let secrets: Api<Secret> = Api::namespaced(target.client.clone(), target.namespace.as_str());
        let doing = "cannot read a Secret whose generated values must be kept";
        let live = target.request(run, name, doing, || secrets.get_opt(name)).await?;
        let live = live.and_then(|secret| secret.data);
        let made = |object: &&mut Object| {
            object.kind() == "Secret" && object.name() == name && object.group().is_empty()
        };
        for object in objects.iter_mut().filter(made) {
            object.value["metadata"]["annotations"][GENERATED] = Value::from("true");
            for (key, length) in &spec.generate {
                let kept = live.as_ref().and_then(|data| data.get(key.as_str())).map(|value| value.0.clone());
                let value = match kept {
                    Some(value) => value,
                    None => random(*length).or_fault(Code::InternalError, FaultKind::Internal, || {
                        format!("cannot make a value for `{key}`")
                    })?,
                };
                object.value["data"][key.as_str()] = Value::from(STANDARD.encode(value));
            }
        }
    }
    Ok(())
}

/// The text of `length` random bytes, in letters, digits, `-` and `_`, so that it fits into a URL or a variable.
fn random(length: u32) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length)?];
    random::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into_bytes())
}
