//! Executables made by hand, for `elf.rs`.

use super::*;

/// A little executable: header, two segments, a dynamic section and one library's version needs.
pub(in crate::build) fn executable(machine: u16, versions: &[&str]) -> Vec<u8> {
    const HEADERS: usize = 0x40 + 2 * 0x38;
    const BASE: u64 = 0x10_000;
    let mut strings = vec![0u8];
    let mut needs = Vec::new();
    needs.extend([1u16, u16::try_from(versions.len()).unwrap()].map(u16::to_le_bytes).concat());
    needs.extend([0u32, 16, 0].map(u32::to_le_bytes).concat());
    for version in versions {
        let name = u32::try_from(strings.len()).unwrap();
        needs.extend(0u32.to_le_bytes());
        needs.extend([0u16, 2].map(u16::to_le_bytes).concat());
        needs.extend([name, 16].map(u32::to_le_bytes).concat());
        strings.extend(version.as_bytes());
        strings.push(0);
    }
    let needs_at = HEADERS + 4 * 16;
    let strings_at = needs_at + needs.len();
    let end = (strings_at + strings.len()) as u64;
    let dynamic =
        [(DT_STRTAB, BASE + strings_at as u64), (DT_VERNEED, BASE + needs_at as u64), (DT_VERNEEDNUM, 1), (0, 0)];

    let mut bytes = vec![0u8; 0x40];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[0x12..0x14].copy_from_slice(&machine.to_le_bytes());
    bytes[0x20..0x28].copy_from_slice(&0x40u64.to_le_bytes());
    bytes[0x36..0x38].copy_from_slice(&0x38u16.to_le_bytes());
    bytes[0x38..0x3a].copy_from_slice(&2u16.to_le_bytes());
    for (kind, offset, address, size) in
        [(PT_LOAD, 0, BASE, end), (PT_DYNAMIC, HEADERS as u64, BASE + HEADERS as u64, 64)]
    {
        bytes.extend([kind, 4].map(u32::to_le_bytes).concat());
        bytes.extend([offset, address, address, size, size, 8].map(u64::to_le_bytes).concat());
    }
    for (tag, value) in dynamic {
        bytes.extend([tag, value].map(u64::to_le_bytes).concat());
    }
    bytes.extend(needs);
    bytes.extend(strings);
    bytes
}

#[test]
fn the_newest_glibc_is_found_by_number_not_by_spelling() {
    let elf =
        Elf::read(&executable(0x3e, &["GLIBC_2.4", "GLIBC_2.34", "GLIBC_2.9", "GLIBC_2.2.5", "GCC_3.0"])).unwrap();
    assert_eq!(elf, Elf { machine: Machine::X86_64, glibc: Some(Glibc(2, 34)), unknown: None });
}

#[test]
fn a18_an_executable_for_a_newer_glibc_is_refused_before_it_is_uploaded() {
    let elf = Elf::read(&executable(0x3e, &["GLIBC_2.38"])).unwrap();
    let refused = elf.fits(Platform::lambda(Machine::X86_64)).unwrap_err();
    assert_eq!(refused.to_string(), "it needs glibc 2.38, Lambda has 2.34");
    assert_eq!(elf.fits(Platform { machine: Machine::X86_64, glibc: None }), Ok(()));
}

#[test]
fn a18_packed_relocations_need_the_glibc_that_first_had_them() {
    let elf = Elf::read(&executable(0x3e, &["GLIBC_2.34", "GLIBC_ABI_DT_RELR"])).unwrap();
    let refused = elf.fits(Platform::lambda(Machine::X86_64)).unwrap_err();
    assert_eq!(refused.to_string(), "it needs glibc 2.36, Lambda has 2.34");
    assert_eq!(elf.fits(Platform { machine: Machine::X86_64, glibc: None }), Ok(()));
}

#[test]
fn a18_what_glibc_has_from_nobody_knows_when_on_is_refused_by_its_name() {
    for name in ["GLIBC_ABI_GNU2_TLS", "GLIBC_PRIVATE", "GLIBC_3"] {
        let elf = Elf::read(&executable(0x3e, &["GLIBC_2.34", name, "GLIBC_2.4", "GCC_3.0"])).unwrap();
        let refused = elf.fits(Platform::lambda(Machine::X86_64)).unwrap_err();
        let words = format!("it needs {name}, and nobody knows whether Lambda's glibc 2.34 has that");
        assert_eq!(refused.to_string(), words);
        assert_eq!(elf.fits(Platform { machine: Machine::X86_64, glibc: None }), Ok(()));
    }
}

#[test]
fn a18_an_executable_for_another_processor_is_refused() {
    let elf = Elf::read(&executable(0xb7, &["GLIBC_2.17"])).unwrap();
    assert!(matches!(elf.fits(Platform::lambda(Machine::X86_64)), Err(Unfit::Machine { .. })));
    assert_eq!(elf.fits(Platform::lambda(Machine::Arm64)), Ok(()));
}

#[test]
fn what_is_no_executable_is_an_error_and_never_a_panic() {
    assert_eq!(Elf::read(b"#!/bin/sh\n"), Err(ElfError::NotElf));
    assert_eq!(Elf::read(&executable(0x28, &[])), Err(ElfError::OtherMachine(0x28)));
    let whole = executable(0x3e, &["GLIBC_2.34"]);
    for length in 0..whole.len() - 1 {
        assert!(Elf::read(&whole[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn this_test_itself_is_read_and_runs_here() {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    Elf::read(&own).unwrap().fits(Platform::here()).unwrap();
}
