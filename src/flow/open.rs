//! `todo open`: verifies the URL as `up` does, and opens it in the browser.

use crate::cluster::Doing;
use crate::cluster::Target;
use crate::cluster::revision;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::exec;
use crate::exec::Call;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::hosts;
use crate::flow::owner;
use crate::flow::reach;
use crate::flow::redaction;
use crate::flow::up;
use crate::manifest::Object;
use crate::project::Project;
use crate::run::Run;
use crate::world::Os;
use crate::world::World;

/// Verifies the URL and opens it in the browser; if the URL needs a forward, that continues in the background.
pub async fn open(run: &Run, project: &Project) -> Result<Answer> {
    let cluster = reach::there(run, project).await?;
    let target = cluster.target(run, project).await?;
    owner::check(run, project, &target, None, false, Doing::Using).await?;
    let objects = deployed(run, &target).await?;
    let verified = up::verify::open(run, project, &target, &cluster, &objects, up::verify::ANSWER).await?;
    let unwritten = hosts::found(run, project, &verified, false, false);
    let answer = up::verify::to_answer(&verified, unwritten);
    match &answer {
        Answer::Url(open) => browse(run, &open.url).await?,
        _ => {
            return Err(Code::ServiceNotDeclared
                .fault(FaultKind::Service, "the project has no Service to open")
                .hint("name one in deploy.toml: `[service.NAME]`"));
        }
    }
    Ok(answer)
}

/// The objects that the last good run applied: without a `[service]` the Service to open is found among them.
pub(crate) async fn deployed(run: &Run, target: &Target) -> Result<Vec<Object>> {
    redaction::cluster(run, target, Step::Service).await;
    let newest = revision::history(run, target).await?.first().map(|revision| revision.number);
    match newest {
        Some(number) => {
            let objects = revision::earlier(run, target, Some(number)).await?.objects;
            redaction::objects(run, &objects);
            Ok(objects)
        }
        None => Ok(Vec::new()),
    }
}

/// A URL that no browser shows is printed all the same.
async fn browse(run: &Run, url: &str) -> Result<()> {
    let step = run.sink.step(Step::Service);
    let shown = show(run, url).await;
    if let Some(fault) = run.stopped() {
        return Err(fault);
    }
    match shown {
        Ok(()) => step.finish(Outcome::Done, Some("opened".to_owned())),
        Err(finding) => {
            run.sink.warn(finding);
            step.finish(Outcome::Skipped, None);
        }
    }
    Ok(())
}

/// Shows `url` in the browser; if that fails, returns why.
pub(crate) async fn show(run: &Run, url: &str) -> std::result::Result<(), Finding> {
    let shown = match browser(&run.world) {
        Some(call) => call.args([url]).output(run).await.map(drop).map_err(|error| error.to_string()),
        None => Err("this machine names no browser".to_owned()),
    };
    shown.map_err(|why| {
        let finding = Code::BrowserNotOpened.warning(format!("{url} is not opened: {why}"));
        finding.help("open it yourself")
    })
}

/// `BROWSER` comes first: in a Codespace and in WSL it reaches the user's screen.
fn browser(world: &World) -> Option<Call> {
    if let Some(program) = world.var("BROWSER").and_then(|named| exec::find(world, named)) {
        return Some(Call::new(program));
    }
    let (names, arguments): (&[&str], &[&str]) = match world.os {
        Os::Windows => (&["rundll32"], &["url.dll,FileProtocolHandler"]),
        Os::MacOs => (&["open"], &[]),
        Os::Linux => (&["xdg-open", "wslview"], &[]),
    };
    let program = names.iter().find_map(|name| exec::find(world, name))?;
    Some(Call::new(program).args(arguments.iter().copied()))
}
