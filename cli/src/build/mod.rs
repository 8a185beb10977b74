//! From the source checkout to what can be deployed: one cargo run, six executables, six zips.
//! Must not know the cloud, the stack, or what a function does.

mod cargo;
mod commit;
mod elf;
mod package;
mod receipt;
mod source;
mod tree;

use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;

pub use cargo::CargoError;
pub use commit::Commit;
pub use elf::{Elf, ElfError, Machine, Platform, Unfit};
pub use package::zip_sha256;
pub use source::{Source, SourceMissing};
pub use tree::Tree;

use crate::event::{Event, Tell};
use crate::failure::{Exit, Explain};

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
}

impl Executable {
    /// The zip to upload: the executable as `bootstrap`, the same bytes each time.
    pub fn zip(&self) -> Result<Bytes, BuildError> {
        let binary = std::fs::read(&self.path).map_err(|source| self.unreadable(source))?;
        package::zip(&binary).map_err(|source| self.unreadable(source))
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
            Self::Unfit { source, .. } => Some(source.next()),
        }
    }
}

/// Builds the functions of these names, or proves that nothing changed since the last time.
///
/// Cargo itself needs about 0.4 s to find that nothing changed; the receipt of the last build
/// says it in a few milliseconds. `began` is now: what is changed later was not built.
pub async fn functions(
    source: &Source,
    names: &[&str],
    platform: Platform,
    began: SystemTime,
    tell: &Tell,
) -> Result<Vec<Executable>, BuildError> {
    let place = receipt::Place::of(source);
    let executables = match receipt::unchanged(&place, names) {
        Some(executables) => executables,
        None => fresh(source, &place, names, began, tell).await?,
    };
    for executable in &executables {
        executable.elf.fits(platform).map_err(|source| BuildError::Unfit { name: executable.name.clone(), source })?;
    }
    Ok(executables)
}

async fn fresh(
    source: &Source,
    place: &receipt::Place,
    names: &[&str],
    began: SystemTime,
    tell: &Tell,
) -> Result<Vec<Executable>, BuildError> {
    tell(Event::Building);
    let made = cargo::build(source, tell).await?;
    let mut paths = Vec::with_capacity(names.len());
    for name in names {
        let Some(path) = made.get(*name) else {
            return Err(BuildError::Missing { name: (*name).to_owned() });
        };
        paths.push(((*name).to_owned(), path.clone()));
    }
    let mut executables = Vec::with_capacity(paths.len());
    let reading: Vec<_> =
        paths.into_iter().map(|(name, path)| tokio::task::spawn_blocking(move || examine(name, path))).collect();
    for task in reading {
        let executable = match task.await {
            Ok(examined) => examined?,
            Err(_) => unreachable!("reading an executable neither panics nor is cancelled"),
        };
        tell(Event::Built { function: executable.name.clone(), bytes: executable.bytes });
        executables.push(executable);
    }
    receipt::write(place, source, &executables, began);
    Ok(executables)
}

fn examine(name: String, path: PathBuf) -> Result<Executable, BuildError> {
    let unreadable = |source| BuildError::Unreadable { path: path.clone(), source };
    let binary = std::fs::read(&path).map_err(unreadable)?;
    let elf = Elf::read(&binary).map_err(|source| BuildError::Elf { name: name.clone(), source })?;
    let zip = package::zip(&binary).map_err(unreadable)?;
    let zip_sha256_base64 = zip_sha256(&zip);
    Ok(Executable { name, bytes: binary.len() as u64, path, elf, zip_sha256_base64 })
}
