//! Amounts as Kubernetes writes them: `500m`, `128Mi`, `2`.

use serde_json::Value;

const UNITS: [(&str, i128); 12] = [
    ("Ki", 1024),
    ("Mi", 1024 * 1024),
    ("Gi", 1024 * 1024 * 1024),
    ("Ti", 1024 * 1024 * 1024 * 1024),
    ("k", 1000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("Pi", 1024 * 1024 * 1024 * 1024 * 1024),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
    ("", 1),
];

/// In thousandths. What cannot be read is 0.
pub(crate) fn milli(amount: &Value) -> i128 {
    let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    let number = |text: &str, times: i128| -> Option<i128> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let mut part = part.to_owned();
        part.truncate(9);
        let scale = 10_i128.pow(u32::try_from(part.len()).ok()?);
        let part: i128 = if part.is_empty() { 0 } else { part.parse().ok()? };
        Some((whole.parse::<i128>().ok()? * scale + part) * times / scale)
    };
    if let Some(thousandths) = text.strip_suffix('m') {
        return number(thousandths, 1).unwrap_or(0);
    }
    UNITS.iter().find_map(|(unit, times)| number(text.strip_suffix(unit)?, times * 1000)).unwrap_or(0)
}

/// Thousandths in the shortest way that loses nothing.
pub(crate) fn shown(milli: i128) -> String {
    if milli % 1000 != 0 {
        return format!("{milli}m");
    }
    let whole = milli / 1000;
    ["Ti", "Gi", "Mi", "Ki"]
        .iter()
        .find_map(|desired| {
            let (unit, times) = UNITS.iter().find(|(unit, _)| unit == desired)?;
            (whole > 0 && whole % times == 0).then(|| format!("{}{unit}", whole / times))
        })
        .unwrap_or_else(|| whole.to_string())
}

#[cfg(test)]
mod tests {
    use super::milli;
    use super::shown;
    use serde_json::json;

    #[test]
    fn amounts_are_read_and_written() {
        for (text, thousandths) in
            [("500m", 500), ("0.5", 500), ("2", 2000), ("1Ki", 1_024_000), ("1.5k", 1_500_000), ("x", 0)]
        {
            assert_eq!(milli(&json!(text)), thousandths, "{text}");
        }
        assert_eq!(milli(&json!(500)), 500_000);
        for text in ["250m", "3", "128Mi", "900Gi", "0"] {
            assert_eq!(shown(milli(&json!(text))), text);
        }
    }
}
