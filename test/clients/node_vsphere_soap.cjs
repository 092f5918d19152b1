// npm's node-vsphere-soap makes itself a client from the host's WSDL, and asks for the host's name. Arguments: host:port user password.
const { Client } = require("node-vsphere-soap");

const [host, user, password] = process.argv.slice(2);
const client = new Client(host, user, password, false);
const fail = (error) => {
  console.error(error);
  process.exit(1);
};
const typed = (type, members) => ({ attributes: { "xsi:type": type }, ...members });
client.once("error", fail).once("ready", () => {
  const propSet = [typed("PropertySpec", { type: "HostSystem", pathSet: ["name"] })];
  const objectSet = [typed("ObjectSpec", { obj: { attributes: { type: "HostSystem" }, $value: "ha-host" } })];
  const specSet = typed("PropertyFilterSpec", { propSet, objectSet });
  const { about, propertyCollector } = client.serviceContent;
  client
    .runCommand("RetrieveProperties", { _this: propertyCollector, specSet })
    .once("error", fail)
    .once("result", ({ returnval }) => {
      console.log(JSON.stringify({ user: client.userName, api: about.apiType, name: returnval[0].propSet[0].val.$value }));
      process.exit(0);
    });
});
