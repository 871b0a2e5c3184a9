//! Tokens of ServiceAccounts in Secrets (`kubernetes: pkg/controller/serviceaccount/tokens_controller.go`).

use crate::cluster::ctx::ControllerContext;
use crate::kinds;
use crate::request::text;
use serde_json::json;

const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";

/// Fills a Secret of that type; without its account the Secret is deleted.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, namespace: &str, name: &str) {
    let Some(mut secret) = ctx.get(kinds::SECRET, namespace, name) else { return };
    if secret["type"] != TYPE || secret["data"]["token"].is_string() {
        return;
    }
    let account = text(&secret["metadata"]["annotations"][ACCOUNT]);
    let Some(account) = ctx.get(kinds::ACCOUNT, namespace, &account) else {
        ctx.forget(&secret);
        return;
    };
    secret["metadata"]["annotations"]["kubernetes.io/service-account.uid"] =
        account["metadata"]["uid"].clone();
    // "token", "ca" and the namespace, in base64: their contents are not checked here.
    for (key, value) in [("token", "dG9rZW4="), ("ca.crt", "Y2E=")] {
        secret["data"][key] = json!(value);
    }
    secret["data"]["namespace"] =
        json!(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, namespace));
    ctx.keep(secret);
}
