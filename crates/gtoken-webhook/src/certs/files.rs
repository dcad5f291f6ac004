//! A leaf from two PEM files, as a mounted Secret gives them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::Served;

/// Where a leaf and its key are.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate, in PEM, with those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// What stood in the files at one moment.
#[derive(PartialEq, Eq, Hash)]
pub struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl fmt::Debug for Pem {
    /// Shows nothing: the key is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pem")
    }
}

impl Files {
    /// Reads both files.
    pub fn read(&self) -> Result<Pem, CannotLoad> {
        Ok(Pem {
            certificate: read("--tls-cert-file", &self.certificate)?,
            key: read("--tls-private-key-file", &self.key)?,
        })
    }

    /// A certificate chain, the leaf first, and the leaf's key, from what stood in the files.
    pub fn parse(&self, pem: &Pem) -> Result<Served, CannotLoad> {
        let no_certificate = |problem| CannotLoad::Certificate {
            path: self.certificate.clone(),
            problem,
        };
        let chain = parse_chain(&pem.certificate).map_err(no_certificate)?;
        let no_key = |problem| CannotLoad::Key {
            path: self.key.clone(),
            problem,
        };
        let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(no_key)?;
        let certified = CertifiedKey::from_der(chain, key, &super::provider());
        let certified = certified.map_err(|problem| CannotLoad::Pair {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            problem,
        })?;
        Served::new(certified).ok_or_else(|| CannotLoad::NoExpiry {
            path: self.certificate.clone(),
        })
    }
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, CannotLoad> {
    std::fs::read(path).map_err(|reason| CannotLoad::Read {
        flag,
        path: path.to_owned(),
        reason,
    })
}

fn parse_chain(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(bytes).collect::<Result<_, _>>()?;
    if chain.is_empty() {
        return Err(pem::Error::NoItemsFound);
    }
    Ok(chain)
}

/// Why the two files give no leaf; it is for the operator to mend.
#[derive(Debug, thiserror::Error)]
pub enum CannotLoad {
    /// The certificate's file holds none.
    #[error("--tls-cert-file {path} holds no certificates in PEM: {problem}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: pem::Error,
    },
    /// The key's file holds none.
    #[error("--tls-private-key-file {path} holds no private key in PEM: {problem}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: pem::Error,
    },
    /// The certificate does not say how long it is good.
    #[error("the certificate in --tls-cert-file {path} does not say until when it is good", path = path.display())]
    NoExpiry {
        /// The file.
        path: PathBuf,
    },
    /// They cannot be served together, as when each is from another renewal.
    #[error(
        "the certificate in {certificate} and the key in {key} cannot be served together: {problem}",
        certificate = certificate.display(),
        key = key.display()
    )]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong with them.
        problem: rustls::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {flag} {path}: {reason}; is the Secret mounted there?", path = path.display())]
    Read {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Generated, KeyPair, generate_simple_self_signed};

    use super::*;

    fn load(certificate: &Path, key: &Path) -> Result<Served, CannotLoad> {
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        files.parse(&files.read()?)
    }

    fn folder_with(certificate: &str, key: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], certificate).unwrap();
        std::fs::write(&paths[1], key).unwrap();
        let [certificate, key] = paths;
        (folder, certificate, key)
    }

    fn generated() -> (String, String) {
        let Generated { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    #[test]
    fn a_pair_is_loaded_with_its_chain() {
        let (certificate, key) = generated();
        let (_folder, certificate, key) = folder_with(&certificate.repeat(2), &key);
        assert_eq!(load(&certificate, &key).unwrap().certified.cert.len(), 2);
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said_with_their_paths() {
        let (certificate, key) = generated();
        let other_key = KeyPair::generate().unwrap().serialize_pem();
        for (certificate, key, message) in [
            ("", key.as_str(), "tls.crt holds no certificates in PEM"),
            (
                key.as_str(),
                key.as_str(),
                "tls.crt holds no certificates in PEM",
            ),
            (
                certificate.as_str(),
                "",
                "tls.key holds no private key in PEM",
            ),
            (
                certificate.as_str(),
                other_key.as_str(),
                "cannot be served together",
            ),
        ] {
            let (_folder, certificate, key) = folder_with(certificate, key);
            let error = load(&certificate, &key).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
            assert!(
                error.contains(&*certificate.parent().unwrap().to_string_lossy()),
                "{error}"
            );
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load(Path::new("/nowhere/tls.crt"), Path::new("/nowhere/tls.key")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot read --tls-cert-file /nowhere/tls.crt: "),
            "{error}"
        );
    }

    #[test]
    fn a_key_is_in_no_error() {
        let (certificate, key) = generated();
        let secret = key.lines().nth(1).unwrap().to_owned();
        let (_folder, certificate, key) = folder_with(&certificate, &key.replace("END", "BEND"));
        let error = load(&certificate, &key).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&secret));
    }
}
