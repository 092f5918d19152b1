"""Apache Libcloud's vSphere driver finds the host's VMs and starts one: prints what it saw as JSON."""

import json
import sys

from libcloud.compute.drivers.vsphere import VSphereNodeDriver

host, port, user, password, name = sys.argv[1:]
driver = VSphereNodeDriver(host=host, username=user, password=password, port=int(port), verify_ssl=False)
node = next(node for node in driver.list_nodes() if node.name == name)
driver.start_node(node)
again = next(node for node in driver.list_nodes() if node.name == name)
seen = {"locations": len(driver.list_locations()), "before": node.state, "after": again.state, "datastores": [d.get("name") for d in driver.ex_list_datastores()]}
print(json.dumps(seen))
