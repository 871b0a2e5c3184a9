//! Volumes and their classes.

use super::set;
use serde_json::Value;
use serde_json::json;

pub(super) fn volume(spec: &mut Value) {
    set(spec, "persistentVolumeReclaimPolicy", json!("Retain"));
    set(spec, "volumeMode", json!("Filesystem"));
}

pub(super) fn class(object: &mut Value) {
    set(object, "reclaimPolicy", json!("Delete"));
    set(object, "volumeBindingMode", json!("Immediate"));
}
