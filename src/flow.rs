//! The order of the steps: one file per command.
//!
//! Not a framework of steps: a step needs what the previous step returned. Only the flows know the order, and pass on
//! the results of one module to the next; these modules never know one another.

mod alive;
mod ask;
mod back;
mod bundle;
pub mod check;
mod connected;
pub mod cp;
mod dns;
pub mod doctor;
pub mod down;
pub mod exec;
pub mod explain;
pub(crate) mod flags;
pub mod forward;
pub mod forwards;
mod frontends;
mod generate;
mod git;
mod hidden;
pub mod history;
mod hooks;
pub mod hosts;
mod ingress;
pub mod init;
pub(crate) mod load;
pub mod logs;
mod missing;
pub mod open;
mod owner;
pub mod plan;
pub mod post_render;
mod preview;
mod reach;
pub(crate) mod redaction;
pub mod rehearse;
mod releases;
pub mod restart;
pub(crate) mod runs;
pub mod status;
pub(crate) mod sync;
pub mod timeline;
pub mod unlock;
pub mod up;
pub mod watch;

use crate::answer::listing::Listing;
use crate::answer::status::StatusReport;
use crate::answer::timeline::Timeline;
use crate::event::Code;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::run::Run;
use crate::service::detached;
use crate::service::detached::ForwardOwner;
use crate::service::detached::watch::Watched;
use crate::service::forward::Forward;

/// The answer of a command on standard output.
#[derive(Debug)]
pub enum Answer {
    /// Nothing beyond the events.
    Nothing,
    /// A URL that answered.
    Url(OpenUrl),
    /// The objects that run, their health, and the URL.
    Status(Box<StatusReport>),
    /// The same again and again.
    Statuses(status::repeated::Repeated),
    /// Several messages.
    Listing(Listing),
    /// Where the time of the last run went.
    Timeline(Box<Timeline>),
    /// A text for another program.
    Text(String),
    /// Log lines as they are printed.
    Logs(logs::Lines),
    /// A command in a container.
    Exec(Box<exec::Session>),
    /// The changes that `up` would make, the requested diffs of objects, and the exit code.
    Planned {
        /// The planned changes.
        listing: Listing,
        /// Unified diffs.
        diffs: Vec<String>,
        /// The exit code.
        code: u8,
    },
    /// Several messages, and the resulting exit code.
    Judged(Listing, u8),
}

impl Answer {
    /// The URL that answered.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self {
            Answer::Url(open) => Some(&open.url),
            _ => None,
        }
    }
}

/// A URL, and the forward that keeps it open.
#[derive(Debug)]
pub struct OpenUrl {
    /// The URL.
    pub url: String,
    /// The forward that this very process holds, for `todo forward`.
    pub held: Option<Box<HeldForward>>,
    /// Lines for the hosts file that need the user's confirmation.
    pub unwritten: Option<hosts::Unwritten>,
}

/// A forward in this process, and the resources that it needs.
#[derive(Debug)]
pub struct HeldForward {
    forward: Forward,
    watched: Watched,
    owner: ForwardOwner,
}

impl OpenUrl {
    /// Holds the forward until the user stops the run, or until its target is gone, which is a fault; returns at once
    /// if there is none.
    pub async fn hold(self, run: &Run) -> Option<Fault> {
        let HeldForward { forward, watched, owner } = *self.held?;
        let gone = detached::watch::watch(
            &forward,
            &watched,
            async || reach::connect(run, &owner).await,
            detached::watch::PACE,
        );
        tokio::select! {
            gone = gone => Some(
                Code::PortForwardEnded.fault(FaultKind::Service, gone.to_string())
                    .context(format!("the port-forward {} has ended", forward.address()))
                    .hint("`todo up` deploys the application again; then `todo forward` again"),
            ),
            _ = run.cancel.stopped() => None,
        }
    }
}
