//! A question at the terminal.
//!
//! Ask only where [`crate::world::World::can_ask`] holds: a pipe cannot answer.

use crate::fault::Result;
use crate::run::Run;
use std::fmt::Write as _;
use std::io::BufRead;
use std::io::Read;

/// The most bytes of an answer that are read.
const LONGEST: u64 = 1 << 16;

/// Prompts for one of `answers` and returns its index; Enter, or the end of the input, is the first.
pub(super) async fn choose(run: &Run, question: &str, answers: &[String]) -> Result<usize> {
    let mut text = format!("{question}\n");
    for (index, answer) in answers.iter().enumerate() {
        let _ = writeln!(text, "  {}  {answer}", index + 1);
    }
    loop {
        let answer = line(run, &format!("{text}number [1]: ")).await?;
        match answer.trim() {
            "" => return Ok(0),
            number => match number.parse::<usize>() {
                Ok(number) if (1..=answers.len()).contains(&number) => return Ok(number - 1),
                _ => text = format!("enter a number from 1 to {}\n", answers.len()),
            },
        }
    }
}

/// Prompts for a confirmation; Enter is yes.
pub(super) async fn agree(run: &Run, question: &str) -> Result<bool> {
    let answer = line(run, &format!("{question} [Y/n] ")).await?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

async fn line(run: &Run, prompt: &str) -> Result<String> {
    let mut prompt = prompt.to_owned();
    run.sink.redactor().sentence(&mut prompt);
    let _ = (run.prompt)(&prompt);
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().take(LONGEST).read_line(&mut line).map(|_| line)
    });
    let read = async { Ok(read.await.ok().and_then(std::io::Result::ok).unwrap_or_default()) };
    run.shield(async {
        run.or_stopped(read).await.inspect_err(|_| {
            // The next message starts on its own line.
            let _ = (run.prompt)("\n");
        })
    })
    .await
}
