"""RFC 8291 and 8292 by an independent implementation (http-ece and cryptography, over OpenSSL), both ways.

Reads {"open": {"private","auth","body"}, "seal": {"public","auth","text"}, "vapid": {"token","public"}} and writes
{"opened","body","claims"}; all bytes in base64url."""

import base64
import json
import sys

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives import hashes


def raw(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


asked = json.load(sys.stdin)
answer = {}

one = asked["open"]
receiver = ec.derive_private_key(int.from_bytes(raw(one["private"]), "big"), ec.SECP256R1())
answer["opened"] = http_ece.decrypt(raw(one["body"]), private_key=receiver, auth_secret=raw(one["auth"]), version="aes128gcm").decode()

one = asked["seal"]
sender = ec.generate_private_key(ec.SECP256R1())
answer["body"] = text(http_ece.encrypt(one["text"].encode(), private_key=sender, dh=raw(one["public"]), auth_secret=raw(one["auth"]), version="aes128gcm"))

one = asked["vapid"]
head, claims, signature = one["token"].split(".")
key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw(one["public"]))
rs = raw(signature)
der = utils.encode_dss_signature(int.from_bytes(rs[:32], "big"), int.from_bytes(rs[32:], "big"))
key.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
answer["claims"] = json.loads(raw(claims))

json.dump(answer, sys.stdout)
