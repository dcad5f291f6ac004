# Made by `cargo xtask codegen` from what the program tells of itself; edit nothing here.

_gtoken_sandbox() {
    local current=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} command='' words='' word
    if [[ $current == = ]]; then
        flag=$flag=
        current=''
    elif [[ $flag == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 2]}=
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case $word in
            up | cni)
                command=$word
                break
                ;;
        esac
    done
    COMPREPLY=()
    case "$command $flag" in
        " "*) words="--help --version -h -V up cni" ;;
        "up --config" | "up --config=") compopt -o default && return ;;
        "up --dir" | "up --dir=") compopt -o dirnames && return ;;
        "up --metadata-address" | "up --metadata-address=") return ;;
        "up --google-address" | "up --google-address=") return ;;
        "up --sts-address" | "up --sts-address=") return ;;
        "up --kubernetes-address" | "up --kubernetes-address=") return ;;
        "up --control-address" | "up --control-address=") return ;;
        "up "*) words="--config --dir --metadata-address --google-address --sts-address --kubernetes-address --control-address --help -h" ;;
        "cni "*) words="--help -h" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _gtoken_sandbox gtoken-sandbox
