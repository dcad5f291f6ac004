//! Images as files: the OCI image layout (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>).

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use flate2::{Compression, GzBuilder};
use serde::Serialize;
use serde_json::{Value, json};

use super::rootfs::Rootfs;
use crate::hash::sha256;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What an image without a host in its name is looked for under, by Docker and thus by Kubernetes.
const DEFAULT_HOST: &str = "docker.io";

/// One image of one layer.
#[derive(Debug)]
pub(crate) struct Image {
    /// What a pod calls it: `REPOSITORY:TAG`.
    pub(crate) name: String,
    /// What it runs on.
    pub(crate) platform: Platform,
    /// When it was made, by RFC 3339.
    pub(crate) created: String,
    /// How it is run.
    pub(crate) config: Config,
    /// What is in it.
    pub(crate) rootfs: Rootfs,
}

/// How an image is run when the pod does not say otherwise.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    /// User and group, as numbers: `runAsNonRoot` trusts no name.
    pub(crate) user: String,
    /// Variables, each as `NAME=VALUE`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) env: Vec<String>,
    /// The program, and what it is always given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) entrypoint: Vec<String>,
    /// What registries and tools show.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
}

/// What an image runs on, in the words of Go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Platform {
    architecture: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'static str>,
    os: &'static str,
}

impl Platform {
    /// The platform of what rustc builds for a triple.
    pub(crate) fn of(triple: &str) -> anyhow::Result<Self> {
        let (architecture, variant) = match triple.split('-').next() {
            Some("x86_64") => ("amd64", None),
            Some("aarch64") => ("arm64", Some("v8")),
            _ => anyhow::bail!(
                "there are images for x86_64 and aarch64, and this machine builds for {triple}"
            ),
        };
        Ok(Self {
            architecture,
            variant,
            os: "linux",
        })
    }

    /// Its architecture alone.
    pub(crate) fn architecture(self) -> &'static str {
        self.architecture
    }
}

/// The files of an image layout, by their paths in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    files: BTreeMap<String, Vec<u8>>,
    digest: String,
}

impl Image {
    /// The image as files.
    pub(crate) fn layout(&self) -> anyhow::Result<Layout> {
        let version = br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec();
        let mut files = BTreeMap::from([("oci-layout".to_owned(), version)]);
        let archive = self.rootfs.archive()?;
        let layer = blob(&mut files, LAYER, gzip(&archive)?);
        let config = serde_json::to_vec(&self.configuration(&digest(&archive))?)?;
        let config = blob(&mut files, CONFIG, config);
        let manifest = serde_json::to_vec(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": [layer],
        }))?;
        let digest = digest(&manifest);
        let mut manifest = blob(&mut files, MANIFEST, manifest);
        manifest["platform"] = serde_json::to_value(self.platform)?;
        manifest["annotations"] = annotations(&self.name);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
        files.insert("index.json".to_owned(), serde_json::to_vec(&index)?);
        Ok(Layout { files, digest })
    }

    fn configuration(&self, diff: &str) -> anyhow::Result<Value> {
        let mut configuration = serde_json::to_value(self.platform)?;
        configuration["created"] = self.created.as_str().into();
        configuration["config"] = serde_json::to_value(&self.config)?;
        configuration["rootfs"] = json!({"type": "layers", "diff_ids": [diff]});
        configuration["history"] =
            json!([{"created": self.created, "created_by": "cargo xtask image"}]);
        Ok(configuration)
    }
}

impl Layout {
    /// What names the image for good: the digest of its manifest.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// How much of it a registry holds.
    pub(crate) fn size(&self) -> usize {
        let blobs = self.files.iter().filter(|(path, _)| path.contains('/'));
        blobs.map(|(_, bytes)| bytes.len()).sum()
    }

    /// Writes it as a folder in the place of whatever stands there.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let tried = || format!("could not write {}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(tried)?;
        }
        fs::create_dir_all(folder.join("blobs/sha256")).with_context(tried)?;
        for (path, bytes) in &self.files {
            fs::write(folder.join(path), bytes).with_context(tried)?;
        }
        Ok(())
    }

    /// The one file that `ctr images import` takes.
    pub(crate) fn archive(&self) -> anyhow::Result<Vec<u8>> {
        let files = self.files.iter();
        let rootfs = files.fold(Rootfs::default(), |rootfs, (path, bytes)| {
            rootfs.file(path, bytes.clone())
        });
        Ok(rootfs.archive()?)
    }
}

