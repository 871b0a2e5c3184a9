//! The file of a scenario, read strictly: every mistake at once, each with its place.

use crate::event::Finding;
use crate::project::file::Located;
use crate::project::file::Reading;
use crate::project::file::Section;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde_json::Value;
use simulator::cluster::fault::PodFault;
use simulator::scenario::Does;
use simulator::scenario::Event;
use simulator::scenario::Fault;
use simulator::scenario::Party;
use simulator::scenario::Pattern;
use simulator::scenario::Pod;
use simulator::scenario::Scenario;
use simulator::scenario::What;
use simulator::scenario::When;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// Where every mistake is looked up that has no better advice.
const HELP: &str = "docs/rehearsal.md lists what a scenario may say";

/// Reads the text of a scenario, which findings call `file`.
///
/// # Errors
/// Everything that is wrong with it, each with its place and what to do.
pub fn parse(file: &Path, text: &str) -> Result<Scenario, Vec<Finding>> {
    let (reading, table) = Reading::begin(file, text);
    let root = reading.root(table.get_ref());
    let scenario = Scenario {
        faults: root.list("fault").into_iter().filter_map(fault).collect(),
        pods: root.list("pod").into_iter().filter_map(pod).collect(),
        events: root.list("event").into_iter().filter_map(event).collect(),
    };
    root.close();
    let mistakes = reading.end();
    if mistakes.is_empty() {
        return Ok(scenario);
    }
    let advised = |mistake: Finding| if mistake.help.is_some() { mistake } else { mistake.help(HELP) };
    Err(mistakes.into_iter().map(advised).collect())
}

/// A text that must be there.
fn needed<'r>(section: &Section<'r, '_>, key: &'static str) -> Option<Located<&'r str>> {
    if !section.has(key) {
        section.lacks(format_args!("has no `{key}`"), HELP);
    }
    section.text(key)
}

/// How many; `otherwise` if it is not given.
fn count(section: &Section<'_, '_>, key: &'static str, otherwise: u64) -> u64 {
    section.integer(key, 0..=u32::MAX).map_or(otherwise, |at| at.value.into())
}

/// A time from now on, in seconds.
fn seconds(section: &Section<'_, '_>) -> Option<Duration> {
    let Located { value, place } = section.number("seconds")?;
    let time = Duration::try_from_secs_f64(value).ok();
    if time.is_none() {
        section.wrong(&place, "seconds", format_args!("is {value}, but must be a time from 0 on"));
    }
    time
}

/// Notes each of the `fields` that is written and has no effect on the action.
fn idle(section: &Section<'_, '_>, does: &Located<&str>, fields: &[&str], used: &[&str]) {
    for key in fields.iter().filter(|key| !used.contains(key) && section.has(key)) {
        section.wrong(
            &section.place_of(key),
            key,
            format_args!("says nothing where it does `{}`", does.value),
        );
    }
}

fn unknown(section: &Section<'_, '_>, does: &Located<&str>, known: &str) {
    section.wrong(&does.place, "does", format_args!("is `{}`, which is none of {known}", does.value));
}

fn fault(section: Section<'_, '_>) -> Option<Fault> {
    needed(&section, "of");
    let of = section.parsed("of", |text| match text {
        "engine" => Ok(Party::Engine),
        "minikube" => Ok(Party::Minikube),
        "api" => Ok(Party::Api),
        _ => Err("it must be engine, minikube or api"),
    });
    let call = needed(&section, "call");
    let (after, times) = (count(&section, "after", 0), count(&section, "times", 1));
    let code = section.integer("code", 1..=599);
    let message = section.text("message").map_or("it fails on purpose", |at| at.value).to_owned();
    let (time, bytes) = (seconds(&section), section.integer("bytes", 0..=u32::MAX));
    let does = needed(&section, "does");
    let of = of.map(|at| at.value);
    let meant = does.and_then(|does| {
        let (meant, used): (Does, &[&str]) = match does.value {
            "fail" => {
                let code = refusal(&section, of, code);
                (Does::Fail { code, message }, &["code", "message"])
            }
            "hang" => (Does::Hang, &[]),
            "slow" => {
                if !section.has("seconds") {
                    section.wrong(&does.place, "does", "is `slow`, which needs `seconds`");
                }
                (Does::Slow(time.unwrap_or_default()), &["seconds"])
            }
            "cut" => {
                let bytes = bytes.map_or(0, |at| usize::try_from(at.value).unwrap_or(usize::MAX));
                (Does::Cut(bytes), &["bytes"])
            }
            "garbage" => (Does::Garbage, &[]),
            "close" => (Does::Close, &[]),
            "gone" if of.is_none_or(|of| of == Party::Api) => (Does::Gone, &[]),
            _ => {
                let known = "fail, hang, slow, cut, garbage, close, and of the API server gone";
                unknown(&section, &does, known);
                return None;
            }
        };
        idle(&section, &does, &["code", "message", "seconds", "bytes"], used);
        Some(meant)
    });
    section.close();
    Some(Fault { of: of?, call: Pattern::from(call?.value), does: meant?, after, times })
}

