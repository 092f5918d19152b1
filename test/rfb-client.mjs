/**
 * A viewer as a browser is one: the WebSocket of Node's own, and RFB 3.8 up to the first picture. Run by `node --experimental-websocket`.
 * usage: rfb-client.mjs URL; prints what it saw, as JSON. Source: RFC 6143 §7.
 */
const VERSION_BYTES = 12;
const SERVER_INIT_BYTES = 24;
const RAW = 0;

const socket = new WebSocket(process.argv[2], ["binary", "vmware-vvc"]);
socket.binaryType = "arraybuffer";
let held = Buffer.alloc(0);
let wake = () => {};
socket.onmessage = ({ data }) => {
  held = Buffer.concat([held, Buffer.from(data)]);
  wake();
};
socket.onclose = socket.onerror = (event) => {
  console.error(`ended: ${event.type} ${event.code ?? ""}`);
  process.exit(1);
};

async function read(length) {
  while (held.length < length) {
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
  const bytes = held.subarray(0, length);
  held = held.subarray(length);
  return bytes;
}

const version = (await read(VERSION_BYTES)).toString();
socket.send(Buffer.from(version));
const [count] = await read(1);
const securityTypes = [...(await read(count))];
socket.send(Buffer.from([1]));
const securityResult = (await read(4)).readUInt32BE(0);
socket.send(Buffer.from([1])); // shared
const init = await read(SERVER_INIT_BYTES);
const [width, height, nameLength] = [init.readUInt16BE(0), init.readUInt16BE(2), init.readUInt32BE(20)];
await read(nameLength);
const bytesPerPixel = init[4] / 8;
socket.send(Buffer.from([2, 0, 0, 1, 0, 0, 0, RAW])); // SetEncodings
const ask = Buffer.alloc(10);
ask[0] = 3; // FramebufferUpdateRequest of everything
ask.writeUInt16BE(width, 6);
ask.writeUInt16BE(height, 8);
socket.send(ask);
const update = await read(4);
let pixels = 0;
let lit = 0;
for (let left = update.readUInt16BE(2); left > 0; left--) {
  const rectangle = await read(12);
  const bytes = await read(rectangle.readUInt16BE(4) * rectangle.readUInt16BE(6) * bytesPerPixel);
  pixels += bytes.length / bytesPerPixel;
  lit += bytes.filter((byte) => byte !== 0).length;
}
console.log(
  JSON.stringify({ protocol: socket.protocol, version, securityTypes, securityResult, width, height, type: update[0], pixels, lit }),
);
process.exit(0);
