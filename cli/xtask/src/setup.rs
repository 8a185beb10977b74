//! Brings what the tests need: Python and npm packages, pinned, into the target folder; Python, Node and browsers by the
//! system's package manager, where that may be used. What is not to be had is listed, never guessed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Failure, root, run, target};

/// What was found. `None`: the tests that need it are skipped.
pub(crate) struct Tools {
    /// Node, with the page's test packages beside the tests.
    pub(crate) node: Option<PathBuf>,
    /// A Python with the pinned packages.
    pub(crate) python: Option<PathBuf>,
    /// Chromium.
    pub(crate) chromium: Option<PathBuf>,
    /// Firefox.
    pub(crate) firefox: Option<PathBuf>,
    /// What is missing, each with the line that adds it.
    pub(crate) missing: Vec<String>,
}

/// A program, the names it goes by, and the Debian packages that bring it.
const PROGRAMS: &[(&[&str], &[&str])] = &[
    (&["node", "nodejs"], &["nodejs"]),
    (&["npm"], &["npm"]),
    (&["python3"], &["python3", "python3-venv"]),
    (&["chromium", "chromium-browser", "google-chrome"], &["chromium"]),
    (&["firefox-esr", "firefox"], &["firefox-esr"]),
    (&["ps"], &["procps"]),
];

fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    names
        .iter()
        .find_map(|name| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()))
}

fn quiet(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether the system's packages may be installed: as root, or in CI, on Debian and its kin.
fn may_install() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    (root || std::env::var_os("CI").is_some()) && find(&["apt-get"]).is_some()
}

fn install(packages: &[&str]) -> Result<(), Failure> {
    println!("setup: apt-get install {} (they are not on this machine)", packages.join(" "));
    let sudo = if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        vec![]
    } else {
        vec!["sudo", "-n"]
    };
    let apt = |arguments: &[&str]| {
        let words: Vec<&str> = sudo
            .iter()
            .copied()
            .chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"])
            .chain(arguments.iter().copied())
            .collect();
        run(Command::new(words[0]).args(&words[1..]).stdout(Stdio::null()))
    };
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())
}

/// Finds or brings everything.
pub(crate) fn tools() -> Result<Tools, Failure> {
    let lacking = || {
        PROGRAMS
            .iter()
            .filter(|(names, _)| find(names).is_none())
            .flat_map(|(_, packages)| packages.iter().copied())
            .collect::<Vec<_>>()
    };
    let mut packages = lacking();
    if find(&["python3"]).is_some() && !quiet("python3", &["-c", "import ensurepip, venv"]) {
        packages.push("python3-venv");
    }
    if !packages.is_empty() && may_install() {
        install(&packages)?;
    }
    let mut missing: Vec<String> =
        lacking().iter().map(|package| format!("{package}: sudo apt-get install {package}")).collect();
    let node = npm_packages(&mut missing)?;
    let python = python_packages(&mut missing)?;
    let (chromium, firefox) = (find(PROGRAMS[3].0), find(PROGRAMS[4].0));
    if !missing.is_empty() && std::env::var_os("CI").is_some() {
        return Err(format!("in CI nothing may be skipped, and these are missing:\n  {}", missing.join("\n  ")).into());
    }
    Ok(Tools { chromium: node.as_ref().and(chromium), firefox: node.as_ref().and(firefox), node, python, missing })
}

/// A folder that is made by `make` when the pinned list it was made from differs from `list`.
fn kept(name: &str, list: &Path, make: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<PathBuf, Failure> {
    let folder = target().join("test-tools").join(name);
    let receipt = folder.join("made-from");
    let wanted = fs::read(list)?;
    if fs::read(&receipt).ok().as_ref() != Some(&wanted) {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        make(&folder)?;
        fs::write(receipt, wanted)?;
    }
    Ok(folder)
}

fn python_packages(missing: &mut Vec<String>) -> Result<Option<PathBuf>, Failure> {
    let Some(python) = find(&["python3"]) else { return Ok(None) };
    let list = root().join("cli/tests/python/requirements.txt");
    let made = kept("python", &list, |folder| {
        println!("setup: Python packages, pinned, into {}", folder.display());
        run(Command::new(&python).args(["-m", "venv"]).arg(folder))?;
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&list))
    });
    settle(made, "the pinned Python packages", missing).map(|folder| folder.map(|folder| folder.join("bin/python")))
}

fn npm_packages(missing: &mut Vec<String>) -> Result<Option<PathBuf>, Failure> {
    let (Some(node), Some(npm)) = (find(PROGRAMS[0].0), find(&["npm"])) else { return Ok(None) };
    let tests = root().join("web/tests");
    let made = kept("node", &tests.join("package-lock.json"), |folder| {
        println!("setup: npm packages, pinned, into {}", folder.display());
        for file in ["package.json", "package-lock.json"] {
            fs::copy(tests.join(file), folder.join(file))?;
        }
        run(Command::new(&npm)
            .args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(folder))
    });
    let Some(folder) = settle(made, "the pinned npm packages", missing)? else { return Ok(None) };
    // A module finds its packages in a folder above itself: a link there, and the packages stay in the target folder.
    let link = tests.join("node_modules");
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(folder.join("node_modules"), &link)
        .map_err(|error| format!("{}: {error}", link.display()))?;
    Ok(Some(node))
}

/// In CI a failure is one; elsewhere it is on the list of what was skipped.
fn settle(made: Result<PathBuf, Failure>, what: &str, missing: &mut Vec<String>) -> Result<Option<PathBuf>, Failure> {
    match made {
        Ok(folder) => Ok(Some(folder)),
        Err(failure) if std::env::var_os("CI").is_some() => Err(failure),
        Err(failure) => {
            missing.push(format!("{what}: run this again with the package registries in reach ({failure})"));
            Ok(None)
        }
    }
}
