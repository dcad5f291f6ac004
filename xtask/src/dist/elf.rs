//! As much of ELF as tells a static program from a dynamic one
//! (<https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html>).

use anyhow::{Context as _, ensure};

/// The program header that names the dynamic loader.
const PT_INTERP: u32 = 3;
/// `\x7fELF`, 64 bits, little-endian.
const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];

/// The loader that a program asks for; `None` for a static one.
pub(super) fn interpreter(bytes: &[u8]) -> anyhow::Result<Option<String>> {
    ensure!(
        bytes.starts_with(&MAGIC),
        "this is no 64-bit little-endian ELF file"
    );
    let table = number::<8>(bytes, 32)?;
    let (size, count) = (number::<2>(bytes, 54)?, number::<2>(bytes, 56)?);
    for index in 0..count {
        let header = table + index * size;
        if number::<4>(bytes, header)? == PT_INTERP as usize {
            let (start, length) = (
                number::<8>(bytes, header + 8)?,
                number::<8>(bytes, header + 32)?,
            );
            let name = start
                .checked_add(length)
                .and_then(|end| bytes.get(start..end));
            let name = name.context("the name of the loader lies outside of the file")?;
            return Ok(Some(
                String::from_utf8_lossy(name)
                    .trim_end_matches('\0')
                    .to_owned(),
            ));
        }
    }
    Ok(None)
}

/// The little-endian number of `N` bytes at `offset`.
fn number<const N: usize>(bytes: &[u8], offset: usize) -> anyhow::Result<usize> {
    let field = bytes.get(offset..).and_then(|rest| rest.get(..N));
    let field = field.with_context(|| format!("the file ends before offset {offset}"))?;
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(field);
    usize::try_from(u64::from_le_bytes(wide))
        .context("an offset is larger than this machine can address")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one program header of the given type, whose contents follow it.
    fn file(kind: u32, contents: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(&MAGIC);
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes[72] = 120;
        bytes[96] = u8::try_from(contents.len()).unwrap();
        bytes.extend(contents);
        bytes
    }

    #[test]
    fn a_dynamic_program_names_its_loader() {
        let bytes = file(PT_INTERP, b"/lib64/ld-linux-x86-64.so.2\0");
        assert_eq!(
            interpreter(&bytes).unwrap().as_deref(),
            Some("/lib64/ld-linux-x86-64.so.2")
        );
    }

    #[test]
    fn a_static_program_names_none() {
        assert_eq!(interpreter(&file(1, b"")).unwrap(), None);
    }

    #[test]
    fn what_is_no_program_is_an_error() {
        assert!(interpreter(b"#!/bin/sh\n").is_err());
        assert!(interpreter(&MAGIC).is_err());
        assert!(interpreter(&file(PT_INTERP, b"x")[..120]).is_err());
    }
}
