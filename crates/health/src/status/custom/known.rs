//! Popular kinds whose status the conventions do not cover.

use super::StatusHint;
use super::Strength;
use super::words;
use super::words::Meaning;
use crate::live;
use serde_json::Value;

/// Kinds that are read by others and never get a status: being there is all they do. A group ends with its name.
const SETTINGS: &[(&str, &[&str])] = &[
    ("monitoring.coreos.com", &["ServiceMonitor", "PodMonitor", "PrometheusRule", "Probe", "ScrapeConfig"]),
    (
        "traefik.io",
        &[
            "IngressRoute",
            "IngressRouteTCP",
            "IngressRouteUDP",
            "Middleware",
            "MiddlewareTCP",
            "TLSOption",
            "TLSStore",
        ],
    ),
    (
        "istio.io",
        &[
            "DestinationRule",
            "EnvoyFilter",
            "Gateway",
            "AuthorizationPolicy",
            "PeerAuthentication",
            "RequestAuthentication",
            "ServiceEntry",
            "Sidecar",
            "Telemetry",
            "VirtualService",
        ],
    ),
    ("gateway.networking.k8s.io", &["ReferenceGrant"]),
    ("snapshot.storage.k8s.io", &["VolumeSnapshotClass"]),
    ("secrets-store.csi.x-k8s.io", &["SecretProviderClass"]),
    ("k8s.cni.cncf.io", &["NetworkAttachmentDefinition"]),
    ("metrics.k8s.io", &["NodeMetrics", "PodMetrics"]),
    ("keda.sh", &["TriggerAuthentication", "ClusterTriggerAuthentication"]),
];

/// Where Numaplane writes how the upgrade of a resource of Numaflow went.
const NUMAPLANE: &str = "/metadata/labels/numaplane.numaproj.io~1progressive-result-state";

/// Kinds whose `Ready` means that the controller has read the resource, and implies nothing for what it promotes.
const ONLY_READ: &[(&str, &[&str])] = &[(
    "promoter.argoproj.io",
    &["ArgoCDCommitStatus", "ChangeTransferPolicy", "GitCommitStatus", "PromotionStrategy"],
)];

/// Kinds that report it in a field of their own: group, kind, field.
const WORDS: &[(&str, &str, &str)] = &[
    ("acid.zalan.do", "postgresql", "/status/PostgresClusterStatus"),
    ("networking.gke.io", "ManagedCertificate", "/status/certificateStatus"),
    ("minio.min.io", "Tenant", "/status/currentState"),
    ("argoproj.io", "Application", "/status/health/status"),
    ("core.gardener.cloud", "Shoot", "/metadata/labels/shoot.gardener.cloud~1status"),
    ("numaflow.numaproj.io", "Pipeline", NUMAPLANE),
    ("numaflow.numaproj.io", "MonoVertex", NUMAPLANE),
    ("numaflow.numaproj.io", "InterStepBufferService", NUMAPLANE),
];

/// Kinds that report it in a condition that is not a summary in other kinds: group, kind, condition.
const CONDITIONS: &[(&str, &str, &str)] = &[
    ("bitnami.com", "SealedSecret", "Synced"),
    ("argoproj.io", "ApplicationSet", "ResourcesUpToDate"),
    ("argoproj.io", "EventBus", "Configured"),
    ("kiali.io", "Kiali", "Running"),
];

/// The signals of the kinds in the table, in addition to those of every kind.
pub(super) fn signals(object: &Value) -> Vec<StatusHint> {
    let (group, kind) = (group(object), live::kind(object));
    let is = |known: &str, of: &str| group == known && kind == of;
    let words = WORDS.iter().filter(|(known, of, _)| is(known, of)).filter_map(|(.., at)| {
        let word = live::text(object, at);
        let sign = Strength::new(words::meaning(word)?);
        Some(StatusHint::new(sign, word, format!("its status is `{word}`")))
    });
    let conditions = CONDITIONS.iter().filter(|(known, of, _)| is(known, of)).filter_map(|(.., name)| {
        let condition = live::condition(object, name)?;
        condition
            .holds()
            .then(|| StatusHint::new(Strength::Good, *name, format!("its condition `{name}` is True")))
    });
    words.chain(conditions).chain(rollout(object)).chain(elastic(object)).collect()
}

/// Argo Rollouts: a Deployment with steps, whose phase is final (`argo-rollouts: pkg/apis/rollouts/v1alpha1`).
fn rollout(object: &Value) -> Option<StatusHint> {
    if group(object) != "argoproj.io" || live::kind(object) != "Rollout" {
        return None;
    }
    let replicas = live::count(object, "/status/replicas");
    let updated = live::count(object, "/status/updatedReplicas");
    let busy = |message: String| Some(StatusHint::new(Strength::Busy, "Updating", message));
    let phase = live::text(object, "/status/phase");
    // Its pods are those of a Deployment that it refers to, which has changed since.
    let of_workload = |at: &str| live::number(object, at);
    let (written, observed) = (
        of_workload("/metadata/annotations/rollout.argoproj.io~1workload-generation"),
        of_workload("/status/workloadObservedGeneration"),
    );
    if written.is_some() && observed < written {
        return busy("its workload has changed, which is not observed yet".to_owned());
    }
    if words::meaning(phase) == Some(Meaning::Good) {
        return None;
    }
    if phase.is_empty() && replicas > updated {
        return busy(format!("{updated} of {replicas} pods updated"));
    }
    None
}

/// Elastic counts its nodes, and requests them by sets of nodes (`cloud-on-k8s: pkg/apis/elasticsearch/v1`).
fn elastic(object: &Value) -> Option<StatusHint> {
    if group(object) != "elasticsearch.k8s.elastic.co" {
        return None;
    }
    let available = live::number(object, "/status/availableNodes")?;
    let desired: i64 =
        live::list(object, "/spec/nodeSets").iter().map(|set| live::count(set, "/count")).sum();
    let message = format!("{available} of {desired} nodes available");
    (available < desired).then(|| StatusHint::new(Strength::Busy, "NotReady", message))
}

/// Whether a good status only means that its controller has read it.
pub(super) fn is_only_read(object: &Value) -> bool {
    ONLY_READ.iter().any(|(known, kinds)| group(object) == *known && kinds.contains(&live::kind(object)))
}

/// Whether the kind never gets a status.
pub(super) fn is_settings(object: &Value) -> bool {
    let group = group(object);
    SETTINGS.iter().any(|(known, kinds)| {
        let same = group == *known || group.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'));
        same && kinds.contains(&live::kind(object))
    })
}

fn group(object: &Value) -> &str {
    live::text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}
