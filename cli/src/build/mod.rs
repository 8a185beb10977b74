//! From the source checkout to what can be deployed: one cargo run, six executables, six zips.
//! Must not know the cloud, the stack, or what a function does.

mod cargo;
mod commit;
mod elf;
mod package;
mod receipt;
mod recipe;
mod source;
mod toolchain;
mod tree;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;

pub use cargo::CargoError;
pub use commit::Commit;
pub use elf::{Elf, ElfError, Machine, Platform, Unfit};
pub use package::zip_sha256;
pub use recipe::{Profile, Recipe};
pub use source::{Source, SourceMissing};
pub use tree::Tree;

use package::Packing;
use recipe::Way;
use toolchain::Toolchain;

use crate::event::{Event, Tell};
use crate::failure::{Exit, Explain};

/// What a request with a function's zip in it may carry: 50 MB, which base64 makes 70 MB of.
const LARGEST_ZIP: u64 = 50 * 1024 * 1024;

/// One function's executable, and the sha256 of the zip that it becomes.
#[derive(Clone, Debug)]
pub struct Executable {
    /// The function's name, which is its crate's.
    pub name: String,
    /// The executable that cargo made.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// What the executable says of itself.
    pub elf: Elf,
    /// The digest of its zip, as Lambda's `CodeSha256` gives it.
    pub zip_sha256_base64: String,
    /// The zip's size in bytes.
    pub zip_bytes: u64,
    packing: Packing,
}

impl Executable {
    /// The zip to upload: the executable as `bootstrap`, the same bytes each time.
    pub fn zip(&self) -> Result<Bytes, BuildError> {
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        let binary = std::fs::read(&self.path).map_err(|source| self.unreadable(source))?;
        package::zip(&binary, self.packing).map_err(|source| self.unreadable(source))
    }

    /// The zip that was kept when it was made, if it is still that one: deflating takes a second.
    fn kept(&self) -> Option<Bytes> {
        if self.packing == Packing::Stored {
            return None;
        }
        let kept = std::fs::read(kept_at(&self.path)).ok()?;
        (zip_sha256(&kept) == self.zip_sha256_base64).then(|| Bytes::from(kept))
    }

    fn unreadable(&self, source: std::io::Error) -> BuildError {
        BuildError::Unreadable { path: self.path.clone(), source }
    }
}

/// Why the functions could not be built.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum BuildError {
    #[error(transparent)]
    Source(#[from] SourceMissing),
    #[error("cannot build the functions")]
    Cargo(#[from] CargoError),
    #[error("cargo built no executable named {name}")]
    Missing { name: String },
    #[error("cannot read {path}", path = path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("cannot use the executable of {name}")]
    Elf { name: String, source: ElfError },
    #[error("the executable of {name} cannot run in the cloud")]
    Unfit { name: String, source: Unfit },
    #[error("cannot build functions for {machine} here")]
    Cross { machine: Machine, here: Option<Machine>, source: WhyCross },
    #[error("cannot run the functions on this computer")]
    Here { source: NotLinux },
    #[error("the package of {name} has {} MB, and AWS takes {} MB in a request", bytes.div_ceil(MB), LARGEST_ZIP / MB)]
    TooLarge { name: String, bytes: u64 },
}

const MB: u64 = 1024 * 1024;

/// Why this computer cannot have a stage of its own.
#[derive(Debug, thiserror::Error)]
#[error("target local runs them as the Linux programs that they are on AWS, and this is another system")]
pub struct NotLinux;

/// Why what is here is not enough for that processor.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum WhyCross {
    #[error("this computer makes executables of another kind, and cargo-zigbuild is not installed")]
    Foreign,
    #[error("the executable of {name} is not for Lambda: {unfit}; cargo-zigbuild, which can do that, is not installed")]
    Newer { name: String, unfit: Unfit },
    #[error("Rust's own library for it is not installed: {said}")]
    NoTarget { said: String },
}

impl Explain for BuildError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn next(&self) -> Option<String> {
        match self {
            Self::Source(source) => Some(source.next()),
            Self::Cargo(cargo) => cargo.next(),
            Self::Missing { .. } => Some("cargo build".to_owned()),
            Self::Unreadable { .. } | Self::Elf { .. } => Some("cargo clean && cargo build".to_owned()),
            Self::Unfit { .. } => Some("cargo clean && chatctl up".to_owned()),
            Self::Cross { machine, here, .. } => Some(install(*machine, *here)),
            Self::Here { .. } => Some(
                "chatctl up --target aws; or this command in Linux: a computer, a virtual machine, a container"
                    .to_owned(),
            ),
            Self::TooLarge { .. } => Some(
                "cargo tree -p FUNCTION shows what is in it; chatctl up without --build-profile makes the smallest"
                    .to_owned(),
            ),
        }
    }
}

/// The lines that install what builds for that processor.
fn install(machine: Machine, here: Option<Machine>) -> String {
    let lines = format!("rustup target add {} && pip install cargo-zigbuild", machine.triple());
    match here {
        Some(here) if here != machine => format!("{lines}; or architecture = \"{here}\" in the stage's settings"),
        _ => lines,
    }
}

