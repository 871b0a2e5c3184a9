//! What a YAML scalar means to kubectl: YAML 1.1, as `sigs.k8s.io/yaml` on goyaml v2 resolves it.
//!
//! Not YAML 1.2, in which `yes` is a text and `012` is twelve: a manifest must mean here what it means to
//! `kubectl apply`. The rules are goyaml's `resolve.go`; `tests/manifest/scalars.yaml` was measured on kubectl 1.35.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use granit_parser::Tag;
use serde_json::Number;
use serde_json::Value;

/// The value of a scalar; `plain`: it is written without quotes and not as a block.
///
/// # Errors
/// The end of a sentence about it, when its tag does not fit or JSON has no such value.
pub(crate) fn resolve(text: &str, plain: bool, tag: Option<&Tag>) -> Result<Value, String> {
    let Some(tag) = tag else {
        return if plain { implicit(text) } else { Ok(Value::from(text)) };
    };
    let name = tag.suffix_in_namespace("tag:yaml.org,2002:").unwrap_or_default();
    let fits: fn(&Value) -> bool = match name.as_ref() {
        "int" => |value| value.is_i64() || value.is_u64(),
        "float" => Value::is_number,
        "bool" => Value::is_boolean,
        "null" => Value::is_null,
        "binary" => return binary(text),
        _ => return Ok(Value::from(text)),
    };
    implicit(text).ok().filter(fits).ok_or_else(|| format!("is not what its tag `!!{name}` says"))
}

fn binary(text: &str) -> Result<Value, String> {
    let dense: String = text.split_whitespace().collect();
    let bytes = STANDARD.decode(dense).map_err(|_| "is tagged `!!binary` but is not base64".to_owned())?;
    let text = String::from_utf8(bytes).map_err(|_| {
        "is `!!binary` that is not UTF-8; use `binaryData` of a ConfigMap or `data` of a Secret".to_owned()
    })?;
    Ok(Value::from(text))
}

fn implicit(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => return Err("is not a JSON number; put it in quotes".to_owned()),
        _ => number(text).map_or_else(|| Value::from(text), Value::Number),
    })
}

/// The number that a plain scalar is: signs, underscores between digits, `0x`, `0o`, `0b` and a leading `0` for octal.
fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return None;
    }
    // goyaml reads what begins with a dot on a shorter way, on which underscores stay.
    let dense = if text.starts_with('.') { text.to_owned() } else { text.replace('_', "") };
    integer(&dense).or_else(|| decimal(&dense))
}

fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let radix = |prefix: &str| digits.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let (digits, radix) = if radix("0x") {
        (&digits[2..], 16)
    } else if radix("0o") {
        (&digits[2..], 8)
    } else if radix("0b") {
        (&digits[2..], 2)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (&digits[1..], 8)
    } else {
        (digits, 10)
    };
    // `from_str_radix` would take a second sign.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let size = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -size } else { size };
    match i64::try_from(value) {
        Ok(value) => Some(Number::from(value)),
        // kubectl keeps an int64 or a float64, nothing between.
        Err(_) => u64::try_from(value).ok().and_then(|_| digits_as_float(value)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "kubectl loses it too")]
fn digits_as_float(value: i128) -> Option<Number> {
    Number::from_f64(value as f64)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, in the range of a float64.
fn decimal(text: &str) -> Option<Number> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (body, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shaped = digits(whole)
        && digits(fraction)
        && (!whole.is_empty() || !fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    let value = text.parse::<f64>().ok().filter(|value| shaped && value.is_finite())?;
    whole_number(value).or_else(|| Number::from_f64(value))
}

/// Go writes `1e3` as `1000`, which the next reader takes for an integer.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole_number(value: f64) -> Option<Number> {
    let fits = value.fract() == 0.0 && value.abs() < 9_223_372_036_854_775_808.0;
    fits.then(|| Number::from(value as i64))
}
