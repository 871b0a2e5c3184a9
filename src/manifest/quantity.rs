//! Kubernetes' quantities, to compare them. Nothing is ever written back in another form.

/// The value in thousandths: of a CPU, of a byte. `None` if it is not a quantity (`apimachinery: pkg/api/resource`).
pub(crate) fn thousandths(value: &serde_json::Value) -> Option<u128> {
    let text = match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(unit);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (times, divide): (u128, u128) = match suffix {
        "n" => (1, 1_000_000),
        "u" => (1, 1_000),
        "m" => (1, 1),
        "" => (1_000, 1),
        "k" => (1_000_000, 1),
        "M" => (1_000_000_000, 1),
        "G" => (1_000_000_000_000, 1),
        "T" => (1_000_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1_000 << 10, 1),
        "Mi" => (1_000 << 20, 1),
        "Gi" => (1_000 << 30, 1),
        "Ti" => (1_000 << 40, 1),
        "Pi" => (1_000 << 50, 1),
        _ => {
            let exponent =
                suffix.strip_prefix(['e', 'E'])?.parse::<u32>().ok().filter(|exponent| *exponent < 18)?;
            (1_000 * 10_u128.pow(exponent), 1)
        }
    };
    // Nine digits after the point are more than any unit here can represent.
    let fraction: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let billionths = format!("{whole}{fraction}").parse::<u128>().ok()?;
    Some(billionths.checked_mul(times)? / divide / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::thousandths;
    use serde_json::json;

    #[test]
    fn quantities_are_compared_by_value() {
        for (value, expected) in [
            (json!("100m"), Some(100)),
            (json!("0.5"), Some(500)),
            (json!(1), Some(1000)),
            (json!(1.5), Some(1500)),
            (json!("1Ki"), Some(1_024_000)),
            (json!("1.5Gi"), Some(1_610_612_736_000)),
            (json!("1e3"), Some(1_000_000)),
            (json!("64MB"), None),
            (json!(""), None),
            (json!("lots"), None),
            (json!(null), None),
            (json!("99999999999999999999999999999999999999Pi"), None),
        ] {
            assert_eq!(thousandths(&value), expected, "{value}");
        }
    }
}
