//! A function's code: from the zip in a call to an unpacked folder, once for each hash. Only plain files, and none
//! outside the folder.

use std::io::{BufRead as _, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::Value;

use super::function::Code;
use super::input::Input;
use super::refusals;
use crate::disk;
use crate::wire::Refusal;

/// What the files of a zip may come to, unpacked (AWS: 250 MB).
const UNPACKED_BYTES: u64 = 262_144_000;
/// A value shorter than this is read with the rest of the JSON.
const LONG_VALUE: usize = 64 * 1024;

/// The members of a call that carries code from elsewhere.
const ELSEWHERE: &[&str] = &["S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri", "SourceKMSKeyArn"];

/// Reads a body whose `ZipFile` may be long: the zip is cut out before the rest is parsed, for a JSON parser walks
/// through 30 MB of base64 byte by byte.
pub(super) fn parse(body: &Bytes) -> Result<(Input, Option<Vec<u8>>), Refusal> {
    if let Some((start, end, zip)) =
        long_zip(body).and_then(|(start, end)| Some((start, end, decode(&body[start..end]).ok()?)))
    {
        let rest = [&body[..start], &body[end..]].concat();
        return Ok((Input::parse(&rest)?, Some(zip)));
    }
    let input = Input::parse(body)?;
    let given = input.within("Code", "ZipFile").or_else(|| input.get("ZipFile"));
    let zip = given.and_then(Value::as_str).map(|text| decode(text.as_bytes())).transpose()?;
    Ok((input, zip))
}

/// Refuses code that is not in the call itself.
pub(super) fn here_only(input: &Input) -> Result<(), Refusal> {
    match ELSEWHERE.iter().find(|name| input.get(name).is_some() || input.within("Code", name).is_some()) {
        Some(name) => Err(refusals::unsupported(&format!("code by {name}, only ZipFile"))),
        None => Ok(()),
    }
}

fn decode(text: &[u8]) -> Result<Vec<u8>, Refusal> {
    BASE64_STANDARD.decode(text).map_err(|error| refusals::bad_content(format!("ZipFile is not base64: {error}")))
}

/// Where a long `ZipFile` value stands in a body. Jumps from quote to quote; gives up at anything unusual.
fn long_zip(body: &[u8]) -> Option<(usize, usize)> {
    let mut rest = body;
    loop {
        let start = next_quote(&mut rest, body)?;
        let mut end = next_quote(&mut rest, body)?;
        while body[start..end - 1].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1 {
            end = next_quote(&mut rest, body)?;
        }
        if &body[start..end - 1] == b"ZipFile" && rest.trim_ascii_start().starts_with(b":") {
            let start = next_quote(&mut rest, body)?;
            let end = next_quote(&mut rest, body)? - 1;
            return (end - start > LONG_VALUE && body[end - 1] != b'\\').then_some((start, end));
        }
    }
}

/// Moves behind the next quote; its position after it.
fn next_quote(rest: &mut &[u8], body: &[u8]) -> Option<usize> {
    rest.skip_until(b'"').ok()?;
    let position = body.len() - rest.len();
    (position > 0 && body[position - 1] == b'"').then_some(position)
}

/// What a zip is kept as; one that is no zip is refused.
pub(super) fn identify(zip: &[u8]) -> Result<Code, Refusal> {
    zip::ZipArchive::new(std::io::Cursor::new(zip)).map_err(not_a_zip)?;
    Ok(code_of(zip))
}

fn code_of(zip: &[u8]) -> Code {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, zip);
    Code { sha256: BASE64_STANDARD.encode(hash), folder: crate::random::hex(hash.as_ref()), size: zip.len() }
}

/// Unpacks a zip into its own folder under `codes`, unless it stands there already.
pub(super) fn unpack(codes: &Path, zip: &[u8]) -> Result<Code, Refusal> {
    let code = code_of(zip);
    let folder = code.folder.clone();
    let place = codes.join(&folder);
    if let Ok(there) = std::fs::File::open(&place) {
        let _ = there.set_modified(crate::clock::now()); // wanted again: not to be swept away now
        return Ok(code);
    }
    let fresh = codes.join(format!("{folder}.{}", crate::random::uuid()));
    let unpacked = write_files(zip, &fresh).and_then(|()| match std::fs::rename(&fresh, &place) {
        Err(_) if place.is_dir() => Ok(()), // unpacked by another call meanwhile
        moved => moved.map_err(not_kept(codes)),
    });
    let _ = std::fs::remove_dir_all(&fresh);
    unpacked.map(|()| code)
}

fn not_a_zip(error: zip::result::ZipError) -> Refusal {
    refusals::invalid(format!(
        "Could not unzip uploaded file. Please check your file, then try to upload again. ({error})"
    ))
}

