//! `todo`: argv in, exit code out. The implementation is in the library, whose front page is the map.

fn main() -> std::process::ExitCode {
    todo::main(std::env::args_os()).into()
}
