//! The application's logs in `todo watch`, concurrently with the rounds.

use crate::cluster::Target;
use crate::cluster::logs;
use crate::cluster::logs::Ask;
use crate::cluster::logs::Line;
use crate::event::Code;
use crate::event::EventKind;
use crate::fault::Fault;
use crate::manifest::ObjectId;
use crate::run::Run;
use std::cell::Cell;
use std::cell::RefCell;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How many earlier lines of each container are shown.
const BEFORE: u32 = 10;

/// The most lines that are taken in a tick: an application that prints without end waits for the terminal.
const MOST: usize = 200;
const TICK: Duration = Duration::from_millis(100);

/// The logs, and whether they are shown.
#[derive(Debug)]
pub(super) struct AppLogs {
    run: Run,
    wanted: Cell<bool>,
    of: RefCell<Option<(Target, Vec<ObjectId>)>>,
    reading: RefCell<Option<JoinHandle<()>>>,
}

impl AppLogs {
    pub(super) fn new(run: &Run, wanted: bool) -> AppLogs {
        AppLogs {
            run: run.clone(),
            wanted: Cell::new(wanted),
            of: RefCell::default(),
            reading: RefCell::default(),
        }
    }

    /// Shows them, or hides them.
    pub(super) fn toggle(&self) {
        self.wanted.set(!self.wanted.get());
        self.stop();
        self.follow();
    }

    /// Selects the logs of these objects.
    pub(super) fn deployed(&self, target: &Target, ids: Vec<ObjectId>) {
        let mut of = self.of.borrow_mut();
        if of.as_ref().is_some_and(|(_, before)| *before != ids) {
            self.stop();
        }
        *of = Some((target.clone(), ids));
    }

    /// Starts reading the logs, if they are shown, there are objects to read from, and they are not read already.
    pub(super) fn follow(&self) {
        let mut reading = self.reading.borrow_mut();
        if !self.wanted.get() || reading.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let Some((target, _)) = &*self.of.borrow() else { return };
        let (run, target) = (self.run.clone(), target.clone());
        *reading = Some(tokio::spawn(async move {
            if let Err(fault) = read(&run, &target).await
                && fault.code != Code::NothingDeployed
                && run.stopped().is_none()
            {
                let why = fault.causes().join(": ");
                run.sink.warn(Code::LogUnavailable.warning(format!("the logs cannot be read: {why}")));
            }
        }));
    }

    fn stop(&self) {
        if let Some(task) = self.reading.borrow_mut().take() {
            task.abort();
        }
    }
}

impl Drop for AppLogs {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn read(run: &Run, target: &Target) -> Result<(), Fault> {
    let lines = Some(BEFORE);
    let ask = Ask { names: Vec::new(), container: None, previous: false, follow: true, lines, since: None };
    let mut logs = logs::logs(run, target, ask).await?;
    let (mut began, mut count) = (Instant::now(), 0);
    while let Some(Line { source, text, .. }) = logs.next().await {
        let logs::Source { pod, container, .. } = source;
        run.sink.emit(EventKind::Printed { pod, container, line: text });
        count += 1;
        if count == MOST {
            tokio::time::sleep_until(began + TICK).await;
            (began, count) = (Instant::now(), 0);
        }
    }
    Ok(())
}
