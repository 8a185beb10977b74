//! What is built: with which of cargo's profiles, for which platform, by which cargo. Must not know how a
//! process is run, or what becomes of its output.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::elf::{Glibc, Platform};
use super::package::Packing;

/// One of cargo's profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quick to compile; what `cargo run` itself is built with.
    Dev,
    /// Quick to run.
    Release,
    /// Small, quick to send and to start: what AWS is given.
    Lambda,
}

impl Profile {
    /// For this computer. Of `cargo run`: its own, so that the functions share what was compiled for it. Any other
    /// `chatctl` shares nothing with them, and runs here the very zips that AWS would be given.
    pub fn here() -> Self {
        if cfg!(debug_assertions) { Self::Dev } else { Self::Lambda }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Dev => &[],
            Self::Release => &["--release"],
            Self::Lambda => &["--profile", "lambda"],
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
            Self::Lambda => "lambda",
        }
    }

    /// A laptop is faster without deflating; a way to AWS is not.
    pub(super) fn packing(self) -> Packing {
        match self {
            Self::Dev | Self::Release => Packing::Stored,
            Self::Lambda => Packing::Deflated,
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, Self::Err> {
        match words {
            "dev" => Ok(Self::Dev),
            "release" => Ok(Self::Release),
            "lambda" => Ok(Self::Lambda),
            _ => Err("a profile is lambda (small, for AWS), release or dev".to_owned()),
        }
    }
}

/// What is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The profile.
    pub profile: Profile,
    /// What it must run on.
    pub platform: Platform,
}

/// Who compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Cargo, with this computer's linker and C library.
    Plain,
    /// cargo-zigbuild: for another processor, another system, or an older C library.
    Zig,
}

impl Recipe {
    /// Everything after `cargo`.
    pub(super) fn arguments(&self, way: Way, names: &[&str]) -> Vec<String> {
        let command = match way {
            Way::Plain => "build",
            Way::Zig => "zigbuild",
        };
        let mut arguments = vec![command, "--message-format=json-render-diagnostics", "--color=never"];
        arguments.extend(self.profile.arguments());
        let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        if way == Way::Zig {
            arguments.extend(["--target".to_owned(), self.target()]);
        }
        if self.stands_alone(way) {
            arguments.extend(names.iter().flat_map(|name| ["-p".to_owned(), (*name).to_owned()]));
        }
        arguments
    }

    /// Whether nothing that is compiled here is shared with `cargo run`: then the functions are named, and
    /// what only the tool needs is not compiled. Where it is shared, `-p` would choose other features and
    /// compile third-party crates again.
    fn stands_alone(&self, way: Way) -> bool {
        self.profile == Profile::Lambda || way == Way::Zig
    }

    /// Where the result lies, below cargo's target folder.
    pub(super) fn folder(&self, way: Way) -> PathBuf {
        let profile = Path::new(self.profile.folder());
        match way {
            Way::Plain => profile.to_owned(),
            Way::Zig => Path::new(self.platform.machine().triple()).join(profile),
        }
    }

    /// The target as cargo-zigbuild takes it: `x86_64-unknown-linux-gnu.2.34`.
    fn target(&self) -> String {
        let triple = self.platform.machine().triple();
        match self.platform.glibc() {
            Some(Glibc(major, minor)) => format!("{triple}.{major}.{minor}"),
            None => triple.to_owned(),
        }
    }

