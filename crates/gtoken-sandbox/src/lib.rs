//! A Google, an AWS STS and a Kubernetes API to try gtoken against.

pub(crate) mod http;
pub mod kubernetes;
