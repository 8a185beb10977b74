//! The `chatctl` binary; everything is in the library.
fn main() -> std::process::ExitCode {
    chatctl::main()
}
