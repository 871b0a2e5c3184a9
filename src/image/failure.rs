//! Why a build failed, where in the Dockerfile, and what to do.
//!
//! Pure. The engine provides text only, and a different one per version, so causes are parsed from it here and
//! nowhere else. A cause that is not recognised is still shown with its line and its last output.

mod base;
mod cause;
mod copied;
mod diagnose;
mod excerpt;
mod fetched;
mod network;
mod program;
mod ran;

use crate::event::Finding;
use crate::image::build::FailedBuild;
use crate::image::failure::cause::Cause;
use crate::image::progress::step_name;
use crate::image::surveyed::Surveyed;
use dockerfile::Instruction;

/// Lines of the Dockerfile shown before and after the ones that failed.
const AROUND: usize = 2;

/// The finding about a build that failed.
#[must_use]
pub fn finding(image: &Surveyed, broken: &FailedBuild) -> Finding {
    let Cause { code, message, help, line, data } = diagnose::diagnose(image, broken);
    let instruction = match line {
        Some(line) => at_line(image, line),
        None => broken.step.as_deref().and_then(|step| image.dockerfile.step(step)).cloned(),
    };
    let line = line.or(instruction.as_ref().map(|instruction| instruction.first));
    let lines = instruction.map(|instruction| image.dockerfile.excerpt(&instruction, AROUND));
    let step = broken.step.as_deref().and_then(step_name).map(|step| step.text);
    code.error(message)
        .data(data.some("step", step))
        .about(format!("image {}", image.image.name))
        .at(image.place(line.unwrap_or(0)))
        .evidence(lines.unwrap_or_default())
        .evidence(excerpt::excerpt(&broken.output))
        .help(help.unwrap_or_else(|| "`todo up -v` shows everything that the build prints".to_owned()))
}

/// The instruction on a line, or the line alone where none is (a comment).
fn at_line(image: &Surveyed, line: usize) -> Option<Instruction> {
    let instructions = &image.dockerfile.instructions;
    let found =
        instructions.iter().find(|instruction| (instruction.first..=instruction.last).contains(&line));
    found.cloned().or_else(|| Some(Instruction { first: line, last: line, ..instructions.first()?.clone() }))
}

#[cfg(test)]
mod tests;
