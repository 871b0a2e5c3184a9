//! The room as a whole: against a fake engine at the wire, and (ignored) against a real one.

mod real;
mod sample;