/// The code that a refusal has: an HTTP status, or an exit code of minikube.
fn refusal(section: &Section<'_, '_>, of: Option<Party>, code: Option<Located<u32>>) -> u16 {
    let (least, most, otherwise) = if of == Some(Party::Minikube) { (1, 255, 80) } else { (400, 599, 500) };
    let Some(Located { value, place }) = code else { return otherwise };
    match u16::try_from(value).ok().filter(|code| (least..=most).contains(code)) {
        Some(code) => code,
        None => {
            let what = if of == Some(Party::Minikube) { "an exit code" } else { "an HTTP status" };
            section.wrong(
                &place,
                "code",
                format_args!("is {value}, but must be {what} from {least} to {most}"),
            );
            otherwise
        }
    }
}

fn pod(section: Section<'_, '_>) -> Option<Pod> {
    let name = needed(&section, "name");
    let container = section.text("container").map_or(Pattern::from("*"), |at| Pattern::from(at.value));
    let times = count(&section, "times", 1);
    let code = section.whole("code").and_then(|Located { value, place }| {
        let code = i32::try_from(value).ok();
        if code.is_none() {
            section.wrong(&place, "code", "is not a valid exit code");
        }
        code
    });
    let lines: Vec<String> = section.texts("lines").into_iter().map(|at| at.value.to_owned()).collect();
    let does = needed(&section, "does");
    let meant = does.and_then(|does| {
        let (meant, used): (PodFault, &[&str]) = match does.value {
            "crash" => (PodFault::Crash { code: code.unwrap_or(1), lines }, &["code", "lines"]),
            "not-ready" => (PodFault::NotReady, &[]),
            "evict" => (PodFault::Evict, &[]),
            "out-of-memory" => (PodFault::OutOfMemory, &[]),
            _ => {
                unknown(&section, &does, "crash, not-ready, evict, out-of-memory");
                return None;
            }
        };
        idle(&section, &does, &["code", "lines"], used);
        Some(meant)
    });
    section.close();
    Some(Pod { name: Pattern::from(name?.value), container, does: meant?, times })
}

