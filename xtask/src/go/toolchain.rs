//! Go's own toolchain, from the proxy of Go modules: where a machine has no Go, or one that is too old.
//!
//! <https://go.dev/doc/toolchain#download>

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};
use zip::ZipArchive;

use crate::cache;
use crate::hash::sha256;

/// The release that is fetched.
const RELEASE: &str = "go1.26.8";

/// The platforms it is fetched for, as Rust and as Go call them, with the SHA-256 of the archive.
const ARCHIVES: [(&str, &str, &str); 2] = [
    (
        "x86_64",
        "linux-amd64",
        "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7",
    ),
    (
        "aarch64",
        "linux-arm64",
        "02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99",
    ),
];

/// Where modules come from unless GOPROXY says otherwise.
const PROXY: &str = "https://proxy.golang.org";

/// The largest archive that is taken, in bytes; today's has 72 MB.
const LARGEST: u64 = 200 << 20;

/// Its `go`, fetched if it is not there yet.
pub(super) fn go() -> anyhow::Result<PathBuf> {
    let folder = cache::folder("tools")?.join(RELEASE);
    let program = folder.join("bin/go");
    if !program.exists() {
        install(&folder).with_context(|| {
            format!("Go is missing or too old, and {RELEASE} could not be fetched; install Go 1.26 or newer (https://go.dev/doc/install)")
        })?;
    }
    Ok(program)
}

fn install(folder: &Path) -> anyhow::Result<()> {
    let this = ARCHIVES.iter().find(|(architecture, _, _)| {
        cfg!(target_os = "linux") && *architecture == std::env::consts::ARCH
    });
    let Some((_, platform, wanted)) = this else {
        bail!("it is fetched for Linux on x86_64 and aarch64 only");
    };
    let name = format!("v0.0.1-{RELEASE}.{platform}");
    let given = std::env::var("GOPROXY").unwrap_or_default();
    let proxy = proxy(&given);
    let url = format!("{proxy}/golang.org/toolchain/@v/{name}.zip");
    println!("fetching {RELEASE}, once");
    let archive = fetch(&url).with_context(|| format!("could not fetch {url}"))?;
    let found = sha256(&archive);
    ensure!(
        found == *wanted,
        "{url} has the SHA-256 {found} and not {wanted}"
    );
    let above = folder.parent().context("a cache has a folder")?;
    fs::create_dir_all(above).with_context(|| format!("could not create {}", above.display()))?;
    // By a rename, so that whoever finds it finds all of it.
    let part = tempfile::tempdir_in(above)?;
    unpack(
        &archive,
        &format!("golang.org/toolchain@{name}/"),
        part.path(),
    )?;
    fs::rename(part.keep(), folder).with_context(|| format!("could not write {}", folder.display()))
}

/// The first place in GOPROXY that is one, as `https://proxy.example,direct` has it.
fn proxy(given: &str) -> &str {
    let mut places = given.split([',', '|']).map(str::trim);
    let first = places.find(|place| place.starts_with("http"));
    first.unwrap_or(PROXY).trim_end_matches('/')
}

fn fetch(url: &str) -> anyhow::Result<Vec<u8>> {
    // A company's own proxy is trusted by the machine, not by the list that comes with a library.
    let roots = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let agent: Agent = Agent::config_builder().tls_config(roots).build().into();
    let mut response = agent.get(url).call()?;
    Ok(response
        .body_mut()
        .with_config()
        .limit(LARGEST)
        .read_to_vec()?)
}

/// Unpacks what is below `prefix`; such archives know of no programs, and Go makes them runnable by their places.
fn unpack(archive: &[u8], prefix: &str, to: &Path) -> anyhow::Result<()> {
    let mut archive = ZipArchive::new(io::Cursor::new(archive)).context("it is no archive")?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let path = entry.enclosed_name();
        let path = path.with_context(|| format!("its entry {index} leads out of it"))?;
        let Ok(path) = path.strip_prefix(prefix) else {
            continue;
        };
        let target = to.join(path);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        let tried = || format!("could not write {}", target.display());
        let mut file = File::create(&target).with_context(tried)?;
        io::copy(&mut entry, &mut file).with_context(tried)?;
        if path.starts_with("bin") || path.starts_with("pkg/tool") {
            file.set_permissions(Permissions::from_mode(0o755))
                .with_context(tried)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[test]
    fn it_comes_from_where_modules_come_from() {
        assert_eq!(proxy(""), PROXY);
        assert_eq!(proxy("direct"), PROXY);
        let own = "https://proxy.example/go/";
        let first = own.trim_end_matches('/');
        assert_eq!(proxy(own), first);
        assert_eq!(proxy("off|https://proxy.example/go/,direct"), first);
    }

    #[test]
    fn its_programs_can_be_run() {
        let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
        for name in ["bin/go", "pkg/tool/linux_amd64/link", "src/a.go"] {
            let name = format!("prefix/{name}");
            writer
                .start_file(name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(b"go").unwrap();
        }
        let archive = writer.finish().unwrap().into_inner();
        let folder = tempfile::tempdir().unwrap();
        unpack(&archive, "prefix/", folder.path()).unwrap();
        let is_program = |name: &str| {
            let mode = fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions();
            mode.mode() & 0o111 != 0
        };
        assert!(is_program("bin/go") && is_program("pkg/tool/linux_amd64/link"));
        assert!(!is_program("src/a.go"));
    }
}
