# What a Ruby program does with a host: looks around, makes a VM, powers it on and off, reads it, destroys it, and gives commands of esxcli.
# Arguments: host port user password. Prints a JSON object of what it saw.
require 'json'
require 'rbvmomi'

host, port, user, password = ARGV
vim = RbVmomi::VIM.connect(host: host, port: port.to_i, user: user, password: password, insecure: true)
datacenter = vim.serviceInstance.find_datacenter
pool = datacenter.hostFolder.childEntity.first.resourcePool
controller = RbVmomi::VIM.VirtualLsiLogicController(key: 1000, busNumber: 0, sharedBus: :noSharing)
backing = RbVmomi::VIM.VirtualDiskFlatVer2BackingInfo(fileName: '[datastore1]', diskMode: :persistent, thinProvisioned: true)
disk = RbVmomi::VIM.VirtualDisk(key: 0, backing: backing, controllerKey: 1000, unitNumber: 0, capacityInKB: 1024)
spec = RbVmomi::VIM.VirtualMachineConfigSpec(
  name: 'ruby', guestId: 'otherGuest', files: { vmPathName: '[datastore1]' }, numCPUs: 1, memoryMB: 64,
  deviceChange: [
    { operation: :add, device: controller },
    { operation: :add, fileOperation: :create, device: disk }
  ]
)
vm = datacenter.vmFolder.CreateVM_Task(config: spec, pool: pool).wait_for_completion
seen = { about: vim.serviceInstance.content.about.apiType, found: datacenter.find_vm('ruby') == vm }
seen[:disks] = vm.disks.map { |found| [found.backing.fileName, found.capacityInKB] }
vm.PowerOnVM_Task.wait_for_completion
seen[:on] = vm.runtime.powerState
begin
  vm.PowerOnVM_Task.wait_for_completion
rescue RbVmomi::Fault => e
  seen[:again] = e.fault.class.wsdl_name
end
vm.PowerOffVM_Task.wait_for_completion
seen[:collected] = vim.propertyCollector.collectMultiple([vm], 'name', 'runtime.powerState').values.first
vm.Destroy_Task.wait_for_completion
seen[:gone] = datacenter.find_vm('ruby').nil?
# The types that the host tells of its commands are what their answers are read by.
machine = datacenter.hostFolder.childEntity.first.host.first
vim.class.loader.add_types(machine.dti.toRbvmomiTypeHash)
esxcli = machine.RetrieveManagedMethodExecuter
version = esxcli.execute('ha-cli-handler-system-version', 'vim.EsxCLI.system.version.get', {})
switches = esxcli.execute('ha-cli-handler-network-vswitch-standard', 'vim.EsxCLI.network.vswitch.standard.list', vswitchname: 'vSwitch0')
seen[:esxcli] = [version.Version, switches.map { |found| [found.class.wsdl_name, found.Name, found.MTU, found.Portgroups] }]
seen[:namespaces] = machine.esxcli.network.ip.namespaces.keys.sort
vim.close
puts JSON.generate(seen)
