//! The names at the beginning of live lines, and the figures at their end: how far it is, and how long it lasts.

use super::WIDE;
use crate::event::Amount;
use crate::event::Unit;
use crate::report::style::TerminalCaps;
use crate::report::style::TextStyle;
use crate::report::style::clean;
use crate::report::style::columns;
use crate::report::words;

/// What usually takes less gets no figure, in milliseconds.
const WORTH: u64 = 1_000;

/// `12 s (usually 14 s)`; a narrow terminal has no space for the usual time. Both in milliseconds.
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

/// Names of one width, `most` columns at most; where one does not fit, none has its kind, because `Deployment/a…` is
/// less specific than the name.
pub(super) fn names<'a>(
    names: impl Iterator<Item = &'a str>,
    caps: TerminalCaps,
    most: usize,
) -> Vec<String> {
    let mut names: Vec<String> = names.map(clean).collect();
    let widest = |names: &[String]| names.iter().map(|name| columns(name)).max().unwrap_or_default();
    if widest(&names) > most {
        for name in &mut names {
            *name = name.rsplit('/').next().unwrap_or(name).to_owned();
        }
    }
    let width = widest(&names).min(most);
    names.iter().map(|name| caps.pad(&caps.fit(name, width), width)).collect()
}

#[cfg(test)]
mod tests {
    use super::WIDE;
    use super::duration;
    use super::names;
    use crate::report::style::TerminalCaps;

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

    #[test]
    fn where_names_do_not_fit_the_kind_goes_first() {
        let of = |most| names(["Deployment/todo-backend", "Job/a"].into_iter(), TerminalCaps::BARE, most);
        assert_eq!(of(23), ["Deployment/todo-backend", "Job/a                  "]);
        assert_eq!(of(16), ["todo-backend", "a           "]);
        assert_eq!(of(8), ["todo-...", "a       "]);
    }
}