/// Builds the functions of these names, or proves that nothing changed since the last time.
///
/// Cargo itself needs about 0.4 s to find that nothing changed; the receipt of the last build
/// says it in a few milliseconds. `began` is now: what is changed later was not built.
pub async fn functions(
    source: &Source,
    names: &[&str],
    recipe: Recipe,
    began: SystemTime,
    tell: &Tell,
) -> Result<Vec<Executable>, BuildError> {
    let tools = Toolchain::of_process();
    Building { tools: &tools, source, names, recipe, began, tell }.executables().await
}

/// One build on its way.
struct Building<'a> {
    tools: &'a Toolchain,
    source: &'a Source,
    names: &'a [&'a str],
    recipe: Recipe,
    began: SystemTime,
    tell: &'a Tell,
}

impl Building<'_> {
    async fn executables(&self) -> Result<Vec<Executable>, BuildError> {
        let platform = self.recipe.platform;
        if platform.glibc().is_none() && self.tools.linux().is_none() {
            // Whatever could be built would not start here.
            return Err(BuildError::Here { source: NotLinux });
        }
        let foreign = !self.tools.makes(platform);
        // What once needed the other way is not tried in vain again.
        if self.tools.has_zig() && (foreign || self.place(Way::Zig).was_used()) {
            return fitting(self.by(Way::Zig).await?, platform);
        }
        if foreign {
            return Err(self.cross(WhyCross::Foreign));
        }
        match fitting(self.by(Way::Plain).await?, platform) {
            Err(BuildError::Unfit { name, source: unfit @ (Unfit::Glibc { .. } | Unfit::Unknown { .. }) }) => {
                if !self.tools.has_zig() {
                    return Err(self.cross(WhyCross::Newer { name, unfit }));
                }
                fitting(self.by(Way::Zig).await?, platform)
            }
            ended => ended,
        }
    }

    fn place(&self, way: Way) -> receipt::Place {
        receipt::Place::of(self.source, self.tools, self.recipe, way)
    }

    fn cross(&self, source: WhyCross) -> BuildError {
        BuildError::Cross { machine: self.recipe.platform.machine(), here: self.tools.linux(), source }
    }

    async fn by(&self, way: Way) -> Result<Vec<Executable>, BuildError> {
        let place = self.place(way);
        match receipt::unchanged(&place, self.names) {
            Some(executables) => Ok(executables),
            None => self.fresh(&place, way).await,
        }
    }

    async fn fresh(&self, place: &receipt::Place, way: Way) -> Result<Vec<Executable>, BuildError> {
        let Self { tools, source, names, recipe, began, tell } = *self;
        tell(Event::Building);
        let built = cargo::build(&cargo::Build { tools, source, names, recipe, way }, tell).await;
        let mut made = built.map_err(|error| match error {
            CargoError::NoTarget { said } if way == Way::Zig => self.cross(WhyCross::NoTarget { said }),
            error => error.into(),
        })?;
        let packing = recipe.profile.packing();
        let mut reading = Vec::with_capacity(names.len());
        for name in names {
            let Some(path) = made.remove(*name) else {
                return Err(BuildError::Missing { name: (*name).to_owned() });
            };
            let name = (*name).to_owned();
            reading.push(tokio::task::spawn_blocking(move || examine(name, path, packing)));
        }
        let mut executables = Vec::with_capacity(reading.len());
        for task in reading {
            let executable = match task.await {
                Ok(examined) => examined?,
                Err(_) => unreachable!("reading an executable neither panics nor is cancelled"),
            };
            tell(Event::Built { function: executable.name.clone(), bytes: executable.zip_bytes });
            executables.push(executable);
        }
        receipt::write(place, source, &executables, began);
        Ok(executables)
    }
}

/// These, if all would start there and can be sent there.
fn fitting(executables: Vec<Executable>, platform: Platform) -> Result<Vec<Executable>, BuildError> {
    for executable in &executables {
        let name = || executable.name.clone();
        executable.elf.fits(platform).map_err(|source| BuildError::Unfit { name: name(), source })?;
        if platform.glibc().is_some() && executable.zip_bytes > LARGEST_ZIP {
            return Err(BuildError::TooLarge { name: name(), bytes: executable.zip_bytes });
        }
    }
    Ok(executables)
}

fn examine(name: String, path: PathBuf, packing: Packing) -> Result<Executable, BuildError> {
    let unreadable = |source| BuildError::Unreadable { path: path.clone(), source };
    let binary = std::fs::read(&path).map_err(unreadable)?;
    let elf = Elf::read(&binary).map_err(|source| BuildError::Elf { name: name.clone(), source })?;
    let zip = package::zip(&binary, packing).map_err(unreadable)?;
    if packing == Packing::Deflated {
        // Where it can't be kept, it is made again when it is uploaded.
        let _ = std::fs::write(kept_at(&path), &zip);
    }
    let (zip_sha256_base64, zip_bytes) = (zip_sha256(&zip), zip.len() as u64);
    Ok(Executable { name, bytes: binary.len() as u64, path, elf, zip_sha256_base64, zip_bytes, packing })
}

fn kept_at(executable: &Path) -> PathBuf {
    executable.with_extension("zip")
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
