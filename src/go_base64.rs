//! Base64 as the API server reads it: Go's `encoding/base64: StdEncoding`.
//!
//! Not RFC 4648 to the letter: line breaks are passed over wherever they stand, and bits that are left over after the
//! last byte are not looked at. Blanks, a missing padding and other alphabets are mistakes (`encoding/base64: decodeQuantum`).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;

const GO: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// The bytes that the API server makes of `text`; `None` if it refuses it.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let dense: String = text.chars().filter(|char| !matches!(char, '\n' | '\r')).collect();
    GO.decode(dense).ok()
}

#[cfg(test)]
mod tests {
    use super::decode;

    /// Each row was run through Go 1.26's `base64.StdEncoding.DecodeString`.
    #[test]
    fn text_is_decoded_as_go_decodes_it() {
        for (text, bytes) in [
            ("", Some("")),
            ("YWJj", Some("abc")),
            ("YWJj\nZGVm\n", Some("abcdef")),
            ("YWJj\r\nZGVm\r\n", Some("abcdef")),
            ("Y\nQ=\n=\n", Some("a")),
            ("aW4=", Some("in")),
            ("aW5=", Some("in")),
            ("YR==", Some("a")),
            ("YWJj ZGVm", None),
            ("\tYWJj", None),
            ("YQ", None),
            ("YQ=", None),
            ("YQ==YQ==", None),
            ("YQ===", None),
            ("-_-_", None),
            ("!!", None),
        ] {
            let read = decode(text);
            assert_eq!(read.as_deref(), bytes.map(str::as_bytes), "{text:?}");
        }
    }
}
