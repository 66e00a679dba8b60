/** One UDP socket that stays, connected to the ADDRESS and PORT in argv: what comes over IPC is sent, and answers go back. */
import { createSocket } from 'node:dgram'

const [address, port] = process.argv.slice(2)
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
socket.on('message', (text) => process.send(String(text)))
socket.on('error', ({ code }) => process.send(code))
socket.connect(Number(port), address, () => process.send('ready'))
process.on('message', (text) => socket.send(text))
process.on('disconnect', () => process.exit())