/// Adds a blob and gives its descriptor.
fn blob(files: &mut BTreeMap<String, Vec<u8>>, kind: &str, bytes: Vec<u8>) -> Value {
    let descriptor = json!({"mediaType": kind, "digest": digest(&bytes), "size": bytes.len()});
    files.insert(format!("blobs/sha256/{}", sha256(&bytes)), bytes);
    descriptor
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

/// What tools call the image: the first name is the tag, as the specification has it, the second is containerd's own,
/// which is what a kubelet finds it by and therefore is never short.
fn annotations(name: &str) -> Value {
    let tag = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    json!({
        "org.opencontainers.image.ref.name": tag,
        "io.containerd.image.name": full(name),
    })
}

/// The name with a host, which is its first part if that looks like one.
fn full(name: &str) -> String {
    match name.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => name.to_owned(),
        Some(_) => format!("{DEFAULT_HOST}/{name}"),
        None => format!("{DEFAULT_HOST}/library/{name}"),
    }
}

/// Half as much on the way to every node. The compressor is pinned by `Cargo.lock`, so its bytes stay the same; the
/// header holds no name and no time.
fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn image(name: &str, program: &[u8]) -> Image {
        Image {
            name: name.to_owned(),
            platform: Platform::of("x86_64-unknown-linux-gnu").unwrap(),
            created: "2024-02-29T12:00:00Z".to_owned(),
            config: Config {
                user: "65532:65532".to_owned(),
                entrypoint: vec!["/program".to_owned()],
                ..Config::default()
            },
            rootfs: Rootfs::default().program("/program", program.to_vec()),
        }
    }

    /// The blob that a descriptor speaks of; its size and digest have to be true.
    fn blob<'a>(layout: &'a Layout, descriptor: &Value) -> &'a [u8] {
        let digest = descriptor["digest"].as_str().unwrap();
        let blob = &layout.files[&format!("blobs/{}", digest.replace(':', "/"))];
        assert_eq!(digest, format!("sha256:{}", sha256(blob)));
        assert_eq!(descriptor["size"], blob.len());
        blob
    }

    fn json(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    fn index(layout: &Layout) -> Value {
        json(&layout.files["index.json"])
    }

    #[test]
    fn a_layout_leads_from_its_index_to_the_program() {
        let layout = image("team/app:1", b"program").layout().unwrap();
        assert_eq!(
            json(&layout.files["oci-layout"]),
            json!({"imageLayoutVersion": "1.0.0"})
        );
        let descriptor = &index(&layout)["manifests"][0];
        assert_eq!(descriptor["digest"], layout.digest());
        let manifest = json(blob(&layout, descriptor));
        let configuration = json(blob(&layout, &manifest["config"]));
        let mut layer = Vec::new();
        GzDecoder::new(blob(&layout, &manifest["layers"][0]))
            .read_to_end(&mut layer)
            .unwrap();
        assert_eq!(
            configuration["rootfs"]["diff_ids"],
            json!([format!("sha256:{}", sha256(&layer))])
        );
        let rootfs = Rootfs::default().program("program", b"program".to_vec());
        assert_eq!(layer, rootfs.archive().unwrap());
        assert_eq!(
            configuration["config"],
            json!({"User": "65532:65532", "Entrypoint": ["/program"]})
        );
    }

    #[test]
    fn an_image_is_found_by_the_name_that_a_kubelet_uses() {
        let name = |name: &str| {
            let layout = image(name, b"").layout().unwrap();
            let annotations = &index(&layout)["manifests"][0]["annotations"];
            (
                annotations["io.containerd.image.name"].clone(),
                annotations["org.opencontainers.image.ref.name"].clone(),
            )
        };
        for (given, wanted, tag) in [
            ("app:1", "docker.io/library/app:1", "1"),
            ("team/app:v2", "docker.io/team/app:v2", "v2"),
            ("e2e.local/app:1", "e2e.local/app:1", "1"),
            ("localhost:5000/app:1", "localhost:5000/app:1", "1"),
        ] {
            assert_eq!(name(given), (wanted.into(), tag.into()));
        }
    }

    #[test]
    fn one_byte_of_the_program_is_another_digest() {
        let digest = |program: &[u8]| {
            let layout = image("app:1", program).layout().unwrap();
            layout.digest().to_owned()
        };
        assert_eq!(digest(b"program"), digest(b"program"));
        assert_ne!(digest(b"program"), digest(b"Program"));
    }

    #[test]
    fn what_stood_in_a_layouts_place_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let layout = |program: &[u8]| image("app:1", program).layout().unwrap();
        layout(b"old").write(folder.path()).unwrap();
        layout(b"new").write(folder.path()).unwrap();
        let blobs = fs::read_dir(folder.path().join("blobs/sha256")).unwrap();
        assert_eq!(blobs.count(), 3);
    }

    #[test]
    fn a_machine_without_images_is_told_so() {
        let platform = |triple: &str| serde_json::to_value(Platform::of(triple).unwrap()).unwrap();
        assert_eq!(
            platform("x86_64-unknown-linux-gnu"),
            json!({"architecture": "amd64", "os": "linux"})
        );
        assert_eq!(
            platform("aarch64-unknown-linux-gnu"),
            json!({"architecture": "arm64", "variant": "v8", "os": "linux"})
        );
        assert!(Platform::of("riscv64gc-unknown-linux-gnu").is_err());
    }
}
