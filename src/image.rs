//! Images.
pub mod context;
pub mod credentials;
pub mod filesync;
pub mod session;