fn write_files(zip: &[u8], folder: &Path) -> Result<(), Refusal> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).map_err(not_a_zip)?;
    std::fs::create_dir_all(folder).map_err(not_kept(folder))?;
    let mut room = UNPACKED_BYTES;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(not_a_zip)?;
        let name = entry.name().map_err(not_a_zip)?.into_owned();
        let path = inside(folder, &name)?;
        if entry.is_dir() {
            std::fs::create_dir_all(path).map_err(not_kept(folder))?;
            continue;
        }
        if !entry.is_file() {
            return Err(refusals::invalid(format!("{name} in the zip is not a plain file")));
        }
        room = room
            .checked_sub(entry.size())
            .ok_or_else(|| refusals::invalid(format!("Unzipped size must be smaller than {UNPACKED_BYTES} bytes")))?;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(not_kept(folder))?;
        }
        let executable = name == "bootstrap" || entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mode = if executable { 0o755 } else { 0o644 };
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(not_kept(folder))?;
        let size = entry.size();
        std::io::copy(&mut entry.take(size + 1), &mut file).map_err(|error| match disk::is_full(&error) {
            true => not_kept(folder)(error),
            false => refusals::invalid(format!("{name} could not be unzipped: {error}")),
        })?;
        file.set_permissions(std::fs::Permissions::from_mode(mode)).map_err(not_kept(folder))?;
    }
    Ok(())
}

/// A path of the zip, inside the folder; anything that would lead out of it is refused.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, Refusal> {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if name.is_empty() || !plain || name.contains(['\\', '\0']) {
        return Err(refusals::invalid(format!("{name:?} in the zip leads out of the function's folder")));
    }
    Ok(folder.join(path))
}

/// A file of this folder that could not be written.
fn not_kept(folder: &Path) -> impl Fn(std::io::Error) -> Refusal {
    move |error| match disk::is_full(&error) {
        // The folder itself goes away with what is in it.
        true => disk::refusal(folder.parent()),
        false => refusals::broken(format!("the code could not be kept: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in files {
            let options = zip::write::SimpleFileOptions::default()
                .compression_method(zip::CompressionMethod::Stored)
                .unix_permissions(0o644);
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("localcloud-code-{}", crate::random::uuid()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_zip_is_unpacked_once_and_its_bootstrap_can_be_run() {
        let folder = folder();
        let zip = zip_of(&[("bootstrap", b"#!/bin/sh\n"), ("data/a.txt", b"a")]);
        let code = unpack(&folder, &zip).unwrap();
        assert_eq!(unpack(&folder, &zip).unwrap(), code);
        let bootstrap = folder.join(&code.folder).join("bootstrap");
        assert_eq!(std::fs::metadata(bootstrap).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// Made by Python's `zipfile`, deflated: `#!/bin/sh` and twenty lines `# again`.
    const DEFLATED: &str = concat!(
        "504b03041400000008008318225cfd637fc115000000aa00000009000000626f6f7473747261705356d44fcaccd32fcee052",
        "56484c4fcccc1bb43400504b010214031400000008008318225cfd637fc115000000aa000000090000000000000000000000",
        "a40100000000626f6f747374726170504b05060000000001000100370000003c0000000000",
    );

    #[test]
    fn a_deflated_zip_is_unpacked_too() {
        let folder = folder();
        let byte = |at: usize| u8::from_str_radix(&DEFLATED[at..at + 2], 16).unwrap();
        let zip: Vec<u8> = (0..DEFLATED.len()).step_by(2).map(byte).collect();
        let code = unpack(&folder, &zip).unwrap();
        let bootstrap = std::fs::read_to_string(folder.join(&code.folder).join("bootstrap")).unwrap();
        assert_eq!(bootstrap, format!("#!/bin/sh\n{}", "# again\n".repeat(20)));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_zip_that_leads_out_of_its_folder_leaves_nothing() {
        let folder = folder();
        for name in ["../evil", "/etc/evil", "a/../../evil", "a\\b"] {
            assert_eq!(
                unpack(&folder, &zip_of(&[("bootstrap", b"x"), (name, b"x")])).unwrap_err().status,
                400,
                "{name}"
            );
        }
        assert_eq!(unpack(&folder, b"not a zip").unwrap_err().status, 400);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_long_zip_is_cut_out_of_its_call() {
        let zip = vec![7; 100_000];
        let text = BASE64_STANDARD.encode(&zip);
        let body = format!(r#"{{"Description":"a \"ZipFile\": \\","Code": {{"ZipFile" : "{text}"}},"Timeout":5}}"#);
        let (input, found) = parse(&body.into()).unwrap();
        assert_eq!(found, Some(zip));
        assert_eq!(input.number("Timeout", 1, 900).unwrap(), Some(5));
        assert_eq!(input.need("Description").unwrap(), "a \"ZipFile\": \\");
    }

    #[test]
    fn a_short_zip_is_read_with_the_rest() {
        assert_eq!(parse(&r#"{"ZipFile":"AAEC"}"#.into()).unwrap().1, Some(vec![0, 1, 2]));
        assert_eq!(parse(&r#"{"Timeout":1}"#.into()).unwrap().1, None);
        assert_eq!(parse(&r#"{"ZipFile":"%"}"#.into()).unwrap_err().status, 400);
        assert!(parse(&r#"{"ZipFile":"#.into()).is_err());
    }
}
