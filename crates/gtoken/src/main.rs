//! The agent's binary.

fn main() -> std::process::ExitCode {
    gtoken::main(std::env::args_os())
}
