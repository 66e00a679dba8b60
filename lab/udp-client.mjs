/**
 * Sends one datagram and prints the answer, or the name of the socket's error: ADDRESS PORT TEXT TIMEOUT_MS.
 * Exit code 1: none came in time.
 */
import { createSocket } from 'node:dgram'

const [address, port, text, timeoutMs] = process.argv.slice(2)
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
setTimeout(() => process.exit(1), Number(timeoutMs))
const end = (text) => process.stdout.write(text, () => process.exit())
socket.on('message', end)
socket.on('error', ({ code }) => end(code))
// Connected: only an answer from where the question went is taken.
socket.connect(Number(port), address, () => socket.send(text))
