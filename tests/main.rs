//! The whole binary, and the promises that hold between rooms.

mod cluster {
    mod fake;
    mod real;
}
