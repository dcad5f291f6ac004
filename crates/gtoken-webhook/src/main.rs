//! The binary; everything is in the library, where tests reach it.

fn main() -> std::process::ExitCode {
    gtoken_webhook::main(std::env::args_os())
}
