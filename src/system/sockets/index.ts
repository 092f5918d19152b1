export { askForDescriptor, type DescriptorAnswer, type DescriptorQuestion } from "./ask-for-descriptor.ts";
export { connectTcp, connectUnix, isLoopback } from "./connect.ts";
export { type Connection, readConnections } from "./connections.ts";
export { bindTcp, listenTcp, listenUnix, PortTaken, type UnixSocketOwner } from "./listen.ts";
export { type Peer, peerOf } from "./peer.ts";
export { type NameServers, useNameServers } from "./resolver.ts";
export { descriptorOf, sendWithDescriptor } from "./send-descriptor.ts";
export { type TcpSocket, tcpSockets } from "./tcp-table.ts";
export { type ConnectionTry, type TriedConnection, tryConnect } from "./try-connect.ts";
