//! The project's own checks: a database before the rollout, a page after it.
//!
//! A failed check is repeated: before the rollout until the same problem has lasted a while, after it until the
//! deadline, because the application may still be starting. Not a load test, and not a client with a password: it
//! connects, or GETs.

mod address;
mod inside;
mod service;
mod words;

use super::NodeNetwork;
use super::TimeLimits;
use super::http;
use super::http::HttpAnswer;
use super::http::NoAnswer;
use super::http::Question;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Severity;
use crate::event::Step;
use crate::manifest::Object;
use crate::project::Check;
use crate::project::Expect;
use crate::project::From;
use crate::project::Probe;
use crate::project::When;
use crate::project::name::DataKey;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::project::secret::Secret;
use crate::run::Run;
use address::Leads;
use futures::future::BoxFuture;
use futures::future::join_all;
use kube::Client;
use service::Entrance;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Time limit for one attempt. The server may be on the other side of the world.
const LIMIT: Duration = Duration::from_secs(8);

/// How often, and until when.
const PACE: TimeLimits = TimeLimits { limit: LIMIT, ..super::PACE };

/// How long a healthy application may take to pass.
const AFTER: Duration = Duration::from_secs(30);

/// The parts of the cluster that checks need.
pub struct CheckTarget<'a> {
    /// Its API server.
    pub client: &'a Client,
    /// Where the project's Services are.
    pub namespace: &'a Namespace,
    /// How its node is reached.
    pub reach: &'a NodeNetwork,
}

/// Runs a script in bash on the node and returns what it printed, or why it could not.
pub type Inside<'a> = dyn Fn(String) -> BoxFuture<'a, Result<String, String>> + Sync + 'a;

/// The inputs of checks.
pub struct CheckRunner<'a, 'i> {
    /// The run.
    pub run: &'a Run,
    /// The cluster; `None` before it runs.
    pub cluster: Option<CheckTarget<'a>>,
    /// Runs a script on the node; `None` before it runs.
    pub inside: Option<&'a Inside<'i>>,
    /// The project's objects.
    pub objects: &'a [Object],
    /// The values of the project's Secrets.
    pub secret: &'a (dyn Fn(&ObjectName, &DataKey) -> Option<Secret> + Sync),
    /// Whether a failed check is repeated.
    pub patient: bool,
}

/// How one check went.
#[derive(Debug, Clone)]
pub struct CheckResult {
    /// Its name for the user.
    pub name: String,
    /// What is checked; for a Secret only its key.
    pub what: String,
    /// Which side makes the request.
    pub from: From,
    /// When the check is made.
    pub when: When,
    /// Whether the run depends on it.
    pub required: bool,
    /// [`Outcome::Done`], [`Outcome::Failed`] or [`Outcome::Skipped`].
    pub outcome: Outcome,
    /// The result as text.
    pub answer: String,
    /// How long the answer, or giving up, took.
    pub took: Duration,
    /// The problem; an error only if the check is required.
    pub finding: Option<Finding>,
}

/// The result of one attempt.
enum Tried {
    /// It is as expected.
    Passed(String),
    /// There is nothing to check.
    Nothing(&'static str),
    /// The check failed; and the evidence.
    Failed(CheckProblem),
}

/// Why a check failed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CheckProblem {
    /// No answer.
    None(NoAnswer),
    /// An answer, and why it is the wrong one.
    Wrong(HttpAnswer, String),
    /// A Service that does not answer as expected: the status of its answer, if there was one, and why that is wrong.
    Service { status: Option<u16>, why: String },
    /// The check could not be made.
    Unasked(String),
}

impl CheckRunner<'_, '_> {
    /// Runs all of `checks` at once. Each is an item of [`Step::Check`].
    pub async fn all(&self, checks: &[&Check]) -> Vec<CheckResult> {
        join_all(checks.iter().map(|check| self.one(check))).await
    }

