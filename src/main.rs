//! The `tureen` program.

fn main() -> std::process::ExitCode {
    tureen::cli::main()
}
