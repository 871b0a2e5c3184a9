//! Values of flags: times and factors.

use jiff::SignedDuration;

/// The shortest time that can be given.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The longest.
const WEEK: SignedDuration = SignedDuration::from_hours(168);

/// `90`, `90s`, `5m`, `1h30m`, `1.5m`: from a second to a week.
pub(super) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let seconds = text.parse().ok().map(SignedDuration::from_secs);
    let parsed = seconds.or_else(|| text.parse().ok()).filter(|parsed| (SECOND..=WEEK).contains(parsed));
    let whole = parsed.and_then(|parsed| parsed.try_into().ok());
    whole.ok_or_else(|| "write a time such as `90s`, `5m` or `1h30m`, up to 168 hours".to_owned())
}

/// From 0.1 to 100000.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (0.1..=100_000.0).contains(factor));
    factor.ok_or_else(|| "write a number from 0.1 to 100000".to_owned())
}

/// From 0 to 100.
pub(super) fn patience(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (0.0..=100.0).contains(factor));
    factor.ok_or_else(|| "write a number from 0 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times() {
        assert_eq!(duration("90s").map(|time| time.as_secs()), Ok(90));
        assert_eq!(duration("90").map(|time| time.as_secs()), Ok(90));
        assert_eq!(duration("5m").map(|time| time.as_secs()), Ok(300));
        assert_eq!(duration("1h30m").map(|time| time.as_secs()), Ok(5400));
        assert_eq!(duration("1.5m").map(|time| time.as_secs()), Ok(90));
        assert!(["", "m", "5x", "0", "-1s", "169h", "99999999h"].iter().all(|text| duration(text).is_err()));
    }
}