    async fn one(&self, check: &Check) -> CheckResult {
        let item = self.run.sink.item(Step::Check, check.name.as_str());
        let began = Instant::now();
        let tried = self.until(&item, check).await;
        let mut checked = CheckResult {
            name: check.name.clone(),
            what: words::what(&check.probe),
            from: check.from,
            when: check.when,
            required: check.required,
            outcome: Outcome::Done,
            answer: String::new(),
            took: began.elapsed(),
            finding: None,
        };
        match tried {
            Tried::Passed(answer) => checked.answer = answer,
            Tried::Nothing(why) => {
                checked.outcome = Outcome::Skipped;
                why.clone_into(&mut checked.answer);
            }
            Tried::Failed(problem) => {
                checked.outcome = Outcome::Failed;
                checked.answer = words::describe(&problem);
                let mut finding = words::finding(check, &problem);
                if !check.required {
                    finding.severity = Severity::Warning;
                }
                checked.finding = Some(finding);
            }
        }
        item.finish(checked.outcome, Some(checked.answer.clone()));
        checked
    }

    async fn until(&self, item: &OpenItem, check: &Check) -> Tried {
        let deadline = Instant::now() + if check.when == When::Before { LIMIT } else { AFTER };
        // An optional check does not delay the rollout.
        let patient = self.patient && (check.required || check.when != When::Before);
        let mut pause = PACE.pause / 4;
        let mut same: Option<(CheckProblem, Instant)> = None;
        loop {
            let problem = match self.once(check).await {
                Tried::Failed(problem) => problem,
                ended => return ended,
            };
            let now = Instant::now();
            let since = match &same {
                Some((before, since)) if words::describe(before) == words::describe(&problem) => *since,
                _ => now,
            };
            let lasts = now - since >= PACE.stable_for;
            let comes = check.when != When::Before && problem.may_pass();
            let settled = lasts && !comes || matches!(problem, CheckProblem::Unasked(_));
            if !patient || settled || now + pause >= deadline {
                return Tried::Failed(problem);
            }
            item.waiting(words::describe(&problem));
            same = Some((problem, since));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PACE.pause);
        }
    }

    async fn once(&self, check: &Check) -> Tried {
        match &check.probe {
            Probe::Service { name, path, expect } => {
                self.service(name, Entrance::AsPeopleDo, path, expect).await
            }
            Probe::Http { url, expect } => {
                if check.from == From::Cluster
                    && check.when != When::Before
                    && let Some((name, port, path)) = self.names_service(url)
                {
                    return self.service(&name, Entrance::Itself(port), &path, expect).await;
                }
                match check.from {
                    From::Host => evaluate(from_here(url, expect).await, expect),
                    From::Cluster => evaluate(self.node_answer(url, expect).await, expect),
                }
            }
            Probe::Tcp(address) => match address.rsplit_once(':') {
                Some((host, port)) => {
                    let host = host.trim_matches(['[', ']']);
                    self.tcp(check.from, host, port.parse().unwrap_or_default()).await
                }
                None => Tried::Failed(CheckProblem::Unasked("it names no port".to_owned())),
            },
            Probe::TcpOf { secret, key } => {
                let Some(value) = (self.secret)(secret, key) else {
                    return Tried::Nothing("the key has no value");
                };
                match address::leads(value.expose()) {
                    Some(Leads::To(host, port)) => self.tcp(check.from, &host, port).await,
                    Some(Leads::Nowhere) => Tried::Nothing("the value names no other machine"),
                    None => {
                        let why = "the value is not a URL with a host and a port that are certain";
                        Tried::Failed(CheckProblem::Unasked(why.to_owned()))
                    }
                }
            }
        }
    }

    async fn tcp(&self, from: From, host: &str, port: u16) -> Tried {
        if !address::is_host(host) {
            return Tried::Failed(CheckProblem::Unasked(
                "its host is neither a name nor an address".to_owned(),
            ));
        }
        let connected = match from {
            From::Cluster => self.by_node(inside::connect(host, port, LIMIT)).await.map(drop),
            From::Host => match tokio::time::timeout(LIMIT, TcpStream::connect((host, port))).await {
                Ok(connected) => connected.map(drop).map_err(|error| http::unconnected(&error)),
                Err(_) => Err(NoAnswer::NoConnection(format!("no connection within {} s", LIMIT.as_secs()))),
            },
        };
        match connected {
            Ok(()) => Tried::Passed("accepts connections".to_owned()),
            Err(none) => Tried::Failed(CheckProblem::None(none)),
        }
    }

    /// Requests as [`from_here`] does, but from the node, so that both follow the same redirects.
    async fn node_answer(&self, url: &str, expect: &Expect) -> Result<HttpAnswer, NoAnswer> {
        let mut question = question(url)?;
        let mut answer = self.by_node(inside::get(&question.url(), LIMIT)).await?;
        let redirects = if follows(expect) { http::REDIRECTS } else { 0 };
        for _ in 0..redirects {
            let Some(next) = question.follows(&answer) else { break };
            answer = self.by_node(inside::get(&next.url(), LIMIT)).await?;
            question = next;
        }
        Ok(answer)
    }

    async fn by_node(&self, script: String) -> Result<HttpAnswer, NoAnswer> {
        let Some(inside) = self.inside else {
            return Err(NoAnswer::Unreachable("the cluster does not run".to_owned()));
        };
        let began = Instant::now();
        let printed = inside(script).await.map_err(NoAnswer::Unreachable)?;
        inside::parse(&printed, LIMIT, began)
    }
}

