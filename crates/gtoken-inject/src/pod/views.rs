//! The shape of a pod as far as it is read; what is not named here is passed over and stays as it is.

use super::platform::{Affinity, Os, PodSecurityContext, SecurityContext};
use crate::json::{Map, Present, Raw, Text, read_members};

/// A pod's `metadata`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata<'a> {
    pub(super) name: Text<'a>,
    pub(super) generate_name: Text<'a>,
    pub(super) labels: Map<'a, Text<'a>>,
    pub(super) annotations: Map<'a, Text<'a>>,
}

read_members!(Metadata<'a> {
    "name" => name,
    "generateName" => generate_name,
    "labels" => labels,
    "annotations" => annotations,
});

/// A pod's `spec`; a list that is `None` is missing or `null`, which a patch must replace as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec<'a> {
    pub(super) service_account_name: Text<'a>,
    pub(super) restart_policy: Text<'a>,
    pub(crate) host_network: bool,
    pub(super) resources: Resources<'a>,
    pub(super) os: Os<'a>,
    pub(super) node_selector: Map<'a, Text<'a>>,
    pub(super) affinity: Affinity<'a>,
    pub(super) security_context: PodSecurityContext,
    pub(crate) image_pull_secrets: Option<Vec<SecretName<'a>>>,
    pub(crate) volumes: Option<Vec<Volume<'a>>>,
    pub(crate) init_containers: Option<Vec<Container<'a>>>,
    pub(crate) containers: Option<Vec<Container<'a>>>,
}

read_members!(Spec<'a> {
    "serviceAccountName" => service_account_name,
    "restartPolicy" => restart_policy,
    "hostNetwork" => host_network,
    "resources" => resources,
    "os" => os,
    "nodeSelector" => node_selector,
    "affinity" => affinity,
    "securityContext" => security_context,
    "imagePullSecrets" => image_pull_secrets,
    "volumes" => volumes,
    "initContainers" => init_containers,
    "containers" => containers,
});

/// A Secret of the pod's namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct SecretName<'a> {
    pub(crate) name: Text<'a>,
}

read_members!(SecretName<'a> {
    "name" => name,
});

/// Requests and limits, of which only matters whether there are any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resources<'a> {
    pub(super) requests: Map<'a, Raw<'a>>,
    pub(super) limits: Map<'a, Raw<'a>>,
}

read_members!(Resources<'a> {
    "requests" => requests,
    "limits" => limits,
});

/// A volume by its name and, where it matters, its kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Volume<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) empty_dir: Option<Present>,
    secret: Option<Present>,
    config_map: Option<Present>,
    pub(crate) projected: Option<Present>,
    downward_api: Option<Present>,
}

read_members!(Volume<'a> {
    "name" => name,
    "emptyDir" => empty_dir,
    "secret" => secret,
    "configMap" => config_map,
    "projected" => projected,
    "downwardAPI" => downward_api,
});

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
#[derive(Clone, Debug, Default)]
pub(crate) struct Container<'a> {
    pub(crate) name: Text<'a>,
    image: Text<'a>,
    args: Vec<Text<'a>>,
    pub(crate) env: Option<Vec<Variable<'a>>>,
    pub(crate) volume_mounts: Option<Vec<VolumeMount<'a>>>,
    pub(super) security_context: SecurityContext,
}

read_members!(Container<'a> {
    "name" => name,
    "image" => image,
    "args" => args,
    "env" => env,
    "volumeMounts" => volume_mounts,
    "securityContext" => security_context,
});

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
#[derive(Clone, Debug, Default)]
pub(crate) struct Variable<'a> {
    pub(crate) name: Text<'a>,
    value: Text<'a>,
    value_from: ValueFrom<'a>,
}

read_members!(Variable<'a> {
    "name" => name,
    "value" => value,
    "valueFrom" => value_from,
});

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

#[derive(Clone, Debug, Default)]
struct ValueFrom<'a> {
    field_ref: FieldRef<'a>,
}

read_members!(ValueFrom<'a> {
    "fieldRef" => field_ref,
});

#[derive(Clone, Debug, Default)]
struct FieldRef<'a> {
    field_path: Text<'a>,
}

read_members!(FieldRef<'a> {
    "fieldPath" => field_path,
});

/// Where a container sees a volume.
#[derive(Clone, Debug, Default)]
pub(crate) struct VolumeMount<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) mount_path: Text<'a>,
    pub(crate) read_only: bool,
    sub_path: Text<'a>,
    sub_path_expr: Text<'a>,
}

read_members!(VolumeMount<'a> {
    "name" => name,
    "mountPath" => mount_path,
    "readOnly" => read_only,
    "subPath" => sub_path,
    "subPathExpr" => sub_path_expr,
});

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
