# Made by `cargo xtask codegen` from what the program tells of itself; edit nothing here.

_gtoken() {
    local current=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} command='' words='' word
    if [[ $current == = ]]; then
        flag=$flag=
        current=''
    elif [[ $flag == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 2]}=
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case $word in
            check | inspect)
                command=$word
                break
                ;;
        esac
    done
    COMPREPLY=()
    case "$command $flag" in
        " --refresh=") words="true false" ;;
        " --file" | " --file=") compopt -o default && return ;;
        " --audience" | " --audience=") return ;;
        " --source" | " --source=") words="auto metadata iam-credentials service-account-key impersonation external-account" ;;
        " --service-account" | " --service-account=") return ;;
        " --expect-identity" | " --expect-identity=") return ;;
        " --timeout" | " --timeout=") return ;;
        " --health-address" | " --health-address=") return ;;
        " "*) words="--refresh --file --audience --source --service-account --expect-identity --timeout --health-address --json --help --version -h -v check inspect" ;;
        "check --file" | "check --file=") compopt -o default && return ;;
        "check --audience" | "check --audience=") return ;;
        "check --expect-identity" | "check --expect-identity=") return ;;
        "check --for" | "check --for=") return ;;
        "check "*) words="--file --audience --expect-identity --for" ;;
        "inspect --file" | "inspect --file=") compopt -o default && return ;;
        "inspect "*) words="--file --json" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _gtoken gtoken
