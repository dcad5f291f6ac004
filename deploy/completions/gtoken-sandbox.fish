# Made by `cargo xtask codegen` from what the program tells of itself; edit nothing here.

complete -c gtoken-sandbox -f
complete -c gtoken-sandbox -n "not __fish_seen_subcommand_from up cni" -a up -d 'Serve until Ctrl-C, and print the environment that makes programs use the sandbox'
complete -c gtoken-sandbox -n "not __fish_seen_subcommand_from up cni" -a cni -d 'Be a chained CNI plugin, which tells `up` whose address is whose'
complete -c gtoken-sandbox -n "not __fish_seen_subcommand_from up cni" -s h -l help -d 'Print help'
complete -c gtoken-sandbox -n "not __fish_seen_subcommand_from up cni" -s V -l version -d 'Print version'
complete -c gtoken-sandbox -n "__fish_seen_subcommand_from up" -l config -r -F -d 'A file with identity, roles and lifetimes, in JSON'
complete -c gtoken-sandbox -n "__fish_seen_subcommand_from up" -l dir -x -a "(__fish_complete_directories)" -d 'Where ca.pem, kubeconfig, hosts and files of credentials are written, and removed at the end'
complete -c gtoken-sandbox -n "__fish_seen_subcommand_from up" -l metadata-address -x -d 'Where the metadata server listens, in plain HTTP'
complete -c gtoken-sandbox -n "__fish_seen_subcommand_from up" -l google-address -x -d 'Where Google’s keys and discovery document are served'
complete -c gtoken-sandbox -n "__fish_seen_subcommand_from up" -l sts-address -x -d 'Where AWS’s STS listens'
complete -c gtoken-sandbox -n "__fish_seen_subcommand_from up" -l kubernetes-address -x -d 'Where the Kubernetes API listens'
complete -c gtoken-sandbox -n "__fish_seen_subcommand_from up" -l control-address -x -d 'Where the sandbox can be told what to do, in plain HTTP'
complete -c gtoken-sandbox -n "__fish_seen_subcommand_from up" -s h -l help -d 'Print help'
complete -c gtoken-sandbox -n "__fish_seen_subcommand_from cni" -s h -l help -d 'Print help'
