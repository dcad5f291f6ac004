//! Which Kubernetes answers, as far as it decides what may be injected.

/// The version of the API server; the default stands for one that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    /// The major version.
    pub major: u32,
    /// The minor version.
    pub minor: u32,
}

impl ServerVersion {
    /// From here on every kubelet that the API server supports, three minors older, knows native sidecars.
    /// An older kubelet would run the refresher as an ordinary init container and the pod would hang.
    pub const EVERY_KUBELET_KNOWS_SIDECARS: Self = Self {
        major: 1,
        minor: 32,
    };

    /// Before this one the API server drops `restartPolicy` of an init container, silently.
    pub const KEEPS_SIDECARS: Self = Self {
        major: 1,
        minor: 29,
    };

    /// Reads `/version`'s `major` and `minor`; clouds append to the latter, as in `32+`.
    pub fn parse(major: &str, minor: &str) -> Option<Self> {
        let number = |text: &str| {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            text[..digits].parse().ok()
        };
        Some(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clouds_append() {
        assert_eq!(
            ServerVersion::parse("1", "32+"),
            Some(ServerVersion {
                major: 1,
                minor: 32
            })
        );
        assert_eq!(
            ServerVersion::parse("1", "9"),
            Some(ServerVersion { major: 1, minor: 9 })
        );
        assert_eq!(ServerVersion::parse("", "32"), None);
        assert!(ServerVersion::default() < ServerVersion::KEEPS_SIDECARS);
    }
}
