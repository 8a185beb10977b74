//! The ways to an executable, by a cargo and a cargo-zigbuild that are scripts: each writes down what it was
//! asked for, and hands out an executable made by hand.

use std::os::unix::fs::PermissionsExt as _;

use super::elf::tests::executable;
use super::*;
use crate::failure::Failure;

/// A checkout, and programs beside it.
struct Yard {
    root: PathBuf,
    linux: Option<Machine>,
}

const X86_64: u16 = 0x3e;
const ARM64: u16 = 0xb7;

impl Yard {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("chatctl-build-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("functions/store-message")).unwrap();
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::write(root.join("Cargo.toml"), "").unwrap();
        std::fs::write(root.join("functions/store-message/Cargo.toml"), "").unwrap();
        Self { root, linux: Some(Machine::X86_64) }
    }

    /// A program that notes its arguments and makes this executable.
    fn program(self, name: &str, machine: u16, glibc: &str) -> Self {
        let made = self.root.join(format!("{name}-made"));
        std::fs::write(&made, executable(machine, &[glibc])).unwrap();
        let message = format!(
            r#"{{"reason":"compiler-artifact","target":{{"name":"store-message"}},"executable":"{}"}}"#,
            made.display()
        );
        let asked = self.root.join(format!("{name}-asked"));
        self.script(name, &format!("echo \"$@\" >> {}\necho '{message}'\n", asked.display()))
    }

