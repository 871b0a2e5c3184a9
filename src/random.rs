//! Cryptographically secure random bytes.
//!
//! From the TLS library, which is a dependency anyway; an error where the system has none, because they protect
//! secrets.

use anyhow::Context;

/// Fills `bytes` with random data.
///
/// # Errors
/// The system gives no random numbers.
pub fn fill(bytes: &mut [u8]) -> anyhow::Result<()> {
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(bytes).ok().context("cannot read random bytes from the operating system")
}
