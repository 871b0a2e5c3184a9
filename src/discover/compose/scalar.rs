//! What an unquoted scalar of a compose file is: YAML 1.2's words, and numbers as Go prints them.
//!
//! compose-go decodes with go.yaml.in/yaml (v3 and v4 rules) and makes texts of what it got: `0755` was an octal number, so
//! the container gets `493`. Words such as `no` and `on` stay words.

/// A scalar as compose has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number or a date: as compose prints it, and as it is written.
    Number(String, String),
    /// A text.
    Text(String),
}

/// Reads a plain scalar.
///
/// # Errors
/// A number that compose refuses, in the words of its reason.
pub(super) fn plain(text: &str) -> Result<Scalar, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        _ => {
            let small = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
            if matches!(small.as_str(), ".inf" | ".nan") {
                return Err(format!("compose refuses `{text}`: JSON has no such number"));
            }
            match number(text).or_else(|| date(text)) {
                Some(printed) => Scalar::Number(printed, text.to_owned()),
                None => Scalar::Text(text.to_owned()),
            }
        }
    })
}

fn number(text: &str) -> Option<String> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return None;
    }
    let dense = text.replace('_', "");
    if dense.starts_with(['_']) || dense.is_empty() {
        return None;
    }
    let (negative, digits) = match dense.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, dense.strip_prefix('+').unwrap_or(&dense)),
    };
    let radix = |prefix: [&str; 2], radix: u32| {
        prefix.iter().find_map(|prefix| digits.strip_prefix(prefix)).map(|rest| (rest, radix))
    };
    let based = radix(["0x", "0X"], 16)
        .or_else(|| radix(["0o", "0O"], 8))
        .or_else(|| radix(["0b", "0B"], 2))
        .or_else(|| {
            let rest = digits.strip_prefix('0')?;
            (!rest.is_empty() && rest.bytes().all(|byte| (b'0'..=b'7').contains(&byte))).then_some((rest, 8))
        });
    if let Some((rest, radix)) = based {
        let value = u64::from_str_radix(rest, radix).ok().filter(|_| !rest.starts_with(['+', '-']))?;
        return Some(if negative { format!("-{value}") } else { value.to_string() });
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        if let Ok(value) = digits.parse::<u64>() {
            return Some(if negative && value > 0 { format!("-{value}") } else { value.to_string() });
        }
        return None;
    }
    let shape = |c: u8| c.is_ascii_digit() || b".eE+-".contains(&c);
    if digits.starts_with(['+', '-'])
        || !digits.bytes().all(shape)
        || !digits.bytes().any(|b| b.is_ascii_digit())
    {
        return None;
    }
    let value: f64 = dense.parse().ok()?;
    Some(float(value))
}

/// A floating point number as Go's `fmt.Sprint` has it: shortest, with an exponent from 21 digits on.
fn float(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{value:e}");
        let (head, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{head}e{sign}{digits:0>2}");
    }
    format!("{value}")
}

/// `2024-01-02` is a point in time to Go's YAML library.
fn date(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return None };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if year.len() != 4 || month.len() > 2 || day.len() > 2 || !parts.iter().all(|part| digits(part)) {
        return None;
    }
    let (month, day): (u8, u8) = (month.parse().ok()?, day.parse().ok()?);
    ((1..=12).contains(&month) && (1..=31).contains(&day))
        .then(|| format!("{year}-{month:02}-{day:02} 00:00:00 +0000 UTC"))
}

#[cfg(test)]
mod tests {
    use super::Scalar;
    use super::plain;

    #[test]
    fn numbers_are_those_that_the_container_gets() {
        for (written, printed) in [
            ("0755", "493"),
            ("012", "10"),
            ("08", "8"),
            ("0x1F", "31"),
            ("0b11", "3"),
            ("1_000", "1000"),
            ("3.10", "3.1"),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("+1", "1"),
            ("-7", "-7"),
            ("2024-01-02", "2024-01-02 00:00:00 +0000 UTC"),
        ] {
            assert_eq!(
                plain(written),
                Ok(Scalar::Number(printed.to_owned(), written.to_owned())),
                "{written}"
            );
        }
        for kept in
            ["12:30:45", "1:30", "no", "on", "y", "NO", "8080:80", "1.2.3", "a", "<<", "-", "0x", "1.2.3.4/8"]
        {
            assert_eq!(plain(kept), Ok(Scalar::Text(kept.to_owned())), "{kept}");
        }
        assert_eq!(plain("True"), Ok(Scalar::Bool(true)));
        assert_eq!(plain("~"), Ok(Scalar::Null));
        assert!(plain(".nan").is_err());
    }
}
