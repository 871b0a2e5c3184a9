//! Which ports of a new node are published on this machine.

use super::harness;
use super::harness::Harness;
use crate::project::Publish;
use crate::world::Os;
use crate::world::World;
use std::sync::Arc;

/// A free port of this machine.
fn free() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_new_node_publishes_what_is_asked_for_and_what_could_not_be_reached_otherwise() {
    for (os, unrouted) in [(Os::Linux, false), (Os::MacOs, true)] {
        let mut harness = Harness::absent().await;
        let (local, node) = (free(), free());
        harness.desired.publish =
            vec![Publish { node: 30080, local: Some(local) }, Publish { node, local: None }];
        let mut world = World::clone(&harness.run.world);
        world.os = os;
        harness.run.world = Arc::new(world);
        harness.on("start", &format!("{}\n{}", harness::EVENTS, harness.runs()), 0);
        harness.ensure().await.unwrap();
        let other = if unrouted { format!(",127.0.0.1:{node}:{node}") } else { String::new() };
        let desired = format!(" --ports=127.0.0.1:{local}:30080{other}");
        let started = harness.calls()[0].clone();
        assert!(started.ends_with(&desired), "{os:?}: {started}");
    }
}
