//! A text of JSON values, one after another.

use super::Position;
use serde::de::IgnoredAny;

/// The JSON values that follow one another in `text`, each with the place it begins at.
pub(super) fn json_parts(text: &str) -> Result<Vec<(Position, &str)>, serde_json::Error> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut parts = Vec::new();
    let (mut end, mut line) = (0, 1);
    while let Some(value) = values.next() {
        value?;
        let start = end + (text[end..].len() - text[end..].trim_start().len());
        line += text[end..start].matches('\n').count();
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let at = Position { line, column: text[line_start..start].chars().count() + 1 };
        end = values.byte_offset();
        line += text[start..end].matches('\n').count();
        parts.push((at, &text[start..end]));
    }
    Ok(parts)
}
