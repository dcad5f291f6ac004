//! Where servers of reviews are measured: a folder, one certificate for all of them, and clusters.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::server::Server;

/// Where servers are measured.
pub(super) struct Site<'a> {
    /// Takes their logs.
    pub(super) folder: &'a Path,
    /// Of all of them, for `localhost`.
    pub(super) certificate: PathBuf,
    /// Its private key.
    pub(super) key: PathBuf,
    /// The certificate, which is its own authority, in PEM.
    pub(super) pem: String,
}

impl<'a> Site<'a> {
    /// Makes a certificate in the folder.
    pub(super) fn new(folder: &'a Path) -> anyhow::Result<Self> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()])?;
        let site = Self {
            folder,
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
            pem: cert.pem(),
        };
        site.write("tls.crt", &site.pem)?;
        site.write("tls.key", &signing_key.serialize_pem())?;
        Ok(site)
    }

    /// Writes a file there and gives its path.
    pub(super) fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
        Ok(path)
    }
}

/// An API server with ServiceAccounts; dropping it ends it.
pub(super) struct Cluster {
    _server: Server,
    /// The file that says how to reach it.
    pub(super) kubeconfig: PathBuf,
}

impl Cluster {
    /// Starts one by an example of the webhook's, with so many ServiceAccounts, the first of them with a role.
    pub(super) fn start(
        program: &Path,
        site: &Site<'_>,
        count: u32,
        with_role: u32,
    ) -> anyhow::Result<Self> {
        let name = format!("cluster-{count}");
        let kubeconfig = site.folder.join(format!("{name}.yaml"));
        let mut command = Command::new(program);
        command.args([count, with_role].map(|number| number.to_string()));
        let mut server = Server::start(&name, command.arg(&kubeconfig), site.folder)?;
        server.await_output(|said| said.contains("serving").then_some(()))?;
        Ok(Self {
            _server: server,
            kubeconfig,
        })
    }
}
