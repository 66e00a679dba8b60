/** A real server of the lab: HTTP and UDP on one port, both answer with the real's name. Settings: JSON in argv. */
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'

const { name, port, addresses } = JSON.parse(process.argv[2])
const seen = []

/** A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d. */
const plain = (address) => address.replace(/^::ffff:/, '')

/** A connection that stays open: says who answers, then gives back each chunk as it comes. */
function stream(request, response, client) {
  response.write(`${name}\n`)
  request.on('data', (chunk) => {
    seen.push({ protocol: 'tcp', client, path: request.url })
    response.write(chunk)
  })
  request.on('end', () => response.end())
}

const http = createServer((request, response) => {
  const client = plain(request.socket.remoteAddress)
  if (request.url === '/stream') return stream(request, response, client)
  const digest = createHash('sha256')
  let received = 0
  request.on('data', (chunk) => {
    received += chunk.length
    digest.update(chunk)
  })
  request.on('end', () => {
    seen.push({ protocol: 'tcp', client, path: request.url })
    const size = /^\/bytes\/(\d+)$/.exec(request.url)?.[1]
    if (size !== undefined) response.end(Buffer.alloc(Number(size), name))
    else response.end(`${JSON.stringify({ real: name, client, received, digest: digest.digest('hex') })}\n`)
  })
})

/** One socket for each address: an answer from a wildcard socket would not come from the VIP. */
async function serveUdp(address) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (_text, from) => {
    seen.push({ protocol: 'udp', client: from.address })
    socket.send(name, from.port, from.address)
  })
  socket.bind(port, address)
  await once(socket, 'listening')
}

// Requests to the VIP must not end a connection that another request reuses: one request, one connection.
http.maxRequestsPerSocket = 1
http.listen(port, '::')
await Promise.all([once(http, 'listening'), ...addresses.map(serveUdp)])
// Nobody is left to stop it when its starter died.
const endAlone = () => process.exit()
process.on('disconnect', endAlone)
process.on('message', (message) => {
  if (message === 'requests') process.send({ kind: 'requests', value: seen })
  if (message === 'stay') process.off('disconnect', endAlone)
})
process.send({ kind: 'ready' })
