//! Which container of the project is meant.

use crate::cluster::exec::Container;
use crate::cluster::logs;
use crate::cluster::logs::pick::Source;
use crate::cluster::logs::pick::one;
use crate::cluster::logs::pick::one::NoContainer;
use crate::cluster::target::Target;
use crate::event::Code;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::run::Run;

/// The requested container.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// A pod, its workload, or a Service; if not given, the project's only workload or the one behind its Service.
    pub name: Option<&'a str>,
    /// The container, instead of the application's.
    pub container: Option<&'a str>,
    /// The Service that people open.
    pub service: Option<&'a str>,
    /// The images that the project builds.
    pub images: &'a [&'a str],
}

/// The requested running container.
///
/// # Errors
/// [`FaultKind::Usage`] if the project has nothing of that name, [`FaultKind::Rollout`] if none of it is running.
pub async fn find(run: &Run, target: &Target, asked: Asked<'_>) -> Result<Container> {
    let ids = logs::deployed(run, target).await?;
    let objects = logs::objects(target, &ids).await?;
    let Asked { name, container, service, images } = asked;
    let one = one::one(&ids, &objects, one::Asked { name, container, service, images });
    let Source { namespace, pod, container, .. } = one.map_err(|why| none(asked, why))?;
    Ok(Container { client: target.client.clone(), namespace, pod, container })
}

fn none(asked: Asked<'_>, why: NoContainer) -> Fault {
    match why {
        NoContainer::Workload(unknown) => logs::unknown("workload", &unknown),
        NoContainer::Container(unknown) => logs::unknown("container", &unknown),
        NoContainer::Ambiguous(names) => Code::ArgumentInvalid
            .fault(FaultKind::Usage, "the project has several workloads, and none of them is named")
            .hint(format!("name one of {}", names.join(", "))),
        NoContainer::NotRunning(pods) => {
            let whose = asked.name.or(asked.service).map(|name| format!(" of `{name}`")).unwrap_or_default();
            let container =
                asked.container.map_or_else(|| "container".to_owned(), |name| format!("container `{name}`"));
            let where_ = if pods.is_empty() { "there is no pod".to_owned() } else { pods.join(", ") };
            Code::ContainerNotRunning
                .fault(FaultKind::Rollout, format!("no {container}{whose} is running ({where_})"))
                .hint("`todo status` says why")
        }
    }
}
