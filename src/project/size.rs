//! Sizes as people write them in deploy.toml.

/// Bytes of a text such as `250MB`, `1.5GiB` or `4g`; a bare number counts in `bare` bytes.
///
/// A prefix with `i` counts in 1024s. So do single letters, because minikube and Docker read `--memory 4g` that way;
/// `kB`, `MB` and `GB` count in 1000s, because `docker images` does.
///
/// # Errors
/// What a size looks like, if it is none.
pub fn parse(text: &str, bare: u64) -> Result<u64, &'static str> {
    const MUST: &str = "write a size such as `250MB`, `1.5GiB` or `4g`";
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| MUST)?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" => bare,
        "b" => 1,
        "k" | "ki" | "kib" => 1 << 10,
        "m" | "mi" | "mib" => 1 << 20,
        "g" | "gi" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(MUST),
    };
    #[expect(clippy::cast_precision_loss, reason = "a factor is far below 2^52")]
    let bytes = number * factor as f64;
    if (1.0..9e15).contains(&bytes) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "its range was just checked"
        )]
        Ok(bytes.round() as u64)
    } else {
        Err(MUST)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_are_read_as_docker_and_minikube_read_them() {
        let mib = 1 << 20;
        for (text, bytes) in [
            ("4g", Some(4 << 30)),
            ("4096", Some(4096 * mib)),
            ("4096m", Some(4096 * mib)),
            ("250MB", Some(250_000_000)),
            ("1.5GiB", Some(3 << 29)),
            ("20 gb", Some(20_000_000_000)),
            ("", None),
            ("0", None),
            ("-1g", None),
            ("4x", None),
            ("1.2.3g", None),
            ("nan", None),
        ] {
            assert_eq!(parse(text, mib).ok(), bytes, "{text}");
        }
    }
}
