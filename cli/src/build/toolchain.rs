//! Which programs of this computer build: cargo, cargo-zigbuild, and the environment that they are given. Must
//! not know what is built.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::elf::{Machine, Platform};
use super::recipe::Way;

/// The programs and their environment.
#[derive(Clone, Debug)]
pub(super) struct Toolchain {
    cargo: PathBuf,
    zigbuild: Option<PathBuf>,
    variables: Vec<(OsString, OsString)>,
    /// The processor, where the system is the one that Lambda has; `None` on macOS and others.
    linux: Option<Machine>,
}

impl Toolchain {
    /// That of this computer.
    pub(super) fn of_process() -> Self {
        let cargo = std::env::var_os("CARGO").map(PathBuf::from).filter(|cargo| cargo.is_file());
        let linux = cfg!(target_os = "linux").then(Machine::host);
        Self::of(cargo.unwrap_or_else(|| "cargo".into()), std::env::vars_os(), linux)
    }

    /// Of these parts: cargo-zigbuild is looked for as cargo looks for its subcommands.
    pub(super) fn of(
        cargo: PathBuf,
        variables: impl Iterator<Item = (OsString, OsString)>,
        linux: Option<Machine>,
    ) -> Self {
        let mut tools = Self { cargo, zigbuild: None, variables: environment(variables), linux };
        let path = tools.variable("PATH").unwrap_or_default();
        let home =
            tools.variable("CARGO_HOME").or_else(|| Some(Path::new(&tools.variable("HOME")?).join(".cargo").into()));
        let folders = std::env::split_paths(&path).chain(home.map(|home| Path::new(&home).join("bin")));
        tools.zigbuild = folders.map(|folder| folder.join("cargo-zigbuild")).find(|file| file.is_file());
        tools
    }

    /// Whether cargo-zigbuild is there.
    pub(super) fn has_zig(&self) -> bool {
        self.zigbuild.is_some()
    }

    /// Whether this computer's own linker makes what runs there, its C library's age apart.
    pub(super) fn makes(&self, platform: Platform) -> bool {
        self.linux == Some(platform.machine())
    }

    /// The processor of this computer, where it is Linux.
    pub(super) fn linux(&self) -> Option<Machine> {
        self.linux
    }

    /// The program to run.
    pub(super) fn program(&self, way: Way) -> &Path {
        match (way, &self.zigbuild) {
            (Way::Zig, Some(zigbuild)) => zigbuild,
            (Way::Zig, None) => Path::new("cargo-zigbuild"),
            (Way::Plain, _) => &self.cargo,
        }
    }

    /// The environment to run it in.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// One variable of it.
    pub(super) fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    }
}

/// The environment of a cargo that knows nothing of the cargo that may have started us.
fn environment(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let mut kept: Vec<_> = variables.filter(|(name, _)| !set_by_cargo(name)).collect();
    for (name, value) in &mut kept {
        if name == "LD_LIBRARY_PATH" {
            *value = without_cargos_folders(value);
        }
    }
    kept.retain(|(name, value)| name != "LD_LIBRARY_PATH" || !value.is_empty());
    kept
}

fn set_by_cargo(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    matches!(
        name,
        "CARGO"
            | "CARGO_MANIFEST_DIR"
            | "CARGO_MANIFEST_PATH"
            | "CARGO_MANIFEST_LINKS"
            | "CARGO_BIN_NAME"
            | "CARGO_CRATE_NAME"
            | "CARGO_PRIMARY_PACKAGE"
            | "CARGO_TARGET_TMPDIR"
            | "CARGO_MAKEFLAGS"
            | "CARGO_RUSTC_CURRENT_DIR"
            | "OUT_DIR"
            | "RUSTC"
            | "RUSTDOC"
            | "RUST_RECURSION_COUNT"
    ) || name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_BIN_EXE_")
        || name.starts_with("CARGO_FEATURE_")
        || name.starts_with("CARGO_CFG_")
}

fn without_cargos_folders(value: &OsStr) -> OsString {
    let kept = std::env::split_paths(value).filter(|folder| {
        let text = folder.to_string_lossy();
        let last = folder.file_name().unwrap_or_default();
        !text.is_empty()
            && !text.contains("/rustlib/")
            && !text.contains("/toolchains/")
            && !["deps", "debug", "release"].iter().any(|own| last == *own)
    });
    std::env::join_paths(kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        environment(pairs.iter().map(|(n, v)| (n.into(), v.into())))
            .into_iter()
            .map(|(n, v)| (n.into_string().unwrap(), v.into_string().unwrap()))
            .collect()
    }

    #[test]
    fn what_cargo_run_set_is_taken_out_and_what_the_person_set_stays() {
        let kept = cleaned(&[
            ("CARGO", "/usr/bin/cargo"),
            ("CARGO_PKG_NAME", "chatctl"),
            ("CARGO_MANIFEST_DIR", "/src/cli"),
            ("LD_LIBRARY_PATH", "/src/target/debug/deps:/src/target/debug:/r/toolchains/stable/lib"),
            ("CARGO_HOME", "/home/ann/.cargo"),
            ("CARGO_TARGET_DIR", "/t"),
            ("CARGO_INCREMENTAL", "1"),
            ("PATH", "/bin"),
        ]);
        let names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_INCREMENTAL", "PATH"]);
    }

    #[test]
    fn a_persons_own_library_path_survives() {
        let kept = cleaned(&[("LD_LIBRARY_PATH", "/src/target/debug/deps:/opt/mine/lib")]);
        assert_eq!(kept, [("LD_LIBRARY_PATH".to_owned(), "/opt/mine/lib".to_owned())]);
    }
}
