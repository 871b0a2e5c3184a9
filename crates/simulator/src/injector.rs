//! The gate that every call of a rehearsal passes: it counts calls that change something, injects the faults of a
//! scenario, and kills the run at a certain effect.
//!
//! Not the scenario itself: it is given as rules, and consulted one call at a time.

use crate::cluster::fault::ApiCall;
use crate::cluster::fault::ApiFault;
use crate::cluster::fault::ContainerStart;
use crate::cluster::fault::Faults;
use crate::cluster::fault::PodFault;
use crate::scenario::Does;
use crate::scenario::Party;
use crate::scenario::Scenario;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use tokio::sync::watch;

/// The fault injector. Cheap to clone; all clones are the same one.
#[derive(Debug, Clone)]
pub struct FaultInjector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<InjectorState>,
    life: watch::Sender<Generation>,
}

/// The run that may connect to the rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// The run of that number.
    Of(u64),
    /// None: the run was killed, and its remaining connections are refused.
    Dead(u64),
}

#[derive(Debug, Default)]
struct InjectorState {
    scenario: Scenario,
    /// How often each rule has met its call.
    met: Vec<u64>,
    pods: Vec<u64>,
    effects: u64,
    calls: Vec<String>,
    asked: Vec<(Party, String)>,
    die_after: Option<u64>,
    faults: u64,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// It is done and answered.
    Well,
    /// The call is performed, and the calling run is killed before the answer.
    Die,
    /// Something else happens.
    Badly(Does),
}

impl Default for FaultInjector {
    fn default() -> FaultInjector {
        FaultInjector::new(Scenario::default())
    }
}

impl FaultInjector {
    /// A gate that injects the faults of `scenario`.
    #[must_use]
    pub fn new(scenario: Scenario) -> FaultInjector {
        let injector = FaultInjector(Arc::new(Inner {
            state: Mutex::default(),
            life: watch::channel(Generation::Of(0)).0,
        }));
        injector.play(scenario);
        injector
    }

    /// Switches to another scenario; counts start again at 0.
    pub fn play(&self, scenario: Scenario) {
        let mut state = self.lock();
        state.met = vec![0; scenario.faults.len()];
        state.pods = vec![0; scenario.pods.len()];
        state.scenario = scenario;
    }

    /// How many calls have changed something so far.
    #[must_use]
    pub fn effects(&self) -> u64 {
        self.lock().effects
    }

