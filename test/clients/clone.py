"""Cloning: as on a vCenter, and as on a host without one: a folder, a copy of each disk, a VM with the source's settings and the copies.

Arguments: HOST PORT USER PASSWORD SOURCE CLONE, the names of the VM to clone and of the one to make.
Prints one JSON object; exits with an exception when something is not as a client expects.
"""
import json
import ssl
import sys

from pyVim.connect import Disconnect, SmartConnect
from pyVim.task import WaitForTask
from pyVmomi import vim

host, port, user, password, source_name, clone_name = sys.argv[1:7]
unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
unverified.check_hostname = False
unverified.verify_mode = ssl.CERT_NONE
seen = {}

si = SmartConnect(host=host, port=int(port), user=user, pwd=password, sslContext=unverified)
content = si.RetrieveContent()
datacenter = content.rootFolder.childEntity[0]
pool = datacenter.hostFolder.childEntity[0].resourcePool
source = next(vm for vm in datacenter.vmFolder.childEntity if vm.name == source_name)

task = source.CloneVM_Task(datacenter.vmFolder, clone_name + "-1", vim.vm.CloneSpec(location=vim.vm.RelocateSpec(), powerOn=False, template=False))
WaitForTask(task)
seen["cloneVM"] = task.info.result.name
task = source.CreateSnapshot_Task("for clones", "", False, False)
WaitForTask(task)
linked = vim.vm.CloneSpec(location=vim.vm.RelocateSpec(diskMoveType="createNewChildDiskBacking"), powerOn=False, template=False, snapshot=task.info.result)
linked_task = source.CloneVM_Task(datacenter.vmFolder, clone_name + "-2", linked)
WaitForTask(linked_task)
seen["linked"] = [device.backing.parent.fileName for device in linked_task.info.result.config.hardware.device
                  if isinstance(device, vim.vm.device.VirtualDisk)]
for made in [vm for vm in datacenter.vmFolder.childEntity if vm.name in (clone_name + "-1", clone_name + "-2")]:
    WaitForTask(made.Destroy_Task())
seen["tree"] = [[node.name, node.state] for node in source.snapshot.rootSnapshotList]
WaitForTask(source.RemoveAllSnapshots_Task())

folder = "[datastore1] %s" % clone_name
content.fileManager.MakeDirectory(folder, datacenter)
disks = [device for device in source.config.hardware.device if isinstance(device, vim.vm.device.VirtualDisk)]
target = "%s/%s.vmdk" % (folder, clone_name)
spec = vim.VirtualDiskManager.VirtualDiskSpec(diskType="thin", adapterType="lsiLogic")
manager = content.virtualDiskManager
task = manager.CopyVirtualDisk_Task(disks[0].backing.fileName, datacenter, target, datacenter, spec, False)
WaitForTask(task)
seen["result"] = task.info.result

try:
    WaitForTask(manager.CopyVirtualDisk_Task(disks[0].backing.fileName, datacenter, target, datacenter, spec, True))
    raise AssertionError("a disk was overwritten")
except vim.fault.FileAlreadyExists as fault:
    seen["forced"] = type(fault).__name__.split(".")[-1]

disk = vim.vm.device.VirtualDisk(key=-1, controllerKey=disks[0].controllerKey, unitNumber=disks[0].unitNumber, capacityInKB=0,
                                 backing=vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName=target, diskMode="persistent"))
config = vim.vm.ConfigSpec(name=clone_name, guestId=source.config.guestId, numCPUs=source.config.hardware.numCPU,
                           memoryMB=source.config.hardware.memoryMB,
                           files=vim.vm.FileInfo(vmPathName="%s/%s.vmx" % (folder, clone_name)),
                           deviceChange=[vim.vm.device.VirtualDeviceSpec(operation="add", device=disk)])
task = datacenter.vmFolder.CreateVM_Task(config, pool)
WaitForTask(task)
clone = task.info.result
seen["disks"] = [[device.backing.fileName, device.capacityInKB] for device in clone.config.hardware.device
                 if isinstance(device, vim.vm.device.VirtualDisk)]
seen["sameUuid"] = manager.QueryVirtualDiskUuid(target, datacenter) == manager.QueryVirtualDiskUuid(disks[0].backing.fileName, datacenter)
WaitForTask(clone.Destroy_Task())
seen["afterDestroy"] = [vm.name for vm in datacenter.vmFolder.childEntity if vm.name == clone_name]
Disconnect(si)
print(json.dumps(seen))
