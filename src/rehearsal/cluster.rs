//! A cluster in this process: the API server of [`crate::rehearsal::api`] with the controllers that matter behind it.

pub mod fault;
pub mod image;

use crate::clock::Clock;
use crate::rehearsal::api::Api;
use crate::rehearsal::cluster::fault::Faults;
use crate::rehearsal::cluster::image::Images;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

/// What a cluster is made of.
#[derive(Clone)]
pub struct Settings {
    /// What its objects' times are taken from.
    pub clock: Clock,
    /// Names, addresses and latencies follow from it.
    pub seed: u64,
    /// Its nodes; the first one has the NodePorts.
    pub nodes: Vec<Node>,
    /// What the nodes have and can get.
    pub images: Arc<dyn Images>,
    /// What goes wrong.
    pub faults: Arc<dyn Faults>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name, which is the profile's for the first one.
    pub name: String,
    /// CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Where it is reached. NodePorts are opened there if it is an address of this machine.
    pub address: IpAddr,
}

/// The cluster. Cheap to clone; all clones are the same one.
#[derive(Clone)]
pub struct Cluster {
    api: Api,
}

impl Cluster {
    /// Starts the cluster on the current runtime. It runs until it is dropped or stopped.
    #[must_use]
    pub fn start(_settings: Settings) -> Cluster {
        Cluster { api: Api::new() }
    }

    /// Answers the requests of one connection until it is closed. HTTP/1.1, upgrades included.
    pub async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        drop(stream);
    }

    /// Stops the nodes: connections break, containers end, objects stay.
    pub fn stop(&self) {}

    /// Starts the nodes again: containers are started anew.
    pub fn resume(&self) {}

    /// The objects, for somebody who changes them meanwhile.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Everything there is as `Kind namespace/name`, without what differs from run to run (UIDs, versions, times,
    /// addresses, generated names). No events, and no Leases.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, Value> {
        BTreeMap::new()
    }
}
