//! The loop: a project whose files are edited at random under `todo watch`, while things go wrong, and until it is stopped
//! or killed. An `up` to which nothing happens then ends as one of the edited tree does on a machine of its own.

use super::faults;
use super::harness::Ended;
use super::harness::Harness;
use super::harness::Heard;
use super::normal;
use super::order::BACK_OFF;
use super::project::RandomProject;
use super::random::Rng;
use super::report::Report;
use super::trial::LIMIT;
use super::undisturbed::read;
use serde_json::Value;
use simulator::scenario::Scenario;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;
use todo::event::EventKind;
use todo::rehearsal::scenario;

const PROJECT: &str = "name = \"shop\"\nnamespace = \"shop\"\n[minikube]\nprofile = \"minikube\"\n[image.image-0]\n\
                       context = \"image-0\"\n[[manifests]]\npath = \"k8s\"\n[service.front]\n";
const DOCKERFILE: &str = "FROM nginx:alpine\nCOPY site /usr/share/nginx/html\n";
const OBJECTS: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: front}
spec:
  replicas: 2
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec:
      containers:
        - name: front
          image: image-0
          command: [nginx]
          args: [\"-g\", \"daemon off;\"]
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: 8080}}
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec:
  type: NodePort
  selector: {app: front}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
";

/// How long, by a clock that does not jump, a round may take to end.
const HUNG: Duration = Duration::from_secs(60);

/// What a loop came to.
pub(crate) struct Looped {
    pub(crate) report: Report,
    /// How many files containers had that were copied by the loop to which nothing happened.
    pub(crate) copied: usize,
}

/// # Errors
/// The problem, with the scenario.
pub(crate) async fn looped(folder: &Path, seed: u64) -> Result<Looped, String> {
    let mut rng = Rng::new(seed);
    let edits = Edits { folder: folder.to_owned(), chance: Rng::new(rng.next()) };
    let made = RandomProject { namespace: "shop" };
    let harness = async |project| {
        let mut harness = Harness::new(project, &made, seed, LIMIT).await;
        harness.well("up").await?;
        Ok::<_, String>(harness)
    };

    edits.first();
    let project = read(folder);
    let mut calm = harness(&project).await?;
    let before = calm.host.injector().effects();
    match calm.watch(None, async |heard| edits.clone().made(heard).await).await {
        Ended::Well(_) => {}
        Ended::Badly(fault) => return Err(format!("an undisturbed loop fails: {:?}", fault.causes())),
        Ended::Killed | Ended::Hung => {
            return Err(format!("an undisturbed loop hangs\n{}", calm.end_of_story()));
        }
    }
    let effects = calm.host.injector().effects() - before;
    let copied = copied(&calm);
    calm.well("up").await?;
    let edited = read(folder);
    let desired = left(&harness(&edited).await?).await?;
    normal::same(&desired, &left(&calm).await?)
        .map_err(|why| format!("an undisturbed loop does not end in the same state:\n{why}"))?;

    let text = faults::scenario(&mut rng, effects);
    let explain = |why: String| format!("{why}\nthe scenario:\n{text}");
    let scenario =
        scenario::parse(Path::new("loop.toml"), &text).map_err(|mistakes| format!("{mistakes:?}\n{text}"))?;
    let die = rng.one_in(2).then(|| 1 + rng.below(effects));
    edits.first();
    let mut rough = harness(&project).await?;
    rough.host.disturb(scenario);
    if let Ended::Hung = rough.watch(die, async |heard| edits.clone().made(heard).await).await {
        return Err(explain(format!("a disturbed loop hangs\n{}", rough.end_of_story())));
    }
    // What a loop that was killed has not come to.
    edits.clone().rest();
    rough.host.disturb(Scenario::default());
    tokio::time::sleep(BACK_OFF).await;
    rough.well("up").await.map_err(&explain)?;
    normal::same(&desired, &left(&rough).await.map_err(&explain)?)
        .map_err(|why| explain(format!("it does not end in the same state:\n{why}")))?;
    rough.is_decent().map_err(&explain)?;
    let faults = rough.host.injector().faults();
    let report = Report { trials: 1, runs: calm.report.runs + rough.report.runs, faults, ..rough.report };
    Ok(Looped { report, copied })
}

/// How many files containers have that were copied into them.
fn copied(harness: &Harness<'_>) -> usize {
    harness.host.copied("todo.local/").iter().map(BTreeMap::len).sum()
}

/// The state, without counters of earlier deployments. No container has copied files any more.
async fn left(harness: &Harness<'_>) -> Result<normal::Left, String> {
    let mut left = harness.left().await;
    match copied(harness) {
        0 => {}
        files => return Err(format!("{files} copied files are left in containers")),
    }
    left.retain(|name, _| {
        !name.contains("/todo.shop.v") && !name.starts_with("image ") && !name.starts_with("ReplicaSet ")
    });
    left.values_mut().for_each(forget);
    Ok(left)
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("kubectl.kubernetes.io/restartedAt");
            fields.remove("deployment.kubernetes.io/revision");
            fields.values_mut().for_each(forget);
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        _ => {}
    }
}

/// Edits at random.
#[derive(Clone)]
struct Edits {
    folder: PathBuf,
    chance: Rng,
}

impl Edits {
    /// The project before all edits.
    fn first(&self) {
        let _ = fs::remove_dir_all(self.path("image-0"));
        self.write("deploy.toml", PROJECT);
        self.write("k8s/front.yaml", OBJECTS);
        self.write("image-0/Dockerfile", DOCKERFILE);
        for page in 0..3 {
            self.write(&format!("image-0/site/{page}.html"), "first\n");
        }
    }

    /// Makes them all, and waits for what the loop makes of them; whether it does.
    async fn made(mut self, heard: &mut Heard) -> bool {
        let mut follows = ended(heard).await;
        let count = self.count();
        for number in 0..count {
            self.one(number);
            // Otherwise the next edit is made while the loop is at work.
            if follows && (number + 1 == count || self.chance.one_in(2)) {
                follows = ended(heard).await;
            }
        }
        follows
    }

    /// The same edits, whether a loop has seen them or not.
    fn rest(mut self) {
        self.first();
        let count = self.count();
        for number in 0..count {
            self.one(number);
            if number + 1 < count {
                self.chance.one_in(2);
            }
        }
    }

    fn count(&mut self) -> u64 {
        3 + self.chance.below(4)
    }

    fn one(&mut self, number: u64) {
        let page = format!("image-0/site/{}.html", self.chance.below(3));
        match self.chance.below(9) {
            0..=4 => self.write(&page, &format!("edit {number}\n")),
            5 => self.write(&format!("image-0/site/new{number}.html"), "new\n"),
            6 => {
                let _ = fs::remove_file(self.path(&page));
            }
            7 => self.write("image-0/Dockerfile", &format!("{DOCKERFILE}ENV EDIT={number}\n")),
            _ => {
                self.write(
                    "k8s/front.yaml",
                    &OBJECTS.replace("replicas: 2", &format!("replicas: {}", number + 1)),
                );
            }
        }
        // Whatever it was, the loop has something to do.
        self.write("image-0/site/last.html", &format!("{number}\n"));
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Waits until a round has ended; whether one has.
async fn ended(heard: &mut Heard) -> bool {
    let began = Instant::now();
    while began.elapsed() < HUNG {
        tokio::select! {
            event = heard.next() => match event {
                Some(EventKind::RoundFinished { .. } | EventKind::RoundFailed { .. }) => return true,
                Some(_) => {}
                None => return false,
            },
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    false
}
