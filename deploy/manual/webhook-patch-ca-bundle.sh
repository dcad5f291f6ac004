#!/bin/sh
# Copies standard input to standard output, with the authority of the webhook's Secret for each ${CA_BUNDLE}.
set -eu

secret=gtoken-webhook-certs
namespace=gtoken

while [ $# -gt 0 ]; do
  if [ $# -lt 2 ]; then
    set -- --help
  fi
  case $1 in
    --namespace) namespace=$2 ;;
    --secret) secret=$2 ;;
    *)
      echo "usage: $0 [--namespace NAMESPACE] [--secret NAME] <mutatingwebhook.yaml >mutatingwebhook-bundle.yaml" >&2
      exit 2
      ;;
  esac
  shift 2
done

bundle=$(kubectl get secret "$secret" --namespace "$namespace" --ignore-not-found --output 'jsonpath={.data.ca\.crt}')
if [ -z "$bundle" ]; then
  echo "$0: the Secret $secret in the namespace $namespace has no ca.crt; make it by webhook-create-self-signed-cert.sh" >&2
  exit 1
fi
sed "s|\${CA_BUNDLE}|$bundle|g"
