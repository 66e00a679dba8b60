/** Sends a datagram to each of so many ports of an address, and waits until all are handed to the kernel. */
import { createSocket } from 'node:dgram'

const [, , address, count] = process.argv
const socket = createSocket('udp4')
// A full table says EPERM; an answer from a closed port is none that is waited for.
const send = (port) => new Promise((resolve) => socket.send('x', port, address, () => resolve()))
socket.on('error', () => undefined)
for (let port = 1024; port < 1024 + Number(count); port++) await send(port)
socket.close()
