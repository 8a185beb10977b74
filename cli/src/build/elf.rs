//! What an executable needs: its architecture, and the newest glibc it asks for (A18). A binary
//! that cannot run there fails only when it is invoked, so it is read before it is uploaded.
//! Must not know where the bytes came from.

use std::fmt;

use serde::{Deserialize, Serialize};

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_STRTAB: u64 = 5;
const DT_VERNEED: u64 = 0x6fff_fffe;
const DT_VERNEEDNUM: u64 = 0x6fff_ffff;
/// More version needs than any real executable has: a bound for a damaged one.
const MOST_NEEDS: u64 = 4096;

/// A processor architecture that Lambda has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Machine {
    /// `x86_64`
    X86_64,
    /// `arm64`
    Arm64,
}

impl Machine {
    /// The one that this program runs on.
    pub fn host() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 }
    }
}

impl Machine {
    /// Rust's name of Linux with glibc on it.
    pub(super) fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// A version of the C library, such as 2.34.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Glibc(pub u32, pub u32);

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What runs the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    machine: Machine,
    /// The newest there is; `None` where it is this computer's own.
    glibc: Option<Glibc>,
}

impl Platform {
    /// This computer: whatever was linked here runs here.
    pub fn here() -> Self {
        Self { machine: Machine::host(), glibc: None }
    }

    /// Lambda's `provided.al2023`.
    pub fn lambda(machine: Machine) -> Self {
        Self { machine, glibc: Some(Glibc(2, 34)) }
    }

    /// Its processor.
    pub(super) fn machine(self) -> Machine {
        self.machine
    }

    /// The newest glibc there is; `None` where it is this computer's own.
    pub(super) fn glibc(self) -> Option<Glibc> {
        self.glibc
    }
}

/// What an executable says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elf {
    /// What it was compiled for.
    pub machine: Machine,
    /// The newest glibc that it asks for; `None` when it asks for none.
    pub glibc: Option<Glibc>,
    /// What it asks of glibc by a name that tells no version.
    pub unknown: Option<String>,
}

/// The bytes are not an executable that can be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum ElfError {
    #[error("it is not a 64-bit Linux executable")]
    NotElf,
    #[error("it is for a processor that Lambda does not have (ELF machine {0})")]
    OtherMachine(u16),
    #[error("it ends in the middle")]
    Cut,
}

/// An executable would not start where it is going.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "the message of each variant says it")]
pub enum Unfit {
    #[error("it is for {has}, the functions run on {want}")]
    Machine { has: Machine, want: Machine },
    #[error("it needs glibc {needs}, Lambda has {has}")]
    Glibc { needs: Glibc, has: Glibc },
    #[error("it needs {needs}, and nobody knows whether Lambda's glibc {has} has that")]
    Unknown { needs: String, has: Glibc },
}

impl Elf {
    /// Reads the header and the version needs, as the loader does (from the dynamic segment, so
    /// that a stripped executable is read too).
    pub fn read(bytes: &[u8]) -> Result<Self, ElfError> {
        // 64 bits, little endian
        if bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
            return Err(ElfError::NotElf);
        }
        let machine = match u16_at(bytes, 0x12)? {
            0x3e => Machine::X86_64,
            0xb7 => Machine::Arm64,
            other => return Err(ElfError::OtherMachine(other)),
        };
        let segments = segments(bytes)?;
        let (glibc, unknown) = match segments.iter().find(|segment| segment.kind == PT_DYNAMIC) {
            Some(dynamic) => needs_of_glibc(bytes, &segments, dynamic)?,
            None => (None, None),
        };
        Ok(Self { machine, glibc, unknown })
    }

    /// Whether it would start there.
    pub fn fits(&self, platform: Platform) -> Result<(), Unfit> {
        if self.machine != platform.machine {
            return Err(Unfit::Machine { has: self.machine, want: platform.machine });
        }
        let Some(has) = platform.glibc else { return Ok(()) };
        match (self.glibc, &self.unknown) {
            (Some(needs), _) if needs > has => Err(Unfit::Glibc { needs, has }),
            (_, Some(needs)) => Err(Unfit::Unknown { needs: needs.clone(), has }),
            _ => Ok(()),
        }
    }
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

