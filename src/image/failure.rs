//! Why a build failed, where in the Dockerfile, and what to do.
//!
//! Pure. The engine offers text only, and a different one per version, so causes are read from it here and nowhere else.
//! A cause that is not recognised is still shown with its line and its last output.

mod cause;

use crate::event::Finding;
use crate::event::Place;
use crate::image::build::Broken;
use crate::image::dockerfile::Dockerfile;
use crate::image::failure::cause::Cause;
use crate::image::progress::StepName;
use crate::image::progress::step_name;
use crate::image::survey::Surveyed;

/// Lines of the Dockerfile shown before and after the ones that failed.
const AROUND: usize = 2;

/// Lines of output shown.
const SHOWN: usize = 20;

/// What to tell about a build that failed.
#[must_use]
pub fn finding(image: &Surveyed, broken: &Broken) -> Finding {
    let about = format!("image {}", image.image.name);
    let step = broken.step.as_deref().and_then(step_name);
    let Cause { message, mend, line } = cause::of(image, broken);
    let lines = line
        .map(|line| (line, line))
        .or_else(|| step.as_ref().and_then(|step| lines_of(&image.dockerfile, step)));
    let mut finding = Finding::error(message).about(about);
    let mut place = Place::file(image.dockerfile.path.clone());
    if let Some((first, last)) = lines {
        place.line = first;
        finding = finding.evidence(excerpt(&image.dockerfile, first, last));
    }
    finding = finding.at(place);
    let skip = broken.output.len().saturating_sub(SHOWN);
    finding = finding.evidence(broken.output[skip..].iter().cloned());
    match mend {
        Some(mend) => finding.mend(mend),
        None => finding.mend("the lines above say why; `todo up -v` shows everything that the build prints"),
    }
}

/// The lines around, numbered, with a mark at those that failed.
fn excerpt(dockerfile: &Dockerfile, first: usize, last: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(&dockerfile.text);
    let from = first.saturating_sub(AROUND).max(1);
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(number, _)| (from..=last + AROUND).contains(number))
        .map(|(number, line)| {
            let mark = if (first..=last).contains(&number) { '>' } else { ' ' };
            format!("{mark} {number:>3} | {}", line.trim_end())
        })
        .collect()
}

/// The lines of the instruction that a step's name means.
///
/// The text is compared first, because it is in the name whole as long as no variable stands in it; else the step is
/// counted as BuildKit counts (`buildkit: frontend/dockerfile/dockerfile2llb/convert.go`): FROM where the base is not
/// another stage, RUN, COPY, ADD and WORKDIR.
fn lines_of(dockerfile: &Dockerfile, step: &StepName<'_>) -> Option<(usize, usize)> {
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = squeezed(step.text);
    let same = |line: &&Line| squeezed(&format!("{} {}", line.keyword, line.arguments)) == wanted;
    let lines = counted(dockerfile);
    let in_stage = |line: &&Line| step.stage.is_none_or(|stage| line.stage_names.iter().any(|name| name == stage));
    let found = lines
        .iter()
        .filter(in_stage)
        .find(|line| line.index == step.index && same(line))
        .or_else(|| lines.iter().filter(in_stage).find(same))
        .or_else(|| {
            let keyword = step.text.split_whitespace().next().unwrap_or_default();
            lines.iter().filter(in_stage).find(|line| line.index == step.index && line.keyword == keyword)
        })?;
    Some((found.first, found.last))
}

struct Line {
    stage_names: Vec<String>,
    index: usize,
    keyword: String,
    arguments: String,
    first: usize,
    last: usize,
}

fn counted(dockerfile: &Dockerfile) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut stages: Vec<String> = Vec::new();
    let (mut names, mut index) = (Vec::new(), 0);
    for instruction in &dockerfile.instructions {
        let keyword = instruction.keyword.to_ascii_uppercase();
        if keyword == "FROM" {
            let mut words = instruction.arguments.split_whitespace().filter(|word| !word.starts_with("--"));
            let base = words.next().unwrap_or_default().to_ascii_lowercase();
            index = usize::from(base != "scratch" && !stages.contains(&base));
            names = vec![format!("stage-{}", stages.len())];
            let name = words.nth(1).map(str::to_ascii_lowercase);
            stages.push(name.clone().unwrap_or_default());
            names.extend(name);
        } else if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD" | "WORKDIR") {
            index += 1;
        } else {
            continue;
        }
        lines.push(Line {
            stage_names: names.clone(),
            index,
            keyword,
            arguments: instruction.arguments.clone(),
            first: instruction.first,
            last: instruction.last,
        });
    }
    lines
}

#[cfg(test)]
mod tests;
