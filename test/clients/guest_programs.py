"""What a client does inside a guest, through unmodified pyVmomi: log in, start a program, see how it ended, and work with files.

Arguments: HOST PORT USER PASSWORD VM-NAME. The guest's users are those of guest/rootfs.
Prints one JSON object; exits with an exception when something is not as a client expects.
"""
import json
import ssl
import sys
import time
import urllib.error
import urllib.request

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

host, port, user, password, name = sys.argv[1:6]
unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
unverified.check_hostname = False
unverified.verify_mode = ssl.CERT_NONE
seen = {}

si = SmartConnect(host=host, port=int(port), user=user, pwd=password, sslContext=unverified)
content = si.RetrieveContent()
vm = next(vm for vm in content.rootFolder.childEntity[0].vmFolder.childEntity if vm.name == name)
operations = content.guestOperationsManager
alice = vim.vm.guest.NamePasswordAuthentication(username="alice", password="Guest-Alice-1")
operations.authManager.ValidateCredentialsInGuest(vm, alice)


def refused(call, *arguments):
    try:
        call(*arguments)
    except vim.fault.VimFault as fault:
        return type(fault).__name__
    raise AssertionError("it was not refused")


seen["logins"] = {
    who: refused(operations.authManager.ValidateCredentialsInGuest, vm, vim.vm.guest.NamePasswordAuthentication(username=who, password=secret))
    for who, secret in [("alice", "guest-alice-1"), ("nobody", "x"), ("locked", "Guest-Alice-1"), ("empty", ""), ("-s", "x")]
}

spec = vim.vm.guest.ProcessManager.ProgramSpec(
    programPath="/bin/sh", arguments="-c 'id -un; pwd; echo \"$GREETING\"; exit 7' > /dev/null", envVariables=["GREETING=it's 5 o'clock"])
pid = operations.processManager.StartProgramInGuest(vm, alice, spec)
deadline = time.monotonic() + 60
while True:
    (process,) = operations.processManager.ListProcessesInGuest(vm, alice, [pid])
    if process.endTime is not None:
        break
    assert time.monotonic() < deadline, "the program did not end"
    time.sleep(0.3)
assert process.endTime >= process.startTime
seen["ended"] = [process.name, process.owner, process.exitCode]

sleeper = operations.processManager.StartProgramInGuest(
    vm, alice, vim.vm.guest.ProcessManager.ProgramSpec(programPath="/bin/sleep", arguments="1000"))
listed = {p.pid: p for p in operations.processManager.ListProcessesInGuest(vm, alice)}
seen["sleeper"] = [listed[sleeper].name, listed[sleeper].owner, listed[sleeper].cmdLine, listed[sleeper].endTime]
seen["init"] = [listed[1].owner, listed[1].name]
seen["notMine"] = refused(operations.processManager.TerminateProcessInGuest, vm, alice, 1)
operations.processManager.TerminateProcessInGuest(vm, alice, sleeper)
seen["nobodys"] = refused(operations.processManager.TerminateProcessInGuest, vm, alice, 4_000_000)
deadline = time.monotonic() + 60
while operations.processManager.ListProcessesInGuest(vm, alice, [sleeper])[0].endTime is None:
    assert time.monotonic() < deadline, "the program did not end"
    time.sleep(0.3)
seen["noProgram"] = refused(
    operations.processManager.StartProgramInGuest, vm, alice,
    vim.vm.guest.ProcessManager.ProgramSpec(programPath="/bin/there-is-none", arguments=""))
seen["environment"] = operations.processManager.ReadEnvironmentVariableInGuest(vm, alice, ["HOME", "USER"])

