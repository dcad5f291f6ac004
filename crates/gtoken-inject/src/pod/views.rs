//! The shape of a pod as far as it is read; what is not named here is passed over and stays as it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::platform::{Affinity, Os, PodSecurityContext, SecurityContext};
use crate::json::{Raw, Text, or_default};

/// A pod's `metadata`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) generate_name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) labels: BTreeMap<Text<'a>, Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) annotations: BTreeMap<Text<'a>, Text<'a>>,
}

/// A pod's `spec`; a list that is `None` is missing or `null`, which a patch must replace as a whole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spec<'a> {
    #[serde(borrow, default)]
    pub(super) service_account_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) restart_policy: Text<'a>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) host_network: bool,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) resources: Resources<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) os: Os<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) node_selector: BTreeMap<Text<'a>, Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) affinity: Affinity<'a>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) security_context: PodSecurityContext,
    #[serde(borrow, default)]
    pub(crate) image_pull_secrets: Option<Vec<SecretName<'a>>>,
    #[serde(borrow, default)]
    pub(crate) volumes: Option<Vec<Volume<'a>>>,
    #[serde(borrow, default)]
    pub(crate) init_containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, default)]
    pub(crate) containers: Option<Vec<Container<'a>>>,
}

/// A Secret of the pod's namespace.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SecretName<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
}

/// Requests and limits, of which only matters whether there are any.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Resources<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) requests: BTreeMap<Text<'a>, Raw<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) limits: BTreeMap<Text<'a>, Raw<'a>>,
}

/// A volume by its name and, where it matters, its kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(default)]
    pub(crate) empty_dir: Option<IgnoredAny>,
    #[serde(default)]
    secret: Option<IgnoredAny>,
    #[serde(default)]
    config_map: Option<IgnoredAny>,
    #[serde(default)]
    pub(crate) projected: Option<IgnoredAny>,
    #[serde(default, rename = "downwardAPI")]
    downward_api: Option<IgnoredAny>,
}

impl Volume<'_> {
    /// Whether kubelet mounts it read-only whatever the mount says.
    pub(crate) fn is_read_only(&self) -> bool {
        [
            &self.secret,
            &self.config_map,
            &self.projected,
            &self.downward_api,
        ]
        .iter()
        .any(|kind| kind.is_some())
    }
}

/// A container of either list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(borrow, default)]
    image: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    args: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) env: Option<Vec<Variable<'a>>>,
    #[serde(borrow, default)]
    pub(crate) volume_mounts: Option<Vec<VolumeMount<'a>>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) security_context: SecurityContext,
}

impl Container<'_> {
    /// Whether it sets this environment variable, whatever to.
    pub(crate) fn sets(&self, variable: &str) -> bool {
        self.env.iter().flatten().any(|set| *set.name == *variable)
    }

    /// Its image, then its arguments.
    pub(crate) fn image_and_args(&self) -> impl Iterator<Item = &str> {
        [&self.image]
            .into_iter()
            .chain(&self.args)
            .map(|text| &**text)
    }

    /// Its mounts; none where the list is missing.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = &VolumeMount<'_>> {
        self.volume_mounts.iter().flatten()
    }
}

/// An environment variable.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Variable<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(borrow, default)]
    value: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    value_from: ValueFrom<'a>,
}

impl Variable<'_> {
    /// Whether it holds a field of the pod by the downward API.
    pub(crate) fn is_field(&self, path: &str) -> bool {
        *self.value_from.field_ref.field_path == *path
    }

    /// Its value, or the field of the pod that it holds.
    pub(crate) fn content(&self) -> &str {
        if self.value.is_empty() {
            &self.value_from.field_ref.field_path
        } else {
            &self.value
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueFrom<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    field_ref: FieldRef<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldRef<'a> {
    #[serde(borrow, default)]
    field_path: Text<'a>,
}

/// Where a container sees a volume.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeMount<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) mount_path: Text<'a>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) read_only: bool,
    #[serde(borrow, default)]
    sub_path: Text<'a>,
    #[serde(borrow, default)]
    sub_path_expr: Text<'a>,
}

impl VolumeMount<'_> {
    /// Whether it shows the whole volume; a part of it would never see a file that is renamed into place.
    pub(crate) fn is_whole(&self) -> bool {
        self.sub_path.is_empty() && self.sub_path_expr.is_empty()
    }
}

impl Spec<'_> {
    /// All containers, those that run first first.
    pub(crate) fn all_containers(&self) -> impl Iterator<Item = &Container<'_>> {
        self.init_containers
            .iter()
            .chain(&self.containers)
            .flatten()
    }
}
