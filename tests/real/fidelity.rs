//! How near the rehearsal is: the same acts against a real cluster and the rehearsed one, and the answers of both API
//! servers.
//!
//! The program runs in this process and speaks to a relay, which writes everything down. A line that only one of the two
//! answers must be listed in `tests/fidelity/explained.toml` with its reason; so a change of the program that asks for
//! something new, or of the rehearsal, shows here. Values count, not only shapes: a default that the rehearsal fills in
//! wrongly has the right shape.
//!
//! `TODO_TEST_PROFILE` names a minikube profile that runs; without it, it is one of our own. `TODO_TEST_FACTS` names a directory for all lines of both sides.

mod acts;
mod explained;
mod facts;
mod relay;

use crate::real::fidelity::facts::Facts;
use crate::real::fidelity::facts::Reader;
use crate::real::fidelity::relay::Relay;
use crate::real::reports::Profile;
use crate::rehearsed::harness::Harness;
use crate::rehearsed::harness::Project;
use futures::future::join;
use kube::Client;
use kube::Config;
use kube::config::KubeConfigOptions;
use kube::config::Kubeconfig;
use simulator::serve::kubeconfig;
use tokio::runtime::Builder;

#[test]
#[ignore = "needs minikube"]
fn a_rehearsed_cluster_says_what_a_real_one_says() {
    let profile = Profile::ready();
    let rehearsal = std::thread::spawn(|| {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(rehearsed())
    });
    let cluster = Builder::new_current_thread().enable_all().build().unwrap().block_on(real(&profile.name));
    let rehearsal = rehearsal.join().unwrap();
    if let Ok(folder) = std::env::var("TODO_TEST_FACTS") {
        for (name, facts) in [("cluster", &cluster), ("rehearsal", &rehearsal)] {
            let lines: Vec<&str> = facts.iter().map(String::as_str).collect();
            std::fs::write(format!("{folder}/{name}.txt"), lines.join("\n") + "\n").unwrap();
        }
    }
    let (left, stale) = explained::unexplained(&cluster, &rehearsal);
    assert!(left.is_empty(), "{} lines of one side only:\n{}", left.len(), left.join("\n"));
    assert!(stale.is_empty(), "explained, but no longer different:\n{}", stale.join("\n"));
}

async fn real(profile: &str) -> Facts {
    let options = KubeConfigOptions { context: Some(profile.to_owned()), ..KubeConfigOptions::default() };
    let config = Config::from_kubeconfig(&options).await.unwrap();
    let server = connected(config);
    acts::forget(&server).await;
    let facts = Box::pin(record(&server, &Reader::new(profile))).await;
    acts::forget(&server).await;
    facts
}

async fn rehearsed() -> Facts {
    let harness = Harness::new().await;
    let file = Kubeconfig::from_yaml(&kubeconfig("mini", harness.address)).unwrap();
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    Box::pin(record(&connected(config), &Reader::new("mini"))).await
}

fn connected(mut config: Config) -> Client {
    config.default_retry = false;
    config.proxy_url = None;
    Client::try_from(config).unwrap()
}

async fn record(server: &Client, reader: &Reader) -> Facts {
    let relay = Relay::before(server.clone()).await;
    let project = Project::at(relay.address);
    let life = Box::pin(acts::life(&project, &relay, server, reader));
    let (mut facts, more) = join(life, acts::failures(server, reader)).await;
    facts.extend(more);
    facts
}
