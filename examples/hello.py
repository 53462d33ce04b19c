"""The smallest action.

wsk action update hello examples/hello.py --kind python:3-rdma
wsk action invoke hello --result --param name Ada
"""


def main(args):
    # What is printed is in the activation's logs; what is returned is its result.
    print("greeting", args.get("name", "nobody"))
    return {"greeting": f"Hello, {args.get('name', 'stranger')}!"}
