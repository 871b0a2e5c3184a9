//! Revisions that are too large for one Secret.

use crate::cluster::shared::config;
use crate::cluster::stage::Stage;
use serde_json::json;
use todo::cluster::ApplyOptions;
use todo::cluster::revision::Earlier;
use todo::cluster::revision::earlier;
use todo::cluster::revision::history;
use todo::manifest::Object;

/// Some 600 KB that no packer makes smaller, different for each `seed`.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(state % 64) as usize])
    };
    (0..600_000).map(|_| letter()).collect()
}

pub(super) fn large(run: u64) -> Vec<Object> {
    (0..4).map(|n| config(&format!("large-{n}"), json!({"noise": noise(n + run * 10)}))).collect()
}

fn secrets(stage: &Stage) -> Vec<String> {
    let all = stage.api.all();
    all.keys()
        .filter_map(|key| key.strip_prefix("api/v1/secrets shop/todo.shop."))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_large_revision_is_kept_in_parts_and_leads_back() {
    let stage = Stage::new().await;
    stage.up(&large(1)).await;
    assert_eq!(secrets(&stage), ["v1", "v1.p1"]);
    stage.up(&large(2)).await;
    let seen = history(&stage.run, &stage.target).await.unwrap();
    assert_eq!(seen.iter().map(|one| (one.number, one.objects)).collect::<Vec<_>>(), [(2, 4), (1, 4)]);

    let Earlier { number, objects: before, .. } = earlier(&stage.run, &stage.target, None).await.unwrap();
    assert_eq!(number, 1);
    assert_eq!(before[0].value["data"], large(1)[0].value["data"]);
    stage.up(&before).await;
    assert_eq!(secrets(&stage), ["v1", "v1.p1", "v2", "v2.p1", "v3", "v3.p1"]);

    // What goes, goes with all its parts.
    for n in 4..=13 {
        stage.up(&[config("small", json!({"n": n.to_string()}))]).await;
        stage.try_up(&[config("small", json!({"n": n.to_string()}))], ApplyOptions::default()).await.unwrap();
    }
    let kept = secrets(&stage);
    assert!(kept.iter().all(|name| !name.contains(".p")) && kept.len() == 10, "{kept:?}");
    stage.down(true).await;
    assert_eq!(secrets(&stage), Vec::<String>::new());
}

#[tokio::test]
async fn parts_that_an_interrupted_run_has_left_are_no_revision_and_go() {
    let stage = Stage::new().await;
    stage.up(&large(1)).await;
    let mut head = stage.api.get("api/v1/secrets", "shop", "todo.shop.v1").unwrap();
    stage.api.take("api/v1/secrets", "shop", "todo.shop.v1");
    assert_eq!(history(&stage.run, &stage.target).await.unwrap(), []);
    stage.up(&large(2)).await;
    assert_eq!(secrets(&stage), ["v1", "v1.p1"]);
    assert_eq!(history(&stage.run, &stage.target).await.unwrap().len(), 1);

    // A head whose part is not the one that was put there is no way back, and says so.
    head["metadata"]["name"] = json!("todo.shop.v2");
    head["metadata"]["labels"]["todo.dev/revision"] = json!("2");
    head["metadata"]["uid"] = json!(null);
    stage.api.put("api/v1/secrets", head);
    let fault = earlier(&stage.run, &stage.target, Some(2)).await.unwrap_err();
    assert!(fault.hints.iter().any(|hint| hint.contains("todo history")), "{fault:?}");
    assert_eq!(history(&stage.run, &stage.target).await.unwrap().len(), 1);
}
