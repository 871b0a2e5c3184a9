//! What the Secrets of a run hold, hidden from everything it tells.

use crate::manifest::Object;
use crate::run::Run;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Hides the values of the Secrets among `objects`: programs repeat in their output what they were given.
pub(crate) fn hide<'a>(run: &Run, objects: impl IntoIterator<Item = &'a Object>) {
    let secrets = objects.into_iter().filter(|object| object.kind() == "Secret" && object.group().is_empty());
    for object in secrets {
        let values = |field: &str| object.value[field].as_object().into_iter().flatten();
        for text in values("stringData").filter_map(|(_, value)| value.as_str()) {
            run.sink.hide(text.as_bytes());
        }
        let decoded = |value: &Value| value.as_str().and_then(|value| STANDARD.decode(value).ok());
        for bytes in values("data").filter_map(|(_, value)| decoded(value)) {
            run.sink.hide(&bytes);
        }
    }
}
