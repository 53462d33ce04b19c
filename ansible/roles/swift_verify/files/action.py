import hashlib


def main(args):
    value = str(args.get("value"))
    return {"value": value, "sha256": hashlib.sha256(value.encode()).hexdigest()}
