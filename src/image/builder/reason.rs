//! The details shown of an image: why it is built, and its resulting size.

use crate::image::budget;
use crate::image::engine::EngineImage;
use crate::image::last_inputs::Last;
use dockerfile::key;
use dockerfile::key::Inputs;
use std::fmt::Write;

/// The changed inputs that require a build.
pub(super) fn why(last: Option<&Last>, inputs: &Inputs) -> Vec<String> {
    let Some(last) = last else { return vec!["it was not built before".to_owned()] };
    let why = key::why(&last.inputs, inputs);
    if why.is_empty() { vec!["the engine no longer has it".to_owned()] } else { why }
}

/// The details shown with a new image.
pub(super) fn describe(found: &EngineImage, last: Option<&Last>, sent: Option<u64>) -> String {
    let mut text = budget::bytes(found.size);
    match last {
        Some(last) if last.id == found.id => text.push_str(", the same image as before"),
        Some(last) => {
            if let Some(change) = budget::change(last.size, found.size) {
                let _ = write!(text, " ({change})");
            }
        }
        None => {}
    }
    if let Some(sent) = sent {
        let _ = write!(text, ", {} sent", budget::bytes(sent));
    }
    text
}
