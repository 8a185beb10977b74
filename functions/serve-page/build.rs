//! Compiles the page in: every file of web/ (but its tests and tools) goes under `/a/<hash>/`, where the hash
//! is over all of them, and the placeholder `/a/_/` in the files at the root becomes that path.
//! Plain std: a dependency here would be compiled a second time, for the build.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Served at the root, never cached: a worker's scope must outlive a deploy.
const AT_THE_ROOT: [&str; 3] = ["index.html", "service-worker.js", "manifest.webmanifest"];
/// What the three write where the hash goes.
const PLACEHOLDER: &str = "/a/_/";
/// What else lies in web/ and is not the page.
const NOT_THE_PAGE: [&str; 6] =
    ["tests", "node_modules", "package.json", "package-lock.json", "eslint.config.js", "README.md"];

fn main() -> io::Result<()> {
    let web = PathBuf::from(required("CARGO_MANIFEST_DIR")).join("../../web").canonicalize()?;
    println!("cargo::rerun-if-changed={}", web.display());
    let mut files = Vec::new();
    collect(&web, &web, &mut files)?;
    files.sort();

    let mut all = Fnv::new();
    for (name, bytes) in &files {
        all.eat(name.as_bytes());
        all.eat(&(bytes.len() as u64).to_le_bytes());
        all.eat(bytes);
    }
    let hash = all.hex();

    let out = PathBuf::from(required("OUT_DIR"));
    let mut code = format!("/// The digest over the whole page.\npub(crate) const HASH: &str = \"{hash}\";\n");
    code.push_str("/// Every file of the page.\npub(crate) const ASSETS: &[Asset] = &[\n");
    for (index, (name, bytes)) in files.iter().enumerate() {
        let at_the_root = AT_THE_ROOT.contains(&name.as_str());
        let bytes = if at_the_root { filled_in(bytes, &hash)? } else { bytes.clone() };
        let mut own = Fnv::new();
        own.eat(&bytes);
        let kept = out.join(format!("asset-{index}"));
        fs::write(&kept, &bytes)?;
        let path = match name.as_str() {
            "index.html" => "/".to_owned(),
            root if at_the_root => format!("/{root}"),
            asset => format!("/a/{hash}/{asset}"),
        };
        let (etag, kept) = (own.hex(), kept.display());
        writeln!(
            code,
            "    Asset {{ path: {path:?}, kind: {:?}, etag: \"\\\"{etag}\\\"\", lasting: {}, bytes: include_bytes!({:?}) }},",
            kind(name),
            !at_the_root,
            kept.to_string(),
        )
        .map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    fs::write(out.join("assets.rs"), code)
}

fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| unreachable!("cargo sets {name} for every build script"))
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') || NOT_THE_PAGE.contains(&name) {
            continue;
        }
        println!("cargo::rerun-if-changed={}", path.display());
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Some(relative) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            files.push((relative.to_owned(), fs::read(&path)?));
        }
    }
    Ok(())
}

fn filled_in(bytes: &[u8], hash: &str) -> io::Result<Vec<u8>> {
    let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(text.replace(PLACEHOLDER, &format!("/a/{hash}/")).into_bytes())
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// FNV-1a, 64 bits: tells versions of our own files apart, which needs no cryptography.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn eat(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn hex(&self) -> String {
        format!("{:016x}", self.0)
    }
}
