//! Reviews as an API server sends them, of pods as a Deployment's controller makes them.

use serde_json::{Map, Value, json};

/// The namespace and the ServiceAccount of the pod, which carries a role in a [`Cluster`](super::site::Cluster).
const SERVICE_ACCOUNT: (&str, &str) = ("team-0", "reader-0");

/// A review of a pod's creation, with so many containers.
pub(super) fn review(containers: usize) -> Value {
    let (namespace, _) = SERVICE_ACCOUNT;
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "9f5a1f0c-3a2b-4f7e-9a55-0c2c4a3b8f10",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
            },
            "object": pod(containers),
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
}

fn pod(count: usize) -> Value {
    let (namespace, service_account) = SERVICE_ACCOUNT;
    let volumes = ["config", "cache", "certificates"].map(volume).into_iter();
    let volumes: Vec<_> = volumes.chain([service_account_volume()]).collect();
    let containers: Vec<_> = (0..count).map(container).collect();
    json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "generateName": "checkout-7d9f6c5b8-",
            "namespace": namespace,
            "creationTimestamp": null,
            "labels": {
                "app.kubernetes.io/name": "checkout",
                "app.kubernetes.io/instance": "checkout-production",
                "app.kubernetes.io/version": "2.41.7",
                "pod-template-hash": "7d9f6c5b8",
            },
            "annotations": {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": "9090",
                "checksum/config": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
                "kubectl.kubernetes.io/restartedAt": "2026-11-20T09:14:07Z",
            },
            "ownerReferences": [{
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": "checkout-7d9f6c5b8",
                "uid": "2d7bb2b5-6a0c-4c3d-8c1f-2b8d5f0a7e11",
                "controller": true,
                "blockOwnerDeletion": true,
            }],
            "managedFields": [managed_fields(count)],
        },
        "spec": {
            "volumes": volumes,
            "containers": containers,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": service_account,
            "serviceAccount": service_account,
            "securityContext": {"runAsNonRoot": true, "fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"}},
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
                "weight": 100,
                "podAffinityTerm": {
                    "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "checkout"}},
                    "topologyKey": "kubernetes.io/hostname",
                },
            }]}},
            "schedulerName": "default-scheduler",
            "tolerations": tolerations(),
            "priority": 0,
            "enableServiceLinks": true,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {},
    })
}

fn tolerations() -> Value {
    let tolerate = |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    json!(
        [
            "node.kubernetes.io/not-ready",
            "node.kubernetes.io/unreachable"
        ]
        .map(tolerate)
    )
}

fn volume(name: &str) -> Value {
    json!({"name": name, "configMap": {"name": format!("checkout-{name}"), "defaultMode": 420}})
}

fn service_account_volume() -> Value {
    json!({"name": "kube-api-access-x7k2p", "projected": {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ],
        "defaultMode": 420,
    }})
}

fn container(index: usize) -> Value {
    let probe = |path: &str| {
        json!({
            "httpGet": {"path": path, "port": 8080, "scheme": "HTTP"},
            "initialDelaySeconds": 5, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        })
    };
    let mount =
        |name: &str| json!({"name": name, "readOnly": true, "mountPath": format!("/etc/{name}")});
    let mut container = json!({
        "name": name(index),
        "image": "registry.example.com/shop/checkout@sha256:9b2a28eb47540823042a2ba401386845089bb7b62a9637d55816132c4c3c36eb",
        "args": ["--listen=:8080", "--config=/etc/config/checkout.yaml"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "checkout-database", "key": "url"}}},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
            {"name": "OTEL_SERVICE_NAME", "value": "checkout"},
        ],
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "250m", "memory": "256Mi"}},
        "volumeMounts": [mount("config"), mount("certificates"), {
            "name": "kube-api-access-x7k2p", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        }],
        "livenessProbe": probe("/healthz"),
        "readinessProbe": probe("/readyz"),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
        },
    });
    if has_startup_probe(index) {
        container["startupProbe"] = probe("/startz");
    }
    container
}

/// Large pods have the larger containers.
fn has_startup_probe(index: usize) -> bool {
    index >= 3
}

fn managed_fields(containers: usize) -> Value {
    let fields = (0..containers).map(|index| {
        let key = format!("k:{{\"name\":\"{}\"}}", name(index));
        (key, container_fields(has_startup_probe(index)))
    });
    json!({
        "manager": "kube-controller-manager",
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-11-25T06:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {
                "f:annotations": {".": {}, "f:checksum/config": {}, "f:prometheus.io/port": {}, "f:prometheus.io/scrape": {}},
                "f:generateName": {},
                "f:labels": {".": {}, "f:app.kubernetes.io/name": {}, "f:pod-template-hash": {}},
                "f:ownerReferences": {".": {}, "k:{\"uid\":\"2d7bb2b5-6a0c-4c3d-8c1f-2b8d5f0a7e11\"}": {}},
            },
            "f:spec": {
                "f:affinity": {".": {}, "f:podAntiAffinity": {}},
                "f:containers": fields.collect::<Map<_, _>>(),
                "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:restartPolicy": {}, "f:schedulerName": {},
                "f:securityContext": {".": {}, "f:fsGroup": {}, "f:runAsNonRoot": {}, "f:seccompProfile": {}},
                "f:serviceAccount": {}, "f:serviceAccountName": {}, "f:terminationGracePeriodSeconds": {},
                "f:volumes": {".": {}, "k:{\"name\":\"config\"}": {".": {}, "f:configMap": {".": {}, "f:defaultMode": {}, "f:name": {}}, "f:name": {}}},
            },
        },
    })
}

fn container_fields(has_startup_probe: bool) -> Value {
    let probe = || json!({".": {}, "f:failureThreshold": {}, "f:httpGet": {".": {}, "f:path": {}, "f:port": {}, "f:scheme": {}}, "f:periodSeconds": {}});
    let mut fields = json!({
        ".": {}, "f:args": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
        "f:env": {".": {}, "k:{\"name\":\"LOG_LEVEL\"}": {".": {}, "f:name": {}, "f:value": {}},
            "k:{\"name\":\"POD_IP\"}": {".": {}, "f:name": {}, "f:valueFrom": {".": {}, "f:fieldRef": {}}}},
        "f:livenessProbe": probe(),
        "f:readinessProbe": probe(),
        "f:ports": {".": {}, "k:{\"containerPort\":8080,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}}},
        "f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}, "f:memory": {}}, "f:requests": {".": {}, "f:cpu": {}, "f:memory": {}}},
        "f:volumeMounts": {".": {}, "k:{\"mountPath\":\"/etc/config\"}": {".": {}, "f:mountPath": {}, "f:name": {}, "f:readOnly": {}}},
    });
    if has_startup_probe {
        fields["f:startupProbe"] = probe();
    }
    fields
}

fn name(index: usize) -> String {
    format!("checkout-{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reviews_have_the_sizes_that_they_are_shown_by() {
        for (containers, kilobytes) in [(1, 6.0), (3, 10.7), (10, 30.0), (50, 136.0)] {
            let bytes = serde_json::to_vec(&review(containers)).unwrap().len();
            let bytes = f64::from(u32::try_from(bytes).unwrap());
            let share = bytes / (kilobytes * 1000.0);
            assert!((0.95..1.05).contains(&share), "{containers}: {bytes} bytes");
        }
    }
}
