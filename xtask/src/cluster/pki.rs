//! The cluster's certificates, keys and kubeconfigs, made anew for each bed.
//!
//! Who may be what follows <https://kubernetes.io/docs/setup/best-practices/certificates/>.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use getrandom::SysRng;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use serde_json::json;

use super::bed::{API_SERVICE, NODE};

/// Whom a certificate is of: a user name, and the groups that it is in.
struct Subject {
    name: &'static str,
    groups: &'static [&'static str],
}

/// The users that get a kubeconfig, each with the file's name.
const USERS: [(&str, Subject); 5] = [
    ("admin", user("admin", &["system:masters"])),
    (
        "controller-manager",
        user("system:kube-controller-manager", &[]),
    ),
    ("kube-proxy", user("system:kube-proxy", &[])),
    ("node", user("system:node:bed", &["system:nodes"])),
    ("scheduler", user("system:kube-scheduler", &[])),
];

/// The names that Kubernetes' own Service goes by, and those of the node.
const API_NAMES: [&str; 9] = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "bed",
    NODE,
    API_SERVICE,
    "127.0.0.1",
];

/// The size of the key that signs ServiceAccount tokens: RS256, as GKE's clusters sign.
const TOKEN_KEY_BITS: usize = 2048;

/// Writes all of it into a new folder that only root reads.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    let write = Writer(folder.to_owned());
    let (ca, front_proxy) = (
        Authority::new("kubernetes-ca")?,
        Authority::new("front-proxy-ca")?,
    );
    write.authority("ca", &ca)?;
    write.authority("front-proxy-ca", &front_proxy)?;
    write.pair("apiserver", &ca.server("kube-apiserver", &API_NAMES)?)?;
    write.pair("kubelet", &ca.server("system:node:bed", &["bed", NODE])?)?;
    let kubelet_client = user("kube-apiserver-kubelet-client", &["system:masters"]);
    write.pair("apiserver-kubelet-client", &ca.client(&kubelet_client)?)?;
    let aggregator = user("front-proxy-client", &[]);
    write.pair("front-proxy-client", &front_proxy.client(&aggregator)?)?;
    for (name, subject) in &USERS {
        let pair = ca.client(subject)?;
        write.file(&format!("{name}.kubeconfig"), &kubeconfig(&ca.pem, &pair))?;
    }
    token_key(&write)
}

/// The key that signs ServiceAccount tokens, and the one that verifies them.
fn token_key(write: &Writer) -> anyhow::Result<()> {
    let key = rsa::PrivateKey::new(&mut SysRng, TOKEN_KEY_BITS)?;
    write.file("sa.key", &key.to_pkcs8_pem(LineEnding::LF)?)?;
    let public = key.to_public_key().to_public_key_pem(LineEnding::LF)?;
    write.file("sa.pub", &public)
}

/// A kubeconfig for whoever has this certificate; JSON is YAML too.
fn kubeconfig(authority: &str, client: &Pair) -> String {
    let data = |pem: &str| STANDARD.encode(pem);
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bed", "cluster": {
            "server": format!("https://{NODE}:6443"),
            "certificate-authority-data": data(authority),
        }}],
        "users": [{"name": "user", "user": {
            "client-certificate-data": data(&client.certificate),
            "client-key-data": data(&client.key),
        }}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "user"}}],
        "current-context": "bed",
    })
    .to_string()
}

const fn user(name: &'static str, groups: &'static [&'static str]) -> Subject {
    Subject { name, groups }
}

/// A certificate and its key, both in PEM.
struct Pair {
    certificate: String,
    key: String,
}

/// One that signs others.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let pem = params.self_signed(&key)?.pem();
        let text = key.serialize_pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
            key: text,
        })
    }

    fn server(&self, name: &str, names: &[&str]) -> anyhow::Result<Pair> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, name);
        self.sign(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn client(&self, subject: &Subject) -> anyhow::Result<Pair> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, subject.name);
        for group in subject.groups {
            params
                .distinguished_name
                .push(DnType::OrganizationName, *group);
        }
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> anyhow::Result<Pair> {
        let key = KeyPair::generate()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        Ok(Pair {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

/// The folder that all of it goes to.
struct Writer(PathBuf);

impl Writer {
    fn file(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.0.join(name);
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))
    }

    fn pair(&self, name: &str, pair: &Pair) -> anyhow::Result<()> {
        self.file(&format!("{name}.crt"), &pair.certificate)?;
        self.file(&format!("{name}.key"), &pair.key)
    }

    fn authority(&self, name: &str, authority: &Authority) -> anyhow::Result<()> {
        self.file(&format!("{name}.crt"), &authority.pem)?;
        self.file(&format!("{name}.key"), &authority.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_for_each_user_and_keys_of_rsa_for_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("pki");
        write(&folder).unwrap();
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        for (name, _) in &USERS {
            let config: serde_json::Value =
                serde_json::from_str(&text(&format!("{name}.kubeconfig"))).unwrap();
            assert_eq!(
                config["clusters"][0]["cluster"]["server"],
                "https://10.89.0.2:6443"
            );
        }
        assert!(text("sa.pub").starts_with("-----BEGIN PUBLIC KEY"));
        assert!(text("apiserver.crt").starts_with("-----BEGIN CERTIFICATE"));
    }
}