fn event(section: Section<'_, '_>) -> Option<Event> {
    let time = seconds(&section);
    let effect = section.integer("effect", 0..=u32::MAX);
    if section.has("seconds") == section.has("effect") {
        section.lacks("must say either `seconds` or `effect`: when it happens", HELP);
    }
    let when = time.map(When::At).or_else(|| effect.map(|at| When::Effect(at.value.into())));
    let image = section.text("image").map_or("*", |at| at.value);
    let by = section.whole("by").map(|at| at.value);
    let object = section.parsed("object", |path| {
        let known = path.starts_with("/api/") || path.starts_with("/apis/");
        if known { Ok(path.to_owned()) } else { Err("it begins with `/api/` or `/apis/`") }
    });
    let object = object.map(|at| at.value);
    let patch = section.table("patch").and_then(|at| {
        let table = Spanned::new(0..0, DeValue::Table(at.value.clone()));
        Value::deserialize(table.into_deserializer()).ok()
    });
    let does = needed(&section, "does");
    let meant = does.and_then(|does| {
        let need = |key: &str, what: &str| {
            if !section.has(key) {
                section.wrong(
                    &does.place,
                    "does",
                    format_args!("is `{}`, which needs `{key}`: {what}", does.value),
                );
            }
        };
        let (meant, used): (Option<What>, &[&str]) = match does.value {
            "kill" => (Some(What::Kill), &[]),
            "engine-restart" => (Some(What::EngineRestart), &[]),
            "node-stop" => (Some(What::NodeStop), &[]),
            "image-vanish" => (Some(What::ImageVanish(Pattern::from(image))), &["image"]),
            "clock-jump" => {
                need("by", "seconds, below 0 for back");
                (by.map(What::ClockJump), &["by"])
            }
            "node-full" => (Some(What::NodeFull), &[]),
            "second-run" => (Some(What::SecondRun), &[]),
            "edit" => {
                need("object", "its path at the API server");
                need("patch", "what changes");
                let meant = object.zip(patch).map(|(path, patch)| What::Edit { path, patch });
                (meant, &["object", "patch"])
            }
            "delete" => {
                need("object", "its path at the API server");
                (object.map(|path| What::Delete { path }), &["object"])
            }
            _ => {
                let known =
                    "kill, engine-restart, node-stop, image-vanish, clock-jump, node-full, second-run, edit, delete";
                unknown(&section, &does, known);
                return None;
            }
        };
        idle(&section, &does, &["image", "by", "object", "patch"], used);
        meant
    });
    section.close();
    Some(Event { when: when?, what: meant? })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use simulator::scenario::Scenario;
    use std::path::Path;

    fn parsed(text: &str) -> Result<Scenario, Vec<String>> {
        parse(Path::new("bad.toml"), text).map_err(|mistakes| {
            assert!(mistakes.iter().all(|mistake| mistake.help.is_some()), "{mistakes:?}");
            let place_of = |place: &Option<crate::event::Place>| place.as_ref().unwrap().to_string();
            mistakes
                .iter()
                .map(|mistake| format!("{} {}", place_of(&mistake.place), mistake.message))
                .collect()
        })
    }

    #[test]
    fn the_example_of_the_documentation_is_a_scenario() {
        let page = include_str!("../../docs/rehearsal.md");
        let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let scenario = parsed(example).unwrap();
        assert_eq!((scenario.faults.len(), scenario.pods.len(), scenario.events.len()), (1, 1, 1));
        assert_eq!(parsed("").unwrap(), Scenario::default());
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place() {
        let result = parsed(
            "[[fault]]\nof = 'nobody'\ncall = '*'\ndoes = 'burn'\nwhy = 1\n\
             [[fault]]\nof = 'minikube'\ndoes = 'fail'\ncode = 300\ntimes = 'x'\n\
             [[fault]]\nof = 'api'\ncall = '*'\ndoes = 'slow'\nbytes = 1\n\
             [[pod]]\nname = '*'\ndoes = 'evict'\ncode = 1\n\
             [[event]]\ndoes = 'kill'\n\
             [[event]]\nseconds = -1\ndoes = 'edit'\nobject = 'deployments/web'\n\
             [happen]\n",
        );
        let expected = [
            "bad.toml:2:6 `fault.of` is `nobody`: it must be engine, minikube or api",
            "bad.toml:4:8 `fault.does` is `burn`, which is none of fail, hang, slow, cut, garbage, close, and of the API server gone",
            "bad.toml:5:1 `fault.why` is not a key of bad.toml",
            "bad.toml:6:1 `[fault]` has no `call`",
            "bad.toml:9:8 `fault.code` is 300, but must be an exit code from 1 to 255",
            "bad.toml:10:9 `fault.times` must be a whole number, but is string",
            "bad.toml:14:8 `fault.does` is `slow`, which needs `seconds`",
            "bad.toml:15:9 `fault.bytes` says nothing where it does `slow`",
            "bad.toml:19:8 `pod.code` says nothing where it does `evict`",
            "bad.toml:20:1 `[event]` must say either `seconds` or `effect`: when it happens",
            "bad.toml:23:11 `event.seconds` is -1, but must be a time from 0 on",
            "bad.toml:24:8 `event.does` is `edit`, which needs `patch`: what changes",
            "bad.toml:25:10 `event.object` is `deployments/web`: it begins with `/api/` or `/apis/`",
            "bad.toml:26:2 `happen` is not a key of bad.toml",
        ];
        assert_eq!(result.unwrap_err(), expected);
    }
}
