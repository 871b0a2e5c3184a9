//! The order of things: one file a command, a screen each.
//!
//! Not a framework of steps: what a step needs is what the step before returned. The flows alone know the order, and
//! turn what one room says into what the next one asks for; the rooms never know one another.

mod back;
pub mod check;
mod dns;
pub mod doctor;
pub mod down;
pub mod explain;
pub mod forward;
mod gather;
mod generate;
pub mod history;
mod hooks;
pub mod hosts;
mod ingress;
pub mod init;
pub mod logs;
pub mod open;
mod outlook;
pub mod plan;
pub mod post_render;
mod reach;
pub mod rehearse;
mod releases;
pub mod restart;
pub mod status;
pub mod unlock;
pub mod up;
mod veil;

use crate::report::listing::Listing;
use crate::report::status::StatusReport;
use crate::service::forward::Forward;
use crate::signal::Cancel;

/// What a command answers on standard output.
#[derive(Debug)]
pub enum Answer {
    /// Nothing beyond what was told on the way.
    Nothing,
    /// A URL that answered.
    Url(Open),
    /// What runs, how well, and where.
    Status(Box<StatusReport>),
    /// Several things.
    Listing(Listing),
    /// A text for another program.
    Text(String),
    /// Lines as they come.
    Logs(logs::Lines),
    /// Several things, and the exit code that they amount to.
    Judged(Listing, u8),
}

/// A URL, and what keeps it open.
#[derive(Debug)]
pub struct Open {
    /// The URL.
    pub url: String,
    /// The forwards that it needs, where the node's address cannot be reached from here.
    pub forwards: Vec<Forward>,
    /// Lines for the hosts file that wait for the user's word.
    pub unwritten: Option<hosts::Unwritten>,
}

impl Open {
    /// Keeps the URL open until the user stops the run; returns at once where nothing has to be kept.
    pub async fn hold(self, cancel: &Cancel) {
        if !self.forwards.is_empty() {
            let _ = cancel.stopped().await;
        }
    }
}
