//! Which ports of a new node are published on this machine.

use super::bench;
use super::bench::Bench;
use crate::project::Publish;
use crate::world::Os;
use crate::world::World;
use std::sync::Arc;

/// A port of this machine that nobody uses.
fn free() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_new_node_publishes_what_is_asked_for_and_what_could_not_be_reached_otherwise() {
    for (os, unrouted) in [(Os::Linux, false), (Os::MacOs, true)] {
        let mut bench = Bench::absent().await;
        let (local, node) = (free(), free());
        bench.wanted.publish =
            vec![Publish { node: 30080, local: Some(local) }, Publish { node, local: None }];
        let mut world = World::clone(&bench.run.world);
        world.os = os;
        bench.run.world = Arc::new(world);
        bench.on("start", &format!("{}\n{}", bench::EVENTS, bench.runs()), 0);
        bench.ensure().await.unwrap();
        let other = if unrouted { format!(",127.0.0.1:{node}:{node}") } else { String::new() };
        let wanted = format!(" --ports=127.0.0.1:{local}:30080{other}");
        let started = bench.calls()[0].clone();
        assert!(started.ends_with(&wanted), "{os:?}: {started}");
    }
}
