/** Listens on ports FIRST to LAST, every STEPth of them, TCP and UDP of both families, until its starter ends it. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

const [first, last, step] = process.argv.slice(2).map(Number)

async function hold(port) {
  const socket = createSocket('udp6')
  socket.bind(port, '::')
  await once(socket, 'listening')
  const server = createServer()
  server.listen(port, '::')
  await once(server, 'listening')
}

for (let port = first; port <= last; port += step) await hold(port)
process.on('disconnect', () => process.exit())
process.send('held')
