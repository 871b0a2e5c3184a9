//! What to do about mistakes in YAML's grammar.

use granit_parser::ErrorKind;

/// What to do about a mistake in YAML's grammar.
pub(super) fn advice(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => "indent with blanks; YAML takes no tabs",
        ErrorKind::MappingValueNotAllowed => "quote the text if it contains `: `, or fix the indentation",
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => "close the quote",
        ErrorKind::UnexpectedCharacter { .. } => "quote a text that begins with `@`, a backquote or `%`",
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence => "close every `{` and `[`, in order",
        ErrorKind::UnknownQuotedScalarEscape => {
            "in double quotes write `\\\\` for a backslash, or use single quotes"
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::MappingKeyNotAllowed => {
            "compare the indentation with the lines above; a key needs `: ` after it"
        }
        _ => "fix the YAML here or just above",
    }
}
