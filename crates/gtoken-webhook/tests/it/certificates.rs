//! The certificate's files change while the webhook serves, as a mounted Secret's do.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use gtoken_sandbox::{Config, Sandbox};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Webhook, awaited, client_config};
use crate::reviews::review;

/// Connects by these versions of TLS.
async fn connect(
    webhook: &Webhook,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::new(client_config(&webhook.sandbox, versions)));
    let stream = TcpStream::connect(&webhook.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    connector.connect(name, stream).await
}

/// The certificate that a new connection is served with.
fn served(webhook: &Webhook) -> CertificateDer<'static> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(connect(webhook, &[&TLS13])).unwrap();
    let (_, tls) = stream.get_ref();
    tls.peer_certificates().unwrap()[0].clone()
}

/// Writes a pair of the sandbox's authority into a folder, and tells its certificate.
fn write_pair(sandbox: &Sandbox, folder: &Path) -> CertificateDer<'static> {
    let (certificate, key) = sandbox.issue_certificate(&["localhost", "127.0.0.1"]);
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("tls.crt"), &certificate).unwrap();
    std::fs::write(folder.join("tls.key"), key).unwrap();
    CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()
}

/// Points `..data` at another folder, as kubelet does: a new symlink renamed over the old one.
fn swap(volume: &Path, target: &str) {
    let new = volume.join("..data_tmp");
    symlink(target, &new).unwrap();
    std::fs::rename(new, volume.join("..data")).unwrap();
}

#[test]
fn go_gtoken_served_its_first_certificate_for_ever() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let volume = tempfile::tempdir().unwrap();
    let first = write_pair(&sandbox, &volume.path().join("..one"));
    swap(volume.path(), "..one");
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(name), volume.path().join(name)).unwrap();
    }
    let flag = |flag, name| format!("{flag}={}", volume.path().join(name).display());
    let (certificate, key) = (
        flag("--tls-cert-file", "tls.crt"),
        flag("--tls-private-key-file", "tls.key"),
    );
    let webhook = Webhook::beside(sandbox, &[&certificate, &key]);
    assert_eq!(served(&webhook), first);

    let second = write_pair(&webhook.sandbox, &volume.path().join("..two"));
    swap(volume.path(), "..two");
    std::fs::remove_dir_all(volume.path().join("..one")).unwrap();
    let kept = webhook.agent();
    awaited("the new certificate", || {
        (served(&webhook) == second).then_some(())
    });
    webhook.logged("a new certificate is served");
    webhook.assert_counted(r#"gtoken_webhook_certificate_reloads_total{result="loaded"} 1"#);

    // A pair of which one half is from elsewhere is kept out, said and counted, and the one before is served on.
    write_pair(&webhook.sandbox, &volume.path().join("..three"));
    let other = volume.path().join("..two/tls.key");
    std::fs::copy(other, volume.path().join("..three/tls.key")).unwrap();
    swap(volume.path(), "..three");
    let said = webhook.logged("a new certificate cannot be used; the one before is served on");
    assert!(
        said["error"]
            .as_str()
            .unwrap()
            .contains("cannot be served together"),
        "{said}"
    );
    webhook.assert_counted(r#"gtoken_webhook_certificate_reloads_total{result="refused"} 1"#);
    assert_eq!(served(&webhook), second);
    assert_eq!(
        crate::harness::answer(kept.get(webhook.url("/readyz")).call()).status,
        200
    );
}

#[test]
fn the_certificate_s_end_is_shown() {
    let webhook = Webhook::start();
    let metrics = webhook.get("/metrics").body;
    let name = "gtoken_webhook_certificate_expiry_timestamp_seconds ";
    let end = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs_f64();
    assert!(end.parse::<f64>().unwrap() > now, "{end}");
    let ready = webhook.get("/readyz").body;
    for part in [
        "[+] the certificate: ok, until ",
        "[+] the listener: ok",
        "[+] the ServiceAccounts: ok",
    ] {
        assert!(ready.contains(part), "{part} is not in {ready}");
    }
}

#[tokio::test]
async fn both_versions_of_tls_are_served_unless_the_older_is_kept_out() {
    let mut webhook = Webhook::start();
    for (version, name) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let stream = connect(&webhook, &[version]).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(name));
    }
    webhook.assert_lives();
    let strict = Webhook::start_with(&["--tls-min-version=VersionTLS13"]);
    assert!(connect(&strict, &[&TLS12]).await.is_err());
    assert!(connect(&strict, &[&TLS12, &TLS13]).await.is_ok());
    assert_eq!(strict.post(&review("reader")).status, 200);
}

#[tokio::test]
async fn handshakes_that_come_to_nothing_are_counted_by_whose_fault_it_is() {
    let webhook = Webhook::start_with(&["--tls-min-version=1.3"]);
    let stranger = Sandbox::start(Config::default()).unwrap();
    for versions in [&[&TLS13][..], &[&TLS12]] {
        let trusted = if versions[0] == &TLS13 {
            &stranger
        } else {
            &webhook.sandbox
        };
        let connector = TlsConnector::from(Arc::new(client_config(trusted, versions)));
        let stream = TcpStream::connect(&webhook.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        assert!(connector.connect(name, stream).await.is_err());
    }
    let said = webhook.logged(
        "a client does not trust the certificate that is served; does the caBundle of the webhook configuration hold its authority, and it the name of the Service?",
    );
    assert_eq!(said["level"], "WARN");
    for reason in ["untrusted", "unspoken"] {
        let line = format!(r#"gtoken_webhook_tls_handshakes_failed_total{{reason="{reason}"}} 1"#);
        awaited(reason, || {
            webhook.get("/metrics").body.contains(&line).then_some(())
        });
    }
}
