//! How long the API server is waited for.
//!
//! Not a limit of the connection: over the same one go forwards and logs, which may well be silent for hours.

use std::future::Future;
use std::time::Duration;

/// How long a read may take.
const READ: Duration = Duration::from_secs(30);

/// The result of a read, or its timeout.
pub(crate) async fn with_timeout<T>(asked: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    match tokio::time::timeout(READ, asked).await {
        Ok(done) => done,
        Err(_) => Err(kube::Error::Service(format!("timed out after {} s", READ.as_secs()).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::with_timeout;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
        let silent = with_timeout(std::future::pending::<kube::Result<()>>()).await;
        assert!(silent.unwrap_err().to_string().contains("timed out after 30 s"));
        assert_eq!(with_timeout(std::future::ready(Ok(7))).await.unwrap(), 7);
    }
}
