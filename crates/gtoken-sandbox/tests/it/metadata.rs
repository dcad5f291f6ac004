//! The metadata server.

use gtoken_sandbox::{Config, Sandbox};

#[test]
fn x() {
    let t = std::time::Instant::now();
    let sandbox = Sandbox::start(Config::default()).unwrap();
    eprintln!("start {:?}", t.elapsed());
    let body = ureq::get(format!(
        "http://{}/computeMetadata/v1/instance/service-accounts/default/identity?audience=x",
        sandbox.metadata_address()
    ))
    .header("Metadata-Flavor", "Google")
    .call()
    .unwrap()
    .body_mut()
    .read_to_string()
    .unwrap();
    eprintln!("{body}");
    for _ in 0..5 {
        let t = std::time::Instant::now();
        sandbox.google().rotate_keys();
        eprintln!("rotate {:?}", t.elapsed());
    }
    let t = std::time::Instant::now();
    drop(sandbox);
    eprintln!("drop {:?}", t.elapsed());
}
