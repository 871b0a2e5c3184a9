//! A COPY or ADD of a file that the builder does not have.

use crate::event::Code;
use crate::image::build::FailedBuild;
use crate::image::failure::cause::Cause;
use crate::image::progress::step_name;
use crate::image::surveyed::Surveyed;

/// The cause of a failed COPY or ADD of a file that the builder does not have.
pub(super) fn copied(image: &Surveyed, broken: &FailedBuild, error: &str) -> Option<Cause> {
    let step = broken.step.as_deref().and_then(step_name)?;
    if !(step.text.starts_with("COPY ") || step.text.starts_with("ADD ")) {
        return None;
    }
    let missing = ["not found", "no such file or directory", "no source files", "COPY failed"]
        .iter()
        .any(|word| error.contains(word));
    if !missing {
        return None;
    }
    let sources: Vec<&str> =
        step.text.split_whitespace().skip(1).filter(|word| !word.starts_with("--")).collect();
    let (_, sources) = sources.split_last()?;
    if let Some(from) = step.text.split_whitespace().find_map(|word| word.strip_prefix("--from=")) {
        let help = format!("see what the earlier stage leaves behind; `target = \"{from}\"` builds up to it");
        let cause = Cause::new(format!("`{}` is not in `{from}`", sources.join(" ")), help);
        return Some(
            cause.named(Code::CopySourceMissing).with("path", sources.join(" ")).with("stage", from),
        );
    }
    let named = |source: &&&str| error.contains(source.trim_matches('/').trim_start_matches("./"));
    let source = sources.iter().find(named).or(sources.first())?;
    let path = source.trim_start_matches("./").trim_matches('/');
    if image.context.root.join(path).symlink_metadata().is_ok() {
        let file = image.ignore_file();
        let rule = image.ignore.ignored_by(path).map_or_else(
            || format!("`{file}`"),
            |rule| format!("`{}` in `{file}:{}`", rule.pattern, rule.line),
        );
        let help = format!("take that line out, or add the line `!{path}` at the end of `{file}`");
        let cause = Cause::new(format!("`{path}` is there, but {rule} keeps it out of the context"), help);
        return Some(cause.named(Code::FileDockerignored).with("path", path));
    }
    let alike = image.context.entries.iter().find(|entry| {
        let same_name = entry.path.rsplit('/').next() == path.rsplit('/').next();
        entry.path.eq_ignore_ascii_case(path) || same_name
    });
    let help = match alike {
        Some(entry) => format!("did you mean `{}`?", entry.path),
        None => format!("sources of COPY start at the context, `{}`", image.context.root.display()),
    };
    Some(
        Cause::new(format!("`{path}` is not in the context"), help)
            .named(Code::CopySourceMissing)
            .with("path", path),
    )
}
