/**
 * A real server of the lab: HTTP and UDP on some ports, both answer with the real's name; a datagram that begins with
 * `echo` comes back after the name. Settings: JSON in argv.
 */
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'

const { name, ports, addresses } = JSON.parse(process.argv[2])
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

function answer(request, response) {
  const { remoteAddress } = request.socket
  // The client has gone before its request was read.
  if (remoteAddress === undefined) return
  const client = plain(remoteAddress)
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
}

async function serveHttp(port) {
  const http = createServer(answer)
  // Requests to the VIP must not end a connection that another request reuses: one request, one connection.
  http.maxRequestsPerSocket = 1
  http.listen(port, '::')
  await once(http, 'listening')
}

/** One socket for each address: an answer from a wildcard socket would not come from the VIP. */
async function serveUdp(port, address) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (text, from) => {
    seen.push({ protocol: 'udp', client: from.address })
    const echo = text.toString('latin1', 0, 4) === 'echo' ? text : ''
    socket.send([name, echo], from.port, from.address)
  })
  socket.bind(port, address)
  await once(socket, 'listening')
}

await Promise.all(ports.flatMap((port) => [serveHttp(port), ...addresses.map((address) => serveUdp(port, address))]))
// Nobody is left to stop it when its starter died.
const endAlone = () => process.exit()
process.on('disconnect', endAlone)
process.on('message', (message) => {
  if (message === 'requests') process.send({ kind: 'requests', value: seen })
  if (message === 'stay') process.off('disconnect', endAlone)
})
process.send({ kind: 'ready' })
