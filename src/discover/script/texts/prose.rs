//! Documentation → blocks of commands: Markdown, AsciiDoc and reStructuredText.
//!
//! Each format is turned into headings and blocks; one block is one script, and its headings state its purpose.

use super::Text;
use super::distance;
use crate::discover::shell::Dialect;
use crate::discover::tree::ends;
use crate::discover::tree::file_name;
use crate::discover::tree::parent;

/// The languages of blocks that hold commands; the empty one stands for blocks that name none.
const SHELLS: [&str; 9] = ["", "sh", "bash", "shell", "console", "zsh", "terminal", "powershell", "cmd"];

/// Whether a file is documentation.
pub(super) fn is_prose(path: &str) -> bool {
    ends(path, &["md", "adoc", "asciidoc", "rst"])
}

/// What a line of a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line<'t> {
    /// A heading, with its depth.
    Heading(usize, &'t str),
    /// The border above a block in a language.
    Begin(String),
    /// The border below it.
    End,
    /// A line of a block or of the text.
    Text(&'t str),
}

/// The blocks of commands of a document.
pub(super) fn read(path: &str, text: &str) -> Vec<Text> {
    let lines = match () {
        () if ends(path, &["adoc", "asciidoc"]) => asciidoc(text),
        () if ends(path, &["rst"]) => restructured(text),
        () => markdown(text),
    };
    let mut texts = blocks(path, &lines);
    // If the root README has commands under one heading only, they deploy it, regardless of the heading.
    if parent(path).is_empty() && file_name(path).to_lowercase().starts_with("readme") {
        let deploys = |text: &&mut Text| text.commands.lines().any(|line| is_command(line.trim_start()));
        let nearest = texts.iter_mut().filter(deploys).map(|text| text.distance).min().unwrap_or_default();
        let more = nearest.saturating_sub(distance(""));
        for text in &mut texts {
            text.distance -= more.min(text.distance);
        }
    }
    texts
}

fn blocks(path: &str, lines: &[Line<'_>]) -> Vec<Text> {
    let mut texts = Vec::new();
    let mut headings: Vec<(usize, &str)> = Vec::new();
    let mut block: Option<(usize, String, bool)> = None;
    let new = |headings: &[(usize, &str)], first: usize, commands: String| {
        let mut one = Text::new(path, commands);
        let far = headings.iter().map(|(_, heading)| distance(heading)).max();
        one.distance = one.distance.max(far.unwrap_or_default());
        one.first = first;
        one.dialect = Dialect::Sh;
        one
    };
    for (index, line) in lines.iter().enumerate() {
        match (line, &mut block) {
            (Line::Begin(language), _) => {
                block = Some((index + 1, String::new(), SHELLS.contains(&language.as_str())));
            }
            (Line::End, _) => {
                let shell = block.take().filter(|(.., is_shell)| *is_shell);
                texts.extend(shell.map(|(first, commands, _)| new(&headings, first, commands)));
            }
            (Line::Text(line), Some((_, commands, _))) => {
                let line = line.trim();
                let prompts = ["$ ", "> ", "PS> "];
                let bare = prompts.iter().find_map(|prompt| line.strip_prefix(prompt)).unwrap_or(line);
                commands.push_str(bare);
                commands.push('\n');
            }
            (Line::Heading(depth, title), _) => {
                headings.retain(|(other, _)| other < depth);
                headings.push((*depth, title));
            }
            // Indented blocks are commands where they begin with one.
            (Line::Text(line), None) if is_command(line.trim_start()) => {
                texts.push(new(&headings, index, bare(line.trim_start()).to_owned()));
            }
            (Line::Text(line), None) => {
                let spans: Vec<&str> = commands(line).collect();
                if !spans.is_empty() {
                    let mut one = new(&headings, index, spans.join("; "));
                    one.distance = one.distance.max(distance(&outside(line)));
                    texts.push(one);
                }
            }
        }
    }
    texts
}

fn markdown(text: &str) -> Vec<Line<'_>> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        let start = line.trim_start();
        let fence = start.starts_with("```") || start.starts_with("~~~");
        lines.push(match () {
            () if fence && inside => Line::End,
            () if fence => Line::Begin(language(start.trim_start_matches(['`', '~']))),
            () if start.starts_with('#') && !inside => heading(start, '#'),
            () => Line::Text(line),
        });
        inside ^= fence;
    }
    lines
}

