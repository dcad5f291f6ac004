//! Compiler flags that link everything in and leave nothing of the building machine behind.

use std::path::{Path, PathBuf};

use super::{AGENT, Program, WEBHOOK};

/// Between the flags of `CARGO_ENCODED_RUSTFLAGS`, so that paths may hold spaces
/// (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>).
const SEPARATOR: &str = "\x1f";

/// The folders of this machine whose names compilers write into what they make.
#[derive(Debug)]
pub(super) struct Places {
    /// The checkout that is built.
    pub(super) checkout: PathBuf,
    /// Where cargo builds.
    pub(super) target: PathBuf,
    /// Where cargo keeps the sources of dependencies.
    pub(super) cargo_home: PathBuf,
    /// Where rustup puts the sources of the standard library, if it has them; rustc then names them by that place.
    pub(super) sources: PathBuf,
    /// The commit of rustc, which is how it names those sources otherwise.
    pub(super) commit: String,
}

/// What makes the agent lighter still, where the linker is LLVM's, as rustc's own is on this architecture.
///
/// An address that is fixed needs no relocation, which would dirty 40 KB of each process and fill 100 KB of the file. The
/// linker's script is named from the checkout, where cargo runs rustc, for its place would change the bytes.
const LIGHT: [&str; 3] = [
    "-Crelocation-model=static",
    "-Clink-arg=-Wl,--no-eh-frame-hdr",
    "-Clink-arg=-Wl,--script=xtask/src/dist/agent.ld",
];

/// What keeps pages of the webhook's file out of memory, where the linker is LLVM's. Packed relocations, which every glibc
/// since 2.36 reads, are a fiftieth of what they were, and are read at each start.
const COMPACT: [&str; 2] = [
    "-Clink-arg=-Wl,-z,pack-relative-relocs",
    "-Clink-arg=-Wl,--script=xtask/src/dist/webhook.ld",
];

/// The architecture for which rustc brings a linker of LLVM's.
const WITH_LLD: &str = "x86_64";

impl Places {
    /// Flags for rustc, encoded for cargo; for the agent, those that only a program may have that aborts on a panic.
    pub(super) fn rust(&self, triple: &str, program: Program) -> String {
        let names = self
            .names()
            .map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
        let linked = "-Ctarget-feature=+crt-static".to_owned();
        let light: &[&str] = match program {
            _ if !triple.starts_with(WITH_LLD) => &[],
            AGENT => &LIGHT,
            WEBHOOK => &COMPACT,
            _ => &[],
        };
        let light = light.iter().map(ToString::to_string);
        std::iter::once(linked)
            .chain(light)
            .chain(names)
            .collect::<Vec<_>>()
            .join(SEPARATOR)
    }

    /// Flags for the C compiler, for the `cc` crate.
    pub(super) fn c(&self) -> String {
        let names = self
            .names()
            .map(|(path, name)| format!("-ffile-prefix-map={}={name}", path.display()));
        names.collect::<Vec<_>>().join(" ")
    }

    /// Each folder with the name it gets. The last match counts, so the target, often inside of the checkout, is last.
    fn names(&self) -> impl Iterator<Item = (&Path, String)> {
        [
            (self.sources.as_path(), format!("/rustc/{}", self.commit)),
            (&self.cargo_home, "/cargo".to_owned()),
            (&self.checkout, "/gtoken".to_owned()),
            (&self.target, "/target".to_owned()),
        ]
        .into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::WEBHOOK;

    fn places() -> Places {
        Places {
            checkout: "/home/me/my code".into(),
            target: "/home/me/my code/target".into(),
            cargo_home: "/home/me/.cargo".into(),
            sources: "/home/me/.rustup/src".into(),
            commit: "abc".to_owned(),
        }
    }

    #[test]
    fn every_folder_of_the_machine_gets_another_name() {
        let flags = places().rust("aarch64-unknown-linux-gnu", WEBHOOK);
        assert_eq!(
            flags.split(SEPARATOR).collect::<Vec<_>>(),
            [
                "-Ctarget-feature=+crt-static",
                "--remap-path-prefix=/home/me/.rustup/src=/rustc/abc",
                "--remap-path-prefix=/home/me/.cargo=/cargo",
                "--remap-path-prefix=/home/me/my code=/gtoken",
                "--remap-path-prefix=/home/me/my code/target=/target",
            ]
        );
    }

    #[test]
    fn each_program_has_a_script_of_its_own_and_only_where_the_linker_can() {
        let has = |triple, program, script| places().rust(triple, program).contains(script);
        for (program, script, other) in [
            (AGENT, "agent.ld", "webhook.ld"),
            (WEBHOOK, "webhook.ld", "agent.ld"),
        ] {
            assert!(has("x86_64-unknown-linux-gnu", program, script));
            assert!(!has("x86_64-unknown-linux-gnu", program, other));
            assert!(!has("aarch64-unknown-linux-gnu", program, script));
        }
    }

    #[test]
    fn c_gets_the_same_names() {
        assert!(
            places()
                .c()
                .contains("-ffile-prefix-map=/home/me/.cargo=/cargo ")
        );
    }
}
