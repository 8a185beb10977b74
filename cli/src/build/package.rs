//! An executable becomes a zip with nothing in it that changes from one day to the next: stored (a laptop is
//! faster without deflating) or deflated (a line to AWS is not). Must not know what is inside.

use std::io::{Cursor, Error, Write};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What a zip's directory adds to its one file, rounded up.
const OVERHEAD: usize = 1024;

/// The densest of deflate's levels: made once, sent over a slow line, unpacked at every cold start.
const LEVEL: i64 = 9;

/// How the executable lies in its zip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Stored,
    Deflated,
}

/// The executable as `bootstrap`, readable and executable by all.
pub(super) fn zip(binary: &[u8], packing: Packing) -> Result<Bytes, Error> {
    let (method, level) = match packing {
        Packing::Stored => (CompressionMethod::Stored, None),
        Packing::Deflated => (CompressionMethod::Deflated, Some(LEVEL)),
    };
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .compression_level(level)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut writer = ZipWriter::new(Cursor::new(Vec::with_capacity(binary.len() + OVERHEAD)));
    writer.start_file("bootstrap", options).map_err(Error::other)?;
    writer.write_all(binary)?;
    let done = writer.finish().map_err(Error::other)?;
    Ok(Bytes::from(done.into_inner()))
}

/// The digest that Lambda answers as `CodeSha256`.
pub fn zip_sha256(zip: &[u8]) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, zip))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_same_executable_gives_the_same_zip_byte_for_byte() {
        let one = zip(b"an executable", Packing::Stored).unwrap();
        assert_eq!(one, zip(b"an executable", Packing::Stored).unwrap());
        // Written down: a new version of the zip crate must not make every function look changed.
        assert_eq!(zip_sha256(&one), "6Hfey+vS/8zuy84HyjuE/Qm9/RdHGrpEFkVERa8w3Do=");
        assert_ne!(one, zip(b"another executable", Packing::Stored).unwrap());
    }

    #[test]
    fn a_deflated_zip_is_smaller_the_same_byte_for_byte_and_holds_the_same() {
        let binary: Vec<u8> = (0..40_000u32).flat_map(|at| (at % 251).to_le_bytes()).collect();
        let one = zip(&binary, Packing::Deflated).unwrap();
        assert_eq!(one, zip(&binary, Packing::Deflated).unwrap());
        assert!(one.len() < binary.len() / 20, "{} bytes", one.len());
        let mut archive = zip::ZipArchive::new(Cursor::new(one)).unwrap();
        let mut content = Vec::new();
        archive.by_index(0).unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, binary);
    }

    #[test]
    fn the_zip_holds_one_stored_bootstrap_that_may_be_executed() {
        let made = zip(b"an executable", Packing::Stored).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(made)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_index(0).unwrap();
        assert_eq!(file.name().unwrap(), "bootstrap");
        assert_eq!(file.compression(), CompressionMethod::Stored);
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"an executable");
    }
}
