#!/usr/bin/python3
"""A first session with a Bulkhead host, by an unmodified pyVmomi: look around, then make, start, stop and delete a small VM.

    /usr/bin/python3 examples/first-session.py                 # the host that npm start has started here
    /usr/bin/python3 examples/first-session.py --url https://192.0.2.7:8443 --thumbprint AB:CD:…

pyVmomi is Debian's python3-pyvmomi, which npm start installs. root's password is read from BULKHEAD_ROOT_PASSWORD, or from the file that the first start left for root.
"""

import argparse
import hashlib
import os
import ssl
import sys
from urllib.parse import urlsplit

from pyVim.connect import Disconnect, SmartConnect
from pyVim.task import WaitForTask
from pyVmomi import vim

INITIAL_PASSWORD = "/var/lib/bulkhead/initial-root-password"


def main():
    options = read_options()
    url = urlsplit(options.url)
    service = SmartConnect(
        host=url.hostname,
        port=url.port or 443,
        user="root",
        pwd=read_password(options.password_file),
        sslContext=trust(url.hostname, url.port or 443, options.thumbprint),
    )
    try:
        content = service.RetrieveContent()
        print(f"{content.about.fullName}, API {content.about.apiVersion}")
        show_virtual_machines(content)
        try_a_virtual_machine(content)
    finally:
        Disconnect(service)


def show_virtual_machines(content):
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    for vm in view.view:
        print(f"VM {vm.name}: {vm.runtime.powerState}, {vm.config.hardware.memoryMB} MB, guest {vm.guest.hostName or 'unknown'}")
    view.Destroy()


def try_a_virtual_machine(content):
    datacenter = content.rootFolder.childEntity[0]
    pool = datacenter.hostFolder.childEntity[0].resourcePool
    controller = vim.vm.device.ParaVirtualSCSIController(key=-1, busNumber=0, sharedBus="noSharing")
    disk = vim.vm.device.VirtualDisk(
        key=-2,
        controllerKey=-1,
        unitNumber=0,
        capacityInKB=64 * 1024,
        backing=vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName="", diskMode="persistent", thinProvisioned=True),
    )
    add = vim.vm.device.VirtualDeviceSpec.Operation.add
    spec = vim.vm.ConfigSpec(
        name="first-session",
        guestId="otherLinux64Guest",
        numCPUs=1,
        memoryMB=64,
        files=vim.vm.FileInfo(vmPathName="[datastore1]"),
        deviceChange=[
            vim.vm.device.VirtualDeviceSpec(operation=add, device=controller),
            vim.vm.device.VirtualDeviceSpec(operation=add, device=disk, fileOperation="create"),
        ],
    )
    task = datacenter.vmFolder.CreateVM_Task(config=spec, pool=pool)
    WaitForTask(task)
    vm = task.info.result
    print(f"made {vm.name}: {vm.config.files.vmPathName}")
    try:
        WaitForTask(vm.PowerOnVM_Task())
        print(f"powered on at {vm.runtime.bootTime}; nothing is on its disk, so its firmware finds nothing to start")
        WaitForTask(vm.PowerOffVM_Task())
        print("powered off")
    finally:
        if vm.runtime.powerState == vim.VirtualMachine.PowerState.poweredOn:
            WaitForTask(vm.PowerOffVM_Task())
        WaitForTask(vm.Destroy_Task())
        print("deleted, with its files")


def trust(host, port, thumbprint):
    """The host's certificate is its own: trusted when its thumbprint is the one that npm start or `bulkhead host status` shows."""
    pem = ssl.get_server_certificate((host, port))
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    shown = ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))
    if thumbprint is None:
        print(f"certificate {shown}: compare it with what the host shows, or pass it as --thumbprint")
    elif thumbprint.upper() != shown:
        sys.exit(f"the host at {host}:{port} shows another certificate: {shown}")
    context = ssl.create_default_context(cadata=pem)
    context.check_hostname = False  # the certificate itself is the identity, whatever name the host is reached by
    return context


def read_password(path):
    if os.environ.get("BULKHEAD_ROOT_PASSWORD"):
        return os.environ["BULKHEAD_ROOT_PASSWORD"]
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        sys.exit(f"root's password: {error}; give it as BULKHEAD_ROOT_PASSWORD")


def read_options():
    parser = argparse.ArgumentParser(description="A first session with a Bulkhead host.")
    parser.add_argument("--url", default="https://127.0.0.1:8443")
    parser.add_argument("--thumbprint", help="SHA-256 of the host's certificate")
    parser.add_argument("--password-file", default=INITIAL_PASSWORD)
    return parser.parse_args()


main()
