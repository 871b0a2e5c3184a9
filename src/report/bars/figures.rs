//! The figures at the end of a live line: how far it is, and how long it lasts.

use super::WIDE;
use crate::event::Amount;
use crate::event::Unit;
use crate::report::style::Look;
use crate::report::style::Tone;
use crate::report::words;

/// `12 s (usually 14 s)`; a narrow terminal has no room for what is usual.
pub(super) fn duration(lasted: u64, usual: &str, width: usize) -> String {
    let usual = if width + 1 >= WIDE { usual } else { "" };
    words::elapsed(lasted) + usual
}

/// How far it is as a picture, where the whole is known and big enough to be looked at.
pub(super) fn gauge(amount: Amount, look: Look) -> Option<String> {
    const CELLS: u64 = 12;
    let total = match amount.unit {
        Unit::Bytes => amount.total?,
        Unit::Percent => 100,
        Unit::Steps | Unit::Replicas => return None,
    };
    let full = amount.done.min(total).saturating_mul(CELLS).checked_div(total)?;
    let (done, open) = if look.unicode { ("━", "─") } else { ("=", "-") };
    let repeat = |text: &str, cells: u64| text.repeat(usize::try_from(cells).unwrap_or_default());
    let open = look.paint(Tone::Quiet, &repeat(open, CELLS - full));
    Some(format!("{}{open}", look.paint(Tone::Live, &repeat(done, full))))
}
