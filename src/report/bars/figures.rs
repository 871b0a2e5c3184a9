//! The figures at the end of a live line: how far it is, and how long it lasts.

use super::WIDE;
use crate::event::Amount;
use crate::event::Unit;
use crate::report::style::TerminalCaps;
use crate::report::style::TextStyle;
use crate::report::words;

/// What usually takes less gets no figure, in milliseconds.
const WORTH: u64 = 1_000;

/// `12 s (usually 14 s)`; a narrow terminal has no room for what is usual. Both in milliseconds.
pub(super) fn duration(lasted: u64, usual: Option<u64>, width: usize) -> String {
    let usual = usual.filter(|usual| *usual >= WORTH && width + 1 >= WIDE);
    let usual = usual.map(|usual| format!(" (usually {})", words::elapsed(usual)));
    words::elapsed(lasted) + &usual.unwrap_or_default()
}

/// How far it is as a picture, where the whole is known and big enough to be looked at.
pub(super) fn gauge(amount: Amount, caps: TerminalCaps) -> Option<String> {
    const CELLS: u64 = 12;
    let total = match amount.unit {
        Unit::Bytes => amount.total?,
        Unit::Percent => 100,
        Unit::Steps | Unit::Replicas => return None,
    };
    let full = amount.done.min(total).saturating_mul(CELLS).checked_div(total)?;
    let (done, open) = if caps.unicode { ("━", "─") } else { ("=", "-") };
    let repeat = |text: &str, cells: u64| text.repeat(usize::try_from(cells).unwrap_or_default());
    let open = caps.paint(TextStyle::Quiet, &repeat(open, CELLS - full));
    Some(format!("{}{open}", caps.paint(TextStyle::Live, &repeat(done, full))))
}

#[cfg(test)]
mod tests {
    use super::WIDE;
    use super::duration;

    #[test]
    fn what_is_usual_is_shown_where_it_is_long_enough_and_has_room() {
        for (usual, width, text) in [
            (Some(15_000), WIDE, "12 s (usually 15 s)"),
            (Some(15_000), WIDE - 2, "12 s"),
            (Some(999), WIDE, "12 s"),
            (None, WIDE, "12 s"),
        ] {
            assert_eq!(duration(12_345, usual, width), text, "{usual:?} {width}");
        }
    }
}
