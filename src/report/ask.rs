//! A question at the terminal, where somebody is there to answer it.
//!
//! Never asked of a pipe: whoever calls has made sure that both ends are a terminal, and has an answer for when they are not.

use crate::fault::Result;
use crate::report::output;
use crate::report::output::LONGEST;
use crate::report::style::clean;
use crate::run::Run;
use std::fmt::Write as _;
use std::io::BufRead;
use std::io::Read;

/// Asks which of `answers` it is and returns its index; Enter, or the end of the input, is the first.
pub async fn choose(run: &Run, question: &str, answers: &[String]) -> Result<usize> {
    let mut text = format!("{}\n", clean(question));
    for (index, answer) in answers.iter().enumerate() {
        let _ = writeln!(text, "  {}  {}", index + 1, clean(answer));
    }
    loop {
        let said = line(run, &format!("{text}which one? [1] ")).await?;
        match said.trim() {
            "" => return Ok(0),
            number => match number.parse::<usize>() {
                Ok(number) if (1..=answers.len()).contains(&number) => return Ok(number - 1),
                _ => text = format!("a number from 1 to {}, please: ", answers.len()),
            },
        }
    }
}

/// Asks whether to do something; Enter is yes.
pub async fn agree(run: &Run, question: &str) -> Result<bool> {
    let said = line(run, &format!("{} [Y/n] ", clean(question))).await?;
    Ok(matches!(said.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

async fn line(run: &Run, prompt: &str) -> Result<String> {
    let mut prompt = prompt.to_owned();
    run.sink.redactor().sentence(&mut prompt);
    let _ = output::prompt(&prompt);
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().take(LONGEST).read_line(&mut line).map(|_| line)
    });
    let read = async { Ok(read.await.ok().and_then(std::io::Result::ok).unwrap_or_default()) };
    run.shield(async {
        run.or_stopped(read).await.inspect_err(|_| {
            // What is told next begins a line of its own.
            let _ = output::prompt("\n");
        })
    })
    .await
}
