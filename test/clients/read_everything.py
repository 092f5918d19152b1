"""Reads every property of every object that the host names, as the strictest client does: what it does not know ends it.

usage: read_everything.py HOST PORT USER PASSWORD      prints {"objects": n, "failures": [...]} as JSON
"""
import json
import ssl
import sys

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi.VmomiSupport import DataObject, ManagedObject

host, port, user, password = sys.argv[1:]
si = SmartConnect(host=host, port=int(port), user=user, pwd=password, sslContext=ssl._create_unverified_context())
waiting, seen, failures = [si], set(), []


def find_objects(value):
    """The managed objects within a value."""
    if isinstance(value, ManagedObject):
        waiting.append(value)
    elif isinstance(value, list):
        for item in value:
            find_objects(item)
    elif isinstance(value, DataObject):
        for info in value._GetPropertyList():
            find_objects(getattr(value, info.name))


while waiting:
    thing = waiting.pop()
    if str(thing) in seen:
        continue
    seen.add(str(thing))
    for info in thing._GetPropertyList():
        try:
            find_objects(getattr(thing, info.name))
        except Exception as error:  # whatever it is, it is what a script of somebody's would end in
            failures.append(f"{thing}.{info.name}: {error!r}"[:500])

print(json.dumps({"objects": len(seen), "failures": failures}))
Disconnect(si)