    /// A program that compiles nothing and says this of it.
    fn failing(self, name: &str, said: &str) -> Self {
        let (asked, finished) = (self.root.join(format!("{name}-asked")), r#"{"reason":"build-finished"}"#);
        let asked = asked.display();
        self.script(
            name,
            &format!("echo \"$@\" >> {asked}\necho '{finished}'\ncat >&2 <<'END'\n{said}\nEND\nexit 101\n"),
        )
    }

    fn script(self, name: &str, lines: &str) -> Self {
        let path = self.root.join("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{lines}")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    async fn build(&self, recipe: Recipe) -> Result<Vec<Executable>, BuildError> {
        let path = format!("{}/bin:/usr/bin:/bin", self.root.display());
        let variables = [("PATH", path.as_str()), ("HOME", "/nowhere")];
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        let tools = Toolchain::of(self.root.join("bin/cargo"), variables, self.linux);
        let source = Source::find(Some(&self.root), Path::new("/")).unwrap();
        let tell = crate::event::nobody();
        Building {
            tools: &tools,
            source: &source,
            names: &["store-message"],
            recipe,
            began: SystemTime::UNIX_EPOCH,
            tell: &tell,
        }
        .executables()
        .await
    }

    fn asked(&self, name: &str) -> String {
        std::fs::read_to_string(self.root.join(format!("{name}-asked"))).unwrap_or_default()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn lambda(machine: Machine) -> Recipe {
    Recipe { profile: Profile::Lambda, platform: Platform::lambda(machine) }
}

#[tokio::test]
async fn what_this_computer_can_make_is_made_by_cargo_alone_and_kept_deflated() {
    let yard =
        Yard::new("plain").program("cargo", X86_64, "GLIBC_2.34").program("cargo-zigbuild", X86_64, "GLIBC_2.34");
    let built = yard.build(lambda(Machine::X86_64)).await.unwrap();
    assert!(yard.asked("cargo").starts_with("build "), "{}", yard.asked("cargo"));
    assert!(yard.asked("cargo").contains("--profile lambda -p store-message --locked"));
    assert_eq!(yard.asked("cargo-zigbuild"), "");
    let zip = built[0].zip().unwrap();
    assert_eq!((zip_sha256(&zip), zip.len() as u64), (built[0].zip_sha256_base64.clone(), built[0].zip_bytes));
    std::fs::write(kept_at(&built[0].path), "damaged").unwrap();
    assert_eq!(built[0].zip().unwrap(), zip, "a kept zip that is another one is not used");
}

#[tokio::test]
async fn a18_what_needs_a_newer_glibc_is_made_again_by_cargo_zigbuild() {
    let yard =
        Yard::new("newer").program("cargo", X86_64, "GLIBC_2.38").program("cargo-zigbuild", X86_64, "GLIBC_2.34");
    let built = yard.build(lambda(Machine::X86_64)).await.unwrap();
    assert!(built[0].path.ends_with("cargo-zigbuild-made"));
    let asked = yard.asked("cargo-zigbuild");
    assert!(asked.contains("--profile lambda --target x86_64-unknown-linux-gnu.2.34 -p store-message"), "{asked}");
}

#[tokio::test]
async fn a18_without_cargo_zigbuild_the_error_has_the_lines_that_install_it() {
    let yard = Yard::new("none").program("cargo", X86_64, "GLIBC_2.38");
    let failure = Failure::from(yard.build(lambda(Machine::X86_64)).await.unwrap_err());
    assert_eq!(failure.error, "cannot build functions for x86_64 here");
    assert!(failure.why.as_deref().unwrap().contains("it needs glibc 2.38, Lambda has 2.34"), "{failure:?}");
    assert_eq!(failure.next, ["rustup target add x86_64-unknown-linux-gnu && pip install cargo-zigbuild"]);
}

#[tokio::test]
async fn a18_what_needs_packed_relocations_or_the_unknown_is_made_again_by_cargo_zigbuild() {
    for (name, need) in [("packed", "GLIBC_ABI_DT_RELR"), ("unknown", "GLIBC_ABI_GNU2_TLS")] {
        let yard = Yard::new(name).program("cargo", X86_64, need).program("cargo-zigbuild", X86_64, "GLIBC_2.34");
        let built = yard.build(lambda(Machine::X86_64)).await.unwrap();
        assert!(built[0].path.ends_with("cargo-zigbuild-made"), "{name}");
    }
}

#[tokio::test]
async fn another_processor_or_system_goes_to_cargo_zigbuild_at_once() {
    for (name, linux) in [("arm", Some(Machine::X86_64)), ("mac", None)] {
        let mut yard =
            Yard::new(name).program("cargo", X86_64, "GLIBC_2.34").program("cargo-zigbuild", ARM64, "GLIBC_2.17");
        yard.linux = linux;
        let built = yard.build(lambda(Machine::Arm64)).await.unwrap();
        assert_eq!(built[0].elf.machine, Machine::Arm64);
        assert_eq!(yard.asked("cargo"), "", "{name}");
        let asked = yard.asked("cargo-zigbuild");
        assert!(asked.contains("zigbuild ") && asked.contains("--target aarch64-unknown-linux-gnu.2.34"), "{asked}");
    }
}

#[tokio::test]
async fn without_it_another_processor_is_refused_and_the_own_one_is_offered() {
    let yard = Yard::new("refused").program("cargo", X86_64, "GLIBC_2.34");
    let failure = Failure::from(yard.build(lambda(Machine::Arm64)).await.unwrap_err());
    assert!(failure.next[0].starts_with("rustup target add aarch64-unknown-linux-gnu && "), "{failure:?}");
    assert!(failure.next[0].ends_with("architecture = \"x86_64\" in the stage's settings"), "{failure:?}");
    assert_eq!(yard.asked("cargo"), "");
}

#[tokio::test]
async fn without_rusts_library_for_the_processor_the_error_has_the_line_that_installs_it() {
    let said = "error[E0463]: can't find crate for `core`\n  = note: the `x86_64-unknown-linux-gnu` target may not be \
                installed\nerror: could not compile `cfg-if`";
    let mut yard = Yard::new("no-target").program("cargo", X86_64, "GLIBC_2.34").failing("cargo-zigbuild", said);
    yard.linux = None;
    let failure = Failure::from(yard.build(lambda(Machine::X86_64)).await.unwrap_err());
    assert_eq!(failure.error, "cannot build functions for x86_64 here");
    let why = "Rust's own library for it is not installed: error[E0463]: can't find crate for `core`";
    assert_eq!(failure.why.as_deref(), Some(why));
    assert_eq!(failure.next, ["rustup target add x86_64-unknown-linux-gnu && pip install cargo-zigbuild"]);
    assert_eq!(yard.asked("cargo-zigbuild").lines().count(), 1);
}

#[tokio::test]
async fn a_stage_on_this_computer_is_refused_off_linux_before_anything_is_built() {
    let mut yard =
        Yard::new("off-linux").program("cargo", X86_64, "GLIBC_2.34").program("cargo-zigbuild", X86_64, "GLIBC_2.34");
    yard.linux = None;
    let recipe = Recipe { profile: Profile::Dev, platform: Platform::here() };
    let failure = Failure::from(yard.build(recipe).await.unwrap_err());
    assert_eq!(failure.error, "cannot run the functions on this computer");
    assert!(failure.why.as_deref().unwrap().contains("target local runs them as the Linux programs"), "{failure:?}");
    let next = "chatctl up --target aws; or this command in Linux: a computer, a virtual machine, a container";
    assert_eq!(failure.next, [next]);
    assert_eq!(yard.asked("cargo") + &yard.asked("cargo-zigbuild"), "");
}

#[tokio::test]
async fn a18_a_cross_compiler_that_makes_the_wrong_processors_code_is_found_out() {
    let yard =
        Yard::new("wrong").program("cargo", X86_64, "GLIBC_2.34").program("cargo-zigbuild", X86_64, "GLIBC_2.34");
    let error = yard.build(lambda(Machine::Arm64)).await.unwrap_err();
    assert!(matches!(error, BuildError::Unfit { source: Unfit::Machine { .. }, .. }), "{error}");
}

#[test]
fn a_zip_beyond_what_a_request_may_carry_is_refused_for_aws_and_says_so() {
    let elf = Elf { machine: Machine::host(), glibc: None, unknown: None };
    let executable = Executable {
        name: "store-message".into(),
        path: "/t/store-message".into(),
        bytes: 90 * MB,
        elf,
        zip_sha256_base64: String::new(),
        zip_bytes: 61 * MB,
        packing: Packing::Stored,
    };
    let failure = Failure::from(fitting(vec![executable.clone()], Platform::lambda(Machine::host())).unwrap_err());
    assert_eq!(failure.error, "the package of store-message has 61 MB, and AWS takes 50 MB in a request");
    assert!(failure.next[0].contains("--build-profile"), "{failure:?}");
    assert!(fitting(vec![executable], Platform::here()).is_ok());
}
