//! The program `parnas`.

use std::process::ExitCode;

fn main() -> ExitCode {
    quieten_drivers();
    parnas::cli::run()
}

/// Without `XDG_RUNTIME_DIR`, Mesa's drivers look for a Wayland display and complain on standard error that they have nowhere
/// to look, each time adapters are listed. Nothing is drawn here, so any folder serves.
fn quieten_drivers() {
    const FOLDER: &str = "XDG_RUNTIME_DIR";
    if cfg!(target_os = "linux") && std::env::var_os(FOLDER).is_none() {
        // SAFETY: this is the only thread so far.
        unsafe { std::env::set_var(FOLDER, std::env::temp_dir()) };
    }
}