/// `[source,bash]` above a block between lines of `----` (docs.asciidoctor.org/asciidoc: verbatim/source-blocks).
fn asciidoc(text: &str) -> Vec<Line<'_>> {
    let mut border: Option<&str> = None;
    let mut attributes = "";
    let mut lines = Vec::new();
    for line in text.lines() {
        let start = line.trim();
        let is_border = ["----", "....", "```"].iter().any(|known| start.starts_with(known));
        lines.push(match border {
            Some(open) if start == open => {
                border = None;
                Line::End
            }
            None if is_border => {
                border = Some(start.get(..3).filter(|fence| *fence == "```").unwrap_or(start));
                let named = attributes.split(',').nth(1).unwrap_or_default();
                Line::Begin(language(start.strip_prefix("```").unwrap_or(named)))
            }
            None if start.starts_with('=') => heading(start, '='),
            Some(_) | None => Line::Text(line),
        });
        if !start.is_empty() {
            attributes = start.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
        }
    }
    lines
}

/// `.. code-block:: bash`, or `::` at the end of a paragraph, above indented lines; headings are underlined
/// (docutils: docs/ref/rst/restructuredtext.rst).
fn restructured(text: &str) -> Vec<Line<'_>> {
    let all: Vec<&str> = text.lines().collect();
    let mut lines: Vec<Line<'_>> = all.iter().map(|line| Line::Text(line)).collect();
    let mut depths: Vec<char> = Vec::new();
    let mut open: Option<usize> = None;
    for (index, line) in all.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if let Some(outer) = open {
            if line.trim().is_empty() || indent > outer {
                continue;
            }
            // The line above is blank, and ends the block.
            lines[index - 1] = Line::End;
            open = None;
        }
        let directive = line.trim().strip_prefix(".. ").and_then(|rest| rest.split_once("::"));
        match directive {
            Some(("code-block" | "code" | "sourcecode", named)) => {
                lines[index] = Line::Begin(language(named));
                open = Some(indent);
            }
            None if line.trim_end().ends_with("::") => {
                lines[index] = Line::Begin(String::new());
                open = Some(indent);
            }
            _ => {}
        }
        let under = all.get(index + 1).copied().unwrap_or_default().trim_end();
        let mark = under.chars().next().filter(|mark| "=-~^\"'#*+.:`_".contains(*mark));
        let mark =
            mark.filter(|mark| under.len() >= line.trim_end().len() && under.chars().all(|c| c == *mark));
        if let (Some(mark), false) = (mark, line.trim().is_empty() || line.trim_end() == under) {
            let depth = depths.iter().position(|known| *known == mark).unwrap_or_else(|| {
                depths.push(mark);
                depths.len() - 1
            });
            lines[index] = Line::Heading(depth, line.trim());
        }
    }
    if open.is_some() {
        lines.push(Line::End);
    }
    lines
}

fn heading(line: &str, mark: char) -> Line<'_> {
    let title = line.trim_start_matches(mark);
    Line::Heading(line.len() - title.len(), title.trim())
}

