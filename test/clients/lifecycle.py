"""A VM's whole life through unmodified pyVmomi: connect, list, create, power on, see the guest boot, power off, delete.

Arguments: HOST PORT USER PASSWORD DISK, where DISK is a VMDK that boots, "[datastore1] images/guest.vmdk".
Prints one JSON object; exits with an exception when something is not as a client expects.
"""
import json
import ssl
import sys
import time

from pyVim.connect import Disconnect, SmartConnect
from pyVim.task import WaitForTask
from pyVmomi import vim

host, port, user, password, disk = sys.argv[1:6]
unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
unverified.check_hostname = False
unverified.verify_mode = ssl.CERT_NONE
seen = {}

try:
    SmartConnect(host=host, port=int(port), user=user, pwd="not the password", sslContext=unverified)
    raise AssertionError("a wrong password was accepted")
except vim.fault.InvalidLogin as fault:
    seen["wrongPassword"] = fault.msg

si = SmartConnect(host=host, port=int(port), user=user, pwd=password, sslContext=unverified)
content = si.RetrieveContent()
seen["about"] = [content.about.name, content.about.apiType, content.about.apiVersion]
datacenter = content.rootFolder.childEntity[0]
pool = datacenter.hostFolder.childEntity[0].resourcePool
seen["datastores"] = [d.summary.name for d in datacenter.datastore]


def virtual_machines():
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    try:
        return sorted(vm.name for vm in view.view)
    finally:
        view.Destroy()


def device(spec, operation=vim.vm.device.VirtualDeviceSpec.Operation.add):
    return vim.vm.device.VirtualDeviceSpec(operation=operation, device=spec)


name = "pyvmomi-" + sys.version.split()[0]
controller = vim.vm.device.ParaVirtualSCSIController(key=-1, busNumber=0, sharedBus="noSharing")
backing = vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName=disk, diskMode="independent_persistent")
console = "[datastore1] %s/console.log" % name
config = vim.vm.ConfigSpec(
    name=name, guestId="otherLinux64Guest", numCPUs=1, memoryMB=128, annotation="line one\n<two> & \"three\"",
    files=vim.vm.FileInfo(vmPathName="[datastore1]"),
    deviceChange=[
        device(controller),
        device(vim.vm.device.VirtualDisk(key=-2, controllerKey=-1, unitNumber=0, backing=backing)),
        device(vim.vm.device.VirtualVmxnet3(key=-3, backing=vim.vm.device.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network"))),
        device(vim.vm.device.VirtualSerialPort(key=-4, yieldOnPoll=True, backing=vim.vm.device.VirtualSerialPort.FileBackingInfo(fileName=console))),
    ])
before = virtual_machines()
task = datacenter.vmFolder.CreateVM_Task(config=config, pool=pool)
WaitForTask(task)
vm = task.info.result
assert isinstance(vm, vim.VirtualMachine), vm
assert virtual_machines() == sorted(before + [name])
assert vm.config.annotation == config.annotation
seen["devices"] = [type(d).__name__.replace("vim.vm.device.", "") for d in vm.config.hardware.device]
seen["hardware"] = [vm.config.hardware.numCPU, vm.config.hardware.memoryMB, vm.config.guestFullName]

found = content.searchIndex.FindByUuid(None, vm.config.uuid, True)
assert found == vm, found
assert content.searchIndex.FindByInventoryPath("ha-datacenter/vm/" + name) == vm

WaitForTask(vm.PowerOnVM_Task())
assert vm.runtime.powerState == "poweredOn"
try:
    WaitForTask(vm.PowerOnVM_Task())
    raise AssertionError("a second power-on was accepted")
except vim.fault.InvalidPowerState as fault:
    seen["secondPowerOn"] = [fault.existingState, fault.msg]
try:
    WaitForTask(vm.Destroy_Task())
    raise AssertionError("a running VM was destroyed")
except vim.fault.InvalidPowerState:
    pass

# the guest has booted when its agent answers
deadline = time.monotonic() + 90
while vm.guest.toolsRunningStatus != "guestToolsRunning":
    assert time.monotonic() < deadline, "the guest agent did not answer"
    time.sleep(0.5)
seen["guestHostName"] = vm.summary.guest.hostName
seen["quickStats"] = vm.summary.quickStats.guestHeartbeatStatus

# plugged in while the guest runs, and larger when it is off
data = vim.vm.device.VirtualDisk(
    key=-9, controllerKey=1000, capacityInKB=4096,
    backing=vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName="", diskMode="persistent", thinProvisioned=True))
plug = vim.vm.ConfigSpec(deviceChange=[device(data)])
plug.deviceChange[0].fileOperation = "create"
WaitForTask(vm.ReconfigVM_Task(plug))
data = [d for d in vm.config.hardware.device if isinstance(d, vim.vm.device.VirtualDisk)][-1]

WaitForTask(vm.PowerOffVM_Task())
assert vm.runtime.powerState == "poweredOff"
data.capacityInKB = 8192
WaitForTask(vm.ReconfigVM_Task(vim.vm.ConfigSpec(memoryMB=256, deviceChange=[device(data, vim.vm.device.VirtualDeviceSpec.Operation.edit)])))
assert vm.config.hardware.memoryMB == 256
disks = [d for d in vm.config.hardware.device if isinstance(d, vim.vm.device.VirtualDisk)]
seen["disks"] = [[d.backing.fileName, d.capacityInKB, d.deviceInfo.label] for d in disks]

WaitForTask(vm.Rename_Task(name + "-renamed"))
assert vm.name == name + "-renamed"
# the disk that it booted from was there before it: taken out, it stays
detach = vim.vm.ConfigSpec(deviceChange=[device(disks[0], vim.vm.device.VirtualDeviceSpec.Operation.remove)])
WaitForTask(vm.ReconfigVM_Task(detach))
WaitForTask(vm.Destroy_Task())
assert virtual_machines() == before
events = content.eventManager.QueryEvents(vim.event.EventFilterSpec())
seen["events"] = [type(e).__name__.split(".")[-1] for e in events if e.vm is not None and e.vm.vm == vm]
Disconnect(si)
print(json.dumps(seen))
