//! Shows a recorded run (`todo up --output json > run.jsonl`) again as it was seen, in its own time.
//!
//!     cargo run --example replay -- tests/fixtures/runs/first-up.jsonl [SPEED]

use anyhow::Context;
use std::time::Duration;
use todo::answer::usual::Usual;
use todo::event::Event;
use todo::event::EventKind;
use todo::event::Sink;
use todo::report;
use todo::report::Detail;
use todo::report::Live;
use todo::report::Mode;
use todo::report::ci::Ci;
use todo::report::output::Output;
use todo::report::style::ColorFlag;
use todo::report::style::TerminalCaps;
use todo::report::trace::Screen;
use todo::world::World;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().context("name a recorded run: `replay RUN.jsonl [SPEED]`")?;
    let speed = arguments.next().map_or(Ok(1.0), |speed| speed.parse::<f64>())?;
    let text = std::fs::read_to_string(&file).with_context(|| file.clone())?;

    let world = World::of_this_process()?;
    let caps = TerminalCaps::pick(&world, ColorFlag::Auto, world.stderr_is_terminal);
    let (tell, events) = tokio::sync::mpsc::unbounded_channel();
    let live = Live { screen: &Screen::default(), expected: Box::new(|_| Usual::default()) };
    let reporter = report::start(
        report::pick(&world, None, false),
        caps,
        Detail::Some,
        None,
        Ci::default(),
        live,
        events,
    );
    let began = std::time::Instant::now();
    let mut url = None;
    for line in text.lines() {
        let event: Event = serde_json::from_str(line)?;
        let due = Duration::from_millis(event.at_ms).div_f64(speed);
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        if let EventKind::RunFinished { url: Some(found), .. } = &event.kind {
            url = Some(found.clone());
        }
        tell.send(event)?;
    }
    drop(tell);
    let _ = reporter.finish();
    let output = Output::new(&Sink::new().0, Mode::Plain, caps, caps, None, false);
    url.map_or(Ok(()), |url| output.url(&url).map_err(|fault| fault.error))
}
