//! A claim that no volume comes for.

use crate::cluster::blame::Symptom;
use crate::cluster::blame::signal::Signal;
use crate::cluster::health;
use crate::cluster::live;
use crate::cluster::snapshot::Snapshot;
use serde_json::Value;

/// Why `claim` is not bound, if that is known.
pub fn symptom(claim: &Value, snapshot: &Snapshot) -> Option<Symptom> {
    if live::text(claim, "/status/phase") == "Bound" {
        return None;
    }
    let events = snapshot.events(live::uid(claim));
    let said = events.iter().rev().find(|event| event.warning || event.reason == "FailedBinding");
    let named = claim.pointer("/spec/storageClassName").and_then(Value::as_str);
    let classless = named != Some("")
        && live::text(claim, "/spec/volumeName").is_empty()
        && snapshot.classes.is_some()
        && health::class_of(claim, snapshot).is_none();
    if classless {
        let message = match named {
            _ if said.is_some() => said.map_or_else(String::new, |said| said.message.clone()),
            Some(named) => format!("storageclass `{named}` not found"),
            None => "no storage class is set and none is the default".to_owned(),
        };
        return Some(Symptom::new(Signal::NoClass, "NoStorageClass", message));
    }
    // Of an external provisioner that never answers there is only a Normal event, repeated for ever.
    let waits = || events.iter().rev().find(|event| event.reason == "ExternalProvisioning");
    let Some(said) = said else {
        return waits().map(|waits| Symptom::new(Signal::NoProvisioner, &waits.reason, &waits.message));
    };
    let signal = match said.reason.as_str() {
        "FailedBinding" if said.message.contains("no storage class is set") => Signal::NoClass,
        "ProvisioningFailed"
            if said.message.contains("not found") && said.message.contains("storageclass") =>
        {
            Signal::NoClass
        }
        "FailedBinding" | "ProvisioningFailed" | "VolumeMismatch" | "ClaimMisbound" => Signal::Provisioning,
        _ => return None,
    };
    Some(Symptom::new(signal, &said.reason, &said.message))
}

/// The provisioner that a claim waits for (`kubernetes: pkg/controller/volume/persistentvolume`, `ExternalProvisioning`).
pub fn provisioner(message: &str) -> Option<&str> {
    message
        .split_once("external provisioner '")
        .or_else(|| message.split_once("external provisioner \""))?
        .1
        .split(['\'', '"'])
        .next()
}