    /// How many calls and containers went wrong on purpose so far.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.lock().faults
    }

    /// The calls that changed something since the last time, in their order.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().calls)
    }

    /// All calls since the last time, in their order, each as scenarios name it.
    #[must_use]
    pub fn asked(&self) -> Vec<(Party, String)> {
        std::mem::take(&mut self.lock().asked)
    }

    /// Kills the run when so many more calls have changed something, the last of which is done.
    pub fn die_after(&self, effects: Option<u64>) {
        let mut state = self.lock();
        state.die_after = effects.map(|effects| state.effects + effects);
    }

    /// Kills the run now.
    pub fn kill(&self) {
        self.0.life.send_modify(|life| {
            if let Generation::Of(number) = *life {
                *life = Generation::Dead(number);
            }
        });
    }

    /// Waits until the run is killed.
    pub async fn killed(&self) {
        let mut life = self.0.life.subscribe();
        let _ = life.wait_for(|life| matches!(life, Generation::Dead(_))).await;
    }

    /// Whether the run is killed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(*self.0.life.borrow(), Generation::Dead(_))
    }

    /// Starts a new generation: accepts connections again; those of the killed run stay closed.
    pub fn rise(&self) {
        self.lock().die_after = None;
        self.0.life.send_modify(|life| {
            let (Generation::Of(number) | Generation::Dead(number)) = *life;
            *life = Generation::Of(number + 1);
        });
    }

    /// The generation of a new connection; `None` after a kill.
    pub(crate) fn open_connection(&self) -> Option<(Generation, watch::Receiver<Generation>)> {
        let life = self.0.life.subscribe();
        let now = *life.borrow();
        matches!(now, Generation::Of(_)).then_some((now, life))
    }

    /// Lets a call through, or returns what happens instead. `what` is the call as scenarios name it.
    pub(crate) fn call(&self, party: Party, what: &str, writes: bool) -> Effect {
        if self.is_dead() {
            return Effect::Badly(Does::Close);
        }
        let mut state = self.lock();
        state.asked.push((party, what.to_owned()));
        let mut course = Effect::Well;
        for index in 0..state.scenario.faults.len() {
            let rule = &state.scenario.faults[index];
            if rule.of != party || !rule.call.matches(what) {
                continue;
            }
            let (after, times, does) = (rule.after, rule.times, rule.does.clone());
            let met = state.met[index];
            state.met[index] += 1;
            if met >= after && (times == 0 || met < after + times) && course == Effect::Well {
                course = Effect::Badly(does);
                state.faults += 1;
            }
        }
        let done = match &course {
            Effect::Badly(does) => does.is_done(),
            _ => true,
        };
        if writes && done {
            state.effects += 1;
            state.calls.push(format!("{party}: {what}"));
            if state.die_after == Some(state.effects) {
                drop(state);
                self.kill();
                return Effect::Die;
            }
        }
        course
    }

    fn lock(&self) -> MutexGuard<'_, InjectorState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults for FaultInjector {
    fn api(&self, call: &ApiCall) -> Option<ApiFault> {
        let what = [call.verb, &call.resource, &call.name].join(" ");
        match self.call(Party::Api, what.trim_end(), call.writes()) {
            Effect::Well => None,
            // The call is performed, but the answer is lost.
            Effect::Die => Some(ApiFault::CutAfter(0)),
            Effect::Badly(does) => Some(match does {
                Does::Fail { code, message } => ApiFault::Status(code, message),
                Does::Hang => ApiFault::Hang,
                Does::Slow(time) => ApiFault::Slow(time),
                Does::Cut(bytes) => ApiFault::CutAfter(bytes),
                Does::Garbage => ApiFault::Garbage,
                Does::Close => ApiFault::Close,
                Does::Gone => ApiFault::Gone,
            }),
        }
    }

    fn pod(&self, start: &ContainerStart) -> Option<PodFault> {
        let mut state = self.lock();
        for index in 0..state.scenario.pods.len() {
            let rule = &state.scenario.pods[index];
            if !rule.name.matches(&start.pod) || !rule.container.matches(&start.container) {
                continue;
            }
            let (times, does) = (rule.times, rule.does.clone());
            state.pods[index] += 1;
            if times != 0 && state.pods[index] > times {
                continue;
            }
            state.faults += 1;
            return Some(does);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Effect;
    use super::FaultInjector;
    use crate::scenario::Does;
    use crate::scenario::Fault;
    use crate::scenario::Party;
    use crate::scenario::Pattern;
    use crate::scenario::Scenario;

    #[test]
    fn a_rule_meets_so_many_calls_after_so_many_that_go_well() {
        let call = Pattern::from("POST /build*");
        let fault = Fault { of: Party::Engine, call, does: Does::Close, after: 1, times: 2 };
        let injector = FaultInjector::new(Scenario { faults: vec![fault], ..Scenario::default() });
        let build = || injector.call(Party::Engine, "POST /build", true) == Effect::Badly(Does::Close);
        assert!(matches!(injector.call(Party::Minikube, "POST /build", false), Effect::Well));
        assert_eq!([build(), build(), build(), build()], [false, true, true, false]);
        assert_eq!((injector.effects(), injector.faults()), (2, 2), "what is closed is not done");
        assert_eq!(
            (injector.asked().len(), injector.calls().len()),
            (5, 2),
            "each is asked, whatever comes of it"
        );
    }

    #[tokio::test]
    async fn the_run_dies_with_the_effect_that_it_does_not_hear_of() {
        let injector = FaultInjector::default();
        injector.die_after(Some(2));
        let (_, mut life) = injector.open_connection().unwrap();
        assert_eq!(injector.call(Party::Api, "create pods a", true), Effect::Well);
        assert_eq!(injector.call(Party::Api, "get pods a", false), Effect::Well);
        assert_eq!(injector.call(Party::Api, "create pods b", true), Effect::Die);
        injector.killed().await;
        assert!(injector.is_dead() && injector.open_connection().is_none() && life.has_changed().unwrap());
        injector.rise();
        assert!(injector.open_connection().is_some());
        life.changed().await.unwrap();
    }
}
