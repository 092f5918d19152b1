"""A package in and out, as pyVmomi's own samples do it: the files of a lease are sent and fetched with no session's cookie.

Arguments: HOST PORT USER PASSWORD FOLDER NAME; the folder holds appliance.ovf and disk.vmdk, and gets NAME.ova.
Prints one JSON object; exits with an exception when something is not as a client expects.
"""
import hashlib
import io
import json
import ssl
import sys
import tarfile
import time
import urllib.request
import xml.etree.ElementTree

from pyVim.connect import Disconnect, SmartConnect
from pyVim.task import WaitForTask
from pyVmomi import vim

host, port, user, password, folder, name = sys.argv[1:7]
unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
unverified.check_hostname = False
unverified.verify_mode = ssl.CERT_NONE
OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
seen = {}


def url_of(device):
    return device.url.replace("*", "%s:%s" % (host, port))


def ready(lease):
    while lease.state == vim.HttpNfcLease.State.initializing:
        time.sleep(0.05)
    if lease.state != vim.HttpNfcLease.State.ready:
        raise lease.error
    return lease.info


si = SmartConnect(host=host, port=int(port), user=user, pwd=password, sslContext=unverified)
content = si.RetrieveContent()
datacenter = content.rootFolder.childEntity[0]
compute = datacenter.hostFolder.childEntity[0]
with open(folder + "/appliance.ovf") as descriptor:
    params = vim.OvfManager.CreateImportSpecParams(entityName=name, diskProvisioning="thin", locale="", deploymentOption="")
    spec = content.ovfManager.CreateImportSpec(descriptor.read(), compute.resourcePool, compute.datastore[0], params)
assert not spec.error, spec.error
lease = compute.resourcePool.ImportVApp(spec.importSpec, datacenter.vmFolder)
info = ready(lease)
for item in spec.fileItem:
    device = next(device for device in info.deviceUrl if device.importKey == item.deviceId)
    with open(folder + "/" + item.path, "rb") as disk:
        body = disk.read()
    headers = {"Content-Type": "application/x-vnd.vmware-streamVmdk"}
    sent = urllib.request.Request(url_of(device), data=body, headers=headers, method="POST")
    seen["status"] = urllib.request.urlopen(sent, context=unverified).status
    lease.Progress(100)
    entry = next(entry for entry in lease.GetManifest() if entry.key == device.key)
    assert entry.sha1 == hashlib.sha1(body).hexdigest(), entry
vm = info.entity
lease.Complete()

lease = vm.ExportVm()
info = ready(lease)
files, members = [], []
for device in info.deviceUrl:
    body = urllib.request.urlopen(url_of(device), context=unverified).read()
    files.append(vim.OvfManager.OvfFile(deviceId=device.key, path=device.targetId, size=len(body)))
    members.append((device.targetId, body))
lease.Complete()
created = content.ovfManager.CreateDescriptor(vm, vim.OvfManager.CreateDescriptorParams(name=name, ovfFiles=files))
assert not created.error, created.error
with tarfile.open("%s/%s.ova" % (folder, name), "w", format=tarfile.USTAR_FORMAT) as ova:
    for path, body in [(name + ".ovf", created.ovfDescriptor.encode())] + members:
        member = tarfile.TarInfo(path)
        member.size = len(body)
        ova.addfile(member, io.BytesIO(body))

with tarfile.open("%s/%s.ova" % (folder, name)) as ova:
    root = xml.etree.ElementTree.fromstring(ova.extractfile(name + ".ovf").read())
    named = [file.get(OVF + "href") for file in root.find(OVF + "References")]
    seen["members"] = [member.name for member in ova.getmembers()]
    assert [name + ".ovf"] + named == seen["members"], named
    seen["disks"] = [disk.get(OVF + "capacity") + " " + disk.get(OVF + "capacityAllocationUnits") for disk in root.iter(OVF + "Disk")]
    ova.extractall(folder + "/" + name)
WaitForTask(vm.Destroy_Task())
Disconnect(si)
print(json.dumps(seen))
