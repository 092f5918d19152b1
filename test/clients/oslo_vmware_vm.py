"""OpenStack's oslo.vmware makes itself a client from the WSDL, finds a VM and starts it: prints what it saw as JSON."""

import json
import sys

from oslo_vmware import api, exceptions, vim_util

host, port, user, password, name = sys.argv[1:]
session = api.VMwareAPISession(host, user, password, 1, 0.1, port=int(port), insecure=True)


def state(vm):
    return session.invoke_api(vim_util, "get_object_property", session.vim, vm, "runtime.powerState")


with vim_util.WithRetrieval(session.vim, session.invoke_api(vim_util, "get_objects", session.vim, "VirtualMachine", 1)) as found:
    machines = {thing.propSet[0].val: thing.obj for thing in found}
vm = machines[name]
seen = {"about": session.vim.service_content.about.apiType, "before": state(vm)}
session.wait_for_task(session.invoke_api(session.vim, "PowerOnVM_Task", vm))
seen["after"] = state(vm)
try:
    session.wait_for_task(session.invoke_api(session.vim, "PowerOnVM_Task", vm))
except exceptions.InvalidPowerStateException as fault:
    seen["again"] = type(fault).__name__
session.logout()
print(json.dumps(seen))
