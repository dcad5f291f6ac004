//! The names that STS goes by, and the region that a signature must name at each.
//!
//! <https://docs.aws.amazon.com/general/latest/gr/sts.html>

/// The endpoint of no region, whose requests are signed for `us-east-1`.
const GLOBAL: &str = "sts.amazonaws.com";

/// The region of the global endpoint.
const GLOBAL_REGION: &str = "us-east-1";

/// The regions of the partitions `aws` and `aws-us-gov`, as of 2025; a certificate cannot say "every region", for its wildcards
/// stand for a first label only.
const REGIONS: [&str; 36] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// `sts.amazonaws.com` and `sts.REGION.amazonaws.com` for every region.
pub(crate) fn names() -> Vec<String> {
    let regional = REGIONS.map(|region| format!("sts.{region}.amazonaws.com"));
    let global = std::iter::once(GLOBAL.to_owned());
    global.chain(regional).collect()
}

/// The region that the `Host` header stands for; a host that is not AWS's stands for any.
pub(crate) fn region(host: &str) -> Option<&str> {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    if name == GLOBAL {
        return Some(GLOBAL_REGION);
    }
    let region = name.strip_prefix("sts.")?.strip_suffix(".amazonaws.com")?;
    REGIONS.contains(&region).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_aws_stands_for_its_region_and_others_for_any() {
        for (host, expected) in [
            ("sts.amazonaws.com", Some("us-east-1")),
            ("sts.amazonaws.com:443", Some("us-east-1")),
            ("sts.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("sts.nowhere-1.amazonaws.com", None),
            ("127.0.0.1:8443", None),
        ] {
            assert_eq!(region(host), expected, "{host}");
        }
        assert!(names().iter().all(|name| region(name).is_some()));
    }
}
