//! How much work one evaluation may be.
//!
//! As the API server bounds its own CEL: by a cost that is counted while a rule is evaluated, not by time, so that the same
//! rule and the same object always end the same way (`kubernetes: staging/src/k8s.io/apiserver/pkg/apis/cel/config.go`:
//! `PerCallLimit` is 1000000; `cel-go: common/cost.go`: a tenth of a step for each character of a text that is read).

use serde_json::Value;
use std::cell::Cell;

/// The steps that one evaluation may take.
pub(super) const STEPS: u64 = 1_000_000;

/// How many bytes of text cost one step.
const BYTES: usize = 10;

/// A rule takes more than `STEPS` steps for this object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooExpensive;

/// The steps that are left.
pub(super) struct Budget(Cell<u64>);

impl Budget {
    /// All of them.
    pub(super) fn new() -> Budget {
        Budget(Cell::new(STEPS))
    }

    /// Takes `steps` of them.
    pub(super) fn charge(&self, steps: usize) -> Result<(), TooExpensive> {
        let left = u64::try_from(steps).ok().and_then(|steps| self.0.get().checked_sub(steps));
        self.0.set(left.unwrap_or(0));
        left.map(drop).ok_or(TooExpensive)
    }

    /// Takes what reading `bytes` of text costs.
    pub(super) fn text(&self, bytes: usize) -> Result<(), TooExpensive> {
        self.charge(bytes / BYTES)
    }
}

/// What copying or comparing a value costs: a step for each part of it, and its texts.
pub(super) fn weight(value: &Value) -> usize {
    1 + match value {
        Value::String(text) => text.len() / BYTES,
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() / BYTES + weight(value)).sum(),
        _ => 0,
    }
}
