# Made by `cargo xtask codegen` from what the program tells of itself; edit nothing here.

_gtoken_webhook() {
    local current=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} command='' words='' word
    if [[ $current == = ]]; then
        flag=$flag=
        current=''
    elif [[ $flag == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 2]}=
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case $word in
            server)
                command=$word
                break
                ;;
        esac
    done
    COMPREPLY=()
    case "$command $flag" in
        " --log-level" | " --log-level=") words="trace debug info warning error fatal panic" ;;
        " --json=") words="true false" ;;
        " "*) words="--log-level --json --version --help -v -h server" ;;
        "server --listen-address" | "server --listen-address=") return ;;
        "server --log-level" | "server --log-level=") words="trace debug info warning error fatal panic" ;;
        "server --drain-delay" | "server --drain-delay=") return ;;
        "server --json=") words="true false" ;;
        "server --tls-mode" | "server --tls-mode=") words="files self off" ;;
        "server --tls-cert-file" | "server --tls-cert-file=") compopt -o default && return ;;
        "server --tls-private-key-file" | "server --tls-private-key-file=") compopt -o default && return ;;
        "server --tls-min-version" | "server --tls-min-version=") words="1.2 1.3" ;;
        "server --tls-dns-names" | "server --tls-dns-names=") return ;;
        "server --tls-secret-name" | "server --tls-secret-name=") return ;;
        "server --webhook-configuration" | "server --webhook-configuration=") return ;;
        "server --webhook-entries" | "server --webhook-entries=") return ;;
        "server --ca-validity" | "server --ca-validity=") return ;;
        "server --leaf-validity" | "server --leaf-validity=") return ;;
        "server --ca-propagation" | "server --ca-propagation=") return ;;
        "server --telemetry-listen-address" | "server --telemetry-listen-address=") return ;;
        "server --on-unknown" | "server --on-unknown=") words="retry admit" ;;
        "server --image" | "server --image=") return ;;
        "server --pull-policy" | "server --pull-policy=") words="Always IfNotPresent Never" ;;
        "server --volume-name" | "server --volume-name=") return ;;
        "server --volume-path" | "server --volume-path=") return ;;
        "server --token-file" | "server --token-file=") return ;;
        "server --annotation-prefixes" | "server --annotation-prefixes=") return ;;
        "server --aws-account-id" | "server --aws-account-id=") return ;;
        "server --aws-partition" | "server --aws-partition=") return ;;
        "server --audience" | "server --audience=") return ;;
        "server --include-containers" | "server --include-containers=") return ;;
        "server --region" | "server --region=") return ;;
        "server --session-name" | "server --session-name=") return ;;
        "server --sidecar-mode" | "server --sidecar-mode=") words="auto classic native" ;;
        "server --skip-containers" | "server --skip-containers=") return ;;
        "server --sts-regional-endpoints=") words="true false" ;;
        "server --token-expiration" | "server --token-expiration=") return ;;
        "server --token-source" | "server --token-source=") words="google cluster" ;;
        "server --agent-flag" | "server --agent-flag=") return ;;
        "server --agent-image-pull-secret" | "server --agent-image-pull-secret=") return ;;
        "server --agent-cpu-request" | "server --agent-cpu-request=") return ;;
        "server --agent-cpu-limit" | "server --agent-cpu-limit=") return ;;
        "server --agent-memory-request" | "server --agent-memory-request=") return ;;
        "server --agent-memory-limit" | "server --agent-memory-limit=") return ;;
        "server --agent-run-as-user" | "server --agent-run-as-user=") return ;;
        "server "*) words="--listen-address --log-level --drain-delay --json --help --tls-mode --tls-cert-file --tls-private-key-file --tls-min-version --tls-dns-names --tls-secret-name --webhook-configuration --webhook-entries --ca-validity --leaf-validity --ca-propagation --plain-http-anywhere --telemetry-listen-address --on-unknown --image --pull-policy --volume-name --volume-path --token-file --annotation-prefixes --aws-account-id --aws-partition --audience --include-containers --region --session-name --sidecar-mode --skip-containers --sts-regional-endpoints --token-expiration --token-source --agent-flag --agent-image-pull-secret --agent-cpu-request --agent-cpu-limit --agent-memory-request --agent-memory-limit --agent-run-as-user --dry-start -h" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _gtoken_webhook gtoken-webhook
