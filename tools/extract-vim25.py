#!/usr/bin/env python3
"""Extracts the vim25 schema from pyVmomi's type registry into src/wire/vim25/schema.json.

The registry is the published API as data: data objects, enumerations, managed objects, their methods, the version
that each came with and the privilege that each method needs. Names in the output are the WSDL names, which are the
only ones seen on the wire; vmodl names are kept where a task's description id needs them.

Usage: python3 -m venv V && V/bin/pip install pyvmomi==8.0.3.0.1 && V/bin/python tools/extract-vim25.py
"""
import json
import os
import sys

for other in ("eam", "pbm", "sms", "vslm", "vsanhealth"):  # their own services, not vim25
    sys.modules["pyVmomi._typeinfo_" + other] = None

from pyVmomi import VmomiSupport as registry  # noqa: E402

PRIMITIVES = {
    "string": "string", "boolean": "boolean", "int": "int", "long": "long", "short": "short", "byte": "byte",
    "float": "float", "double": "double", "anyType": "anyType", "void": "void",
    "vmodl.DateTime": "dateTime", "vmodl.Binary": "base64Binary", "vmodl.URI": "anyURI",
    "vmodl.TypeName": "TypeName", "vmodl.MethodName": "MethodName", "vmodl.PropertyPath": "PropertyPath",
    "vmodl.DataObject": "DynamicData", "vmodl.DynamicData": "DynamicData", "DataObject": "DynamicData",
    "vmodl.ManagedObject": "ManagedObject", "ManagedObject": "ManagedObject",
    "vmodl.MethodFault": "MethodFault", "vmodl.RuntimeFault": "RuntimeFault",
    "vmodl.LocalizedMethodFault": "LocalizedMethodFault",
}
LINK, OPTIONAL = 1, 4


def wsdl(name):
    if name is None:
        return None
    if name.endswith("[]"):
        return wsdl(name[:-2]) + "[]"
    if name in PRIMITIVES:
        return PRIMITIVES[name]
    for table in (registry._dataDefMap, registry._enumDefMap, registry._managedDefMap):
        if name in table:
            return table[name][1]
    raise KeyError(name)


def is_fault(name):
    while name:
        if name in ("vmodl.MethodFault", "vmodl.RuntimeFault"):
            return True
        entry = registry._dataDefMap.get(name)
        name = entry and entry[2]
    return False


def held(kind):
    """The type of what a property or a result holds: a fault comes with its message, localized, alone and in an array alike.

    Only LocalizedMethodFault.fault is bare.
    """
    item, brackets, _ = (kind or "").partition("[]")
    return "LocalizedMethodFault" + brackets if is_fault(item) else wsdl(kind)


def member(entry):
    """[name, type, version, flags, privilege?]: flags "?" optional, "~" travels as the key of what it links to."""
    name, kind, version, flags = entry[:4]
    text = ("?" if flags & OPTIONAL else "") + ("~" if flags & LINK else "")
    row = [name, held(kind), version, text]
    if len(entry) > 4 and entry[4]:
        row.append(entry[4])
    return row


def method(entry):
    vmodl, name, version, params, (_, result, task_result), privilege, faults = entry
    body = {
        "vmodl": vmodl, "version": version, "params": [member(p[:4]) for p in params],
        "result": held(result), "optional": bool(_ & OPTIONAL), "privilege": privilege,
        "faults": [wsdl(f) for f in faults or []],
    }
    if name.endswith("_Task"):
        body["taskResult"] = held(task_result)
    return name, body


def data_object(entry):
    _, name, base, version, props = entry[:5]
    base = None if name == "DynamicData" else wsdl(base)
    if name == "LocalizedMethodFault":
        base = "DynamicData"
    rows = [member(p) for p in props or []]
    if name == "MethodFault":
        rows = [r for r in rows if r[0] != "msg"]  # client side only, never on the wire
    return name, {"base": base, "version": version, "properties": rows}


def dump(out, title, rows, last=False):
    out.write(f"{json.dumps(title)}: {{\n")
    out.write(",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in sorted(rows.items())))
    out.write("\n}" + ("\n" if last else ",\n"))


versions = {
    vid: {"name": registry.versionIdMap[vid], "namespace": registry.serviceNsMap.get(vid, ""), "includes": sorted(parents)}
    for vid, parents in registry.parentMap.items() if vid in registry.versionIdMap
}
data_objects = dict(data_object(e) for e in registry._dataDefMap.values())
data_objects["LocalizedMethodFault"]["properties"][0][1] = "MethodFault"
enums = {e[1]: {"version": e[2], "values": list(e[3])} for e in registry._enumDefMap.values()}
managed = {}
for _, name, base, version, props, methods in registry._managedDefMap.values():
    managed[name] = {"base": wsdl(base), "vmodl": _, "version": version, "properties": [member(p) for p in props or []],
                     "methods": dict(method(m) for m in methods or [])}

target = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../src/wire/vim25/schema.json")
with open(target, "w") as out:
    out.write("{\n")
    dump(out, "versions", versions)
    dump(out, "enums", enums)
    dump(out, "dataObjects", data_objects)
    dump(out, "managedObjects", managed, last=True)
    out.write("}\n")
print(f"{len(data_objects)} data objects, {len(enums)} enumerations, {len(managed)} managed objects -> {target}")
