//! An event of each sort, for tests.

use super::Amount;
use super::Code;
use super::Data;
use super::EventKind;
use super::Outcome;
use super::Place;
use super::SCHEMA;
use super::Step;
use super::Unit;
use super::ViewKey;
use crate::fault::FaultKind;

/// An event of each sort.
pub(crate) fn samples() -> Vec<EventKind> {
    let finding = Code::ImageTagMutable
        .warning("`latest` moves")
        .about("image web")
        .at(Place { file: "docker/web/Dockerfile".into(), line: 1, column: 6 })
        .evidence(["FROM node:latest".to_owned()])
        .help("name a version")
        .data(Data::default().with("image", "node:latest"));
    let (step, item) = (Step::Image, "web".to_owned());
    vec![
        EventKind::RunStarted {
            schema: SCHEMA,
            version: "0.1.0".to_owned(),
            command: "up".to_owned(),
            project: "todo-chatbot".to_owned(),
            namespace: "todo-chatbot".to_owned(),
            profile: "minikube".to_owned(),
            target: None,
            rehearsal: false,
        },
        EventKind::StepStarted { step },
        EventKind::ItemStarted { step, item: item.clone() },
        EventKind::Progress {
            step,
            item: item.clone(),
            doing: "RUN npm ci".to_owned(),
            amount: Some(Amount { done: 3, total: Some(9), unit: Unit::Steps }),
        },
        EventKind::Waiting { step, item: item.clone(), why: "todo-base is built first".to_owned() },
        EventKind::Log { step, item: item.clone(), line: "added 214 packages".to_owned() },
        EventKind::Warned { finding: finding.clone() },
        EventKind::Forwarded {
            service: "web".to_owned(),
            port: 80,
            address: "127.0.0.1:30080".to_owned(),
            pid: 4711,
            detached: true,
            reused: false,
        },
        EventKind::ItemFinished {
            step,
            item,
            outcome: Outcome::Built,
            took_ms: 8_100,
            detail: Some("61 MB".to_owned()),
        },
        EventKind::StepFinished { step, took_ms: 8_200, outcome: Outcome::Done, detail: None },
        EventKind::StepFailed { step: Step::Rollout, took_ms: 5_000 },
        EventKind::RoundStarted { changed: vec!["web/main.py".to_owned()] },
        EventKind::KeysRead {},
        EventKind::KeyPressed { key: ViewKey::Help },
        EventKind::Printed {
            pod: "web-1".to_owned(),
            container: "web".to_owned(),
            line: "GET / 200".to_owned(),
        },
        EventKind::RoundSuperseded { took_ms: 120 },
        EventKind::RoundFinished {
            took_ms: 2_100,
            files: 312,
            url: Some("http://192.168.49.2:30080/".to_owned()),
        },
        EventKind::RoundFailed {
            took_ms: 900,
            files: 312,
            kind: FaultKind::Rollout,
            reason: Code::CrashLoop,
            causes: vec!["cannot roll out todo-chatbot".to_owned()],
            findings: vec![finding.clone()],
            hints: Vec::new(),
        },
        EventKind::RunFinished {
            took_ms: 9_000,
            code: 0,
            url: Some("http://192.168.49.2:30080/".to_owned()),
        },
        EventKind::RunFailed {
            took_ms: 9_000,
            kind: FaultKind::Rollout,
            reason: Code::CrashLoop,
            code: 50,
            causes: vec!["cannot roll out todo-chatbot".to_owned()],
            findings: vec![finding],
            hints: vec!["see `todo logs web`".to_owned()],
        },
    ]
}