fn segments(bytes: &[u8]) -> Result<Vec<Segment>, ElfError> {
    let table = u64_at(bytes, 0x20)?;
    let entry_size = u64::from(u16_at(bytes, 0x36)?);
    let count = u64::from(u16_at(bytes, 0x38)?);
    (0..count)
        .map(|index| {
            let at = table.checked_add(index * entry_size).ok_or(ElfError::Cut)?;
            Ok(Segment {
                kind: u32_at(bytes, at)?,
                offset: u64_at(bytes, at + 8)?,
                address: u64_at(bytes, at + 16)?,
                size: u64_at(bytes, at + 32)?,
            })
        })
        .collect()
}

/// Where an address of the running program lies in the file.
fn in_file(segments: &[Segment], address: u64) -> Result<u64, ElfError> {
    segments
        .iter()
        .filter(|segment| segment.kind == PT_LOAD)
        .find_map(|segment| {
            let inside = address.checked_sub(segment.address)?;
            (inside < segment.size).then(|| segment.offset.checked_add(inside)).flatten()
        })
        .ok_or(ElfError::Cut)
}

/// The newest version of glibc that is asked for, and the last need of it that has no version.
fn needs_of_glibc(
    bytes: &[u8],
    segments: &[Segment],
    dynamic: &Segment,
) -> Result<(Option<Glibc>, Option<String>), ElfError> {
    let (mut strings, mut needs, mut count) = (None, None, 0);
    for at in (dynamic.offset..dynamic.offset.saturating_add(dynamic.size)).step_by(16) {
        let value = u64_at(bytes, at.saturating_add(8))?;
        match u64_at(bytes, at)? {
            0 => break,
            DT_STRTAB => strings = Some(in_file(segments, value)?),
            DT_VERNEED => needs = Some(in_file(segments, value)?),
            DT_VERNEEDNUM => count = value.min(MOST_NEEDS),
            _ => {}
        }
    }
    let (Some(strings), Some(mut need)) = (strings, needs) else { return Ok((None, None)) };
    let (mut newest, mut unknown) = (None, None);
    for _ in 0..count {
        let versions = u64::from(u16_at(bytes, need + 2)?);
        let mut version = need + u64::from(u32_at(bytes, need + 8)?);
        for _ in 0..versions {
            let name = text_at(bytes, strings + u64::from(u32_at(bytes, version + 8)?))?;
            match Need::of(name) {
                Need::Glibc(glibc) => newest = newest.max(Some(glibc)),
                Need::Unknown(name) => unknown = Some(name.to_owned()),
                Need::Other => {}
            }
            version += u64::from(u32_at(bytes, version + 12)?);
        }
        need += u64::from(u32_at(bytes, need + 12)?);
    }
    Ok((newest, unknown))
}

/// The relocations that a linker packs since binutils 2.38: a loader whose glibc lacks the
/// name refuses the executable.
const PACKED: (&str, Glibc) = ("ABI_DT_RELR", Glibc(2, 36));

/// One version need.
enum Need<'a> {
    /// A version of glibc.
    Glibc(Glibc),
    /// Something of glibc, from nobody knows which version on (`GLIBC_PRIVATE`, a new `GLIBC_ABI_…`).
    Unknown(&'a str),
    /// Another library's.
    Other,
}

impl<'a> Need<'a> {
    /// `GLIBC_2.34` is 2.34.
    fn of(name: &'a [u8]) -> Self {
        let Ok(name) = std::str::from_utf8(name) else { return Self::Other };
        let Some(version) = name.strip_prefix("GLIBC_") else { return Self::Other };
        if version == PACKED.0 {
            return Self::Glibc(PACKED.1);
        }
        let mut numbers = version.split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Self::Glibc(Glibc(major, minor)),
            _ => Self::Unknown(name),
        }
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: u64) -> Result<[u8; N], ElfError> {
    let start = usize::try_from(at).map_err(|_| ElfError::Cut)?;
    let end = start.checked_add(N).ok_or(ElfError::Cut)?;
    let slice = bytes.get(start..end).ok_or(ElfError::Cut)?;
    slice.try_into().map_err(|_| ElfError::Cut)
}

fn u16_at(bytes: &[u8], at: u64) -> Result<u16, ElfError> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: u64) -> Result<u32, ElfError> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: u64) -> Result<u64, ElfError> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

fn text_at(bytes: &[u8], at: u64) -> Result<&[u8], ElfError> {
    let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).ok_or(ElfError::Cut)?;
    let end = rest.iter().position(|byte| *byte == 0).ok_or(ElfError::Cut)?;
    Ok(&rest[..end])
}

#[cfg(test)]
#[path = "elf_tests.rs"]
pub(super) mod tests;
