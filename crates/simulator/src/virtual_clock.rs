//! The speed of a rehearsal's clock: it advances when no task is ready, or by a factor of real time.
//!
//! tokio's paused clock jumps to the next timer whenever no task can go on, even if a socket has become ready in that
//! very moment: alone it would run into every time limit. So there is always a next timer here, close by: while data
//! passes over a socket it is a millisecond away, and it moves off as it becomes quiet. A client that waits for an
//! answer in this process loses at most 64 ms of its timeout.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Interval of the checks while data passes.
const NEAR: Duration = Duration::from_millis(1);

/// From one look to the next when it has been quiet for long: shorter than any patience of the program.
const FAR: Duration = Duration::from_millis(64);

/// How many quiet looks make it quiet.
const QUIET: u32 = 16;

/// The shortest time that is worth sleeping in earnest.
const WORTH: Duration = Duration::from_millis(5);

/// Is notified of traffic; clones share their state. The clock advances while the [`Running`] exists.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    heartbeats: AtomicU64,
    /// How many things are under way that take real time.
    real: AtomicUsize,
}

/// The task that lets time go.
#[derive(Debug)]
pub struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// While it exists, the clock follows real time, because a real program is running.
#[derive(Debug)]
pub struct Real(VirtualClock);

impl Drop for Real {
    fn drop(&mut self) {
        self.0.0.real.fetch_sub(1, Ordering::Relaxed);
    }
}

impl VirtualClock {
    /// Notes that data passed through a socket.
    pub fn touch(&self) {
        self.0.heartbeats.fetch_add(1, Ordering::Relaxed);
    }

    /// Something takes real time from now on.
    #[must_use]
    pub fn real_time(&self) -> Real {
        self.0.real.fetch_add(1, Ordering::Relaxed);
        Real(self.clone())
    }

    /// Lets time go, `speed` times as fast as outside, or as fast as it can. The runtime's time must be paused, and the
    /// runtime have one thread.
    #[must_use]
    pub fn run(&self, speed: Option<f64>) -> Running {
        Running(tokio::spawn(self.clone().go(speed)))
    }

    async fn go(self, speed: Option<f64>) {
        let (mut step, mut quiet, mut before) = (NEAR, 0, 0);
        let mut owed = Duration::ZERO;
        loop {
            tokio::time::sleep(step).await;
            let real = self.0.real.load(Ordering::Relaxed) > 0;
            owed += match speed {
                _ if real => step,
                Some(speed) => step.div_f64(speed.max(0.001)),
                None => Duration::ZERO,
            };
            if real || owed >= WORTH {
                // A thread at work holds the clock still.
                let time = std::mem::take(&mut owed);
                let _ = tokio::task::spawn_blocking(move || std::thread::sleep(time)).await;
            }
            let heartbeats = self.0.heartbeats.load(Ordering::Relaxed);
            if heartbeats == before && !real {
                quiet += 1;
                if quiet > QUIET {
                    step = (step * 2).min(FAR);
                }
            } else {
                (step, quiet, before) = (NEAR, 0, heartbeats);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::VirtualClock;
    use std::time::Duration;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::net::TcpStream;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn an_hour_goes_by_at_once_and_an_answer_is_not_overtaken_by_a_time_limit() {
        let virtual_clock = VirtualClock::default();
        let _running = virtual_clock.run(None);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = virtual_clock.clone();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            while socket.read_exact(&mut byte).await.is_ok() {
                heard.touch();
                socket.write_all(&byte).await.unwrap();
            }
        });
        let (really, began) = (std::time::Instant::now(), Instant::now());
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let mut socket = TcpStream::connect(address).await.unwrap();
        for _ in 0..100 {
            let talk = async {
                let mut byte = [0];
                socket.write_all(b"x").await.unwrap();
                socket.read_exact(&mut byte).await.unwrap();
            };
            tokio::time::timeout(Duration::from_millis(300), talk).await.unwrap();
        }
        assert!(began.elapsed() >= Duration::from_secs(3600));
        assert!(really.elapsed() < Duration::from_secs(60), "{:?}", really.elapsed());
    }
}
