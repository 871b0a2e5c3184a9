//! Kubernetes quantities, as numbers that can be added and shown.

/// Thousandths of a CPU, or thousandths of a byte: `250m` is 250, `1Gi` is 2^30 · 1000. `None` if it is not a quantity.
pub fn parse(text: &str) -> Option<i128> {
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-' || c == '+')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let factor: f64 = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "Pi" => 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "Ei" => 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            10f64.powi(exponent)
        }
    };
    let thousandths = number * factor * 1000.0;
    #[expect(clippy::cast_possible_truncation, reason = "rounded and far below 2^127")]
    thousandths.is_finite().then(|| (thousandths - 1e-6).ceil() as i128)
}

/// As people read it: `2 CPUs`, `250m CPU`, `1.5 GiB`, or the plain number for other resources.
pub fn show(resource: &str, thousandths: i128) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
    let whole = thousandths as f64 / 1000.0;
    match resource {
        "cpu" if thousandths % 1000 == 0 => {
            let cpus = thousandths / 1000;
            format!("{cpus} CPU{}", if cpus == 1 { "" } else { "s" })
        }
        "cpu" => format!("{thousandths}m CPU"),
        "memory" | "ephemeral-storage" => bytes(whole),
        _ => format!("{whole} {resource}"),
    }
}

fn bytes(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let text = format!("{value:.1}");
    format!("{} {}", text.strip_suffix(".0").unwrap_or(&text), units[unit])
}

#[cfg(test)]
mod tests {
    use super::parse;
    use super::show;

    #[test]
    fn quantities() {
        for (text, shown) in [
            ("250m", "250m CPU"),
            ("2", "2 CPUs"),
            ("0.1", "100m CPU"),
            ("1900m", "1900m CPU"),
            ("1e3", "1000 CPUs"),
            ("1", "1 CPU"),
        ] {
            assert_eq!(show("cpu", parse(text).unwrap()), shown, "{text}");
        }
        for (text, shown) in
            [("64Gi", "64 GiB"), ("1536Mi", "1.5 GiB"), ("500M", "476.8 MiB"), ("2016076Ki", "1.9 GiB")]
        {
            assert_eq!(show("memory", parse(text).unwrap()), shown, "{text}");
        }
        assert_eq!((parse("a lot"), parse(""), parse("1Q")), (None, None, None));
    }
}