files = operations.fileManager
folder = files.CreateTemporaryDirectoryInGuest(vm, alice, "a b'", ".d", None)
assert folder.startswith("/tmp/a b'") and folder.endswith(".d"), folder
files.MakeDirectoryInGuest(vm, alice, folder + "/one/two", True)
temporary = files.CreateTemporaryFileInGuest(vm, alice, "t", "", folder)
files.MoveFileInGuest(vm, alice, temporary, folder + "/$(reboot)", False)
files.MoveDirectoryInGuest(vm, alice, folder + "/one", folder + "/uno")
files.ChangeFileAttributesInGuest(vm, alice, folder + "/$(reboot)", vim.vm.guest.FileManager.PosixFileAttributes(permissions=0o640))
listing = files.ListFilesInGuest(vm, alice, folder)
seen["listing"] = sorted([f.path, f.type, f.size, oct(f.attributes.permissions)] for f in listing.files)
seen["remaining"] = [listing.remaining, files.ListFilesInGuest(vm, alice, folder, 1, 2).remaining]
seen["matching"] = [f.path for f in files.ListFilesInGuest(vm, alice, folder, None, None, "^u.o$").files]
seen["faults"] = {
    "exists": refused(files.MakeDirectoryInGuest, vm, alice, folder, False),
    "notEmpty": refused(files.DeleteDirectoryInGuest, vm, alice, folder, False),
    "notDirectory": refused(files.DeleteDirectoryInGuest, vm, alice, folder + "/$(reboot)", True),
    "notAllowed": refused(files.DeleteFileInGuest, vm, alice, "/etc/shadow"),
    "notReadable": refused(files.ListFilesInGuest, vm, alice, "/root"),
}
files.DeleteFileInGuest(vm, alice, folder + "/$(reboot)")
files.DeleteDirectoryInGuest(vm, alice, folder, True)
seen["gone"] = refused(files.ListFilesInGuest, vm, alice, folder)


def transfer(url, data=None):
    """As pyVmomi's users do it: the host's name goes where the star is."""
    request = urllib.request.Request(url.replace("*", host, 1), data=data, method="GET" if data is None else "PUT")
    try:
        with urllib.request.urlopen(request, context=unverified) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.code


def offer(path, size, overwrite=True):
    attributes = vim.vm.guest.FileManager.PosixFileAttributes(permissions=0o600)
    return files.InitiateFileTransferToGuest(vm, alice, path, attributes, size, overwrite)


data = bytes(range(256)) * 2500 + b"odd"
url = offer("/tmp/it's a file", len(data))
assert transfer(url, data) == b""
information = files.InitiateFileTransferFromGuest(vm, alice, "/tmp/it's a file")
assert information.size == len(data), information
assert transfer(information.url) == data
downloads = [files.InitiateFileTransferFromGuest(vm, alice, "/tmp/it's a file").url for _ in range(2)]
seen["transfers"] = {
    "again": transfer(url, b"data"),
    "downloadAgain": transfer(information.url),
    "otherVm": transfer(downloads[0].replace("id=%s" % vm._moId, "id=999")),
    "spentByThat": transfer(downloads[0]),
    "traversal": transfer(downloads[1].replace("token=", "token=../../")),
    "wrongDirection": transfer(downloads[1], b"data"),
    "forged": transfer(url[:-4] + "0000", b"data"),
    "notAFile": refused(files.InitiateFileTransferFromGuest, vm, alice, "/tmp"),
    "notReadable": refused(files.InitiateFileTransferFromGuest, vm, alice, "/etc/shadow"),
    "notWritable": refused(offer, "/etc/hosts", 1),
    "noOverwrite": refused(offer, "/tmp/it's a file", 1, False),
    "tooShort": transfer(offer("/tmp/short", 10), b"abc"),
    "tooLong": transfer(offer("/tmp/short", 10), b"a" * 20),
}
empty = offer("/tmp/empty", 0)
assert transfer(empty, b"") == b""
seen["left"] = sorted([f.path, f.size, oct(f.attributes.permissions), f.attributes.ownerId]
                      for f in files.ListFilesInGuest(vm, alice, "/tmp", None, 100).files if f.type == "file")
seen["ready"] = [vm.guest.guestOperationsReady, vm.guest.guestFamily, vm.guest.guestFullName]
Disconnect(si)
print(json.dumps(seen))
