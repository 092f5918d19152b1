"""A SOAP toolkit that knows nothing of vSphere makes itself a client from the host's WSDL, and uses it: prints what it saw as JSON."""

import json
import sys
import warnings

import requests
from zeep import Client, Transport
from zeep.exceptions import Fault

address, user, password = sys.argv[1:]
warnings.simplefilter("ignore")  # the certificate is the host's own
session = requests.Session()
session.trust_env = False  # or its CA bundle counts more than the next line
session.verify = False
client = Client(address + "/vimService.wsdl", transport=Transport(session=session))
vim = client.create_service("{urn:vim25}VimBinding", address)
make = lambda name: client.get_type("{urn:vim25}" + name)
reference = lambda kind, moid: make("ManagedObjectReference")(moid, type=kind)

content = vim.RetrieveServiceContent(reference("ServiceInstance", "ServiceInstance"))
try:
    vim.Login(content.sessionManager, userName=user, password="wrong")
except Fault as fault:
    refused = [fault.message, fault.detail[0].tag]
login = vim.Login(content.sessionManager, userName=user, password=password)
name_of_host = make("PropertySpec")(type="HostSystem", pathSet=["name", "summary.hardware.numCpuThreads"])
host = make("ObjectSpec")(obj=reference("HostSystem", "ha-host"))
found = vim.RetrievePropertiesEx(
    content.propertyCollector,
    specSet=[make("PropertyFilterSpec")(propSet=[name_of_host], objectSet=[host])],
    options=make("RetrieveOptions")(),
)
config = make("VirtualMachineConfigSpec")(
    name="made-by-toolkit",
    guestId="otherLinux64Guest",
    memoryMB=64,
    files=make("VirtualMachineFileInfo")(vmPathName="[datastore1]"),
    deviceChange=[
        make("VirtualDeviceConfigSpec")(
            operation="add", device=make("ParaVirtualSCSIController")(key=-1, busNumber=0, sharedBus="noSharing")
        )
    ],
)
task = vim.CreateVM_Task(reference("Folder", "ha-folder-vm"), config=config, pool=reference("ResourcePool", "ha-root-pool"))
vim.Logout(content.sessionManager)
print(
    json.dumps(
        {
            "apiType": content.about.apiType,
            "refused": refused,
            "user": login.userName,
            "properties": {property.name: type(property.val).__name__ for property in found.objects[0].propSet},
            "task": task.type if hasattr(task, "type") else None,
        }
    )
)