/// The language that stands at a border.
fn language(named: &str) -> String {
    named.trim().split([' ', '{', ',']).next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A line that is a command and nothing else: indented, or at its margin, as many write it.
fn is_command(line: &str) -> bool {
    const COMMANDS: [&str; 6] = [
        "helm install ",
        "helm upgrade ",
        "kubectl apply ",
        "kubectl create ",
        "docker build ",
        "minikube addons enable ",
    ];
    COMMANDS.iter().any(|command| bare(line).starts_with(command))
}

/// The commands that stand between backticks in a line which instructs to run them: at its beginning or after a few
/// words, none of which negates it. A copy of an example counts anywhere.
fn commands(line: &str) -> impl Iterator<Item = &str> {
    const NOT: [&str; 9] = ["not", "don't", "never", "without", "instead", "or", "like", "equivalent", "old"];
    const FEW: usize = 6;
    let mut before: Vec<String> = Vec::new();
    line.split('`').enumerate().filter_map(move |(at, part)| {
        let words = part.split_whitespace().map(str::to_lowercase);
        if at % 2 == 0 {
            before.extend(words);
            return None;
        }
        let mut words_before = before.iter().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
        let is_instruction = before.len() <= FEW && !words_before.any(|word| NOT.contains(&word));
        let copies = ["cp ", "copy "].iter().any(|copy| part.starts_with(copy));
        (copies || is_instruction && (is_command(part) || is_compose_up(part))).then(|| bare(part))
    })
}

/// `docker compose … up …`.
fn is_compose_up(command: &str) -> bool {
    let command = bare(command);
    (command.starts_with("docker compose ") || command.starts_with("docker-compose "))
        && command.split_whitespace().any(|word| word == "up")
}

/// A line without its text between backticks.
fn outside(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

/// A command without what people put around it in a text: a prompt, backticks.
fn bare(line: &str) -> &str {
    line.trim_end().trim_matches('`').trim_start_matches("$ ")
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn blocks_of_commands_are_found_in_all_formats() {
        let markdown = "# A\n\n## Production\n\n```sh\n$ kubectl apply -f k8s\n```\n\n```yaml\na: b\n```\n";
        let asciidoc = "= A\n\n== Production\n\n[source,sh]\n----\n$ kubectl apply -f k8s\n----\n\n[source,yaml]\n----\na: b\n----\n";
        let restructured = "A\n=\n\nProduction\n----------\n\n.. code-block:: sh\n\n   $ kubectl apply -f k8s\n\nText.\n\n.. code-block:: yaml\n\n   a: b\n";
        for (path, text, line) in
            [("docs/a.md", markdown, 6), ("docs/a.adoc", asciidoc, 7), ("docs/a.rst", restructured, 9)]
        {
            let texts = read(path, text);
            assert_eq!(texts.len(), 1, "{path}");
            let at = texts[0].commands.lines().position(|line| !line.is_empty()).unwrap();
            assert_eq!(texts[0].commands.trim(), "kubectl apply -f k8s", "{path}");
            assert_eq!(texts[0].first + at + 1, line, "{path}");
            assert_eq!(texts[0].distance, super::distance("production"), "{path}");
        }
        let literal = "Do this::\n\n  kubectl apply -f k8s\n  kubectl get pods\n";
        assert_eq!(read("a.rst", literal)[0].commands.trim(), "kubectl apply -f k8s\nkubectl get pods");
        assert_eq!(
            read("a.adoc", "```bash\nkubectl apply -f k8s\n```\n")[0].commands,
            "kubectl apply -f k8s\n"
        );
    }

    #[test]
    fn commands_between_backticks_are_read_where_a_line_tells_to_run_them() {
        for (line, command) in [
            ("- `cp a.example.yml a.yml`, then fill it in", "cp a.example.yml a.yml"),
            (
                "Your own settings go into `a.yml`, a copy of the example: `cp a.example.yml a.yml`",
                "cp a.example.yml a.yml",
            ),
            ("1. Run `kubectl apply -f k8s/`.", "kubectl apply -f k8s/"),
            ("Start it: `docker compose -f a.yml up -d`", "docker compose -f a.yml up -d"),
            ("* `cp .env.example .env` and `docker-compose up`", "cp .env.example .env; docker-compose up"),
            ("Do not run `kubectl apply -f k8s/` by hand", ""),
            ("It is what you would otherwise do by hand with `kubectl apply -f k8s/`", ""),
            ("`docker compose` is needed", ""),
            ("The file `cp.sh`", ""),
        ] {
            let texts = read("docs/a.md", &format!("# A\n\n{line}\n"));
            let messages: Vec<&str> = texts.iter().map(|text| text.commands.as_str()).collect();
            assert_eq!(messages.join("|"), command, "{line}");
            assert!(texts.iter().all(|text| text.first + 1 == 3), "{line}");
        }
        let far = read("docs/a.md", "For production: `docker compose -f a.yml up`\n");
        assert_eq!(far[0].distance, super::distance("production"));
    }

    #[test]
    fn what_the_readme_of_the_whole_tells_under_one_heading_alone_is_for_this_machine() {
        let block = |heading: &str| format!("# {heading}\n```\nkubectl apply -f k8s\n```\n");
        let distances =
            |path: &str, text: &str| read(path, text).iter().map(|text| text.distance).collect::<Vec<_>>();
        let near = super::distance("");
        assert_eq!(distances("README.md", &block("Quickstart (GKE)")), [near]);
        assert!(distances("docs/README.md", &block("Quickstart (GKE)"))[0] > near);
        let both = block("Minikube") + &block("GKE");
        assert!(distances("README.md", &both)[1] > near);
    }
}
