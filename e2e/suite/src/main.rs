//! `suite`: see the library.

fn main() -> std::process::ExitCode {
    suite::main()
}
