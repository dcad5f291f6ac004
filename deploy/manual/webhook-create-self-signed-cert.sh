#!/bin/sh
# Makes an authority, and a certificate of it for the webhook, and keeps both in a Secret, without the authority's key:
# that is in no file once this has ended. Needs openssl and kubectl.
set -eu
# What is written holds keys for a moment.
umask 077

service=gtoken-webhook-svc
secret=gtoken-webhook-certs
namespace=gtoken
renew=
# Five years, as nobody renews it; and what has less than a month left is made anew.
days=1825
month=2592000

usage() {
  cat <<EOF
usage: $0 [--service NAME] [--namespace NAMESPACE] [--secret NAME] [--renew]

Makes the Secret $secret in the namespace $namespace, with a certificate for
the Service $service, unless a good one is there.

  --service    the webhook's Service
  --namespace  where Service and Secret are
  --secret     the Secret
  --renew      make another certificate, though the one that is there is good
EOF
}

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --renew) renew=yes ;;
    --service | --namespace | --secret)
      if [ $# -lt 2 ]; then
        echo "$0: $1 needs a value" >&2
        exit 2
      fi
      case $1 in
        --service) service=$2 ;;
        --namespace) namespace=$2 ;;
        --secret) secret=$2 ;;
      esac
      shift
      ;;
    *)
      echo "$0: unknown argument $1" >&2
      usage >&2
      exit 2
      ;;
  esac
  shift
done

for program in openssl kubectl; do
  if ! command -v "$program" >/dev/null; then
    echo "$0: $program is not in PATH; install it" >&2
    exit 1
  fi
done

name=$service.$namespace.svc
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cd "$folder"

# Writes a file of the Secret to a file here, empty where it has none.
fetch() {
  kubectl get secret "$secret" --namespace "$namespace" --ignore-not-found --output "jsonpath={.data.$1}" >encoded
  openssl base64 -d -A -in encoded -out "$2"
}

fetch 'ca\.crt' old-ca.crt
fetch 'tls\.crt' old-tls.crt
if [ -z "$renew" ] && [ -s old-tls.crt ] && [ -s old-ca.crt ] &&
  openssl x509 -in old-tls.crt -noout -checkend "$month" >/dev/null &&
  openssl verify -CAfile old-ca.crt -verify_hostname "$name" old-tls.crt >/dev/null 2>&1; then
  echo "the Secret $secret has a good certificate for $name already; --renew makes another"
  exit 0
fi

cat >openssl.cnf <<EOF
[req]
distinguished_name = name
prompt = no
[name]
CN = $name
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$name, DNS:$service.$namespace, DNS:$service
EOF
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -sha256 -days "$days" -config openssl.cnf -extensions authority \
  -subj "/CN=$secret in $namespace, of $(date -u +%Y-%m-%dT%H:%M:%SZ)" -out new-ca.crt
openssl ecparam -name prime256v1 -genkey -noout -out tls.key
openssl req -new -key tls.key -config openssl.cnf -out tls.csr
openssl x509 -req -in tls.csr -CA new-ca.crt -CAkey ca.key -CAcreateserial -sha256 -days "$days" \
  -extfile openssl.cnf -extensions leaf -out tls.crt 2>/dev/null
rm ca.key

# The authority of before stays trusted until the next time: the certificate of before is served for some minutes yet.
cp new-ca.crt ca.crt
if [ -s old-ca.crt ]; then
  openssl x509 -in old-ca.crt >>ca.crt
fi

# API servers have to trust the new one before it is served.
configuration=mutatingwebhookconfiguration/gtoken-webhook
entries=$(kubectl get "$configuration" --ignore-not-found --output 'jsonpath={.webhooks[*].name}')
if [ -n "$entries" ]; then
  bundle=$(openssl base64 -A -in ca.crt)
  patch=
  number=0
  for _ in $entries; do
    patch="$patch${patch:+, }{\"op\": \"add\", \"path\": \"/webhooks/$number/clientConfig/caBundle\", \"value\": \"$bundle\"}"
    number=$((number + 1))
  done
  kubectl patch "$configuration" --type=json --patch="[$patch]"
fi

# By the server, for by the client a copy of the key would stand in an annotation.
kubectl create secret generic "$secret" --namespace "$namespace" --dry-run=client --output=yaml \
  --from-file=ca.crt --from-file=tls.crt --from-file=tls.key |
  kubectl apply --server-side --force-conflicts --field-manager=webhook-create-self-signed-cert --filename=-
