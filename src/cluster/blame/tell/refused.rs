//! Pods that may not be created at all: a quota, a policy, a missing account.

use crate::cluster::blame::tell::CauseContext;
use crate::cluster::blame::tell::Diagnosis;
use crate::cluster::blame::tell::diagnosis;
use crate::cluster::blame::tell::placing::asking;
use health::cause::Symptom;
use health::cause::failure_kind::FailureKind;
use health::cause::template;
use health::live;
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

pub(super) fn creation(symptom: &Symptom, inputs: &CauseContext<'_>) -> Diagnosis {
    let spec = template::pod_spec(live::kind(inputs.written()));
    match symptom.signal {
        FailureKind::Quota => quota(symptom, inputs, spec),
        FailureKind::NoServiceAccount => {
            let at = format!("{spec}/serviceAccountName");
            let name = live::text(inputs.written(), &at);
            diagnosis(
                format!("its pods need ServiceAccount `{name}`, which does not exist"),
                Some(at.clone()),
                "add the ServiceAccount to the manifests, or correct its name",
            )
        }
        _ => diagnosis(
            format!("the API server refuses its pods: {}", after(&symptom.message, "is forbidden: ")),
            Some(refused(&symptom.message, inputs.written(), spec)),
            "change the pod template as the message asks",
        ),
    }
}

/// The message of the quota admission plug-in:
/// `exceeded quota: small, requested: requests.memory=128Mi, used: …, limited: …`
/// (`kubernetes: plugin/pkg/admission/resourcequota/controller.go`). Of several resources this holds the first.
pub(super) struct Exceeded<'a> {
    pub(super) name: &'a str,
    pub(super) resource: &'a str,
    pub(super) requested: &'a str,
    pub(super) used: &'a str,
    pub(super) limited: &'a str,
}

impl<'a> Exceeded<'a> {
    pub(super) fn parse(message: &'a str) -> Option<Exceeded<'a>> {
        let (name, rest) = after(message, "exceeded quota: ").split_once(", requested: ")?;
        let (requested, rest) = rest.split_once(", used: ")?;
        let (used, limited) = rest.split_once(", limited: ")?;
        let first = |list: &'a str| list.split(',').next().unwrap_or_default().split_once('=');
        let (resource, requested) = first(requested)?;
        Some(Exceeded { name, resource, requested, used: first(used)?.1, limited: first(limited)?.1 })
    }
}

fn quota(symptom: &Symptom, inputs: &CauseContext<'_>, spec: &str) -> Diagnosis {
    let help = "ask for less, raise the quota, or remove what else uses it";
    let Some(Exceeded { name, resource, requested, used, limited }) = Exceeded::parse(&symptom.message)
    else {
        let reason = after(&symptom.message, "exceeded quota: ");
        let message = format!("a ResourceQuota of the namespace forbids its pods: {reason}");
        return diagnosis(message, Some(format!("{spec}/containers")), help);
    };
    let asked = resource.strip_prefix("requests.").unwrap_or(resource);
    diagnosis(
        format!(
            "ResourceQuota `{name}` forbids its pods: one asks for {requested} of `{resource}`, {used} of {limited} are taken"
        ),
        asking(inputs.written(), asked.strip_prefix("limits.").unwrap_or(asked))
            .or_else(|| Some(format!("{spec}/containers"))),
        help,
    )
}

/// The field that pod security names: `container "web" must not set securityContext.privileged=true`
/// (`k8s.io/pod-security-admission: policy`).
fn refused(message: &str, written: &Value, spec: &str) -> String {
    let found = MUST_SET.captures(message);
    let field = found.and_then(|found| {
        let names: Vec<&str> = found[2].split('.').collect();
        let fields: Vec<String> = (1..=names.len()).rev().map(|end| names[..end].join("/")).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        template::field(written, &found[1], &fields)
    });
    field.unwrap_or_else(|| spec.to_owned())
}

static MUST_SET: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"containers? "([^"]+)"(?:, "[^"]+")* must (?:not )?(?:set|include "[^"]+" in) (securityContext[.\w]*)"#,
    )
});

#[expect(clippy::expect_used, reason = "a constant of this file; a test compiles it")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

fn after<'a>(message: &'a str, sign: &str) -> &'a str {
    message.split_once(sign).map_or(message, |(_, rest)| rest)
}
