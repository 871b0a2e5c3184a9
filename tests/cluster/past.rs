//! Revisions that are too large for one Secret.

use crate::cluster::harness::Harness;
use crate::cluster::shared::config;
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

fn secrets(harness: &Harness) -> Vec<String> {
    let all = harness.api.all();
    all.keys()
        .filter_map(|key| key.strip_prefix("api/v1/secrets shop/todo.shop."))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_large_revision_is_kept_in_parts_and_leads_back() {
    let harness = Harness::new().await;
    harness.up(&large(1)).await;
    assert_eq!(secrets(&harness), ["v1", "v1.p1"]);
    harness.up(&large(2)).await;
    let seen = history(&harness.run, &harness.target).await.unwrap();
    assert_eq!(seen.iter().map(|item| (item.number, item.objects)).collect::<Vec<_>>(), [(2, 4), (1, 4)]);

    let Earlier { number, objects: before, .. } = earlier(&harness.run, &harness.target, None).await.unwrap();
    assert_eq!(number, 1);
    assert_eq!(before[0].value["data"], large(1)[0].value["data"]);
    harness.up(&before).await;
    assert_eq!(secrets(&harness), ["v1", "v1.p1", "v2", "v2.p1", "v3", "v3.p1"]);

    // A deleted revision is deleted with all its parts.
    for n in 4..=13 {
        harness.up(&[config("small", json!({"n": n.to_string()}))]).await;
        harness
            .try_up(&[config("small", json!({"n": n.to_string()}))], ApplyOptions::default())
            .await
            .unwrap();
    }
    let kept = secrets(&harness);
    assert!(kept.iter().all(|name| !name.contains(".p")) && kept.len() == 10, "{kept:?}");
    harness.down(true).await;
    assert_eq!(secrets(&harness), Vec::<String>::new());
}

#[tokio::test]
async fn parts_that_an_interrupted_run_has_left_are_no_revision_and_go() {
    let harness = Harness::new().await;
    harness.up(&large(1)).await;
    let mut head = harness.api.get("api/v1/secrets", "shop", "todo.shop.v1").unwrap();
    harness.api.take("api/v1/secrets", "shop", "todo.shop.v1");
    assert_eq!(history(&harness.run, &harness.target).await.unwrap(), []);
    harness.up(&large(2)).await;
    assert_eq!(secrets(&harness), ["v1", "v1.p1"]);
    assert_eq!(history(&harness.run, &harness.target).await.unwrap().len(), 1);

    // A head whose part is not the one that was put there cannot be rolled back to, and the error reports that.
    head["metadata"]["name"] = json!("todo.shop.v2");
    head["metadata"]["labels"]["todo.dev/revision"] = json!("2");
    head["metadata"]["uid"] = json!(null);
    harness.api.put("api/v1/secrets", head);
    let fault = earlier(&harness.run, &harness.target, Some(2)).await.unwrap_err();
    assert!(fault.hints.iter().any(|hint| hint.contains("todo history")), "{fault:?}");
    assert_eq!(history(&harness.run, &harness.target).await.unwrap().len(), 1);
}
