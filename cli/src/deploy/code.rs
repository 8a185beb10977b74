//! What is deployed: the functions' code, as it was given or is built of the checkout. Must not know how it goes live.

use reconcile::Id;

use super::Deploying;
use super::up::stopped;
use crate::build::{self, Executable, Machine, Platform, Profile, Recipe, Source};
use crate::failure::Failure;
use crate::stack::{self, Package, Packages};
use crate::stage::{Architecture, Target};

/// The kind of the resources that are built here.
pub(super) const FUNCTION: &str = "function";

/// The functions' code, as it was given or built of the checkout.
pub(super) async fn packages(cx: &Deploying) -> Result<Packages, Failure> {
    if let Some(packages) = &cx.packages {
        return Ok(packages.clone());
    }
    let bare = stack::chat(&cx.aws, &cx.stage, &Packages::new(), cx.now_ms());
    let functions: Vec<&str> = bare.ids().filter(|id| id.kind() == FUNCTION).map(Id::name).collect();
    let source = Source::find(cx.source.as_deref(), &cx.folder).map_err(build::BuildError::from)?;
    let building = build::functions(&source, &functions, recipe(cx), cx.now(), &cx.tell);
    let executables = tokio::select! {
        built = building => built?,
        // Dropping it ends cargo.
        () = cx.stop.wait() => return Err(stopped(cx, &[])),
    };
    Ok(executables.into_iter().map(package).collect())
}

/// How the functions are built: for this computer, or for AWS.
fn recipe(cx: &Deploying) -> Recipe {
    let (profile, platform) = match (cx.stage.target, cx.stage.architecture) {
        (Target::Local, _) => (Profile::here(), Platform::here()),
        (Target::Aws, Architecture::X86_64) => (Profile::Lambda, Platform::lambda(Machine::X86_64)),
        (Target::Aws, Architecture::Arm64) => (Profile::Lambda, Platform::lambda(Machine::Arm64)),
    };
    Recipe { profile: cx.profile.unwrap_or(profile), platform }
}

fn package(executable: Executable) -> (String, Package) {
    let architecture = match executable.elf.machine {
        Machine::X86_64 => "x86_64",
        Machine::Arm64 => "arm64",
    };
    let (name, digest) = (executable.name.clone(), executable.zip_sha256_base64.clone());
    (name, Package::new(digest, architecture, move || executable.zip()))
}