    /// The compiler's flags, where the same source must give the same bytes wherever it lies: paths are
    /// replaced by names. `None`: as they are.
    pub(super) fn flags(
        &self,
        root: &Path,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Option<(&'static str, OsString)> {
        if self.profile != Profile::Lambda {
            return None;
        }
        let mut flags: Vec<OsString> = match (variable(ENCODED_FLAGS), variable("RUSTFLAGS")) {
            (Some(encoded), _) => split(&encoded, SEPARATOR),
            (None, Some(plain)) => split(&plain, ' '),
            (None, None) => Vec::new(),
        };
        let home =
            variable("CARGO_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&variable("HOME")?).join(".cargo")));
        for (path, name) in home.iter().map(|home| (home.as_path(), "cargo")).chain([(root, "source")]) {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(path);
            flag.push(format!("=/{name}"));
            flags.push(flag);
        }
        Some((ENCODED_FLAGS, flags.join(&*OsString::from(SEPARATOR.to_string()))))
    }

    /// The C compiler's flags for AWS: no tables to unwind by. `None`: as they are.
    pub(super) fn c_flags(&self, variable: impl Fn(&str) -> Option<OsString>) -> Option<(&'static str, OsString)> {
        if self.profile != Profile::Lambda {
            return None;
        }
        let own = variable(C_FLAGS).into_iter().filter(|flags| !flags.is_empty());
        let flags: Vec<OsString> = own.chain([NO_TABLES.into()]).collect();
        Some((C_FLAGS, flags.join(&*OsString::from(" "))))
    }
}

const C_FLAGS: &str = "CFLAGS";
/// The functions abort in a panic.
const NO_TABLES: &str = "-fno-asynchronous-unwind-tables -fno-unwind-tables";
const ENCODED_FLAGS: &str = "CARGO_ENCODED_RUSTFLAGS";
/// What cargo parts encoded flags with, so that they may hold blanks.
const SEPARATOR: char = '\u{1f}';

fn split(flags: &OsString, at: char) -> Vec<OsString> {
    flags.to_string_lossy().split(at).filter(|flag| !flag.is_empty()).map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::super::elf::Machine;
    use super::*;

    const NAMES: [&str; 2] = ["store-message", "serve-page"];

    #[test]
    fn what_is_shared_with_cargo_run_is_built_without_naming_packages() {
        let recipe = Recipe { profile: Profile::Dev, platform: Platform::here() };
        let arguments = recipe.arguments(Way::Plain, &NAMES);
        assert_eq!(arguments, ["build", "--message-format=json-render-diagnostics", "--color=never"]);
        assert_eq!(recipe.folder(Way::Plain), Path::new("debug"));
        assert_eq!(recipe.flags(Path::new("/src"), |_| None), None);
    }

    #[test]
    fn for_aws_the_functions_alone_are_built_in_their_own_profile() {
        let recipe = Recipe { profile: Profile::Lambda, platform: Platform::lambda(Machine::X86_64) };
        let arguments = recipe.arguments(Way::Plain, &NAMES).join(" ");
        assert!(arguments.ends_with("--profile lambda -p store-message -p serve-page"), "{arguments}");
    }

    #[test]
    fn another_processor_is_named_with_the_glibc_that_lambda_has() {
        let recipe = Recipe { profile: Profile::Lambda, platform: Platform::lambda(Machine::Arm64) };
        let arguments = recipe.arguments(Way::Zig, &NAMES).join(" ");
        assert!(arguments.starts_with("zigbuild "), "{arguments}");
        assert!(arguments.contains("--profile lambda --target aarch64-unknown-linux-gnu.2.34 -p"), "{arguments}");
        assert_eq!(recipe.folder(Way::Zig), Path::new("aarch64-unknown-linux-gnu/lambda"));
    }

    #[test]
    fn what_is_written_in_c_is_compiled_for_aws_without_tables_to_unwind_by() {
        let recipe = |profile| Recipe { profile, platform: Platform::lambda(Machine::X86_64) };
        let flags = |own: &'static str| recipe(Profile::Lambda).c_flags(|_| Some(own.into())).unwrap();
        assert_eq!(flags("-g"), ("CFLAGS", "-g -fno-asynchronous-unwind-tables -fno-unwind-tables".into()));
        assert_eq!(flags("").1, "-fno-asynchronous-unwind-tables -fno-unwind-tables");
        assert_eq!(recipe(Profile::Dev).c_flags(|_| None), None);
    }

    #[test]
    fn where_a_checkout_lies_does_not_show_in_what_is_built_for_aws() {
        let recipe = Recipe { profile: Profile::Lambda, platform: Platform::lambda(Machine::X86_64) };
        let variable = |name: &str| match name {
            "RUSTFLAGS" => Some("-g -v".into()),
            "HOME" => Some("/home/ann".into()),
            _ => None,
        };
        let (name, flags) = recipe.flags(Path::new("/my src"), variable).unwrap();
        assert_eq!(name, "CARGO_ENCODED_RUSTFLAGS");
        let flags: Vec<&str> = flags.to_str().unwrap().split('\u{1f}').collect();
        assert_eq!(
            flags,
            ["-g", "-v", "--remap-path-prefix=/home/ann/.cargo=/cargo", "--remap-path-prefix=/my src=/source"]
        );
    }
}
