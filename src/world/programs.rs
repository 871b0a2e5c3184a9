//! Programs that this process plays itself, instead of starting them.
//!
//! Not a way to run anything in another way: whatever is not played is started as ever. A rehearsal plays `minikube`, so
//! that what calls it is what calls the real one.

use std::ffi::OsString;
use std::fmt::Debug;
use std::path::Path;
use std::path::PathBuf;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

/// Where a program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramPath {
    /// Found in the PATH.
    Path,
    /// Here, and played.
    Played(PathBuf),
    /// Not found, regardless of the PATH.
    Nowhere,
}

/// A program that is called.
#[derive(Debug, Clone, Default)]
pub struct Called {
    /// Which, by its path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its environment variables in addition to the world's.
    pub environment: Vec<(OsString, OsString)>,
    /// What it reads from standard input.
    pub input: Vec<u8>,
}

/// A line that a program printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Printed {
    /// On standard output.
    Out(String),
    /// On standard error.
    Err(String),
}

/// A program that is being played.
#[derive(Debug)]
pub struct Playing {
    /// What it prints; closed when it has ended.
    pub lines: mpsc::UnboundedReceiver<Printed>,
    /// Its exit code, there before the last line is taken; without one it was killed by a signal.
    pub code: oneshot::Receiver<i32>,
    /// Asks it to end; dropped, it is ended.
    pub stop: Option<oneshot::Sender<()>>,
}

/// Who plays programs.
pub trait Programs: Debug + Send + Sync {
    /// Where the program of that name is.
    fn find(&self, name: &str) -> ProgramPath;

    /// Begins to play a program, if it is one of those that are played.
    fn play(&self, called: &Called) -> Option<Playing>;

    /// Hears that a real program runs for as long as what is returned lives; nothing else can know that time passes.
    fn real_time(&self, program: &Path) -> Box<dyn Send>;
}