impl CheckProblem {
    /// Whether an application that is starting may have the same problem.
    fn may_pass(&self) -> bool {
        match self {
            CheckProblem::None(NoAnswer::Garbled(_) | NoAnswer::Tls(_)) | CheckProblem::Unasked(_) => false,
            CheckProblem::None(_) => true,
            CheckProblem::Wrong(answer, _) => matches!(answer.status, 502..=504),
            CheckProblem::Service { status, .. } => status.is_none_or(|status| matches!(status, 500..=509)),
        }
    }
}

fn question(url: &str) -> Result<Question, NoAnswer> {
    let not_asked = || NoAnswer::Unreachable("its URL cannot be read".to_owned());
    let uri: ::http::Uri = url.parse().map_err(|_| not_asked())?;
    let authority = uri.authority().ok_or_else(not_asked)?;
    let tls = uri.scheme_str() == Some("https");
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    Ok(Question {
        connect: format!("{}:{port}", authority.host()),
        authority: authority.to_string(),
        tls,
        path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
    })
}

async fn from_here(url: &str, expect: &Expect) -> Result<HttpAnswer, NoAnswer> {
    let question = question(url)?;
    if follows(expect) {
        http::get_following(&question, LIMIT).await
    } else {
        http::get(&question, LIMIT).await
    }
}

fn follows(expect: &Expect) -> bool {
    expect.contains.is_some() || expect.status.is_none_or(|status| !(300..400).contains(&status))
}

/// A check without a status expects a page, not an error page: unlike a service, whose root may well be missing.
fn is_fine(status: u16, expect: &Expect) -> bool {
    expect.status.map_or((100..400).contains(&status), |wanted| wanted == status)
}

fn evaluate(answer: Result<HttpAnswer, NoAnswer>, expect: &Expect) -> Tried {
    let answer = match answer {
        Ok(answer) => answer,
        Err(none) => return Tried::Failed(CheckProblem::None(none)),
    };
    let why = super::wrong(&answer, expect)
        .or_else(|| (!is_fine(answer.status, expect)).then(|| format!("answers {}", answer.status)));
    match why {
        None => Tried::Passed(answered(answer.status, expect)),
        Some(why) => Tried::Failed(CheckProblem::Wrong(answer, why)),
    }
}

fn answered(status: u16, expect: &Expect) -> String {
    let body = expect.contains.as_ref().map(|text| format!(", with `{text}`")).unwrap_or_default();
    format!("answers {status}{body}")
}

#[cfg(test)]
mod tests;
